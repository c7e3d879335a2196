//! All patterns of a set in one pass over the text: an index finds each pattern's longest literal, the rest of the
//! pattern is compared around it.
//!
//! The work for one hit is bounded by the gap, so a pass is linear in the text.

use std::collections::HashMap;

use super::anchor::AnchorIndex;

/// The most bytes a ` * ` may skip.
pub const GAP: usize = 160;

/// One match of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The number given with the pattern to [`PatternSet::new`].
    pub owner: u32,
    /// Byte range in the text that was searched.
    pub start: usize,
    /// End of the range.
    pub end: usize,
    /// How many bytes of literal text matched: what specificity is measured by.
    pub weight: usize,
    /// Ranges of the literals; unused places are empty.
    pub pieces: [(u32, u32); MAX_PIECES],
}

/// The most literals between gaps that a pattern may have.
pub const MAX_PIECES: usize = 4;

impl Hit {
    /// Whether a literal of `self` covers all of `other`, which is shorter: then `other` says nothing of its own.
    pub fn covers(&self, other: &Hit) -> bool {
        self.weight > other.weight && self.holds(other)
    }

    /// Whether literals of `self` stand on all the words of `other`, which may be the same.
    pub fn holds(&self, other: &Hit) -> bool {
        other
            .pieces
            .iter()
            .filter(|p| p.0 < p.1)
            .all(|o| self.pieces.iter().any(|p| p.0 <= o.0 && o.1 <= p.1))
    }
}

/// A literal between gaps. `start` and `end` say whether a word border is asked for there.
#[derive(Debug)]
struct Segment {
    literal: Box<str>,
    start: bool,
    end: bool,
}

#[derive(Debug)]
struct Pattern {
    owner: u32,
    segments: Vec<Segment>,
    /// Which segment the index looks for.
    key: usize,
}

/// A set of patterns, ready to search. Immutable and shareable between threads.
#[derive(Debug)]
pub struct PatternSet {
    index: AnchorIndex,
    patterns: Vec<Pattern>,
    /// For each literal of the index the patterns it is the key of.
    by_literal: Vec<Vec<u32>>,
}

impl PatternSet {
    /// Builds the set. Patterns without any literal are ignored; [`check_pattern`] says so beforehand.
    pub fn new<'p>(patterns: impl IntoIterator<Item = (&'p str, u32)>) -> Self {
        let patterns: Vec<Pattern> = patterns
            .into_iter()
            .filter_map(|(text, owner)| {
                // People write Greek with its final sigma; text in normal form has none.
                let segments = if text.contains('ς') {
                    parse(&super::normalise(text))
                } else {
                    parse(text)
                };
                let key = (0..segments.len()).max_by_key(|&i| segments[i].literal.len())?;
                Some(Pattern {
                    owner,
                    segments,
                    key,
                })
            })
            .collect();
        let mut literals: Vec<&str> = Vec::new();
        let mut by_literal: Vec<Vec<u32>> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::with_capacity(patterns.len());
        for (i, p) in patterns.iter().enumerate() {
            let literal = &*p.segments[p.key].literal;
            let at = *known.entry(literal).or_insert_with(|| {
                literals.push(literal);
                by_literal.push(Vec::new());
                literals.len() - 1
            });
            by_literal[at].push(i as u32);
        }
        PatternSet {
            index: AnchorIndex::new(&literals),
            patterns,
            by_literal,
        }
    }

    /// Calls `found` for every hit of every pattern in `text`, which must be normalised.
    pub fn find(&self, text: &str, mut found: impl FnMut(Hit)) {
        self.index.find(text.as_bytes(), |literal, start, end| {
            for &p in &self.by_literal[literal] {
                if let Some(hit) = self.patterns[p as usize].confirm(text, start, end) {
                    found(hit);
                }
            }
        });
    }
}

impl Pattern {
    /// The whole pattern around its key literal, or `None` if the rest does not fit.
    fn confirm(&self, text: &str, key_start: usize, key_end: usize) -> Option<Hit> {
        if !self.segments[self.key].borders_fit(text, key_start, key_end) {
            return None;
        }
        let mut pieces = [(0, 0); MAX_PIECES];
        pieces[self.key] = (key_start as u32, key_end as u32);
        let mut start = key_start;
        for (i, s) in self.segments[..self.key].iter().enumerate().rev() {
            let from = floor(text, start.saturating_sub(GAP + s.literal.len()));
            start = s.rfind(text, from, start)?;
            pieces[i] = (start as u32, (start + s.literal.len()) as u32);
        }
        let mut end = key_end;
        for (i, s) in self.segments.iter().enumerate().skip(self.key + 1) {
            let to = floor(text, (end + GAP + s.literal.len()).min(text.len()));
            end = s.find(text, end, to)? + s.literal.len();
            pieces[i] = ((end - s.literal.len()) as u32, end as u32);
        }
        let weight = self.segments.iter().map(|s| s.literal.len()).sum();
        Some(Hit {
            owner: self.owner,
            start,
            end,
            weight,
            pieces,
        })
    }
}

impl Segment {
    fn borders_fit(&self, text: &str, start: usize, end: usize) -> bool {
        (!self.start || !ends_in_word(&text[..start]))
            && (!self.end || !begins_with_word(&text[end..]))
    }

    fn find(&self, text: &str, from: usize, to: usize) -> Option<usize> {
        let mut at = from;
        while let Some(i) = text.get(at..to)?.find(&*self.literal) {
            if self.borders_fit(text, at + i, at + i + self.literal.len()) {
                return Some(at + i);
            }
            at = ceil(text, at + i + 1);
        }
        None
    }

    fn rfind(&self, text: &str, from: usize, to: usize) -> Option<usize> {
        let mut end = to;
        while let Some(i) = text.get(from..end)?.rfind(&*self.literal) {
            if self.borders_fit(text, from + i, from + i + self.literal.len()) {
                return Some(from + i);
            }
            end = floor(text, from + i + self.literal.len() - 1);
        }
        None
    }
}

fn ends_in_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(is_word)
}

fn begins_with_word(after: &str) -> bool {
    after.chars().next().is_some_and(is_word)
}

/// Letters and digits of scripts that put blanks between words.
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let unspaced = matches!(c as u32,
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x2e80..=0x9fff | 0xa960..=0xa97f
        | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0xff00..=0xffef | 0x20000..=0x3ffff);
    !unspaced && c.is_alphanumeric()
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while at < text.len() && !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// Splits a pattern at its stars. A star glued to a word drops the word border there.
fn parse(pattern: &str) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut rest = pattern;
    let mut glued_before = false;
    loop {
        let (piece, after) = match rest.find('*') {
            Some(i) => (&rest[..i], Some(&rest[i + 1..])),
            None => (rest, None),
        };
        let glued_after = after.is_some() && !piece.ends_with(' ') && !piece.is_empty();
        let literal = piece.trim();
        if !literal.is_empty() {
            segments.push(Segment {
                start: !glued_before && begins_with_word(literal),
                end: !glued_after && ends_in_word(literal),
                literal: literal.into(),
            });
        }
        match after {
            Some(a) => {
                glued_before = !a.starts_with(' ');
                rest = a;
            }
            None => return segments,
        }
    }
}

/// Why `pattern` cannot be used, or `None` if it is fine. One of its words needs `shortest` bytes.
pub fn check_pattern(pattern: &str, shortest: usize) -> Option<String> {
    if super::normalise(pattern) != pattern.replace('ς', "σ") {
        return Some(format!(
            "write it in normal form: {:?}",
            super::normalise(pattern)
        ));
    }
    match parse(pattern).iter().map(|s| s.literal.len()).max() {
        None => Some("the pattern has no words".into()),
        Some(n) if n < shortest => Some(format!("one of its words needs {shortest} bytes")),
        Some(_) if parse(pattern).len() > MAX_PIECES => {
            Some(format!("at most {} gaps", MAX_PIECES - 1))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(pattern: &str, text: &str) -> Vec<(usize, usize)> {
        let set = PatternSet::new([(pattern, 7)]);
        let mut out = Vec::new();
        set.find(text, |h| out.push((h.start, h.end)));
        out
    }

    #[test]
    fn words_gaps_and_stems() {
        assert_eq!(hits("full", "mailbox full"), [(8, 12)]);
        assert!(hits("full", "fully").is_empty());
        assert_eq!(hits("blacklist*", "blacklisted"), [(0, 9)]);
        assert_eq!(hits("mailbox * full", "mailbox of bob is full"), [(0, 22)]);
        assert!(hits("mailbox * full", "full mailbox").is_empty());
        assert!(
            hits(
                "mailbox * full",
                &format!("mailbox{}full", " x".repeat(200))
            )
            .is_empty()
        );
        assert_eq!(hits("a * mailbox * z", "a big mailbox so z").len(), 1);
        assert_eq!(hits("満杯", "容量が満杯です").len(), 1);
        assert_eq!(hits("[tss04]", "x [tss04] y"), [(2, 9)]);
    }
}
