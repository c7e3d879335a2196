//! All patterns of a set in one pass over the text: an index finds each pattern's longest literal, the rest of the
//! pattern is compared around it.
//!
//! The work for one hit is bounded by the gap, so a pass is linear in the text.

use memchr::{memchr_iter, memrchr_iter};

use super::anchor::{AnchorIndex, Span};
use super::pairs::Pairs;

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
        if other.start < self.start || self.end < other.end {
            return false;
        }
        other
            .pieces
            .iter()
            .filter(|p| p.0 < p.1)
            .all(|o| self.pieces.iter().any(|p| p.0 <= o.0 && o.1 <= p.1))
    }
}

/// A literal between gaps, as a range of [`PatternSet::text`]. `start` and `end` say whether a word border is asked
/// for there.
#[derive(Clone, Copy, Debug)]
struct Segment {
    from: u32,
    to: u32,
    start: bool,
    end: bool,
}

/// A pattern: `count` segments from `first`.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    owner: u32,
    first: u32,
    count: u8,
    /// Which segment the index looks for.
    key: u8,
    /// What stands in the other segments.
    others: Pairs,
}

/// A set of patterns, ready to search. Immutable and shareable between threads.
///
/// Flat on purpose: a program that is started for one message builds it each time, and twenty thousand small pieces of
/// memory would cost more than everything else.
#[derive(Debug)]
pub struct PatternSet {
    index: AnchorIndex,
    /// All literals, one behind the other.
    text: String,
    segments: Vec<Segment>,
    patterns: Vec<Pattern>,
}

impl PatternSet {
    /// Builds the set. Patterns without any literal are ignored; [`check_pattern`] says so beforehand.
    pub fn new(patterns: impl IntoIterator<Item = (impl AsRef<str>, u32)>) -> Self {
        let mut text = String::new();
        let mut segments: Vec<Segment> = Vec::new();
        let mut set: Vec<Pattern> = Vec::new();
        for (pattern, owner) in patterns {
            let pattern = pattern.as_ref();
            let first = segments.len();
            let mut add = |literal: &str, start: bool, end: bool| {
                let from = text.len() as u32;
                text.push_str(literal);
                segments.push(Segment {
                    from,
                    to: text.len() as u32,
                    start,
                    end,
                });
            };
            // People write Greek with its final sigma; text in normal form has none.
            if pattern.contains('ς') {
                parse(&super::normalise(pattern), &mut add);
            } else {
                parse(pattern, &mut add);
            }
            let own = &segments[first..];
            // Of literals of the same length the last one, as `max_by_key` gives it.
            let key = (0..own.len()).max_by_key(|&i| own[i].to - own[i].from);
            if let Some(key) = key {
                let others = own.iter().enumerate().filter(|(i, _)| *i != key);
                let others = others.fold(Pairs::default(), |pairs, (_, s)| {
                    pairs.with(Pairs::of(&text.as_bytes()[s.from as usize..s.to as usize]))
                });
                set.push(Pattern {
                    owner,
                    first: first as u32,
                    count: own.len().min(MAX_PIECES) as u8,
                    key: key.min(MAX_PIECES - 1) as u8,
                    others,
                });
            }
        }
        let keys: Vec<Span> = set
            .iter()
            .map(|p| {
                let s = segments[p.first as usize + usize::from(p.key)];
                Span {
                    start: s.from,
                    len: s.to - s.from,
                    begins_word: s.start,
                }
            })
            .collect();
        let index = AnchorIndex::new(text.as_bytes(), &keys);
        PatternSet {
            index,
            text,
            segments,
            patterns: set,
        }
    }

    /// Calls `found` for every hit of every pattern in `text`, which must be normalised.
    pub fn find(&self, text: &str, mut found: impl FnMut(Hit)) {
        let literals = self.text.as_bytes();
        let mut pairs = None;
        self.index
            .find(literals, text.as_bytes(), |pattern, start, end| {
                if let Some(hit) =
                    self.confirm(self.patterns[pattern], text, start, end, &mut pairs)
                {
                    found(hit);
                }
            });
    }

    /// The whole pattern around its key literal, or `None` if the rest does not fit. `pairs` of the text are noted when
    /// the first pattern with a gap asks for them: nine of ten such patterns have their other words not in the text.
    #[inline]
    fn confirm(
        &self,
        p: Pattern,
        text: &str,
        start: usize,
        end: usize,
        pairs: &mut Option<Pairs>,
    ) -> Option<Hit> {
        let segments = &self.segments[p.first as usize..p.first as usize + usize::from(p.count)];
        let key = usize::from(p.key);
        if !segments[key].borders_fit(text, start, end) {
            return None;
        }
        let mut pieces = [(0, 0); MAX_PIECES];
        pieces[key] = (start as u32, end as u32);
        if segments.len() == 1 {
            return Some(Hit {
                owner: p.owner,
                start,
                end,
                weight: end - start,
                pieces,
            });
        }
        let holds = text.len() > Pairs::TELLING
            || pairs
                .get_or_insert_with(|| Pairs::of(text.as_bytes()))
                .may_hold(p.others);
        if holds {
            self.around(p, segments, text, pieces)
        } else {
            None
        }
    }

    /// The other literals of a pattern with gaps, whose key literal is already among the `pieces`.
    fn around(
        &self,
        p: Pattern,
        segments: &[Segment],
        text: &str,
        mut pieces: [(u32, u32); MAX_PIECES],
    ) -> Option<Hit> {
        let key = usize::from(p.key);
        let (mut start, mut end) = (pieces[key].0 as usize, pieces[key].1 as usize);
        let mut weight = end - start;
        for i in (0..key).rev() {
            let literal = self.literal(segments[i]);
            let from = floor(text, start.saturating_sub(GAP + literal.len()));
            start = segments[i].rfind(literal, text, from, start)?;
            pieces[i] = (start as u32, (start + literal.len()) as u32);
            weight += literal.len();
        }
        for i in key + 1..segments.len() {
            let literal = self.literal(segments[i]);
            let to = floor(text, (end + GAP + literal.len()).min(text.len()));
            let at = segments[i].find(literal, text, end, to)?;
            end = at + literal.len();
            pieces[i] = (at as u32, end as u32);
            weight += literal.len();
        }
        Some(Hit {
            owner: p.owner,
            start,
            end,
            weight,
            pieces,
        })
    }

    fn literal(&self, s: Segment) -> &str {
        &self.text[s.from as usize..s.to as usize]
    }
}

impl Segment {
    #[inline(always)]
    fn borders_fit(&self, text: &str, start: usize, end: usize) -> bool {
        !(self.start && ends_in_word(text, start) || self.end && begins_with_word(text, end))
    }

    /// Where the literal first stands in `from..to` with its borders. The range is a gap at the most: for so little the
    /// search by the first byte is quicker than one that prepares itself.
    fn find(&self, literal: &str, text: &str, from: usize, to: usize) -> Option<usize> {
        let (bytes, first) = (text.as_bytes(), *literal.as_bytes().first()?);
        let last = to.checked_sub(literal.len())?;
        memchr_iter(first, bytes.get(from..=last)?)
            .map(|i| from + i)
            .find(|&at| self.stands_at(literal, text, at))
    }

    /// The same from the end.
    fn rfind(&self, literal: &str, text: &str, from: usize, to: usize) -> Option<usize> {
        let (bytes, first) = (text.as_bytes(), *literal.as_bytes().first()?);
        let last = to.checked_sub(literal.len())?;
        memrchr_iter(first, bytes.get(from..=last)?)
            .map(|i| from + i)
            .find(|&at| self.stands_at(literal, text, at))
    }

    fn stands_at(&self, literal: &str, text: &str, at: usize) -> bool {
        text.as_bytes()[at..].starts_with(literal.as_bytes())
            && self.borders_fit(text, at, at + literal.len())
    }
}

/// Whether the text before `at` ends in a word.
#[inline(always)]
fn ends_in_word(text: &str, at: usize) -> bool {
    match at.checked_sub(1).map(|before| text.as_bytes()[before]) {
        Some(byte) if !byte.is_ascii() => text[..at].chars().next_back().is_some_and(is_word),
        byte => byte.is_some_and(|b| b.is_ascii_alphanumeric()),
    }
}

/// Whether the text from `at` begins with a word.
#[inline(always)]
fn begins_with_word(text: &str, at: usize) -> bool {
    match text.as_bytes().get(at) {
        Some(byte) if !byte.is_ascii() => text[at..].chars().next().is_some_and(is_word),
        byte => byte.is_some_and(u8::is_ascii_alphanumeric),
    }
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

/// Splits a pattern at its stars and gives each literal with the word borders it asks for. A star glued to a word drops
/// the border there.
fn parse(pattern: &str, add: &mut impl FnMut(&str, bool, bool)) {
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
            add(
                literal,
                !glued_before && begins_with_word(literal, 0),
                !glued_after && ends_in_word(literal, literal.len()),
            );
        }
        match after {
            Some(a) => {
                glued_before = !a.starts_with(' ');
                rest = a;
            }
            None => return,
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
    let mut lengths = Vec::new();
    parse(pattern, &mut |literal, _, _| lengths.push(literal.len()));
    match lengths.iter().copied().max() {
        None => Some("the pattern has no words".into()),
        Some(n) if n < shortest => Some(format!("one of its words needs {shortest} bytes")),
        Some(_) if lengths.len() > MAX_PIECES => Some(format!("at most {} gaps", MAX_PIECES - 1)),
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
