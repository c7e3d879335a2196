//! Reads a reply: folded lines joined, wrapping undone, the innermost reply and its codes found.

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
    /// Every enhanced code of class 4 or 5 with its place, in order.
    pub enhanced: Vec<(usize, Enhanced)>,
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

    /// All enhanced codes, the best first.
    pub fn enhanced_codes(&self) -> Vec<Enhanced> {
        let mut all: Vec<Enhanced> = self.best.into_iter().collect();
        all.extend(
            self.enhanced
                .iter()
                .map(|(_, e)| *e)
                .filter(|e| Some(*e) != self.best),
        );
        all
    }

    fn find_codes(&mut self) {
        let bytes = self.text.as_bytes();
        let mut replies: Vec<(usize, u16)> = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if !bytes[at].is_ascii_digit() {
                at += 1;
                continue;
            }
            let len = bytes[at..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            if let Some((e, end)) = enhanced_at(bytes, at, len) {
                if e.class != 2 {
                    self.enhanced.push((at, e));
                }
                at = end;
                continue;
            }
            if len == 3
                && let Some(code) = reply_at(&self.text, at)
            {
                replies.push((at, code));
            }
            at += len;
        }
        // A greeting or an acceptance around the refusal is no answer to our recipient.
        let failed = replies.iter().rposition(|(_, c)| *c >= 400);
        if let Some(i) = failed.or(replies.len().checked_sub(1)) {
            let (place, code) = replies[i];
            self.code = Some(code);
            self.inner = place;
            self.outer = replies.iter().map(|r| r.1).filter(|c| *c != code).collect();
            self.outer.dedup();
        }
        self.best = self.best_enhanced();
    }

    fn best_enhanced(&self) -> Option<Enhanced> {
        let telling = |e: &Enhanced| !e.says_nothing() && !e.is_expiry();
        let inside = self
            .enhanced
            .iter()
            .find(|(p, e)| *p >= self.inner && telling(e));
        let anywhere = || self.enhanced.iter().rev().find(|(_, e)| telling(e));
        let informative = || self.enhanced.iter().rev().find(|(_, e)| !e.says_nothing());
        inside
            .or_else(anywhere)
            .or_else(informative)
            .or_else(|| self.enhanced.last())
            .map(|(_, e)| *e)
    }
}

/// An enhanced code that begins at `at`, where a run of `len` digits stands.
fn enhanced_at(bytes: &[u8], at: usize, len: usize) -> Option<(Enhanced, usize)> {
    if len != 1 || !matches!(bytes[at], b'2' | b'4' | b'5') {
        return None;
    }
    if at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'.') {
        return None;
    }
    let mut pos = at + 1;
    for _ in 0..2 {
        if bytes.get(pos) != Some(&b'.') {
            return None;
        }
        let digits = bytes[pos + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if !(1..=3).contains(&digits) {
            return None;
        }
        pos += 1 + digits;
    }
    // 5.1.2.3 is a version or an address.
    let next = bytes.get(pos).copied().unwrap_or(b' ');
    let after = bytes.get(pos + 1).copied().unwrap_or(b' ');
    if (next == b'.' && after.is_ascii_digit()) || next.is_ascii_alphabetic() {
        return None;
    }
    let text = std::str::from_utf8(&bytes[at..pos]).ok()?;
    Some((Enhanced::parse(text)?, pos))
}

/// A reply code at `at`, where exactly three digits stand, if the words around say that it is one.
fn reply_at(text: &str, at: usize) -> Option<u16> {
    let bytes = text.as_bytes();
    if !matches!(bytes[at], b'2'..=b'5') {
        return None;
    }
    let next = bytes.get(at + 3).copied().unwrap_or(b' ');
    if !matches!(
        next,
        b' ' | b'-'
            | b'#'
            | b':'
            | b','
            | b')'
            | b'>'
            | b';'
            | b'\''
            | b'"'
            | b'.'
            | b'_'
            | b'('
            | b'='
            | b'['
            | b']'
    ) {
        return None;
    }
    let code: u16 = text.get(at..at + 3)?.parse().ok()?;
    let before = text[..at].trim_end();
    let Some(last) = before.as_bytes().last().copied() else {
        return Some(code);
    };
    if at > 0
        && (bytes[at - 1].is_ascii_alphanumeric()
            || matches!(bytes[at - 1], b'.' | b'-' | b'/' | b'@' | b'+'))
    {
        // `smtp-550`, `->550` and addresses apart: only an arrow may touch the code.
        return None;
    }
    let enhanced_follows = {
        let rest = text[at + 3..].trim_start_matches([' ', '-', '#', '(', ':', '[']);
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit()).count();
        enhanced_at(rest.as_bytes(), 0, digits).is_some()
    };
    if enhanced_follows {
        return Some(code);
    }
    // Without an enhanced code the second digit must be one that RFC 5321 section 4.2 allows.
    if bytes[at + 1] > b'5' {
        return None;
    }
    if next == b'.' && bytes.get(at + 4).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let touching = matches!(
        last,
        b':' | b';' | b'<' | b'>' | b'(' | b'\'' | b'"' | b'#' | b'=' | b'{'
    );
    if touching && next != b']' {
        return Some(code);
    }
    const WORDS: &[&str] = &[
        "said",
        "code",
        "error",
        "reply",
        "response",
        "was",
        "smtp",
        "returned",
        "got",
        "answered",
        "server",
        "status",
        "with",
        "responded",
        "rejected",
        "replied",
        "errors",
        "errorcode",
        "saying",
        "is",
    ];
    let word_start = before
        .rfind(|c: char| !c.is_ascii_alphabetic())
        .map_or(0, |i| i + 1);
    let word = before.get(word_start..).unwrap_or_default();
    // "was 450 kb", "with 300 recipients": a count has its unit behind it.
    let unit = text[at + 3..].trim_start();
    const UNITS: &[&str] = &[
        "kb",
        "mb",
        "bytes",
        "seconds",
        "minutes",
        "hours",
        "messages",
        "recipients",
        "days",
        "sec",
        "min",
    ];
    (WORDS.contains(&word) && !UNITS.iter().any(|u| unit.starts_with(u))).then_some(code)
}

/// Drops the code that every line of a multi-line reply repeats: `550-5.1.1 a 550 5.1.1 b` becomes `550-5.1.1 a b`.
fn drop_continuations(text: &mut String) {
    let bytes = text.as_bytes();
    let Some(first) = (0..bytes.len().saturating_sub(3)).find(|&i| {
        bytes[i + 3] == b'-'
            && matches!(bytes[i], b'2'..=b'5')
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
