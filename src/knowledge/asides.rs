//! What a reply says beside its category, by words that are found in the same pass as the rules' own: `rules/asides.toml`.

use super::Knowledge;
use super::file::{AsideEntry, At, Says, Text};

/// What such words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside<'k> {
    /// The refused SMTP command; of several the one with the least rank counts, of these the last.
    Command {
        rank: usize,
        name: &'k Text<'static>,
    },
    /// What a limit is counted for; of several the one with the least rank counts.
    Scope {
        rank: usize,
        name: &'k Text<'static>,
    },
    /// It speaks of another try.
    Again,
    /// The server refused the connection, before any command.
    AtConnect,
}

/// The entries of all files, taken apart.
#[derive(Debug, Default)]
pub(crate) struct AsideIndex {
    /// Each with the file it stands in.
    entries: Vec<(String, At<AsideEntry<'static>>)>,
    /// Each pattern with its entry and its rank.
    patterns: Vec<(String, usize, usize)>,
}

impl AsideIndex {
    /// Puts `leads` before the names of commands.
    pub fn new(entries: Vec<(String, At<AsideEntry<'static>>)>, leads: &[String]) -> Self {
        let mut patterns = Vec::new();
        for (i, (_, At { entry, .. })) in entries.iter().enumerate() {
            for text in &entry.text {
                if entry.says == Says::Command {
                    let ranked = leads.iter().enumerate();
                    patterns.extend(ranked.map(|(rank, lead)| (format!("{lead}{text}"), i, rank)));
                } else {
                    patterns.push((text.clone(), i, i));
                }
            }
        }
        AsideIndex { entries, patterns }
    }

    /// The patterns in the order of their numbers.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|(text, ..)| text.as_str())
    }

    /// What the pattern of a number says.
    pub fn of(&self, number: usize) -> Aside<'_> {
        let (_, entry, rank) = self.patterns[number];
        let entry = &self.entries[entry].1.entry;
        let name = entry.name.as_ref().unwrap_or(&Text::NONE);
        match entry.says {
            Says::Command => Aside::Command { rank, name },
            Says::Scope => Aside::Scope { rank, name },
            Says::Again => Aside::Again,
            Says::AtConnect => Aside::AtConnect,
        }
    }
}

impl Knowledge {
    /// Every aside with its file.
    pub(crate) fn asides(&self) -> &[(String, At<AsideEntry<'static>>)] {
        &self.asides.entries
    }
}
