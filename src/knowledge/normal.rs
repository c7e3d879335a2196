//! Makes text uniform, the same way for patterns and for mail.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// NFKC, lower case, plain apostrophes, single blanks, no zero-width or direction marks, no blank before
/// `: ! ? ;`. Line ends count as blanks. Idempotent.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    normalise_into(text, &mut out);
    out
}

/// [`normalise`] into a buffer that is appended to, so that a caller can reuse it.
pub fn normalise_into(text: &str, out: &mut String) {
    let mut sink = Sink::new(out);
    if text.is_ascii() {
        sink.push_ascii(text);
    } else {
        sink.push_mixed(text);
    }
    while out.ends_with(' ') {
        out.pop();
    }
}

/// Letters whose NFKC form is themselves and that join with no letter of their kind, a bit each. Only what follows them may
/// change them: a mark that combines.
const STABLE: [u64; 1 << 10] = {
    let mut bits = [0; 1 << 10];
    let mut code = 0;
    while code < 1 << 16 {
        if let Some(c) = char::from_u32(code)
            && matches!(c,
                '\0'..='\x7f'
                | 'À'..='Ö' | 'Ø'..='į' | 'ı' | 'Ĵ'..='ľ' | 'Ł'..='ň' | 'Ŋ'..='ž'
                | 'Α'..='Ρ' | 'Σ'..='ρ' | 'σ'..='ώ'
                | 'Ѐ'..='џ' | 'Ґ' | 'ґ'
                | 'א'..='ת' | 'ء'..='غ' | 'ف'..='ي'
                | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' | '一'..='鿿' | '가'..='힣')
        {
            bits[code as usize / 64] |= 1 << (code % 64);
        }
        code += 1;
    }
    bits
};

fn is_stable(c: char) -> bool {
    let word = STABLE.get(c as usize / 64).copied().unwrap_or(0);
    word >> (c as usize % 64) & 1 != 0
}

/// Lower case of a stable letter beyond ASCII.
fn lower(c: char) -> char {
    let by = match c {
        'À'..='Ö' | 'Ø'..='Þ' | 'Α'..='Ρ' | 'Σ'..='Ϋ' | 'А'..='Я' => 0x20,
        'Ѐ'..='Џ' => 0x50,
        'ς' => 1,
        'Ā'..='ž' | 'Ґ' => return c.to_lowercase().next().unwrap_or(c),
        _ => 0,
    };
    char::from_u32(c as u32 + by).unwrap_or(c)
}

/// What an ASCII character becomes: lower case, a blank for what is one or controls something, and [`CLINGS`] for marks
/// that take away the blank before them.
const FORM: [u8; 256] = {
    let mut form = [b' '; 256];
    let mut c = b' ' as usize;
    while c < 0x7f {
        form[c] = match c as u8 {
            b':' | b'!' | b'?' | b';' => CLINGS,
            b'`' => b'\'',
            c => c.to_ascii_lowercase(),
        };
        c += 1;
    }
    form
};
const CLINGS: u8 = 0;

/// How many bytes from the start are stable letters, without the last one before another: that may be changed by it.
fn stable_run(text: &str) -> usize {
    let (mut at, mut last) = (0, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        if byte.is_ascii() {
            (last, at) = (at, at + 1);
            continue;
        }
        match text[at..].chars().next() {
            Some(c) if is_stable(c) => (last, at) = (at, at + c.len_utf8()),
            _ => return last,
        }
    }
    at
}

/// Collapses blanks while characters go by.
struct Sink<'a> {
    out: &'a mut String,
    blank: bool,
}

impl<'a> Sink<'a> {
    fn new(out: &'a mut String) -> Self {
        let blank = out.is_empty() || out.ends_with(' ');
        Sink { out, blank }
    }

    /// Any text: stable letters as they are, what stands between in its NFKC form.
    fn push_mixed(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let stable = stable_run(rest);
            self.push_stable(&rest[..stable]);
            rest = &rest[stable..];
            let other = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| is_stable(*c))
                .map_or(rest.len(), |(i, _)| i);
            for c in rest[..other].nfkc() {
                match c {
                    // Turkish İ lower-cases to two characters; NFKC has no single form for it.
                    'İ' => self.push('i'),
                    // Greek writes the same letter differently at the end of a word.
                    'ς' => self.push('σ'),
                    c if c.is_ascii() => self.push(c.to_ascii_lowercase()),
                    c => c
                        .to_lowercase()
                        .for_each(|l| self.push(if l == 'ς' { 'σ' } else { l })),
                }
            }
            rest = &rest[other..];
        }
    }

    fn push_stable(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let ascii = rest.bytes().position(|b| !b.is_ascii());
            let (plain, behind) = rest.split_at(ascii.unwrap_or(rest.len()));
            if !plain.is_empty() {
                self.push_ascii(plain);
            }
            rest = behind;
            for c in behind.chars().take_while(|c| !c.is_ascii()) {
                self.out.push(lower(c));
                self.blank = false;
                rest = &rest[c.len_utf8()..];
            }
            if rest.is_empty() {
                return;
            }
        }
    }

    /// The same for text without any letter beyond ASCII, without a branch for each of its bytes.
    fn push_ascii(&mut self, text: &str) {
        let mut room = [0; 256];
        for chunk in text.as_bytes().chunks(room.len()) {
            let (mut len, mut blank) = (0usize, self.blank);
            for &byte in chunk {
                let form = FORM[usize::from(byte)];
                if form == CLINGS {
                    match len.checked_sub(1) {
                        Some(before) if blank => len = before,
                        None if blank && self.out.ends_with(' ') => _ = self.out.pop(),
                        _ => {}
                    }
                    room[len] = byte;
                    len += 1;
                    blank = false;
                    continue;
                }
                // What follows is written over a second blank.
                room[len] = form;
                let is_blank = form == b' ';
                len += usize::from(!(is_blank && blank));
                blank = is_blank;
            }
            self.blank = blank;
            self.out
                .push_str(std::str::from_utf8(&room[..len]).unwrap_or_default());
        }
    }

    #[inline]
    fn push(&mut self, c: char) {
        match c {
            '\0'..=' ' | '\x7f' | '\u{a0}' | '\u{3000}' | '\u{2028}' | '\u{2029}' => {
                if !self.blank {
                    self.out.push(' ');
                    self.blank = true;
                }
            }
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{ad}' => {}
            ':' | '!' | '?' | ';' => {
                if self.blank && self.out.ends_with(' ') {
                    self.out.pop();
                }
                self.out.push(c);
                self.blank = false;
            }
            '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{b4}' | '`' => {
                self.out.push('\'');
                self.blank = false;
            }
            '\u{201c}'..='\u{201f}' => {
                self.out.push('"');
                self.blank = false;
            }
            '\u{2010}'..='\u{2015}' => {
                self.out.push('-');
                self.blank = false;
            }
            c => {
                self.out.push(c);
                self.blank = false;
            }
        }
    }
}

/// `text` with the line breaks of folded or wrapped text as single blanks; borrowed where nothing changes.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b < b' ') && !text.contains("  ") && text.trim().len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) {
        if !word.is_empty() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_uniform() {
        let table = [
            ("User  Unknown\r\n here", "user unknown here"),
            (
                "R\u{e9}ponse automatique\u{a0}: x",
                "r\u{e9}ponse automatique: x",
            ),
            ("isn\u{2019}t", "isn't"),
            ("\u{200b}a\u{feff}b ", "ab"),
            ("件名：テスト", "件名:テスト"),
            ("Ｆｕｌｌ", "full"),
            ("İLETİ", "ileti"),
            ("  ", ""),
            ("a : B ! c`d", "a: b! c'd"),
            ("e\u{301}e\u{301} x\u{301}Y", "éé x\u{301}y"),
            ("A\tB\0C D", "a b c d"),
            (" é :", "é:"),
            (" : a", ": a"),
            ("é  :x", "é:x"),
        ];
        for (from, to) in table {
            assert_eq!(normalise(from), to);
            assert_eq!(normalise(to), to, "idempotent");
        }
    }

    /// Each letter alone, before a mark, and behind one, beside what the Unicode tables say.
    #[test]
    fn stable_letters_are_what_the_tables_say() {
        let by_tables = |text: &str| -> String {
            let lower = text.nfkc().flat_map(char::to_lowercase);
            lower.map(|c| if c == 'ς' { 'σ' } else { c }).collect()
        };
        for c in ('\u{80}'..='\u{ffff}').filter(|c| is_stable(*c)) {
            for text in [
                format!("x{c}x"),
                format!("{c}{c}"),
                format!("{c}\u{301}x"),
                format!("{c}\u{3099}\u{308}{c}"),
                format!("e\u{327}{c}"),
                format!("{c}\u{11a8}"),
            ] {
                assert_eq!(normalise(&text), by_tables(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn long_text_is_one_text() {
        for blanks in 250..260 {
            let text = format!("{}  :  B", "A".repeat(blanks));
            assert_eq!(normalise(&text), format!("{}: b", "a".repeat(blanks)));
            let text = format!("a{}b !", " ".repeat(blanks));
            assert_eq!(normalise(&text), "a b!");
        }
    }
}
