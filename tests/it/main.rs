//! The tests of the library as one binary.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod addresses;
mod bounds;
mod claims;
mod corpus;
mod details;
mod dialects;
mod found;
mod golden;
mod hostile;
mod lines;
mod rooms;
mod schema;
mod signals;
mod traps;
mod truth;
mod whole;
mod words;
