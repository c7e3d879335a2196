//! POP3 (RFC 1939, 2449, 5034) for those who have nothing else, under the guarantees of IMAP: first stored, then deleted.
//!
//! POP3 has one folder and no flags. A message that stays is known by its UIDL in the ledger; one that is deleted is gone
//! when the server has answered QUIT, and comes again where the connection broke before.

mod connect;
mod session;
mod visit;
mod wire;

pub(crate) use connect::connect;
pub(crate) use visit::{Memory, visit};
