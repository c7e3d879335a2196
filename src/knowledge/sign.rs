//! Signs of what sort of message this is, in subject and body, each in one pass.

use super::{Knowledge, Matching, PatternSet, Sign};

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
}

impl Knowledge {
    fn sign_sets(&self) -> &SignSets {
        self.sign_sets.get_or_init(|| {
            let of = |body: bool| {
                PatternSet::new(self.signs.iter().enumerate().filter(|(_, s)| s.in_body() == body).flat_map(
                    |(i, s)| s.text.iter().map(move |t| (t.as_str(), i as u32)),
                ))
            };
            SignSets { subject: of(false), body: of(true) }
        })
    }

    /// Signs in a normalised subject.
    pub(crate) fn signs_in_subject(&self, subject: &str) -> SignHits {
        let mut out = SignHits::default();
        self.sign_sets().subject.find(subject, |h| {
            let fits = match self.signs[h.owner as usize].matching {
                Matching::Exact => h.start == 0 && h.end == subject.len(),
                Matching::Prefix => h.start == 0,
                Matching::Contains => true,
            };
            if fits {
                out.hits.push((h.owner as usize, h.start, h.end));
            }
        });
        out
    }

    /// Signs in the normalised words of a message.
    pub(crate) fn signs_in_body(&self, body: &str) -> SignHits {
        let mut out = SignHits::default();
        self.sign_sets().body.find(body, |h| out.hits.push((h.owner as usize, h.start, h.end)));
        out
    }

    /// The sign of an index in [`SignHits`].
    pub(crate) fn sign(&self, index: usize) -> &Sign {
        &self.signs[index]
    }
}
