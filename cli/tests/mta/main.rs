//! The program beside real mail servers: what they make of its exit status, and what it makes of their notices.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic, and say why they skip"
)]

#[cfg(target_os = "linux")]
#[path = "../support/dovecot.rs"]
mod dovecot;
#[cfg(target_os = "linux")]
mod kits;
