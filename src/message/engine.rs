//! The only file that names `mail-parser`: values of header fields, transfer encodings, charsets, HTML.
//!
//! The frame of a message is walked by [`super::frame`]; what stands inside fields and bodies is read here, by
//! mail-parser's own readers one by one. Common plain values take a short way ([`super::plain`]).

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::add_html_token;
use mail_parser::parsers::MessageStream;
use mail_parser::{DateTime, HeaderValue};
use memchr::memmem;

use super::frame::{Encoding, Media};
use super::plain;
use crate::address;

/// Longest header value that is read; real ones stay below 16 KiB.
const MAX_VALUE: usize = 64 * 1024;
/// Longest date that is read.
const MAX_DATE: usize = 128;

/// The Content-Type or Content-Disposition in a raw value.
pub(crate) fn content_type(value: &[u8]) -> Media<'_> {
    let value = &value[..value.len().min(MAX_VALUE)];
    plain::content_type(value).unwrap_or_else(|| any_content_type(value))
}

fn any_content_type(value: &[u8]) -> Media<'static> {
    let mut owned = value.to_vec();
    owned.push(b'\n');
    let mut media = Media::default();
    if let HeaderValue::ContentType(ct) = MessageStream::new(&owned).parse_content_type() {
        media.essence = Cow::Owned(match &ct.c_subtype {
            Some(sub) => format!("{}/{}", ct.c_type, sub),
            None => ct.c_type.to_string(),
        });
        let attribute = |name: &str| ct.attribute(name).map(|v| Cow::Owned(v.to_owned()));
        media.boundary = attribute("boundary").filter(|b: &Cow<'_, str>| !b.is_empty());
        media.charset = attribute("charset");
        media.name = attribute("name").or_else(|| attribute("filename"));
        media.report_type = attribute("report-type");
    }
    media
}

/// The text of an unstructured field: unfolded, encoded words decoded, raw 8-bit read as UTF-8 or `charset`.
pub(crate) fn field_text<'x>(value: &'x [u8], charset: Option<&str>) -> Cow<'x, str> {
    let value = &value[..value.len().min(MAX_VALUE)];
    let (mut encoded, mut escaped) = (false, false);
    for at in memchr::memchr2_iter(b'=', 0x1b, value) {
        encoded |= value[at..].starts_with(b"=?");
        escaped |= value[at..].starts_with(b"\x1b$");
    }
    // Raw ISO-2022-JP in a header: its escapes would come out as such.
    if escaped && value.is_ascii() {
        let text = decode_charset(value, None);
        return Cow::Owned(unfold(&text));
    }
    if value.is_ascii() && !encoded {
        let text = std::str::from_utf8(value).unwrap_or_default();
        return match memchr::memchr2(b'\n', b'\r', value) {
            None => Cow::Borrowed(text),
            Some(_) => Cow::Owned(unfold(text)),
        };
    }
    let text = match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => decode_charset(value, charset),
    };
    let mut owned = text.into_owned();
    owned.push('\n');
    name_utf7(&mut owned);
    match MessageStream::new(owned.as_bytes()).parse_unstructured() {
        HeaderValue::Text(t) => Cow::Owned(t.into_owned()),
        _ => Cow::Owned(unfold(owned.trim_end())),
    }
}

/// Exchange 2003 calls UTF-7 by the name of RFC 1642 in encoded words, which the decoder does not know.
fn name_utf7(text: &mut String) {
    const OLD: &str = "=?unicode-1-1-utf-7?";
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut from = 0;
    for at in memmem::find_iter(lower.as_bytes(), OLD.as_bytes()) {
        out.push_str(&text[from..at]);
        out.push_str("=?utf-7?");
        from = at + OLD.len();
    }
    if from > 0 {
        out.push_str(&text[from..]);
        *text = out;
    }
}

fn unfold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (line, more) = match plain::split_once(rest, b'\n') {
            Some((line, more)) => (line.strip_suffix('\r').unwrap_or(line), more),
            None => (rest, ""),
        };
        if out.is_empty() {
            out.push_str(line);
        } else {
            out.push(' ');
            out.push_str(line.trim_start_matches([' ', '\t']));
        }
        rest = more;
    }
    out
}

/// The addresses of an address field, at most `max`.
pub(crate) fn addresses(value: &[u8], max: usize) -> Vec<String> {
    let value = &value[..value.len().min(MAX_VALUE)];
    match plain::address(value) {
        Some(one) => vec![one.to_owned()],
        None => any_addresses(value, max),
    }
}

fn any_addresses(value: &[u8], max: usize) -> Vec<String> {
    let mut owned = match std::str::from_utf8(value) {
        Ok(_) => value.to_vec(),
        Err(_) => decode_charset(value, None).into_owned().into_bytes(),
    };
    owned.push(b'\n');
    match MessageStream::new(&owned).parse_address() {
        HeaderValue::Address(a) => a
            .iter()
            .filter_map(|a| a.address.as_deref())
            .filter(|a| !a.is_empty() && !a.contains(address::is_hidden))
            .take(max)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// A date as `YYYY-MM-DDThh:mm:ssZ`, in UTC.
pub(crate) fn date(value: &str) -> Option<String> {
    let d = DateTime::from_timestamp(timestamp(value)?);
    let mut text = String::with_capacity(20);
    let mut put = |number: u32, digits: u32, end: char| {
        for place in (0..digits).rev() {
            let digit = number / 10u32.pow(place) % 10;
            text.push(char::from(b'0' + digit as u8));
        }
        text.push(end);
    };
    put(d.year.into(), 4, '-');
    put(d.month.into(), 2, '-');
    put(d.day.into(), 2, 'T');
    put(d.hour.into(), 2, ':');
    put(d.minute.into(), 2, ':');
    put(d.second.into(), 2, 'Z');
    Some(text)
}

/// A date in seconds since 1970.
pub(crate) fn timestamp(value: &str) -> Option<i64> {
    // Folds count the same in LF and CRLF.
    let value = match value.contains('\r') {
        true => Cow::Owned(value.replace('\r', "")),
        false => Cow::Borrowed(value),
    };
    let value = value.trim();
    let value = value.get(..value.len().min(MAX_DATE)).unwrap_or_default();
    if value.len() < 8 {
        return None;
    }
    let iso = value.as_bytes().get(4) == Some(&b'-');
    let parsed = if iso {
        DateTime::parse_rfc3339(&uniform_iso(value))
    } else {
        // The parser wants a line.
        let mut line = [b'\n'; MAX_DATE + 1];
        line[..value.len()].copy_from_slice(value.as_bytes());
        match MessageStream::new(&line[..=value.len()]).parse_date() {
            HeaderValue::DateTime(d) => Some(d),
            _ => None,
        }
    };
    parsed
        .filter(|d| d.is_valid() && d.year > 1970)
        .map(|d| d.to_timestamp())
}

/// SendGrid writes `2012-12-31 23-59-59`.
fn uniform_iso(value: &str) -> Cow<'_, str> {
    let uniform = |(at, byte)| match (at, byte) {
        (10, b' ') => 'T',
        (13 | 16, b'-') => ':',
        _ => char::from(byte),
    };
    let mut bytes = value.bytes().enumerate();
    if !value.is_ascii() || bytes.all(|b| uniform(b) == char::from(b.1)) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.bytes().enumerate().map(uniform).collect())
}

/// A body without its transfer encoding. Damaged encodings give what can be read.
pub(crate) fn decode_transfer(body: &[u8], encoding: Encoding) -> Cow<'_, [u8]> {
    match encoding {
        Encoding::Identity => Cow::Borrowed(body),
        Encoding::QuotedPrintable => Cow::Owned(quoted_printable(body)),
        Encoding::Base64 => Cow::Owned(base64(body)),
    }
}

/// Quoted-printable, lenient: what is no escape stays as it is (RFC 2045 section 6.7, note 1).
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let next = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
        let (line, more) = rest.split_at(next);
        rest = more;
        let mut text = line.trim_ascii_end();
        let mut soft = false;
        while let Some(at) = memchr::memchr(b'=', text) {
            out.extend_from_slice(&text[..at]);
            let hex = |at: usize| text.get(at).and_then(|b| (*b as char).to_digit(16));
            let read = match (hex(at + 1), hex(at + 2)) {
                (Some(a), Some(b)) => {
                    out.push((a * 16 + b) as u8);
                    3
                }
                _ => {
                    soft = at + 1 == text.len();
                    if !soft {
                        out.push(b'=');
                    }
                    1
                }
            };
            text = &text[at + read..];
        }
        out.extend_from_slice(text);
        if !soft && line.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
    out
}

fn base64(body: &[u8]) -> Vec<u8> {
    if let Some(bytes) = base64_decode(body) {
        return bytes;
    }
    // Something else stands among the digits, such as a footer of a list: read up to the padding.
    let digits: Vec<u8> = body
        .iter()
        .copied()
        .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        .collect();
    let end = digits
        .iter()
        .position(|b| *b == b'=')
        .unwrap_or(digits.len());
    base64_decode(&digits[..end - end % 4]).unwrap_or_default()
}

/// Text in a charset, by its MIME name. Without one, and for names nobody knows: UTF-8, else ISO-2022-JP if
/// its escapes are there, else Windows-1252.
pub(crate) fn decode_charset<'b>(bytes: &'b [u8], charset: Option<&str>) -> Cow<'b, str> {
    let escapes = memchr::memchr_iter(0x1b, bytes).any(|at| bytes.get(at + 1) == Some(&b'$'));
    let ascii = bytes.is_ascii();
    let name = charset
        .map(|c| c.trim().trim_matches(['"', '\'']))
        .unwrap_or_default();
    let utf7 = name.eq_ignore_ascii_case("unicode-1-1-utf-7") || name.eq_ignore_ascii_case("utf-7");
    if ascii
        && !escapes
        && !utf7
        && !name.eq_ignore_ascii_case("hz-gb-2312")
        && !name.to_ascii_lowercase().starts_with("utf-16")
    {
        return Cow::Borrowed(std::str::from_utf8(bytes).unwrap_or_default());
    }
    let plain = name.is_empty()
        || [
            "utf-8",
            "utf8",
            "us-ascii",
            "ascii",
            "unknown-8bit",
            "x-unknown",
            "default",
        ]
        .iter()
        .any(|n| name.eq_ignore_ascii_case(n));
    if plain {
        if escapes && ascii {
            return decode_named(bytes, "iso-2022-jp");
        }
        return match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) if name.to_ascii_lowercase().starts_with("utf") => {
                String::from_utf8_lossy(bytes)
            }
            Err(_) => decode_named(bytes, "windows-1252"),
        };
    }
    let name = if utf7 { "utf-7" } else { name };
    decode_named(bytes, name)
}

fn decode_named<'b>(bytes: &'b [u8], name: &str) -> Cow<'b, str> {
    match charset_decoder(name.as_bytes()) {
        // In a charset with shifts a damaged escape takes line ends for letters: LF and CRLF must come out alike.
        Some(decode) if memmem::find(bytes, b"\r\n").is_some() && !is_utf16(name) => {
            Cow::Owned(decode(&without_cr(bytes)))
        }
        Some(decode) => Cow::Owned(decode(bytes)),
        None => String::from_utf8_lossy(bytes),
    }
}

fn is_utf16(name: &str) -> bool {
    name.get(..6)
        .is_some_and(|n| n.eq_ignore_ascii_case("utf-16"))
}

/// The bytes with LF for CRLF.
fn without_cr(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for i in memmem::find_iter(bytes, b"\r\n") {
        out.extend_from_slice(&bytes[at..i]);
        at = i + 1;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// Adds what an HTML entity such as `&eacute;` stands for.
pub(crate) fn push_entity(out: &mut String, entity: &str) {
    add_html_token(out, entity.as_bytes(), false);
}

/// What the short ways make of a field value beside what mail-parser makes of it, where there is a short way.
#[cfg(feature = "fuzzing")]
pub(crate) fn both_ways(value: &[u8]) -> Vec<(String, String)> {
    let media = |m: Media<'_>| {
        let parts = [m.boundary, m.charset, m.name, m.report_type];
        format!("{} {parts:?}", m.essence.to_ascii_lowercase())
    };
    let mut both = Vec::new();
    if let Some(plain) = plain::content_type(value) {
        both.push((media(plain), media(any_content_type(value))));
    }
    if let Some(plain) = plain::address(value) {
        both.push((
            format!("[{plain:?}]"),
            format!("{:?}", any_addresses(value, 2)),
        ));
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let m =
            content_type(b"multipart/report; report-type=delivery-status;\n\tboundary=\"a b/c\"");
        assert!(m.is("Multipart/Report") && m.is("multipart/"));
        assert_eq!(m.boundary.as_deref(), Some("a b/c"));
        assert_eq!(
            content_type(b"text/plain (x); charset=koi8-r")
                .charset
                .as_deref(),
            Some("koi8-r")
        );
        assert_eq!(field_text(b"=?utf-8?q?=C3=A9t=C3=A9?= x", None), "été x");
        assert_eq!(field_text(b"a\r\n b", None), "a b");
        assert_eq!(field_text(b"\x1b$B%a\x1b(B\r\n b", None), "メ b");
        assert_eq!(
            addresses(b"\"A, B\" <a@example.com>, b@example.com", 9),
            ["a@example.com", "b@example.com"]
        );
        assert_eq!(addresses(b"<a@example.com>", 9), ["a@example.com"]);
        assert_eq!(
            date("Fri, 20 Nov 2026 11:11:12 +0100").as_deref(),
            Some("2026-11-20T10:11:12Z")
        );
        assert_eq!(
            date("2012-12-31 23-59-59").as_deref(),
            Some("2012-12-31T23:59:59Z")
        );
        assert_eq!(
            decode_transfer(b"a=\nb=C3=A9=zz", Encoding::QuotedPrintable).as_ref(),
            "abé=zz".as_bytes()
        );
        assert_eq!(
            decode_transfer(b"aGVs\r\nbG8=", Encoding::Base64).as_ref(),
            b"hello"
        );
        assert_eq!(decode_charset(b"\x1b$B%a\x1b(B", None), "メ");
        assert_eq!(decode_charset(b"+AOk-", Some("unicode-1-1-utf-7")), "é");
    }
}
