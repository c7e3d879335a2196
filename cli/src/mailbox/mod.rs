//! The bounce mailbox: fetches from servers, records, and only then tidies up.

pub(crate) mod signin;
pub(crate) mod tls;
