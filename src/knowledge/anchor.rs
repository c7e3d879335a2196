//! Finds many literals in one pass: an index of eight-byte windows.
//!
//! Each literal is entered under one of its windows, the rarest among all literals, of those that begin where a word
//! begins; literals that may begin inside of a word have a table of their own; the few that are shorter than a window are
//! entered under their first three bytes. A search passes over most places of a text by a look at the bytes around them
//! ([`Sieve`]), asks a bitmap that fits the first-level cache about the window at the others, and compares the few literals
//! that may stand there.
//!
//! Why not Aho-Corasick: its automaton takes much longer to build, and a program that is started for one message pays
//! that for all of `rules/` each time. `cargo bench --bench
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
    /// What stands at the beginning of a word.
    starts: Windows,
    /// What may stand anywhere.
    anywhere: Windows,
    sieve: Box<Sieve>,
}

/// Says of most places in a text that nothing is to be looked up there.
///
/// Four bytes of a number stand for the byte before a place and the three from it on. A bit of each stands for some of the
/// windows, and is clear where a byte is one of these at that place; for windows that begin where a word does it is set at
/// letters before the place. A search shifts the number byte by byte and joins it with that of the next one (shift-or): what
/// is clear at the top then has been clear four times.
#[derive(Debug)]
struct Sieve([u32; 256]);

/// Windows that begin with a letter where a word begins.
const WORD: u8 = 1 << 6;
/// Windows that begin with a mark, whatever stands before.
const MARK: u8 = 1 << 7;
/// The other bits are shared out among windows that may stand anywhere.
const ANYWHERE: u8 = !(WORD | MARK);

impl Sieve {
    /// Nothing read yet: any window may begin.
    const START: u32 = !0xff;

    fn new(starts: &Windows, anywhere: &Windows) -> Self {
        let mut sieve = Sieve([Self::START; 256]);
        for (byte, class) in CLASSES.iter().enumerate() {
            if *class == Class::Letter {
                sieve.0[byte] |= u32::from(WORD);
            }
        }
        for window in starts.windows() {
            let is_letter = Class::of(window.to_le_bytes()[0]) == Class::Letter;
            sieve.add(window, if is_letter { WORD } else { MARK });
        }
        for window in anywhere.windows() {
            let share = hash(window & mask(SHORTEST)) >> 32;
            sieve.add(window, 1 << (share % ANYWHERE.count_ones() as u64));
        }
        sieve
    }

    fn add(&mut self, window: u64, bit: u8) {
        let [first, second, third, ..] = window.to_le_bytes();
        for (byte, place) in [(first, 8), (second, 16), (third, 24)] {
            self.0[usize::from(byte)] &= !(u32::from(bit) << place);
        }
    }

    /// What was read, and one byte more.
    fn next(&self, read: u32, byte: u8) -> u32 {
        read << 8 | self.0[usize::from(byte)]
    }

    /// Which windows may begin two bytes before the last one.
    fn bits(read: u32) -> u8 {
        !(read >> 24) as u8
    }
}

/// Literals by windows: the long ones by any of theirs, the short ones by their beginning.
#[derive(Debug)]
struct Windows {
    long: Table<Anchor>,
    short: Table<Short>,
}

/// Where a literal stands in the text of all literals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub len: u32,
    /// Whether it is asked for only where a word begins.
    pub begins_word: bool,
}

impl Span {
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..(self.start + self.len) as usize]
    }

    /// Where windows may begin that stand at the beginning of a word wherever the literal is found.
    fn starts(self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        offsets(bytes).filter(move |&at| {
            // Letters of more than one byte are looked up where they begin.
            if bytes[at] & 0xc0 == 0x80 {
                return false;
            }
            // What stands before the literal is no letter where it begins a word, and anything where it does not.
            let before = match at.checked_sub(1) {
                Some(i) => Class::of(bytes[i]),
                None if self.begins_word => Class::Blank,
                None => Class::Letter,
            };
            Class::of(bytes[at]).begins_behind(before)
        })
    }
}

/// What a byte is to the beginning of a word. Beyond ASCII any byte may be one: many scripts put no blanks between words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Letter,
    Mark,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Mark; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_alphanumeric() {
            classes[byte] = Class::Letter;
        }
        byte += 1;
    }
    classes[b' ' as usize] = Class::Blank;
    classes
};

impl Class {
    const fn of(byte: u8) -> Class {
        CLASSES[byte as usize]
    }

    /// Whether a word or a mark begins with it, where this stands before.
    #[inline(always)]
    fn begins_behind(self, before: Class) -> bool {
        self == Class::Mark || self == Class::Letter && before != Class::Letter
    }
}

/// A literal of at least [`WIDTH`] bytes under its rarest window, which stands `offset` bytes behind its start.
#[derive(Clone, Copy, Debug, Default)]
struct Anchor {
    window: u64,
    /// Its last four bytes: most of what shares the window differs there.
    tail: u32,
    literal: u32,
    start: u32,
    /// At most 64 KiB of a literal are compared; no pattern is that long. The smaller an entry, the more of them stay in
    /// the caches.
    len: u16,
    offset: u16,
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

    /// Entries that may have this window. Most windows of a text do not pass the first bit.
    #[inline(always)]
    fn of(&self, window: u64) -> &[E] {
        let h = hash(window);
        let [a, b] = self.places(h);
        let holds = |bit: usize| self.filter[bit / 64] & (1 << (bit % 64)) != 0;
        if holds(a) && holds(b) {
            self.bucket(h)
        } else {
            &[]
        }
    }

    fn bucket(&self, hash: u64) -> &[E] {
        let bucket = (hash >> self.shift) as usize;
        &self.entries[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }
}

/// The first [`WIDTH`] bytes as a number.
#[inline(always)]
fn word(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// The last four bytes as a number.
#[inline(always)]
fn tail(bytes: &[u8]) -> u32 {
    bytes.last_chunk().map_or(0, |c| u32::from_le_bytes(*c))
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
        Self::build(text, spans, true)
    }

    /// The same for a few literals, none of which is asked for where a word begins: the look at words costs more than it
    /// saves there.
    pub fn of_few(text: &[u8], spans: &[Span]) -> Self {
        Self::build(text, spans, false)
    }

    fn build(text: &[u8], spans: &[Span], has_starts: bool) -> Self {
        let rarity = rarity(text, spans);
        let mut tables = [
            (Vec::with_capacity(spans.len()), Vec::new()),
            (Vec::new(), Vec::new()),
        ];
        for (&span, literal) in spans.iter().zip(0..) {
            let bytes = span.of(text);
            let rare = |at: &usize| rarity[slot(number(&bytes[*at..]))];
            let start = span.starts(bytes).filter(|_| has_starts).min_by_key(rare);
            if bytes.len() >= WIDTH {
                let offset = start
                    .or_else(|| offsets(bytes).min_by_key(rare))
                    .unwrap_or(0);
                let window = number(&bytes[offset..]);
                let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                let entry = Anchor {
                    window,
                    tail: tail(&bytes[..usize::from(len)]),
                    literal,
                    start: span.start,
                    len,
                    offset: offset as u16,
                };
                tables[usize::from(start.is_none())].0.push((window, entry));
            } else if bytes.len() >= SHORTEST {
                let value = number(bytes);
                let entry = Short {
                    value,
                    mask: mask(bytes.len()),
                    literal,
                    len: span.len,
                };
                let is_start = has_starts && span.starts(bytes).next() == Some(0);
                tables[usize::from(!is_start)]
                    .1
                    .push((value & mask(SHORTEST), entry));
            }
        }
        let [starts, anywhere] = tables.map(|(long, short)| Windows {
            long: Table::new(&long),
            short: Table::new(&short),
        });
        let sieve = Box::new(Sieve::new(&starts, &anywhere));
        AnchorIndex {
            starts,
            anywhere,
            sieve,
        }
    }

    /// Calls `found` with literal, start and end of every occurrence in `text`, overlapping ones too. `literals` is the
    /// text that the index was built of.
    pub fn find(&self, literals: &[u8], text: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        let sieve = &*self.sieve;
        let mut read = Sieve::START;
        for (last, byte) in text.iter().enumerate() {
            read = sieve.next(read, *byte);
            let bits = Sieve::bits(read);
            if bits == 0 {
                continue;
            }
            let at = last + 1 - SHORTEST;
            let window = word(&text[at..]).unwrap_or_else(|| number(&text[at..]));
            if bits & (WORD | MARK) != 0 {
                self.starts.find(literals, text, at, window, &mut found);
            }
            if bits & ANYWHERE != 0 {
                self.anywhere.find(literals, text, at, window, &mut found);
            }
        }
    }
}

impl Windows {
    /// The windows of all entries, short ones with what follows.
    fn windows(&self) -> impl Iterator<Item = u64> {
        let long = self.long.entries.iter().map(|e| e.window);
        long.chain(self.short.entries.iter().map(|e| e.value))
    }

    /// What stands where `window` is, which begins at `at`.
    #[inline(always)]
    fn find(
        &self,
        literals: &[u8],
        text: &[u8],
        at: usize,
        window: u64,
        found: &mut impl FnMut(usize, usize, usize),
    ) {
        // The tables of a small set are often empty.
        let long = if self.long.entries.is_empty() {
            &[]
        } else {
            self.long.of(window)
        };
        for e in long {
            if e.window != window {
                continue;
            }
            let Some(start) = at.checked_sub(usize::from(e.offset)) else {
                continue;
            };
            let end = start + usize::from(e.len);
            if end <= text.len() && tail(&text[..end]) == e.tail {
                let from = e.start as usize;
                if text[start..end] == literals[from..from + usize::from(e.len)] {
                    found(e.literal as usize, start, end);
                }
            }
        }
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

/// Where windows of a literal begin; a short one is all window.
fn offsets(literal: &[u8]) -> std::ops::Range<usize> {
    0..(literal.len() + 1).saturating_sub(WIDTH).clamp(1, WINDOWS)
}

#[cfg(test)]
mod tests;
