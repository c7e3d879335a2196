//! Counts over a scan.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;
use undeliverable::{Category, Report};

use super::{csv, json, safe};
use crate::args::Format;

/// How many there were of what.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Messages read.
    pub messages: u64,
    /// Their bytes, as far as they were read.
    pub bytes: u64,
    /// Files and folders that could not be read.
    pub unreadable: u64,
    /// Files met in folders that are no mail.
    pub no_mail: u64,
    /// Bounces and delays whose writer was not recognised.
    pub without_dialect: u64,
    /// Bounces and delays that name nobody.
    pub without_recipient: u64,
    /// Recipients of bounces and delays.
    pub recipients: u64,
    /// Messages by kind.
    pub kind: BTreeMap<&'static str, u64>,
    /// Bounces and delays by the software that wrote them.
    pub dialect: BTreeMap<String, u64>,
    /// Recipients by type, category and provider.
    #[serde(rename = "type")]
    pub bounce_type: BTreeMap<&'static str, u64>,
    pub category: BTreeMap<&'static str, u64>,
    pub provider: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one report of a message of so many bytes.
    pub fn add(&mut self, report: &Report, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
        *self.kind.entry(report.kind.as_str()).or_default() += 1;
        if !report.kind.is_failure_notice() {
            return;
        }
        match &report.dialect {
            Some(dialect) => count(&mut self.dialect, dialect, 1),
            None => self.without_dialect += 1,
        }
        if names_nobody(report) {
            self.without_recipient += 1;
        }
        for r in &report.recipients {
            let Some(category) = r.verdict.category else {
                continue;
            };
            self.recipients += 1;
            *self.category.entry(category.as_str()).or_default() += 1;
            if let Some(t) = r.verdict.bounce_type {
                *self.bounce_type.entry(t.as_str()).or_default() += 1;
            }
            if let Some(provider) = &r.verdict.provider {
                count(&mut self.provider, provider, 1);
            }
        }
    }

    /// Adds what another thread has counted.
    pub fn join(&mut self, other: Tally) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.unreadable += other.unreadable;
        self.no_mail += other.no_mail;
        self.without_dialect += other.without_dialect;
        self.without_recipient += other.without_recipient;
        self.recipients += other.recipients;
        for (mine, theirs) in [
            (&mut self.kind, other.kind),
            (&mut self.bounce_type, other.bounce_type),
            (&mut self.category, other.category),
        ] {
            for (word, n) in theirs {
                *mine.entry(word).or_default() += n;
            }
        }
        for (mine, theirs) in [
            (&mut self.dialect, other.dialect),
            (&mut self.provider, other.provider),
        ] {
            for (word, n) in theirs {
                count(mine, &word, n);
            }
        }
    }

    /// Appends the counts: one JSON object, or rows of group, word and count, or a text.
    ///
    /// # Errors
    /// None that counts can make.
    pub fn write(&self, format: Format, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match format {
            Format::Jsonl => return json::write(self, out),
            Format::Csv => {
                csv::row(["group", "word", "count"].map(Some), out);
                for (group, words) in self.groups() {
                    for (word, n) in words {
                        csv::row([Some(group), Some(word), Some(&n.to_string())], out);
                    }
                }
            }
            Format::Table => self.text(out),
        }
        Ok(())
    }

    fn groups(&self) -> [(&'static str, Vec<(&str, u64)>); 6] {
        let all = vec![
            ("messages", self.messages),
            ("bytes", self.bytes),
            ("unreadable", self.unreadable),
            ("files that are no mail", self.no_mail),
            ("recipients that failed or wait", self.recipients),
            ("notices without a known dialect", self.without_dialect),
            ("notices that name nobody", self.without_recipient),
        ];
        [
            ("total", all),
            ("kind", sorted(self.kind.iter().map(|(w, n)| (*w, *n)))),
            (
                "type",
                sorted(self.bounce_type.iter().map(|(w, n)| (*w, *n))),
            ),
            (
                "category",
                sorted(self.category.iter().map(|(w, n)| (*w, *n))),
            ),
            (
                "provider",
                sorted(self.provider.iter().map(|(w, n)| (w.as_str(), *n))),
            ),
            (
                "dialect",
                sorted(self.dialect.iter().map(|(w, n)| (w.as_str(), *n))),
            ),
        ]
    }

    fn text(&self, out: &mut Vec<u8>) {
        for (group, words) in self.groups() {
            if words.is_empty() {
                continue;
            }
            // Writing to a Vec cannot fail.
            let _ = writeln!(out, "\n{group}");
            for (word, n) in words {
                let _ = writeln!(out, "{n:>12}  {}", safe::text(word));
            }
        }
    }
}

/// Whether no recipient of a bounce or delay has an address.
pub(crate) fn names_nobody(report: &Report) -> bool {
    report.kind.is_failure_notice()
        && report
            .recipients
            .iter()
            .all(|r| r.final_recipient.is_none())
}

/// Whether somebody should look at a message: a bounce or delay that names nobody, or whose reason is not known.
pub(crate) fn is_unknown(report: &Report) -> bool {
    report.kind.is_failure_notice()
        && (names_nobody(report)
            || report
                .recipients
                .iter()
                .any(|r| r.verdict.category == Some(Category::Unknown)))
}

/// Counts without a copy of a word that is known already.
fn count(words: &mut BTreeMap<String, u64>, word: &str, n: u64) {
    match words.get_mut(word) {
        Some(count) => *count += n,
        None => {
            words.insert(word.to_owned(), n);
        }
    }
}

/// Most frequent first.
fn sorted<'a>(words: impl Iterator<Item = (&'a str, u64)>) -> Vec<(&'a str, u64)> {
    let mut words: Vec<_> = words.collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    words
}
