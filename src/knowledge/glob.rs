//! Patterns of header values: `*` is anything, case does not count.

use std::cmp::Reverse;
use std::collections::HashMap;

use memchr::memchr2_iter;

use super::anchor::{AnchorIndex, Span};

/// A pattern taken apart at its stars.
#[derive(Debug)]
pub(crate) struct Glob {
    first: Box<str>,
    /// Each with the place of the byte by which it is looked for.
    middle: Vec<(Box<str>, usize)>,
    /// What the value ends with; none where the pattern has no star.
    last: Option<Box<str>>,
}

impl Glob {
    /// Takes a pattern apart.
    pub fn new(pattern: &str) -> Self {
        let mut pieces = pattern.split('*').map(Box::from);
        let first = pieces.next().unwrap_or_default();
        let mut middle: Vec<Box<str>> = pieces.collect();
        let last = middle.pop();
        let middle = middle.into_iter().filter(|m| !m.is_empty());
        let middle = middle
            .map(|m| {
                let at = rarest(&m);
                (m, at)
            })
            .collect();
        Glob {
            first,
            middle,
            last,
        }
    }

    /// Whether `value` fits. Linear in the value for any input.
    pub fn fits(&self, value: &str) -> bool {
        let Some(mut rest) = strip_prefix(value, &self.first) else {
            return false;
        };
        let Some(end) = &self.last else {
            return rest.is_empty();
        };
        for (piece, rare) in &self.middle {
            let Some(at) = find_ignoring_case(rest, piece, *rare) else {
                return false;
            };
            rest = &rest[at + piece.len()..];
        }
        let tail = rest
            .len()
            .checked_sub(end.len())
            .and_then(|at| rest.get(at..));
        tail.is_some_and(|t| t.eq_ignore_ascii_case(end))
    }

    /// Whether any value fits that holds its literal.
    fn is_contained(&self) -> bool {
        self.first.is_empty()
            && self.middle.len() == 1
            && self.last.as_deref().is_some_and(str::is_empty)
    }

    fn pieces(&self) -> impl Iterator<Item = &str> {
        let middle = self.middle.iter().map(|m| &m.0);
        middle.chain([&self.first]).chain(&self.last).map(|p| &**p)
    }
}

fn strip_prefix<'v>(value: &'v str, prefix: &str) -> Option<&'v str> {
    let head = value.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &value[prefix.len()..])
}

/// Where the byte stands in `piece` that is the rarest in header fields: marks and digits before letters, rare letters
/// before common ones.
fn rarest(piece: &str) -> usize {
    const COMMON_FIRST: &[u8] = b" eatoinsrmldcpuhgfb.w-@v1y2k0";
    let rank = |b: u8| {
        let known = COMMON_FIRST
            .iter()
            .position(|c| *c == b.to_ascii_lowercase());
        known.unwrap_or(COMMON_FIRST.len())
    };
    let bytes = piece.bytes().enumerate();
    bytes.max_by_key(|(_, b)| rank(*b)).map_or(0, |(at, _)| at)
}

/// `needle` in `haystack`, looked for by its byte at `rare`. Case does not count.
fn find_ignoring_case(haystack: &str, needle: &str, rare: usize) -> Option<usize> {
    let (haystack, needle) = (haystack.as_bytes(), needle.as_bytes());
    let byte = *needle.get(rare)?;
    let last = haystack.len().checked_sub(needle.len())?;
    memchr2_iter(
        byte.to_ascii_lowercase(),
        byte.to_ascii_uppercase(),
        &haystack[rare..=rare + last],
    )
    .find(|&i| haystack[i..i + needle.len()].eq_ignore_ascii_case(needle))
}

/// Many patterns, of which few fit: only those whose most telling literal stands in the value are compared.
#[derive(Debug, Default)]
pub(crate) struct GlobSet {
    globs: Vec<(Glob, usize)>,
    index: Option<AnchorIndex>,
    /// The literals of the index, one behind the other.
    text: Vec<u8>,
    /// For each literal of the index the glob it belongs to, and whether nothing else is asked for.
    by_literal: Vec<(usize, bool)>,
    /// Globs without a literal that the index can hold, and what a value begins with that fits each: most do not, and one
    /// comparison of numbers shows it.
    always: Vec<(Head, usize)>,
}

/// The first bytes of a value, at most eight, in lower case, as a number.
#[derive(Clone, Copy, Debug)]
struct Head {
    bytes: u64,
    /// The bits of those that are asked for.
    mask: u64,
}

impl Head {
    fn of(text: &[u8]) -> Head {
        let mut bytes = [0; 8];
        let len = text.len().min(bytes.len());
        bytes[..len].copy_from_slice(&text[..len]);
        bytes.make_ascii_lowercase();
        let bits = 8 * len as u32;
        Head {
            bytes: u64::from_le_bytes(bytes),
            mask: 1u64.checked_shl(bits).map_or(u64::MAX, |b| b - 1),
        }
    }

    fn begins(self, value: Head) -> bool {
        value.bytes & self.mask == self.bytes
    }
}

impl GlobSet {
    /// Fewer patterns than this are compared one by one.
    const WORTH_AN_INDEX: usize = 6;

    /// Adds a pattern under a number of the caller. [`Self::ready`] must follow.
    pub fn add(&mut self, pattern: &str, owner: usize) {
        self.globs.push((Glob::new(pattern), owner));
    }

    /// Builds the index when all patterns are there.
    pub fn ready(&mut self) {
        let indexed = self.globs.len() >= Self::WORTH_AN_INDEX;
        let mut literals: Vec<Span> = Vec::new();
        // What many patterns share would have each of them compared wherever it stands.
        let mut sharing: HashMap<&str, usize> = HashMap::new();
        for piece in self
            .globs
            .iter()
            .filter(|_| indexed)
            .flat_map(|g| g.0.pieces())
        {
            *sharing.entry(piece).or_default() += 1;
        }
        let telling = |p: &&str| (p.len() >= 3, Reverse(sharing.get(p).copied()), p.len());
        for (i, (pattern, _)) in self.globs.iter().enumerate() {
            let literal = pattern.pieces().max_by_key(telling).unwrap_or_default();
            // A beginning that does not fit is seen as quickly as any search could say so.
            let begins = pattern.first.len() >= 3;
            if indexed && !begins && literal.len() >= 3 && literal.is_ascii() {
                literals.push(Span {
                    start: self.text.len() as u32,
                    len: literal.len() as u32,
                    begins_word: false,
                });
                self.text
                    .extend(literal.bytes().map(|b| b.to_ascii_lowercase()));
                self.by_literal.push((i, pattern.is_contained()));
            } else {
                self.always.push((Head::of(pattern.first.as_bytes()), i));
            }
        }
        self.index = indexed.then(|| AnchorIndex::of_few(&self.text, &literals));
    }

    /// Calls `found` with the number of every pattern that fits, some more than once. `lower` is room to work in.
    pub fn find(&self, value: &str, lower: &mut String, mut found: impl FnMut(usize)) {
        let begins = Head::of(value.as_bytes());
        for &(head, i) in &self.always {
            let (pattern, owner) = &self.globs[i];
            if head.begins(begins) && pattern.fits(value) {
                found(*owner);
            }
        }
        if let Some(index) = &self.index {
            lower.clear();
            lower.push_str(value);
            lower.make_ascii_lowercase();
            index.find(&self.text, lower.as_bytes(), |literal, _, _| {
                match self.by_literal[literal] {
                    (i, true) => found(self.globs[i].1),
                    (i, false) if self.globs[i].0.fits(value) => found(self.globs[i].1),
                    _ => {}
                }
            });
        }
    }
}

/// Patterns of header fields by their names.
#[derive(Debug, Default)]
pub(crate) struct FieldGlobs {
    /// At the length of the name.
    by_len: Vec<SameLen>,
}

/// Fields whose names are of one length.
#[derive(Debug, Default)]
struct SameLen {
    /// A bit for each first letter: most fields of a mail are none of these.
    first: u32,
    fields: Vec<Named>,
}

/// The patterns of one field.
#[derive(Debug)]
struct Named {
    /// The end of the name: most names of one length differ there, and one comparison of numbers shows it.
    end: Head,
    name: String,
    set: GlobSet,
}

/// The end of a field name.
fn end_of(name: &[u8]) -> Head {
    Head::of(&name[name.len().saturating_sub(8)..])
}

const fn letter(byte: u8) -> u32 {
    1 << (byte & 0x1f)
}

impl FieldGlobs {
    /// Adds a pattern under a number of the caller. [`Self::ready`] must follow.
    pub fn add(&mut self, name: &str, pattern: &str, owner: usize) {
        if self.by_len.len() <= name.len() {
            self.by_len.resize_with(name.len() + 1, SameLen::default);
        }
        let same = &mut self.by_len[name.len()];
        same.first |= name.bytes().next().map_or(0, letter);
        let known = |n: &Named| n.name.eq_ignore_ascii_case(name);
        let at = same.fields.iter().position(known).unwrap_or_else(|| {
            same.fields.push(Named {
                end: end_of(name.as_bytes()),
                name: name.to_owned(),
                set: GlobSet::default(),
            });
            same.fields.len() - 1
        });
        same.fields[at].set.add(pattern, owner);
    }

    /// Builds the indexes when all patterns are there.
    pub fn ready(&mut self) {
        let named = self.by_len.iter_mut().flat_map(|same| &mut same.fields);
        named.for_each(|n| n.set.ready());
    }

    /// The patterns about the field of this name.
    pub fn of(&self, name: &[u8]) -> Option<&GlobSet> {
        let same = self.by_len.get(name.len())?;
        if same.first & letter(*name.first()?) == 0 {
            return None;
        }
        let end = end_of(name);
        let is_it =
            |n: &&Named| n.end.bytes == end.bytes && n.name.as_bytes().eq_ignore_ascii_case(name);
        same.fields.iter().find(is_it).map(|n| &n.set)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs_of_header_values() {
        for (pattern, value, fits) in [
            ("*", "", true),
            ("auto-replied*", "Auto-Replied (vacation)", true),
            (
                "auto-replied (*vacation*)",
                "auto-replied (my vacation x)",
                true,
            ),
            ("no", "No", true),
            ("no", "none", false),
            ("*x*y", "axbyzy", true),
            ("*x*y", "ayx", false),
            ("*é*", "caFé", true),
            ("*abc", "ab", false),
        ] {
            assert_eq!(Glob::new(pattern).fits(value), fits, "{pattern} {value}");
        }
    }

    #[test]
    fn a_set_finds_what_each_glob_finds() {
        let patterns = [
            "*",
            "no",
            "*postfix*",
            "exim*",
            "*@mx.example",
            "*é*",
            "a*b",
            "MIXED*case",
        ];
        let mut set = GlobSet::default();
        patterns.iter().enumerate().for_each(|(i, p)| set.add(p, i));
        set.ready();
        for value in [
            "",
            "no",
            "x Postfix y",
            "Exim 4",
            "a@mx.example",
            "é",
            "ab",
            "mixed CASE",
        ] {
            let mut found = Vec::new();
            set.find(value, &mut String::new(), |i| found.push(i));
            found.sort();
            found.dedup();
            let want: Vec<usize> = (0..patterns.len())
                .filter(|&i| Glob::new(patterns[i]).fits(value))
                .collect();
            assert_eq!(found, want, "{value}");
        }
    }

    /// A pattern one character after the other, whatever it costs.
    fn plainly(pattern: &[u8], value: &[u8]) -> bool {
        match pattern {
            [] => value.is_empty(),
            [b'*', rest @ ..] => (0..=value.len()).any(|at| plainly(rest, &value[at..])),
            [c, rest @ ..] => {
                value.first().is_some_and(|v| v.eq_ignore_ascii_case(c))
                    && plainly(rest, &value[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn a_set_finds_what_plain_comparison_finds(
            patterns in prop::collection::vec("[abX*]{0,9}", 1..10),
            values in prop::collection::vec("[aAbBx]{0,12}", 1..6),
        ) {
            let mut set = GlobSet::default();
            patterns.iter().enumerate().for_each(|(i, p)| set.add(p, i));
            set.ready();
            for value in values {
                let mut found = Vec::new();
                set.find(&value, &mut String::new(), |i| found.push(i));
                found.sort();
                found.dedup();
                let fits = |i: &usize| plainly(patterns[*i].as_bytes(), value.as_bytes());
                let want: Vec<usize> = (0..patterns.len()).filter(fits).collect();
                prop_assert_eq!(found, want, "{:?} {:?}", patterns, value);
            }
        }
    }
}
