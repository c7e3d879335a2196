//! The program's way of making text harmless, taken in by its path.

#[path = "../../cli/src/output/safe.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
pub mod safe;
