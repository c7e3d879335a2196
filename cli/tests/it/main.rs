//! The program as its users see it: arguments, files, output, exit codes.

mod classify;
mod hostile;
#[path = "../support/hostile.rs"]
mod hostile_text;
mod manual;
#[cfg(target_os = "linux")]
mod memory;
mod order;
mod output;
mod sources;
mod support;
mod tools;
