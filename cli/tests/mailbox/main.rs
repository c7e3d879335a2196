//! The mailbox as its users meet it: real servers, connections that break, servers that lie.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic, and say why they skip"
)]

mod chaos;
mod daemon;
#[path = "../support/dovecot.rs"]
mod dovecot;
mod hostile;
mod kit;
mod oauth;
mod order;
mod pop3;
#[path = "../support/postgres.rs"]
mod postgres;
mod proxy;
mod service;
mod signin;
#[path = "../support/token_server.rs"]
mod token_server;
mod trouble;
