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
    let mut rest = text;
    if text.is_ascii() {
        sink.push_ascii(text);
        rest = "";
    }
    while !rest.is_empty() {
        let ascii = rest
            .bytes()
            .position(|b| !b.is_ascii())
            .unwrap_or(rest.len());
        // The last letter before a mark that combines belongs to it.
        let plain = if ascii < rest.len() {
            ascii.saturating_sub(1)
        } else {
            ascii
        };
        sink.push_ascii(&rest[..plain]);
        rest = &rest[plain..];
        let other = rest
            .bytes()
            .skip(1)
            .position(|b| b.is_ascii())
            .map_or(rest.len(), |i| i + 1);
        let other = if rest.is_char_boundary(other) {
            other
        } else {
            rest.len()
        };
        for c in rest[..other].nfkc() {
            match c {
                // Turkish İ lower-cases to two characters; NFKC has no single form for it.
                'İ' => sink.push('i'),
                // Greek writes the same letter differently at the end of a word.
                'ς' => sink.push('σ'),
                c if c.is_ascii() => sink.push(c.to_ascii_lowercase()),
                c => c
                    .to_lowercase()
                    .for_each(|l| sink.push(if l == 'ς' { 'σ' } else { l })),
            }
        }
        rest = &rest[other..];
    }
    while out.ends_with(' ') {
        out.pop();
    }
}

/// ASCII characters that stand for themselves, in lower case, and the one blank that may stand between them.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut c = b' ' as usize;
    while c < 0x7f {
        plain[c] = !matches!(c as u8, b':' | b'!' | b'?' | b';' | b'`');
        c += 1;
    }
    plain
};

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

    /// The same for text without any letter beyond ASCII, in runs of words.
    fn push_ascii(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let run = run_of_words(rest.as_bytes());
            if run > 0 {
                let from = self.out.len();
                self.out.push_str(&rest[..run]);
                self.out[from..].make_ascii_lowercase();
                self.blank = false;
            }
            if let Some(c) = rest[run..].chars().next() {
                self.push(c);
                rest = &rest[run + 1..];
            } else {
                rest = "";
            }
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

/// How many bytes from the start are words with single blanks between them.
fn run_of_words(bytes: &[u8]) -> usize {
    let mut before = b' ';
    for (at, &b) in bytes.iter().enumerate() {
        if !PLAIN[usize::from(b)] || b == b' ' && before == b' ' {
            // A blank at the end belongs to what follows.
            return at - usize::from(at > 0 && before == b' ');
        }
        before = b;
    }
    bytes.len() - usize::from(before == b' ' && !bytes.is_empty())
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
        ];
        for (from, to) in table {
            assert_eq!(normalise(from), to);
            assert_eq!(normalise(to), to, "idempotent");
        }
    }
}
