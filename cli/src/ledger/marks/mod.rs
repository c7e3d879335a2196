//! What is known of messages that lie in a mailbox: looked at and left there, being copied, or impossible to process.
//!
//! A ledger that several machines share tells each of them what the others have done. A message is known here by where it
//! lies; that one mail counts once, wherever it lies, is the business of the events.

#[cfg(test)]
mod memory;
mod postgres;
mod sqlite;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use anyhow::Context;
use undeliverable::policy::Event;

use super::{Ledger, Recorded, short_hash};

/// Failures older than this are forgotten.
const KEEP_FAILURES: i64 = 90 * 86_400;

/// A folder of an account, in the time in which its numbers are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose mailbox on which server.
    pub account: String,
    /// The folder, as its server names it.
    pub folder: String,
    /// UIDVALIDITY; empty for POP3, whose UIDL is unique without it.
    pub era: String,
}

/// What is known of one message at a [`Place`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// UID or UIDL.
    pub uid: String,
    pub state: MarkState,
    /// For `Copying` where to, for `Failed` why.
    pub detail: String,
    /// When it was written, in seconds since 1970.
    pub at: i64,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkState {
    /// Recorded, and to be left where it is.
    Done,
    /// Recorded, and its copy may or may not have been made.
    Copying,
    /// Could not be processed.
    Failed,
}

impl MarkState {
    pub const fn as_str(self) -> &'static str {
        match self {
            MarkState::Done => "done",
            MarkState::Copying => "copying",
            MarkState::Failed => "failed",
        }
    }

    /// The state spelled `word`.
    ///
    /// # Errors
    /// Where there is none: the ledger was written by a newer program.
    pub fn from_word(word: &str) -> anyhow::Result<Self> {
        [MarkState::Done, MarkState::Copying, MarkState::Failed]
            .into_iter()
            .find(|s| s.as_str() == word)
            .with_context(|| {
                format!("the ledger holds a mark `{word}` that this program does not know")
            })
    }
}

/// The part of a store that knows messages in mailboxes.
pub(crate) trait Marks {
    /// Every mark at a place.
    fn marks(&mut self, place: &Place) -> anyhow::Result<Vec<Mark>>;
    /// Adds marks, in the place of older ones about the same messages. Inside a transaction.
    fn put_marks(&mut self, place: &Place, marks: &[Mark]) -> anyhow::Result<()>;
    /// Forgets marks. Inside a transaction.
    fn drop_marks(&mut self, place: &Place, uids: &[String]) -> anyhow::Result<()>;
    /// Forgets marks of other eras of the folder, but no failures, and failures from before `before`. Inside a transaction.
    fn tidy_marks(&mut self, place: &Place, before: i64) -> anyhow::Result<()>;
    /// The failures of an account, the newest first, at most `limit`: folder and mark.
    fn failures(&mut self, account: &str, limit: u32) -> anyhow::Result<Vec<(String, Mark)>>;
    /// Takes a lock that lasts until it is let go or the process ends; false where another process has it.
    fn try_hold(&mut self, name: &str) -> anyhow::Result<bool>;
    /// Lets a lock go.
    fn let_go(&mut self, name: &str);
}

impl Ledger {
    /// The account as this ledger may name it.
    pub fn account_key(&self, user: &str, host: &str) -> String {
        let plain = format!("{user}@{host}").to_lowercase();
        match &self.private {
            Some(key) => format!("~{}", key.hash("account", &plain)),
            None => plain,
        }
    }

    /// Every mark at a place.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn marks(&mut self, place: &Place) -> anyhow::Result<Vec<Mark>> {
        self.store.marks(place)
    }

    /// Stores events, the states they lead to, and what is now known of messages, in one transaction.
    ///
    /// # Errors
    /// Where the store fails; nothing is stored then.
    pub fn record_from(
        &mut self,
        place: &Place,
        events: Vec<Event>,
        marks: &[Mark],
    ) -> anyhow::Result<Recorded> {
        let events = events.into_iter().map(|e| self.prepare(e)).collect();
        self.locked(|l| {
            l.store.put_marks(place, marks)?;
            l.insert(events)
        })
    }

    /// Stores what is now known of messages.
    ///
    /// # Errors
    /// Where the store fails; nothing is stored then.
    pub fn put_marks(&mut self, place: &Place, marks: &[Mark]) -> anyhow::Result<()> {
        if marks.is_empty() {
            return Ok(());
        }
        self.locked(|l| l.store.put_marks(place, marks))
    }

    /// Forgets marks about messages that are gone.
    ///
    /// # Errors
    /// Where the store fails; nothing has changed then.
    pub fn drop_marks(&mut self, place: &Place, uids: &[String]) -> anyhow::Result<()> {
        if uids.is_empty() {
            return Ok(());
        }
        self.locked(|l| l.store.drop_marks(place, uids))
    }

    /// Forgets what belongs to an older UIDVALIDITY of the folder, and failures of long ago.
    ///
    /// # Errors
    /// Where the store fails; nothing has changed then.
    pub fn tidy_marks(&mut self, place: &Place, now: i64) -> anyhow::Result<()> {
        self.locked(|l| l.store.tidy_marks(place, now - KEEP_FAILURES))
    }

    /// Whether the store can be written now; nothing changes.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn is_writable(&mut self) -> anyhow::Result<()> {
        self.locked(|l| {
            let now = l.store.setting("policy")?.unwrap_or_default();
            l.store.set_setting("policy", &now)
        })
    }
}

/// The lock file of a name, beside the ledger, held by this process; `None` where another has it.
fn hold_file(ledger: &Path, name: &str) -> anyhow::Result<Option<File>> {
    let mut path = ledger.as_os_str().to_owned();
    path.push(format!("-{}.lock", short_hash(name)));
    let shown = || format!("lock file {}", Path::new(&path).display());
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(shown)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(e).with_context(shown),
    }
}
