//! Addresses as reports and notices write them: types, brackets, xtext, VERP, SRS, BATV.

use std::borrow::Cow;

/// The longest address that is read as one (RFC 5321 section 4.5.3.1.3 allows 254; X.400 forms are longer).
const MAX_ADDRESS: usize = 1024;

/// Splits `rfc822; a@b` into type and value. A value without a type gives an empty type.
pub(crate) fn split_type(value: &str) -> (&str, &str) {
    match value.split_once(';') {
        Some((kind, rest))
            if !kind.trim().is_empty()
                && kind
                    .trim()
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
        {
            (kind.trim(), rest.trim())
        }
        _ => ("", value.trim()),
    }
}

/// The address of a `Final-Recipient`, `Original-Recipient` or the like: without type, brackets, display name,
/// and with xtext (RFC 3461 section 4) and `utf-8` escapes (RFC 6533 section 3) undone.
pub(crate) fn from_field(value: &str, is_original: bool) -> Option<String> {
    let (kind, rest) = split_type(value);
    // A second type, as some gateways write: `rfc822; RFC822; a@b`.
    let rest = match split_type(rest) {
        (k, r) if k.eq_ignore_ascii_case("rfc822") || k.eq_ignore_ascii_case("smtp") => r,
        _ => rest,
    };
    if kind.eq_ignore_ascii_case("x400") {
        return Some(rest.to_owned()).filter(|r| !r.is_empty() && !r.contains(is_hidden));
    }
    let mut text = Cow::Borrowed(rest);
    if kind.eq_ignore_ascii_case("utf-8") {
        text = Cow::Owned(decode_utf8_escapes(rest));
    } else if is_original && kind.eq_ignore_ascii_case("rfc822") {
        text = decode_xtext(rest);
    }
    clean(&text)
}

/// One address out of `<a@b>`, `Name <a@b>`, `a@b (comment)`, `mailto:a@b`, `SMTP:a@b`.
///
/// Gives `None` where nothing is left. What is no address at all (a user name) is kept: only the caller knows
/// whether that can be.
pub(crate) fn clean(text: &str) -> Option<String> {
    let mut text = text.trim();
    if let Some(open) = text.rfind('<')
        && let Some(close) = text[open..].find('>')
    {
        let inner = text[open + 1..open + close].trim();
        if !inner.is_empty() || open == 0 {
            text = inner;
        }
    }
    for prefix in ["mailto:", "smtp:", "rfc822:"] {
        if text
            .get(..prefix.len())
            .is_some_and(|p| p.eq_ignore_ascii_case(prefix))
        {
            text = text[prefix.len()..].trim_start();
        }
    }
    if !text.starts_with('"')
        && let Some(at) = text.find('@')
    {
        // What follows the domain is a comment.
        let end = text[at..]
            .find([' ', '\t', '(', '\n', '\r'])
            .map_or(text.len(), |i| at + i);
        text = &text[..end];
    }
    let is_around = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '\'');
    let text = text.trim_start_matches(is_around);
    let text = text.trim_end_matches(|c| is_around(c) || matches!(c, ':' | '.'));
    let text = match text.strip_prefix('"') {
        Some(inner) if !text.contains("\"@") => inner.trim_end_matches('"'),
        _ => text,
    };
    let ok = !text.is_empty() && text.len() <= MAX_ADDRESS && !text.contains(is_hidden);
    ok.then(|| text.to_owned())
}

/// Characters that have no place in an address and can deceive a reader of the output.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `+40` as `@`; a malformed escape stays (RFC 3461 section 4, read leniently).
pub(crate) fn decode_xtext(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        // Upper-case hex only: `bob+ab@example.com` is a tag and no escape.
        let digit = |at: usize| {
            bytes.get(at).and_then(|b| match b {
                b'0'..=b'9' => Some(b - b'0'),
                b'A'..=b'F' => Some(b - b'A' + 10),
                _ => None,
            })
        };
        match (bytes[i], digit(i + 1), digit(i + 2)) {
            (b'+', Some(a), Some(b)) if is_escape(a * 16 + b) => {
                out.push(a * 16 + b);
                i += 3;
            }
            (b, ..) => {
                out.push(b);
                i += 1;
            }
        }
    }
    match String::from_utf8(out) {
        Ok(s) => Cow::Owned(s),
        Err(_) => Cow::Borrowed(text),
    }
}

/// Only octets that need an escape are one: `bob+20@` is likelier a tag unless it stands for a special.
fn is_escape(octet: u8) -> bool {
    matches!(
        octet,
        b' ' | b'+'
            | b'='
            | b'@'
            | b'"'
            | b'\\'
            | b'<'
            | b'>'
            | b'('
            | b')'
            | b','
            | b';'
            | b':'
            | b'#'
    ) || octet >= 0x80
}

/// `\x{E9}` as `é` (RFC 6533 section 3).
fn decode_utf8_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x{") {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 3..];
        let decoded = tail
            .find('}')
            .filter(|e| (2..=6).contains(e))
            .and_then(|e| {
                let c = u32::from_str_radix(&tail[..e], 16)
                    .ok()
                    .and_then(char::from_u32)?;
                Some((c, e))
            });
        match decoded {
            Some((c, e)) => {
                out.push(c);
                rest = &tail[e + 1..];
            }
            None => {
                out.push_str("\\x{");
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether this can stand as an address in the answer: something, `@`, a domain.
pub(crate) fn is_plausible(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    !local.is_empty()
        && local.len() <= 512
        && domain.len() <= 255
        && !domain.is_empty()
        && !domain.starts_with(['.', '-'])
        && domain
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':'))
        && !local.contains(is_hidden)
        && (local.starts_with('"')
            || !local.contains([' ', '<', '>', '(', ')', ',', ';', '\t', '@']))
}

/// Whether two addresses are the same mailbox as far as anybody outside can tell.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// The domain of an address.
pub(crate) fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, d)| d)
}

/// The addresses in free text, in order: a local part, plain or quoted, `@`, and a domain with a dot or in
/// brackets. URLs and Message-IDs are the caller's matter.
pub(crate) fn find_in_text(text: &str) -> impl Iterator<Item = String> + '_ {
    spans_in_text(text).map(|(from, to)| text[from..to].to_owned())
}

/// [`find_in_text`] as byte ranges.
pub(crate) fn spans_in_text(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let bytes = text.as_bytes();
    let mut floor = 0;
    memchr::memchr_iter(b'@', bytes).filter_map(move |at| {
        if at < floor {
            return None;
        }
        let from = local_start(text, floor, at)?;
        let to = domain_end(text, at + 1)?;
        floor = to;
        Some((from, to))
    })
}

fn local_start(text: &str, floor: usize, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if at > floor && bytes[at - 1] == b'"' {
        // A quoted local part: back to the quote that opens it.
        let from = at.saturating_sub(130).max(floor);
        let open = (from..at - 1)
            .rev()
            .find(|&i| bytes[i] == b'"' && (i == 0 || bytes[i - 1] != b'\\'))?;
        let inside = &text[open + 1..at - 1];
        return (!inside.is_empty() && !inside.contains(is_hidden)).then_some(open);
    }
    let mut from = at;
    // Text of a script without blanks may touch an ASCII address.
    let ascii_only = bytes.get(at.wrapping_sub(1)).is_some_and(u8::is_ascii);
    for (i, c) in text[floor..at].char_indices().rev() {
        let foreign = ascii_only && is_unspaced(c);
        if foreign
            || !(c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
            || at - (floor + i) > 256
        {
            break;
        }
        from = floor + i;
    }
    // Quotes and dots of the sentence around it are not part of it.
    while from < at && matches!(bytes[from], b'\'' | b'`' | b'.' | b'*' | b'|' | b'=') {
        from += 1;
    }
    // A path that ends in an address is a path.
    (from < at && bytes[from] != b'/').then_some(from)
}

fn domain_end(text: &str, from: usize) -> Option<usize> {
    let rest = &text[from..];
    if rest.starts_with('[') {
        let end = memchr::memchr(b']', &rest.as_bytes()[..rest.len().min(64)])?;
        return Some(from + end + 1);
    }
    let ascii_only = rest.as_bytes().first().is_some_and(u8::is_ascii);
    let mut end = rest
        .char_indices()
        .take(256)
        .find(|(_, c)| {
            ascii_only && is_unspaced(*c) || !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
        })
        .map_or(rest.len().min(floor_256(rest)), |(i, _)| i);
    while end > 0 && matches!(rest.as_bytes()[end - 1], b'.' | b'-' | b'_') {
        end -= 1;
    }
    let domain = &rest[..end];
    let ok = domain.contains('.') && !domain.starts_with(['.', '-']) && !domain.contains("..");
    ok.then_some(from + end)
}

/// Chinese, Japanese, Korean, Thai and their like.
fn is_unspaced(c: char) -> bool {
    matches!(c as u32, 0x0e00..=0x0eff | 0x2e80..=0x9fff | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0xff00..=0xffef)
}

fn floor_256(text: &str) -> usize {
    text.char_indices().nth(256).map_or(text.len(), |(i, _)| i)
}

/// What an envelope recipient decodes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// The recipient that a variable envelope return path carries.
    Verp(String),
    /// The sender that an SRS forwarder rewrote: our own address, not the one that failed.
    Srs(String),
}

/// Decodes a return path: `bounce+bob=example.com@lists.example`, `SRS0=HHH=TT=example.com=bob@fwd.example`.
pub(crate) fn decode_return_path(address: &str) -> Option<Decoded> {
    let (local, _) = address.rsplit_once('@')?;
    let local = strip_batv(local);
    if let Some(original) = decode_srs(local) {
        return Some(Decoded::Srs(original));
    }
    decode_verp(local).map(Decoded::Verp)
}

/// The return path as we wrote it: without BATV, and without what an SRS forwarder made of it.
pub(crate) fn unwrap_return_path(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    match decode_srs(local) {
        // A forwarder may have wrapped a path that already carried BATV.
        Some(inner) => match inner.rsplit_once('@') {
            Some((l, d)) => format!("{}@{d}", strip_batv(l)),
            None => inner,
        },
        None => format!("{}@{domain}", strip_batv(local)),
    }
}

/// `prvs=tttthhhhhh=local`, `btv1==hhh==local` and `msprvs1=...=local`, down to the local part.
fn strip_batv(local: &str) -> &str {
    let lower = local.to_ascii_lowercase();
    if lower.starts_with("prvs=") || lower.starts_with("msprvs1=") {
        if let Some(i) = local.match_indices('=').nth(1).map(|(i, _)| i) {
            return &local[i + 1..];
        }
    } else if lower.starts_with("btv1==")
        && let Some(i) = local[6..].find("==")
    {
        return &local[6 + i + 2..];
    }
    local
}

fn decode_srs(local: &str) -> Option<String> {
    let head = local.get(..4)?;
    let rest = local[4..].strip_prefix(['=', '+', '-'])?;
    let tail = if head.eq_ignore_ascii_case("SRS0") {
        rest
    } else if head.eq_ignore_ascii_case("SRS1") {
        // SRS1=HHH=forwarder==HHH=TT=domain=local
        let at = rest
            .find("==")
            .or_else(|| rest.find("=+"))
            .or_else(|| rest.find("=-"))?;
        &rest[at + 2..]
    } else {
        return None;
    };
    let mut it = tail.splitn(4, '=');
    let (_hash, _time, domain, local) = (it.next()?, it.next()?, it.next()?, it.next()?);
    Some(format!("{local}@{domain}")).filter(|a| is_plausible(a) && domain.contains('.'))
}

/// The last `=` that is followed by a domain stands for the `@`; the local part begins behind the separator
/// before it. Ambiguous forms give `None`.
fn decode_verp(local: &str) -> Option<String> {
    let (front, domain) = local.rsplit_once('=')?;
    let is_domain = domain.contains('.')
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        && domain
            .rsplit('.')
            .next()
            .is_some_and(|t| t.len() >= 2 && t.bytes().all(|b| b.is_ascii_alphabetic()));
    if !is_domain {
        return None;
    }
    // `bounce-5899542-1206365-bob`, `list-bounces+bob`, `owner-list-bob`, `bob`: behind the last separator of
    // the strongest sort there is.
    let start = ["+", "-"]
        .iter()
        .find_map(|s| front.rfind(s).map(|i| i + 1))
        .unwrap_or(0);
    let user = decode_xtext(&front[start..]);
    let address = format!("{user}@{domain}");
    (!user.is_empty() && is_plausible(&address)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_give_bare_addresses() {
        for (value, want) in [
            ("rfc822; bob@example.com", "bob@example.com"),
            ("RFC822;<bob@example.com>", "bob@example.com"),
            ("rfc822; RFC822; bob@example.com", "bob@example.com"),
            ("bob@example.com (Bob)", "bob@example.com"),
            ("\"Bob\" <bob@example.com>", "bob@example.com"),
            ("rfc822; \"a@b c\"@example.com", "\"a@b c\"@example.com"),
            ("utf-8; b\\x{F8}b@example.com", "bøb@example.com"),
            ("x400; /C=de/A=x/", "/C=de/A=x/"),
            ("smtp:bob@example.com", "bob@example.com"),
            ("rfc822; bob@example.com>.", "bob@example.com"),
            ("rfc822; bob@example.com.;", "bob@example.com"),
        ] {
            assert_eq!(from_field(value, false).as_deref(), Some(want), "{value}");
        }
        assert_eq!(
            from_field("rfc822;bob+40x=y@example.com", true).as_deref(),
            Some("bob@x=y@example.com")
        );
        assert_eq!(
            from_field("rfc822;bob+ab@example.com", true).as_deref(),
            Some("bob+ab@example.com")
        );
        assert_eq!(from_field("rfc822; <>", false), None);
    }

    #[test]
    fn addresses_in_text() {
        let all = |t: &str| find_in_text(t).collect::<Vec<_>>();
        assert_eq!(
            all("<bob@example.com>: x, and 'al@example.org'."),
            ["bob@example.com", "al@example.org"]
        );
        assert_eq!(all("\"a b\"@example.com"), ["\"a b\"@example.com"]);
        assert_eq!(
            all("root@localhost a@b..c @example.com"),
            Vec::<String>::new()
        );
        assert_eq!(
            all("bob@[192.0.2.1] jürgen@exämple.de"),
            ["bob@[192.0.2.1]", "jürgen@exämple.de"]
        );
    }

    #[test]
    fn return_paths() {
        let verp = |a: &str| match decode_return_path(a) {
            Some(Decoded::Verp(v)) => v,
            _ => String::new(),
        };
        assert_eq!(
            verp("bounce-5899542-1206365-bob=example.com@lists.example"),
            "bob@example.com"
        );
        assert_eq!(
            verp("list-bounces+bob=example.com@lists.example"),
            "bob@example.com"
        );
        assert_eq!(
            verp("prvs=0123abcdef=news+bob=example.com@lists.example"),
            "bob@example.com"
        );
        assert_eq!(verp("bounce+hash@x.example"), "");
        assert_eq!(
            decode_return_path("SRS0=ab12=XY=example.com=bob@fwd.example"),
            Some(Decoded::Srs("bob@example.com".into()))
        );
    }
}
