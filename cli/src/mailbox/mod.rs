//! The bounce mailbox: fetches from servers, records, and only then tidies up.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod notify;
pub(crate) mod signin;
pub(crate) mod tls;
