//! Free-form failure notices: who failed and which words say why, one file a family of software.
//!
//! A dialect is recognised by its marks in `rules/dialects.toml`. Most layouts are read by [`prose`]; a file of its
//! own has what that reader cannot know.

mod amazon;
mod candidate;
mod groupwise;
mod kddi;
mod oracle;
mod prose;
mod recognise;
mod sendmail5;
mod words;

pub(crate) use recognise::recognise;
pub(crate) use words::has_reply;

use crate::contract::{Feedback, Original};
use crate::notice::Notice;
use crate::words::{Action, AddressSource, Kind};

/// One recipient as a notice names it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure {
    pub address: Option<String>,
    pub original: Option<String>,
    pub source: Option<AddressSource>,
    pub action: Option<Action>,
    /// Raw status, where the layout has one.
    pub status: Option<String>,
    /// The words about this recipient.
    pub diagnostic: Option<String>,
    pub remote_mta: Option<String>,
}

/// What a notice says in its own words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub failures: Vec<Failure>,
    /// The kind, where the layout leaves no doubt.
    pub kind: Option<Kind>,
    /// The fields of a complaint.
    pub feedback: Option<Feedback>,
    /// The message it is about, where the layout tells without returning it.
    pub original: Option<Original>,
}

/// What a notice says whose layout, that of the software of this id, tells all there is to know.
pub(crate) fn whole(notice: &Notice<'_, '_>, dialect: Option<&str>) -> Option<Reading> {
    match dialect {
        Some("amazon-sns") => amazon::read(notice),
        Some("kddi") => kddi::read(notice),
        _ => None,
    }
}

/// Who failed by the notice's own words, as the software of this id writes them; the general reader has what that leaves.
pub(crate) fn failures(notice: &Notice<'_, '_>, dialect: Option<&str>) -> Vec<Failure> {
    let failures = match dialect {
        Some("oracle" | "icloud") => oracle::read(notice),
        Some("sendmail5") => sendmail5::read(notice),
        Some("groupwise") => groupwise::read(notice),
        _ => Vec::new(),
    };
    if failures.is_empty() {
        prose::read(notice)
    } else {
        failures
    }
}

/// Whether the words name the owner of the mailbox alone, and no reply.
pub(crate) fn speaks_to_owner(notice: &Notice<'_, '_>) -> bool {
    prose::speaks_to_owner(notice)
}

/// What was answered, where the notice's own words name nobody.
pub(crate) fn reply(notice: &Notice<'_, '_>) -> Option<String> {
    prose::reply(&notice.words)
}
