//! The program beside real mail servers: what they make of its exit status, and what it makes of their notices.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic, and say why they skip"
)]
// The servers are started by scripts that look into /proc.
#![cfg(target_os = "linux")]

#[path = "../support/dovecot.rs"]
mod dovecot;
#[path = "../ledger/kit.rs"]
#[allow(dead_code, reason = "each user takes what it needs")]
mod kit;
mod kits;
#[path = "../support/mta.rs"]
mod mta;
mod notices;
mod pipes;
#[path = "../support/rejecter.rs"]
mod rejecter;
