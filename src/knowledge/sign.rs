//! Signs of what sort of message this is, in subject and body, each in one pass.

use std::borrow::Cow;

use super::{Hit, Knowledge, Matching, Means, Place, Sign};

/// Stands around a subject so that "begins with" and "is" are words of a pattern; normal text holds no control characters.
const BORDER: char = '\u{1}';

/// Signs found in one text.
#[derive(Debug, Default)]
pub(crate) struct SignHits {
    /// Index of the sign and the byte range in the normalised text.
    pub hits: Vec<(usize, usize, usize)>,
    /// Texts of dialect marks by their index, and the byte range.
    pub marks: Vec<(usize, usize, usize)>,
}

impl SignHits {
    fn add(&mut self, knowledge: &Knowledge, owner: u32, start: usize, end: usize) {
        let owner = owner as usize;
        match owner.checked_sub(knowledge.signs.len()) {
            Some(mark) => self.marks.push((mark, start, end)),
            None => self.hits.push((owner, start, end)),
        }
    }
}

impl Knowledge {
    /// Patterns of subject or body with the index of their sign, then those of dialect marks, counted through.
    fn sign_patterns(&self, place: Place) -> impl Iterator<Item = (Cow<'_, str>, u32)> {
        let signs = self.signs.iter().zip(0u32..);
        let signs = signs.filter(move |(s, _)| s.in_body() == (place == Place::Body));
        let signs = signs.flat_map(|(s, i)| {
            s.text.iter().map(move |t| {
                let pattern = match (s.in_body(), s.matching) {
                    (true, _) | (false, Matching::Contains) => Cow::Borrowed(t.as_str()),
                    (false, Matching::Prefix) => Cow::Owned(format!("{BORDER}{t}")),
                    (false, Matching::Exact) => Cow::Owned(format!("{BORDER}{t}{BORDER}")),
                };
                (pattern, i)
            })
        });
        let marks = self
            .dialect_index
            .texts
            .iter()
            .zip(self.signs.len() as u32..);
        let marks = marks.filter(move |((p, _), _)| (*p == Place::Body) == (place == Place::Body));
        signs.chain(marks.map(|((_, text), i)| (Cow::Borrowed(text.as_str()), i)))
    }

    /// Signs in a normalised subject.
    pub(crate) fn signs_in_subject(&self, subject: &str) -> SignHits {
        let mut bordered = String::with_capacity(subject.len() + 2);
        bordered.push(BORDER);
        bordered.push_str(subject);
        bordered.push(BORDER);
        let mut out = SignHits::default();
        let patterns = || self.sign_patterns(Place::Subject);
        let add = |out: &mut SignHits, h: Hit| {
            let (start, end) = (h.start.saturating_sub(1), h.end.saturating_sub(1));
            out.add(self, h.owner, start, end);
        };
        self.subject_signs
            .find(patterns, &bordered, |h| add(&mut out, h));
        if !self.is_english(&out) {
            self.subject_signs
                .find_unmarked(patterns, &bordered, |h| add(&mut out, h));
        }
        out
    }

    /// Signs in the normalised words of a message.
    pub(crate) fn signs_in_body(&self, body: &str) -> SignHits {
        let mut out = SignHits::default();
        let patterns = || self.sign_patterns(Place::Body);
        let add = |out: &mut SignHits, h: Hit| out.add(self, h.owner, h.start, h.end);
        self.body_signs.find(patterns, body, |h| add(&mut out, h));
        if !self.is_english(&out) {
            self.body_signs
                .find_unmarked(patterns, body, |h| add(&mut out, h));
        }
        out
    }

    /// Whether English words tell the sort of the message, and not only where another one begins in it.
    fn is_english(&self, found: &SignHits) -> bool {
        found.hits.iter().any(|h| {
            let sign = self.sign(h.0);
            !sign.foreign && !matches!(sign.means, Means::Returned | Means::Quote)
        })
    }

    /// The sign of an index in [`SignHits`].
    pub(crate) fn sign(&self, index: usize) -> &Sign {
        &self.signs[index]
    }
}
