//! Reads the mail that comes back.
//!
//! `undeliverable` turns bounces in every format, complaints, auto-replies and raw SMTP replies into verdicts: for each
//! recipient what happened, whose fault it is, how sure that is and why, and what to do.

mod address;
mod autoreply;
mod contract;
mod dialect;
mod engine;
mod error;
mod kind;
pub mod knowledge;
mod message;
mod notice;
pub mod policy;
mod report;
pub mod trust;
mod verdict;
mod words;

pub use contract::{
    Details, Evidence, Feedback, NoticeInfo, Original, Recipient, RecipientVerdict, Report, SCHEMA,
    Signals, Verdict,
};
pub use engine::{Engine, EngineBuilder};
pub use error::Error;
pub use message::Limits;
pub use verdict::Reply;
pub use words::{
    Action, AddressAction, AddressSource, BounceType, Category, Fault, Kind, Permanence,
    SenderAction, Signal, Trust,
};
