//! Common plain values of header fields, read in a short way that gives the same answer as mail-parser's readers;
//! `None` where a value is anything else. A fuzz target holds both ways against each other.

use std::borrow::Cow;

use super::frame::Media;

/// Reads `type/subtype; name=value; name="value"` of plain ASCII; `None` where the value is anything else.
pub(super) fn content_type(value: &[u8]) -> Option<Media<'_>> {
    if value.iter().any(|b| SPECIAL[usize::from(*b)]) || has_encoded_word(value) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    let (essence, mut rest) = split_once(text, b';').unwrap_or((text, ""));
    let mut media = Media {
        essence: Cow::Borrowed(essence.trim_ascii()),
        ..Media::default()
    };
    // A Content-Disposition has one word.
    let (main, sub) = split_once(&media.essence, b'/').unwrap_or((&media.essence, "x"));
    if !is_token(main) || !is_token(sub) {
        return None;
    }
    let (mut name, mut filename) = (None, None);
    while !rest.trim_ascii_start().is_empty() {
        let (attribute, after) = split_once(rest, b'=')?;
        let attribute = attribute.trim_ascii();
        // A fold stands here too, which mail-parser takes for the end.
        let after = after.trim_ascii_start();
        let (value, more) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, more) = split_once(quoted, b'"')?;
                let (between, more) = split_once(more, b';').unwrap_or((more, ""));
                if !between.trim_ascii().is_empty() || value.bytes().any(|b| b.is_ascii_control()) {
                    return None;
                }
                (value, more)
            }
            None => {
                let (value, more) = split_once(after, b';').unwrap_or((after, ""));
                let value = value.trim_ascii();
                if value.bytes().any(|b| !b.is_ascii_graphic() || b == b'"') {
                    return None;
                }
                (value, more)
            }
        };
        if !is_token(attribute) || value.is_empty() {
            return None;
        }
        let known = [
            ("boundary", &mut media.boundary),
            ("charset", &mut media.charset),
            ("name", &mut name),
            ("filename", &mut filename),
            ("report-type", &mut media.report_type),
        ];
        for (known, slot) in known {
            if attribute.eq_ignore_ascii_case(known) {
                slot.get_or_insert(Cow::Borrowed(value));
            }
        }
        rest = more;
    }
    media.name = name.or(filename);
    Some(media)
}

/// What has a meaning of its own in structured fields, or none at all.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < special.len() {
        let b = byte as u8;
        let control = b.is_ascii_control() && !matches!(b, b'\t' | b'\n' | b'\r');
        special[byte] = matches!(b, b'(' | b'*' | b'\\') || control || !b.is_ascii();
        byte += 1;
    }
    special
};

/// Whether an encoded word (RFC 2047) may begin here.
fn has_encoded_word(value: &[u8]) -> bool {
    memchr::memchr_iter(b'=', value).any(|at| value.get(at + 1) == Some(&b'?'))
}

/// What stands before and behind the first such ASCII character.
pub(super) fn split_once(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// A word of letters, digits and the marks that type and attribute names have.
fn is_token(word: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'+');
    !word.is_empty() && word.bytes().all(ok)
}

/// `a@b`, `<a@b>` or `Name <a@b>` and nothing else.
pub(super) fn address(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let has_meaning = |b: u8| matches!(b, b',' | b';' | b':' | b'(' | b'\\');
    if text
        .bytes()
        .any(|b| has_meaning(b) || b.is_ascii_control() || !b.is_ascii())
    {
        return None;
    }
    let inner = match (
        memchr::memchr(b'<', text.as_bytes()),
        text.strip_suffix('>'),
    ) {
        // A name that is not closed takes the address in.
        _ if memchr::memchr_iter(b'"', text.as_bytes()).count() % 2 == 1 => return None,
        (Some(a), Some(t)) => &t[a + 1..],
        (None, None) => text,
        _ => return None,
    };
    let plain = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'@' | b'.'
                    | b'-'
                    | b'_'
                    | b'+'
                    | b'='
                    | b'/'
                    | b'#'
                    | b'%'
                    | b'!'
                    | b'*'
                    | b'\''
                    | b'~'
                    | b'&'
            )
    };
    let (local, domain) = split_once(inner, b'@')?;
    let is_address = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
    (is_address && inner.bytes().all(plain)).then_some(inner)
}
