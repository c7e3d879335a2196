//! Finds many literals in one pass: an index of eight-byte windows.
//!
//! Each literal is entered under one of its windows, the rarest among all literals. A search looks at every window of
//! the text once, in a bitmap that fits the first-level cache, and compares the few literals that may stand there. The
//! few literals that are shorter than a window are entered under their first three bytes and compared as a number.
//!
//! Why not Aho-Corasick: its automaton takes about 2 microseconds a literal to build, and a program that is started for
//! one message pays that for all of `rules/` each time; this index takes about a tenth of it. `cargo bench --bench
//! classify` sets the whole of judging a line beside a bare Aho-Corasick pass. A test holds that it finds what a plain
//! search finds.

/// How many windows of a literal are considered.
const WINDOWS: usize = 40;
/// Bytes of a window.
const WIDTH: usize = 8;
/// Bytes by which shorter literals are entered: the fewest that a literal needs.
const SHORTEST: usize = 3;

/// An index over literals, which the owner keeps in one piece of text and hands in again at each search.
#[derive(Debug)]
pub(crate) struct AnchorIndex {
    long: Table<Anchor>,
    short: Table<Short>,
}

/// Where a literal stands in the text of all literals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..(self.start + self.len) as usize]
    }
}

/// A literal of at least [`WIDTH`] bytes under its rarest window, which stands `offset` bytes behind its start.
#[derive(Clone, Copy, Debug, Default)]
struct Anchor {
    window: u64,
    literal: u32,
    offset: u32,
    span: Span,
}

/// A shorter literal as the number that its bytes are.
#[derive(Clone, Copy, Debug, Default)]
struct Short {
    value: u64,
    mask: u64,
    literal: u32,
    len: u32,
}

/// Entries by the hash of a window, with a filter in front that most windows of a text do not pass.
#[derive(Debug)]
struct Table<E> {
    filter: Vec<u64>,
    filter_mask: usize,
    /// How far a hash is shifted to be a bucket.
    shift: u32,
    /// Entries of a bucket: `entries[starts[bucket]..starts[bucket + 1]]`.
    starts: Vec<u32>,
    entries: Vec<E>,
}

fn hash(window: u64) -> u64 {
    window.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl<E: Copy + Default> Table<E> {
    fn new(windows: &[(u64, E)]) -> Self {
        let buckets = windows.len().next_power_of_two().clamp(1 << 6, 1 << 14);
        // About 16 bits each, at most 32 KiB, which stay in the first-level cache.
        let bits = (windows.len() * 16)
            .next_power_of_two()
            .clamp(1 << 9, 1 << 18);
        let mut table = Table {
            filter: vec![0; bits / 64],
            filter_mask: bits - 1,
            shift: 64 - buckets.trailing_zeros(),
            starts: vec![0; buckets + 1],
            entries: vec![E::default(); windows.len()],
        };
        for (window, _) in windows {
            let h = hash(*window);
            for place in table.places(h) {
                table.filter[place / 64] |= 1 << (place % 64);
            }
            table.starts[(h >> table.shift) as usize + 1] += 1;
        }
        for b in 0..buckets {
            table.starts[b + 1] += table.starts[b];
        }
        let mut next = table.starts.clone();
        for (window, entry) in windows {
            let at = &mut next[(hash(*window) >> table.shift) as usize];
            table.entries[*at as usize] = *entry;
            *at += 1;
        }
        table
    }

    /// Two bits of the filter for a window.
    fn places(&self, hash: u64) -> [usize; 2] {
        [
            (hash >> 46) as usize & self.filter_mask,
            (hash >> 28) as usize & self.filter_mask,
        ]
    }

    /// Entries that may have this window.
    #[inline]
    fn of(&self, window: u64) -> &[E] {
        let h = hash(window);
        let [a, b] = self.places(h);
        if (self.filter[a / 64] >> (a % 64)) & (self.filter[b / 64] >> (b % 64)) & 1 == 0 {
            return &[];
        }
        let bucket = (h >> self.shift) as usize;
        &self.entries[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }
}

/// The first bytes as a number, at most [`WIDTH`] of them; missing ones are NUL, which stands in no literal.
fn number(bytes: &[u8]) -> u64 {
    let mut padded = [0; WIDTH];
    let len = bytes.len().min(WIDTH);
    padded[..len].copy_from_slice(&bytes[..len]);
    u64::from_le_bytes(padded)
}

/// A number whose low `len` bytes are set.
const fn mask(len: usize) -> u64 {
    u64::MAX >> (8 * (WIDTH - len))
}

impl AnchorIndex {
    /// Builds the index of the literals at `spans` in `text`. Literals shorter than three bytes are never found.
    pub fn new(text: &[u8], spans: &[Span]) -> Self {
        let rarity = rarity(text, spans);
        let (mut long, mut short) = (Vec::with_capacity(spans.len()), Vec::new());
        for (&span, literal) in spans.iter().zip(0..) {
            let bytes = span.of(text);
            if bytes.len() >= WIDTH {
                let offset = offsets(bytes)
                    .min_by_key(|&at| rarity[slot(number(&bytes[at..]))])
                    .unwrap_or(0);
                let window = number(&bytes[offset..]);
                let entry = Anchor {
                    window,
                    literal,
                    offset: offset as u32,
                    span,
                };
                long.push((window, entry));
            } else if bytes.len() >= SHORTEST {
                let value = number(bytes);
                let entry = Short {
                    value,
                    mask: mask(bytes.len()),
                    literal,
                    len: span.len,
                };
                short.push((value & mask(SHORTEST), entry));
            }
        }
        AnchorIndex {
            long: Table::new(&long),
            short: Table::new(&short),
        }
    }

    /// Calls `found` with literal, start and end of every occurrence in `text`, overlapping ones too. `literals` is the
    /// text that the index was built of.
    pub fn find(&self, literals: &[u8], text: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        for (at, w) in text.windows(WIDTH).enumerate() {
            let window = u64::from_le_bytes([w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]]);
            for e in self.long.of(window).iter().filter(|e| e.window == window) {
                let Some(start) = at.checked_sub(e.offset as usize) else {
                    continue;
                };
                let end = start + e.span.len as usize;
                if text.get(start..end) == Some(e.span.of(literals)) {
                    found(e.literal as usize, start, end);
                }
            }
            self.find_short(window, at, &mut found);
        }
        for at in text.len().saturating_sub(WIDTH - 1)..text.len() {
            self.find_short(number(&text[at..]), at, &mut found);
        }
    }

    #[inline]
    fn find_short(&self, window: u64, at: usize, found: &mut impl FnMut(usize, usize, usize)) {
        for e in self.short.of(window & mask(SHORTEST)) {
            if window & e.mask == e.value {
                found(e.literal as usize, at, at + e.len as usize);
            }
        }
    }
}

/// How often each window occurs among the literals, in slots that may be shared.
fn rarity(text: &[u8], spans: &[Span]) -> Vec<u8> {
    let mut counts = vec![0u8; 1 << 16];
    for span in spans {
        let bytes = span.of(text);
        for at in offsets(bytes) {
            let c = &mut counts[slot(number(&bytes[at..]))];
            *c = c.saturating_add(1);
        }
    }
    counts
}

fn slot(window: u64) -> usize {
    (hash(window) >> 48) as usize
}

/// Where windows of a literal begin.
fn offsets(literal: &[u8]) -> std::ops::Range<usize> {
    0..(literal.len() + 1).saturating_sub(WIDTH).min(WINDOWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every occurrence, the slow way.
    fn naive(literals: &[&str], text: &str) -> Vec<(usize, usize)> {
        let mut out: Vec<(usize, usize)> = Vec::new();
        for (i, l) in literals.iter().enumerate() {
            out.extend(
                text.as_bytes()
                    .windows(l.len())
                    .enumerate()
                    .filter(|(_, w)| *w == l.as_bytes())
                    .map(|(at, _)| (i, at)),
            );
        }
        out.sort();
        out
    }

    #[test]
    fn finds_what_a_plain_search_finds() {
        let literals = [
            "user unknown",
            "unknown",
            "know",
            "nown",
            "tls",
            "full",
            "mailbox full",
            "mailbox",
            "box full",
            "满了",
        ];
        let mut text = Vec::new();
        let spans = literals.map(|l| {
            let start = text.len() as u32;
            text.extend_from_slice(l.as_bytes());
            Span {
                start,
                len: l.len() as u32,
            }
        });
        let index = AnchorIndex::new(&text, &spans);
        for haystack in [
            "",
            "tls",
            "user unknown",
            "unknownunknown full tls mailbox full",
            "邮箱满了",
            "kno",
            "xnownx",
            "a mailbox",
            "xbox full",
        ] {
            let mut got = Vec::new();
            index.find(&text, haystack.as_bytes(), |i, at, _| got.push((i, at)));
            got.sort();
            assert_eq!(got, naive(&literals, haystack), "{haystack}");
        }
    }
}
