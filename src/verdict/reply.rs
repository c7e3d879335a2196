//! Reads a reply: folded lines joined, wrapping undone, the innermost reply and its codes found.

use super::numbers::{self, Number};
use crate::knowledge::{Enhanced, normalise_into};

/// The most bytes of one reply that are judged; longer ones are cut. Real replies stay below 2 KiB.
pub(crate) const MAX_REPLY: usize = 8 * 1024;

/// A reply made uniform, with the codes found in it.
#[derive(Debug, Default)]
pub(crate) struct ReadReply {
    /// Normal form (see [`crate::knowledge::normalise`]), repeated codes of continuation lines dropped.
    pub text: String,
    /// The reply code nearest to the mailbox.
    pub code: Option<u16>,
    /// Where the innermost reply begins in `text`.
    pub inner: usize,
    /// Reply codes around it, outermost first.
    pub outer: Vec<u16>,
    /// The enhanced codes of class 4 or 5: the best first, the others in order.
    pub enhanced: Vec<Enhanced>,
    /// The one that belongs to the innermost reply, or the most telling one.
    pub best: Option<Enhanced>,
}

impl ReadReply {
    pub fn new(text: &str) -> Self {
        let mut cut = text.len().min(MAX_REPLY);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let mut reply = ReadReply::default();
        normalise_into(&text[..cut], &mut reply.text);
        drop_continuations(&mut reply.text);
        reply.find_codes();
        reply
    }

    fn find_codes(&mut self) {
        let (mut inner, mut all) = (None, Vec::new());
        let enhanced = &mut self.enhanced;
        // How many of them stand before the innermost reply.
        let mut outside = 0;
        numbers::codes(&self.text, |at, number| match number {
            Number::Enhanced(e) if e.class != 2 => enhanced.push(e),
            Number::Enhanced(_) => {}
            Number::Reply(code) => {
                // Most replies have one code, and none around it.
                if let Some((_, first)) = inner
                    && all.is_empty()
                {
                    all.push(first);
                }
                if !all.is_empty() {
                    all.push(code);
                }
                // A greeting or an acceptance around the refusal is no answer to our recipient.
                if code >= 400 || inner.is_none_or(|(_, before)| before < 400) {
                    inner = Some((at, code));
                    outside = enhanced.len();
                }
            }
        });
        if let Some((place, code)) = inner {
            self.code = Some(code);
            self.inner = place;
            all.retain(|c| *c != code);
            all.dedup();
            self.outer = all;
        }
        self.best = best(&self.enhanced, outside);
        if let Some(best) = self.best.filter(|_| self.enhanced.len() > 1) {
            self.enhanced.retain(|e| *e != best);
            self.enhanced.insert(0, best);
        }
    }
}

/// Which of the codes says most, where so many stand `outside` of the innermost reply.
fn best(enhanced: &[Enhanced], outside: usize) -> Option<Enhanced> {
    let telling = |e: &&Enhanced| !e.says_nothing() && !e.is_expiry();
    let inside = enhanced[outside..].iter().find(telling);
    let anywhere = || enhanced.iter().rev().find(telling);
    let informative = || enhanced.iter().rev().find(|e| !e.says_nothing());
    inside
        .or_else(anywhere)
        .or_else(informative)
        .or_else(|| enhanced.last())
        .copied()
}

/// Drops the code that every line of a multi-line reply repeats: `550-5.1.1 a 550 5.1.1 b` becomes `550-5.1.1 a b`.
fn drop_continuations(text: &mut String) {
    let bytes = text.as_bytes();
    let mut dashes = memchr::memchr_iter(b'-', bytes).filter_map(|dash| dash.checked_sub(3));
    let Some(first) = dashes.find(|&i| {
        matches!(bytes[i], b'2'..=b'5')
            && bytes[i..i + 3].iter().all(u8::is_ascii_digit)
            && (i == 0
                || !bytes[i - 1].is_ascii_alphanumeric()
                    && !matches!(bytes[i - 1], b'.' | b'-' | b'@'))
    }) else {
        return;
    };
    let code = text[first..first + 3].to_owned();
    let rest = text.split_off(first + 4);
    let enhanced: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let enhanced = Enhanced::parse(&enhanced).map(|_| enhanced);
    let mut out = String::with_capacity(rest.len());
    let mut words = rest.split(' ').peekable();
    let mut begin = true;
    while let Some(word) = words.next() {
        let repeats = !begin
            && word.len() >= 3
            && word.starts_with(&code)
            && (word.as_bytes().get(3) == Some(&b'-')
                || word.len() == 3
                    && enhanced
                        .as_ref()
                        .is_none_or(|e| words.peek().is_some_and(|w| *w == e)));
        if repeats {
            let tail = word.get(4..).unwrap_or_default();
            let (same, tail) = match &enhanced {
                Some(e) if tail == e => (true, ""),
                _ => (false, tail),
            };
            if !same
                && tail.is_empty()
                && let Some(e) = &enhanced
                && words.peek().is_some_and(|w| *w == e)
            {
                words.next();
            }
            if !tail.is_empty() {
                out.push(' ');
                out.push_str(tail);
            }
            continue;
        }
        if !begin {
            out.push(' ');
        }
        out.push_str(word);
        begin = false;
    }
    text.push_str(&out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_reply_and_its_code() {
        let table: &[(&str, Option<u16>, Option<&str>)] = &[
            (
                "550 5.1.1 <a@example.com>: user unknown",
                Some(550),
                Some("5.1.1"),
            ),
            (
                "550-5.1.1 The email account\r\n550-5.1.1 does not exist\r\n550 5.1.1 bye",
                Some(550),
                Some("5.1.1"),
            ),
            (
                "554 4.4.7 Message expired: 840 minutes. <421 4.4.2 Connection timed out>",
                Some(421),
                Some("4.4.2"),
            ),
            (
                "550 5.7.350 Remote server returned message detected as spam -> 550 5.7.1 Rejected",
                Some(550),
                Some("5.7.1"),
            ),
            (
                "host mx.example.com[192.0.2.1] said: 452 4.2.2 full (in reply to RCPT TO command)",
                Some(452),
                Some("4.2.2"),
            ),
            (
                "220-mx.example.com 421 4.2.1 too busy",
                Some(421),
                Some("4.2.1"),
            ),
            (
                "Connected to 192.0.2.250 but sender was rejected. Remote host said: 553 sorry",
                Some(553),
                None,
            ),
            ("user unknown", None, None),
            ("message of 550 bytes from 203.0.113.5", None, None),
            ("smtp;550 #5.1.0 Address rejected", Some(550), Some("5.1.0")),
            ("Exim 4.9.2 5.0.0", None, Some("4.9.2")),
            ("sorry (#5.1.1)", None, Some("5.1.1")),
            ("5.1.2.3", None, None),
        ];
        for (text, code, enhanced) in table {
            let r = ReadReply::new(text);
            assert_eq!(r.code, *code, "{text}");
            assert_eq!(
                r.best.map(|e| e.to_string()).as_deref(),
                *enhanced,
                "{text}"
            );
        }
    }

    #[test]
    fn continuation_codes_go() {
        for (from, to) in [
            ("550-5.1.1 a 550-5.1.1 b 550 5.1.1 c", "550-5.1.1 a b c"),
            ("550-a 550-b 550 c", "550-a b c"),
            ("550 a 550 b", "550 a 550 b"),
        ] {
            assert_eq!(ReadReply::new(from).text, to);
        }
    }
}
