//! The tests of the library as one binary.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod addresses;
mod bounds;
mod corpus;
mod dialects;
mod found;
mod golden;
mod hostile;
mod rooms;
mod schema;
mod signals;
mod truth;
mod words;
