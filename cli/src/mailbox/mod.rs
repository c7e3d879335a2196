//! The bounce mailbox: fetches from servers, records, and only then tidies up.

pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod daemon;
pub(crate) mod desk;
mod dial;
mod fetch;
pub(crate) mod health;
pub(crate) mod imap;
pub(crate) mod log;
pub(crate) mod metrics;
mod moving;
pub(crate) mod notify;
pub(crate) mod plan;
mod pop3;
pub(crate) mod signin;
mod stream;
pub(crate) mod tls;
mod trouble;
pub(crate) mod watch;
pub(crate) mod work;
