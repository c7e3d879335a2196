//! Reads the mail that comes back.
//!
//! `undeliverable` turns bounces in every format, complaints, auto-replies and raw SMTP replies into verdicts: for
//! each recipient what happened, whose fault it is, how sure that is and why, and what to do.
//!
//! # The way of a message
//!
//! ```text
//! bytes -> message  -> notice, report,      -> kind     -> verdict -> decision
//!          parts in    dialect, auto-reply:    what is     why,       what to
//!          bounds      who failed, which       it          whose      do about the
//!                      words, which signals                fault      address
//! ```
//!
//! The modules have the names of these stages, and a stage uses only the ones before it. Everything up to the verdict
//! is a pure function of the bytes and the rules: no clock, no I/O, no state, never a panic, never an `Err`. A decision
//! is a pure function of verdicts, a [`policy`] and the history of the address.
//!
//! # Read a message
//!
//! ```
//! use undeliverable::{AddressAction, Category, Engine, Kind};
//!
//! // Built once, shared by all threads.
//! let engine = Engine::new();
//! let report = engine.parse(
//!     b"From: MAILER-DAEMON@mx.example.org\n\
//!       To: news@example.org\n\
//!       Subject: failure notice\n\
//!       \n\
//!       Hi. This is the qmail-send program at mx.example.org.\n\
//!       I'm afraid I wasn't able to deliver your message to the following addresses.\n\
//!       \n\
//!       <bob@example.com>:\n\
//!       192.0.2.7 does not like recipient.\n\
//!       Remote host said: 550 5.1.1 User unknown\n",
//! );
//! assert_eq!(report.kind, Kind::Bounce);
//! let bob = &report.recipients[0];
//! assert_eq!(bob.final_recipient.as_deref(), Some("bob@example.com"));
//! assert_eq!(bob.verdict.category, Some(Category::UserUnknown));
//! assert_eq!(bob.verdict.address_action, Some(AddressAction::Suppress));
//! ```
//!
//! # Judge a reply
//!
//! ```
//! use undeliverable::{BounceType, Engine};
//!
//! let engine = Engine::new();
//! let verdict = engine.classify("452 4.2.2 The recipient's mailbox is over quota");
//! assert_eq!(verdict.category.as_str(), "mailbox_full");
//! assert_eq!(verdict.bounce_type, BounceType::Soft);
//! ```
//!
//! # Own rules, own limits
//!
//! ```
//! use undeliverable::{Engine, Limits};
//!
//! let engine = Engine::builder()
//!     .rules("house.toml", r#"
//!         [[rule]]
//!         id = "house/partner"
//!         category = "recipient_refused"
//!         text = ["not on the partner list"]
//!         source = "own sample"
//!         examples = ["550 not on the partner list"]
//!     "#)
//!     .limits(Limits::default().max_bytes(8 << 20))
//!     .build()?;
//! assert_eq!(engine.classify("550 not on the partner list").category.as_str(), "recipient_refused");
//! # Ok::<(), undeliverable::Error>(())
//! ```

mod address;
mod autoreply;
mod contract;
mod dialect;
mod engine;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod kind;
pub mod knowledge;
mod message;
mod notice;
mod pipeline;
pub mod policy;
mod recipients;
mod report;
mod signs;
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
