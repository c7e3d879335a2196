//! The ledger as its users meet it: commands, an MTA's pipe, crashes, full disks, lost servers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic, and say why they skip"
)]

mod commands;
#[cfg(target_os = "linux")]
mod crash;
mod hostile;
#[path = "../support/hostile.rs"]
mod hostile_text;
mod kit;
#[path = "../support/postgres.rs"]
mod postgres;
mod report;
