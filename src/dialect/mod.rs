//! Free-form failure notices: who failed and which words say why, one file a family of software.
//!
//! A dialect is recognised by its marks in `rules/dialects.toml`. Most layouts are read by [`prose`]; a file of its
//! own has what that reader cannot know.

mod prose;
mod recognise;

pub(crate) use recognise::recognise;

use crate::notice::Notice;
use crate::words::{Action, AddressSource};

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
}

/// Reads the notice's own words, as the software of this id writes them.
pub(crate) fn read(notice: &Notice<'_, '_>, _dialect: Option<&str>) -> Reading {
    Reading { failures: prose::read(notice) }
}
