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
    if text.is_ascii() {
        let mut sink = Sink::new(out);
        for &b in text.as_bytes() {
            sink.push(b.to_ascii_lowercase() as char);
        }
    } else {
        let mut sink = Sink::new(out);
        for c in text.nfkc() {
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
    }
    while out.ends_with(' ') {
        out.pop();
    }
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
        ];
        for (from, to) in table {
            assert_eq!(normalise(from), to);
            assert_eq!(normalise(to), to, "idempotent");
        }
    }
}
