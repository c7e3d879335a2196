//! Which digits of a reply are codes.

use crate::knowledge::Enhanced;

/// A code that stands in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// Three digits (RFC 5321 section 4.2).
    Reply(u16),
    /// An enhanced code (RFC 3463).
    Enhanced(Enhanced),
}

/// Calls `found` with every code of a normalised reply and its place, in order.
pub(super) fn codes(text: &str, mut found: impl FnMut(usize, Number)) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = next_digit(bytes, from) {
        if let Some((e, len)) = enhanced_at(bytes, at) {
            found(at, Number::Enhanced(e));
            from = at + len;
            continue;
        }
        let len = 1 + digits(&bytes[at + 1..]);
        from = at + len;
        if len == 3
            && let Some((code, enhanced)) = reply_at(text, at)
        {
            found(at, Number::Reply(code));
            if let Some((place, e, len)) = enhanced {
                found(place, Number::Enhanced(e));
                from = place + len;
            }
        }
    }
}

/// The place of the first digit at or behind `from`. Few bytes of a reply are digits, so eight are looked at together.
fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let mut at = from;
    let mut rest = bytes.get(from..)?;
    while let Some((eight, behind)) = rest.split_first_chunk() {
        // A digit is less than ten here; only then, and behind such a byte, the top bit is borrowed.
        let values = u64::from_le_bytes(*eight) ^ (EACH * u64::from(b'0'));
        let less = values.wrapping_sub(EACH * 10) & !values & (EACH * 0x80);
        if less != 0 {
            return Some(at + less.trailing_zeros() as usize / 8);
        }
        (at, rest) = (at + eight.len(), behind);
    }
    let found = rest.iter().position(u8::is_ascii_digit);
    found.map(|i| at + i)
}

/// How many digits `bytes` begins with.
fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// An enhanced code that begins at the digit at `at`, and how long it is.
fn enhanced_at(bytes: &[u8], at: usize) -> Option<(Enhanced, usize)> {
    let touched = at.checked_sub(1).map(|i| bytes[i]);
    if touched.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'.') {
        return None;
    }
    let (e, len) = Enhanced::read(&bytes[at..])?;
    // 5.1.2.3 is a version or an address.
    let mut behind = bytes[at + len..].iter().copied();
    let next = behind.next().unwrap_or(b' ');
    let after = behind.next().unwrap_or(b' ');
    let goes_on = next == b'.' && after.is_ascii_digit() || next.is_ascii_alphabetic();
    (!goes_on).then_some((e, len))
}

/// What may follow a reply code.
fn ends_code(byte: u8) -> bool {
    matches!(
        byte,
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
    )
}

/// A reply code at `at`, where exactly three digits stand, if the words around say that it is one; with the enhanced code
/// that follows it, its place and its length.
#[expect(clippy::type_complexity, reason = "only read by the caller above")]
fn reply_at(text: &str, at: usize) -> Option<(u16, Option<(usize, Enhanced, usize)>)> {
    let bytes = text.as_bytes();
    let number = &bytes[at..at + 3];
    let next = bytes.get(at + 3).copied().unwrap_or(b' ');
    if !matches!(number[0], b'2'..=b'5') || !ends_code(next) {
        return None;
    }
    let code = number
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    // `smtp-550`, `->550` and addresses apart: only an arrow may touch the code.
    let touched = at.checked_sub(1).map(|i| bytes[i]);
    if touched
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/' | b'@' | b'+'))
    {
        return None;
    }
    let marks = bytes[at + 3..]
        .iter()
        .take_while(|b| matches!(b, b' ' | b'-' | b'#' | b'(' | b':' | b'['))
        .count();
    let place = at + 3 + marks;
    // What stands before it is a mark, or the code itself where it does not begin with a digit.
    if let Some((e, len)) = enhanced_at(bytes, place) {
        return Some((code, Some((place, e, len))));
    }
    may_stand_alone(text, at, next).then_some((code, None))
}

/// Whether the three digits at `at` are a reply code though no enhanced code follows.
fn may_stand_alone(text: &str, at: usize, next: u8) -> bool {
    let bytes = text.as_bytes();
    let before = text[..at].trim_end();
    let Some(last) = before.as_bytes().last().copied() else {
        return true;
    };
    // The second digit must be one that RFC 5321 section 4.2 allows, but servers do say `571 we take no mail from you`.
    if bytes[at + 1] > b'5' && &bytes[at..at + 3] != b"571" {
        return false;
    }
    if next == b'.' && bytes.get(at + 4).is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let touching = matches!(
        last,
        b':' | b';' | b'<' | b'>' | b'(' | b'\'' | b'"' | b'#' | b'=' | b'{'
    );
    if touching && next != b']' {
        return true;
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
    if WORDS.contains(&word) {
        return !UNITS.iter().any(|u| unit.starts_with(u));
    }
    matches!(bytes[at], b'4' | b'5') && begins_reply(before, word, unit)
}

/// Whether a failure stands before the code and what a reply begins with behind it: "delivery failed 550 no such user",
/// "(mx.example.com) 550 user unknown". `<--` leads what a server answered in the transcript of a session.
fn begins_reply(before: &str, word: &str, behind: &str) -> bool {
    const FAILURES: &[&str] = &[
        "failed", "failure", "refused", "denied", "bounced", "reason",
    ];
    const STARTS: &[&str] = &[
        "<",
        "no such ",
        "no mailbox",
        "user unknown",
        "user not ",
        "unknown user",
        "unknown recipient",
        "mailbox unavailable",
        "mailbox not ",
        "mailbox full",
        "mailbox is ",
        "invalid recipient",
        "requested ",
        "relaying ",
        "recipient address",
        "recipient rejected",
        "address rejected",
        "service unavailable",
        "sorry",
    ];
    before == "--"
        || before.ends_with("<--")
        || (before.ends_with(')') || FAILURES.contains(&word))
            && STARTS.iter().any(|s| behind.starts_with(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_may_begin_behind_a_failure() {
        let replies = |text: &str| {
            let mut found = Vec::new();
            codes(text, |_, number| {
                if let Number::Reply(code) = number {
                    found.push(code);
                }
            });
            found
        };
        assert_eq!(replies("delivery failed 550 no such user"), [550]);
        assert_eq!(replies("host mx (192.0.2.1) 550 user unknown"), [550]);
        assert_eq!(
            replies("09:13:01: <-- 550 mailbox <a@b.example> is closed"),
            [550]
        );
        assert_eq!(replies("-- 553 sorry, no such mailbox"), [553]);
        assert_eq!(replies("mail from:<a@b.example>: 571 prohibited"), [571]);
        for count in [
            "delivery failed 550 times",
            "failed 450 of 500 messages",
            "(mx) 550 user accounts",
            "port (smtp) 465 is closed",
            "server: (mx) 571 users",
            "09:13:00: <-- 250 ok",
            "we refused 550 requests",
        ] {
            assert_eq!(replies(count), [] as [u16; 0], "{count}");
        }
    }

    #[test]
    fn digits_are_found_where_they_are() {
        let plain = |bytes: &[u8], from: usize| {
            let found = bytes.iter().skip(from).position(u8::is_ascii_digit);
            found.map(|i| from + i)
        };
        for byte in 0..=u8::MAX {
            for len in 1..20 {
                for place in 0..len {
                    // Beside bytes that are nearly digits.
                    for other in [b'x', b'/', b':', 0, 0x2f | 0x80, 0xff] {
                        let mut bytes = vec![other; len];
                        bytes[place] = byte;
                        for from in [0, place, len] {
                            assert_eq!(next_digit(&bytes, from), plain(&bytes, from));
                        }
                    }
                }
            }
        }
        assert_eq!(next_digit(b"1", 2), None);
    }
}
