//! Signs of what sort of message this is, in subject and body, each in one pass.

use super::{Knowledge, Matching, PatternSet, Place, Sign};

/// Stands around a subject so that "begins with" and "is" are words of a pattern; normal text holds no control characters.
const BORDER: char = '\u{1}';

#[derive(Debug)]
pub(crate) struct SignSets {
    subject: PatternSet,
    body: PatternSet,
}

/// Signs found in one text.
#[derive(Debug, Default)]
pub(crate) struct SignHits {
    /// Index of the sign and the byte range in the normalised text.
    pub hits: Vec<(usize, usize, usize)>,
    /// Texts of dialect marks by their index, and the byte range.
    pub marks: Vec<(usize, usize, usize)>,
}

impl Knowledge {
    fn sign_sets(&self) -> &SignSets {
        self.sign_sets.get_or_init(|| {
            let (mut subject, mut body) = (Vec::new(), Vec::new());
            for (i, s) in self.signs.iter().enumerate() {
                for t in &s.text {
                    match (s.in_body(), s.matching) {
                        (true, _) => body.push((t.clone(), i as u32)),
                        (false, Matching::Contains) => subject.push((t.clone(), i as u32)),
                        (false, Matching::Prefix) => {
                            subject.push((format!("{BORDER}{t}"), i as u32))
                        }
                        (false, Matching::Exact) => {
                            subject.push((format!("{BORDER}{t}{BORDER}"), i as u32))
                        }
                    }
                }
            }
            for (i, (place, t)) in self.dialect_index.texts.iter().enumerate() {
                let set = if *place == Place::Body {
                    &mut body
                } else {
                    &mut subject
                };
                set.push((t.clone(), (self.signs.len() + i) as u32));
            }
            let set =
                |p: &[(String, u32)]| PatternSet::new(p.iter().map(|(t, i)| (t.as_str(), *i)));
            SignSets {
                subject: set(&subject),
                body: set(&body),
            }
        })
    }

    /// Signs in a normalised subject.
    pub(crate) fn signs_in_subject(&self, subject: &str) -> SignHits {
        let mut out = SignHits::default();
        let bordered = format!("{BORDER}{subject}{BORDER}");
        self.sign_sets().subject.find(&bordered, |h| {
            match (h.owner as usize).checked_sub(self.signs.len()) {
                Some(mark) => out.marks.push((mark, h.start, h.end)),
                None => out.hits.push((
                    h.owner as usize,
                    h.start.saturating_sub(1),
                    h.end.saturating_sub(1),
                )),
            }
        });
        out
    }

    /// Signs in the normalised words of a message.
    pub(crate) fn signs_in_body(&self, body: &str) -> SignHits {
        let mut out = SignHits::default();
        self.sign_sets().body.find(body, |h| {
            match (h.owner as usize).checked_sub(self.signs.len()) {
                Some(mark) => out.marks.push((mark, h.start, h.end)),
                None => out.hits.push((h.owner as usize, h.start, h.end)),
            }
        });
        out
    }

    /// The sign of an index in [`SignHits`].
    pub(crate) fn sign(&self, index: usize) -> &Sign {
        &self.signs[index]
    }
}
