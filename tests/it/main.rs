//! The tests of the library as one binary.

mod addresses;
mod corpus;
mod dialects;
mod golden;
mod hostile;
mod rooms;
mod schema;
mod signals;
mod truth;
mod words;
