//! IMAP (RFC 3501, 9051) as far as a mailbox of bounces needs it, in bounds.

mod answer;
pub(crate) mod connect;
pub(crate) mod folders;
mod guard;
pub(crate) mod idle;
mod mail;
pub(crate) mod names;
pub(crate) mod session;
pub(crate) mod wire;
