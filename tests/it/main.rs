//! The tests of the library as one binary.

mod corpus;
mod golden;
mod hostile;
mod rooms;
mod schema;
mod signals;
mod truth;
mod words;
