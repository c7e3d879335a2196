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

/// Letters whose NFKC form is themselves and that join with no letter of their kind. Only what follows them may change
/// them: a mark that combines.
fn is_stable(c: char) -> bool {
    matches!(c,
        '\0'..='\x7f'
        | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='į' | 'ı' | 'Ĵ'..='ľ' | 'Ł'..='ň' | 'Ŋ'..='ž'
        | 'Α'..='Ρ' | 'Σ'..='ρ' | 'σ'..='ώ'
        | 'Ѐ'..='џ' | 'Ґ' | 'ґ'
        | 'א'..='ת' | 'ء'..='غ' | 'ف'..='ي'
        | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー' | '一'..='鿿' | '가'..='힣')
}

/// Lower case of a stable letter.
fn lower(c: char) -> char {
    let by = match c {
        'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ' | 'Α'..='Ρ' | 'Σ'..='Ϋ' | 'А'..='Я' => 0x20,
        'Ѐ'..='Џ' => 0x50,
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

    /// Any text: runs of stable letters as they are, what stands between in its NFKC form.
    fn push_mixed(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let run = self.push_stable(rest);
            rest = &rest[run..];
            let other = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| is_stable(*c))
                .map_or(rest.len(), |(i, _)| i);
            for c in rest[..other].nfkc() {
                match c {
                    // Turkish İ lower-cases to two characters; NFKC has no single form for it.
                    'İ' => self.push('i'),
                    c if c.is_ascii() => self.push(c.to_ascii_lowercase()),
                    c => c.to_lowercase().for_each(|l| self.push_lower(l)),
                }
            }
            rest = &rest[other..];
        }
    }

    /// Pushes the stable letters at the start, except that the last before another belongs to that; gives their length.
    fn push_stable(&mut self, text: &str) -> usize {
        let mut held: Option<(usize, char)> = None;
        for (at, c) in text.char_indices() {
            if !is_stable(c) {
                return held.map_or(0, |(before, _)| before);
            }
            if let Some((_, before)) = held.replace((at, c)) {
                self.push_lower(lower(before));
            }
        }
        if let Some((_, last)) = held {
            self.push_lower(lower(last));
        }
        text.len()
    }

    /// Greek writes the same letter differently at the end of a word.
    fn push_lower(&mut self, c: char) {
        self.push(if c == 'ς' { 'σ' } else { c });
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
