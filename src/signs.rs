//! What words and header fields say about the sort of a message: the signs of the rules, found in one pass.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memchr_iter;

use crate::knowledge::{FieldMark, Knowledge, Means, SignHits, Strength, normalise};
use crate::notice::Notice;
use crate::words::Signal;

/// The first bytes of the words, where a greeting and the first sentence stand.
const OPENING: usize = 120;

/// Bytes of room in which most header fields fit.
const LINE: usize = 256;

/// What words and header fields say.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    subject: Vec<Found>,
    body: Vec<Found>,
    header: Vec<Found>,
    /// Texts of dialect marks in subject and words.
    pub mark_texts: Vec<usize>,
    /// Conditions of dialect marks that a field meets.
    pub mark_fields: Vec<usize>,
    /// Where a quoted original begins in the normalised words.
    pub quote_at: Option<usize>,
    /// Where a returned message begins in the normalised words.
    pub returned_at: Option<usize>,
    /// Signs of acknowledgements of which two different texts were found.
    twice: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    means: Means,
    strength: Strength,
    signal: Option<Signal>,
    at: usize,
    /// Index of the sign, to count each once.
    sign: usize,
}

impl Found {
    fn acknowledges(&self) -> bool {
        self.means == Means::AutoReply
            && self.signal == Some(Signal::TicketReceived)
            && self.strength >= Strength::Medium
    }
}

impl Signs {
    /// Looks for every sign once.
    pub fn find(knowledge: &Knowledge, notice: &Notice<'_, '_>) -> Self {
        let mut marks = Vec::new();
        let mut found = |hits: &SignHits| -> Vec<Found> {
            marks.extend(hits.marks.iter().map(|m| m.0));
            hits.hits
                .iter()
                .map(|&(i, at, _)| {
                    let s = knowledge.sign(i);
                    Found {
                        means: s.means,
                        strength: s.strength,
                        signal: s.signal,
                        at,
                        sign: i,
                    }
                })
                .collect()
        };
        let mut signs = Signs {
            subject: found(&knowledge.signs_in_subject(&notice.subject)),
            body: found(&notice.signs),
            ..Signs::default()
        };
        signs.mark_texts = marks;
        let mut lower = String::with_capacity(LINE);
        for (i, field) in notice.message.header.fields.iter().enumerate() {
            let value = || crate::message::field_text(field.value, None);
            knowledge.marks_of_field(field.name, value, &mut lower, |mark| match mark {
                FieldMark::Sign(sign) => signs.header.push(Found {
                    means: sign.means,
                    strength: sign.strength,
                    signal: sign.signal,
                    at: i,
                    sign: i,
                }),
                FieldMark::Dialect(condition) => signs.mark_fields.push(condition),
            });
        }
        let first = |m: Means| {
            signs
                .body
                .iter()
                .filter(|f| f.means == m)
                .map(|f| f.at)
                .min()
        };
        signs.quote_at = [first(Means::Quote), quoted_lines(&notice.words)]
            .into_iter()
            .flatten()
            .filter(|a| *a > 0)
            .min();
        signs.returned_at = first(Means::Returned).filter(|a| *a > 0);
        signs.twice = signs.acknowledged_twice(&notice.signs, &notice.normal);
        signs
    }

    pub fn subject(&self, means: Means) -> Option<Strength> {
        self.subject
            .iter()
            .filter(|f| f.means == means)
            .map(|f| f.strength)
            .max()
    }

    pub fn header(&self, means: Means) -> Option<Strength> {
        self.header
            .iter()
            .filter(|f| f.means == means)
            .map(|f| f.strength)
            .max()
    }

    /// The strongest sign in the words before `end`.
    pub fn body(&self, means: Means, end: Option<usize>) -> Option<Strength> {
        self.body
            .iter()
            .filter(|f| f.means == means && end.is_none_or(|e| f.at < e))
            .map(|f| f.strength)
            .max()
    }

    /// Points for a meaning, each sign once.
    pub fn points(&self, means: Means) -> u32 {
        let header: u32 = self
            .header
            .iter()
            .filter(|f| f.means == means)
            .map(|f| match f.strength {
                Strength::Decisive => 10,
                Strength::Strong => 4,
                Strength::Medium => 2,
                _ => 1,
            })
            .max()
            .unwrap_or(0);
        // A topic ("Holidays") may be a person's; a form ("Automatic reply:") is not.
        let of = |f: &Found| match f.strength {
            Strength::Strong | Strength::Decisive => 5,
            Strength::Medium if f.signal.is_none() => 4,
            Strength::Medium => 3,
            Strength::Weak => 2,
        };
        let subject = self
            .subject
            .iter()
            .filter(|f| f.means == means)
            .map(of)
            .max()
            .unwrap_or(0);
        header + subject + self.body_points(means)
    }

    fn body_points(&self, means: Means) -> u32 {
        let mut seen = BTreeSet::new();
        self.body
            .iter()
            .filter(|f| f.means == means && self.quote_at.is_none_or(|q| f.at < q))
            .filter(|f| seen.insert(f.sign))
            .map(|f| match f.strength {
                Strength::Strong | Strength::Decisive => 3,
                Strength::Medium if self.twice.contains(&f.sign) => 4,
                Strength::Medium => 2,
                Strength::Weak => 1,
            })
            .sum()
    }

    /// Ticket systems say in two sentences what one sign holds: "thank you for contacting", "your case number is". Two texts that
    /// differ and do not overlap count as two.
    fn acknowledged_twice(&self, hits: &SignHits, words: &str) -> BTreeSet<usize> {
        let mut first = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for (found, &(sign, start, end)) in self.body.iter().zip(&hits.hits) {
            if !found.acknowledges() || self.quote_at.is_some_and(|q| start >= q) {
                continue;
            }
            let &mut (from, to) = first.entry(sign).or_insert((start, end));
            if (start >= to || end <= from) && words.get(start..end) != words.get(from..to) {
                twice.insert(sign);
            }
        }
        twice
    }

    /// Whether the own words say that a message came in and is dealt with.
    pub fn acknowledges(&self) -> bool {
        let own = |f: &&Found| self.quote_at.is_none_or(|q| f.at < q);
        self.body.iter().filter(own).any(Found::acknowledges)
    }

    /// Whether the own words have what an answering system says and people seldom type. That nobody reads a mailbox counts
    /// in an answer only: every notification says so.
    pub fn typed_by_system(&self, answers: bool) -> bool {
        self.body.iter().any(|f| {
            f.means == Means::AutoReply
                && (matches!(
                    f.signal,
                    Some(Signal::OutOfOffice | Signal::TicketReceived) | None
                ) || answers && f.signal == Some(Signal::MailboxUnmonitored))
                && f.strength >= Strength::Medium
                && self.quote_at.is_none_or(|q| f.at < q)
        })
    }

    /// Whether the own words say that somebody is away or gone.
    pub fn tells_of_a_person(&self) -> bool {
        use Signal::*;
        self.body.iter().any(|f| {
            f.means == Means::AutoReply
                && matches!(
                    f.signal,
                    Some(OutOfOffice | LeftCompany | Retired | Deceased)
                )
                && f.strength >= Strength::Medium
                && self.quote_at.is_none_or(|q| f.at < q)
        })
    }

    /// Whether the message begins by saying that a machine answers. People say so of others, and further down.
    pub fn declares_itself(&self) -> bool {
        self.body.iter().any(|f| {
            f.means == Means::AutoReply
                && f.signal.is_none()
                && f.strength == Strength::Strong
                && f.at < OPENING
                && self.quote_at.is_none_or(|q| f.at < q)
        })
    }

    /// What an auto-reply tells, as far as it says so before the quoted original. Weak signs count where nothing else
    /// is said, and what follows from another signal is not repeated.
    pub fn signals(&self) -> Vec<Signal> {
        use Signal::*;
        let own =
            |f: &&Found| f.means == Means::AutoReply && self.quote_at.is_none_or(|q| f.at < q);
        let all = || {
            let outside = self
                .subject
                .iter()
                .chain(&self.header)
                .filter(|f| f.means == Means::AutoReply);
            self.body
                .iter()
                .filter(own)
                .chain(outside)
                .filter_map(|f| f.signal.map(|s| (s, f.strength)))
        };
        let mut said: Vec<Signal> = all()
            .filter(|s| s.1 > Strength::Weak)
            .map(|s| s.0)
            .collect();
        if said.is_empty() {
            said.extend(all().map(|s| s.0));
        }
        said.sort();
        said.dedup();
        let has = |s: Signal| said.contains(&s);
        let gone = [
            LeftCompany,
            Retired,
            Deceased,
            AddressChanged,
            MailboxClosed,
        ]
        .iter()
        .any(|s| has(*s));
        // Who retired has left; an old address is closed; who is away or gone may thank for the message first.
        let implied: Vec<Signal> = [
            (LeftCompany, has(Retired) || has(Deceased)),
            (MailboxClosed, has(AddressChanged)),
            (TicketReceived, gone || has(OutOfOffice)),
        ]
        .into_iter()
        .filter_map(|(s, follows)| follows.then_some(s))
        .collect();
        said.retain(|s| !implied.contains(s));
        said
    }

    /// How much of what was found is in a language, by its code.
    pub fn language_points(&self, knowledge: &Knowledge, language: &str) -> u32 {
        let of = |f: &&Found| knowledge.sign(f.sign).id.split('/').next() == Some(language);
        let subject = self.subject.iter().filter(of).count() * 2;
        (subject + self.body.iter().filter(of).count()) as u32
    }
}

/// Where lines that begin with `>` start, in the normalised words.
fn quoted_lines(words: &str) -> Option<usize> {
    let bytes = words.as_bytes();
    let mut marks = memchr_iter(b'>', bytes).filter_map(|at| at.checked_sub(1));
    let at = marks.find(|before| bytes[*before] == b'\n')?;
    Some(normalise(&words[..at]).len().max(1))
}
