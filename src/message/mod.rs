//! Bytes -> parts in bounds.
//!
//! [`Message::read`] finds header and parts without copying; bodies are decoded when somebody asks for them.

mod engine;
mod event_id;
mod frame;
mod header;
mod html;
mod limits;
mod newline;
mod plain;
mod salvage;

#[cfg(feature = "fuzzing")]
pub(crate) use engine::both_ways;
pub(crate) use engine::{addresses, date, field_text, timestamp};
pub(crate) use event_id::event_id;
pub(crate) use frame::{Encoding, Part};
pub(crate) use header::{Header, split};
pub use limits::Limits;
pub(crate) use newline::{uniform, whole_lines};
pub(crate) use salvage::{inline_header, status_fields_in};

use std::borrow::Cow;

/// Bytes as text, with U+FFFD for what is no UTF-8. The reader of the standard library takes each byte by itself; most text has
/// no fault.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// A message and its parts; borrows from the bytes.
#[derive(Debug)]
pub(crate) struct Message<'x> {
    pub bytes: &'x [u8],
    pub header: Header<'x>,
    /// The tree in the order of the text; the first is the message itself.
    pub parts: Vec<Part<'x>>,
    limits: &'x Limits,
}

impl<'x> Message<'x> {
    /// Reads the frame. `bytes` have uniform line ends. What is odd is added to `problems`.
    pub fn read(bytes: &'x [u8], limits: &'x Limits, problems: &mut Vec<String>) -> Self {
        // A byte order mark is the fault of an editor.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let blank = bytes
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t'))
            .count();
        // Blank lines before the header are the fault of a store; a blank at the start of a line is not.
        let start = bytes[..blank]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |i| i + 1);
        let bytes = &bytes[start..];
        let header = Header::read(bytes, limits.max_header_bytes, limits.max_fields);
        if header.cut {
            problems.push(format!(
                "header cut at {} bytes or {} fields",
                limits.max_header_bytes, limits.max_fields
            ));
        }
        if header.fields.is_empty() {
            problems.push(
                if bytes.is_empty() {
                    "empty"
                } else {
                    "no header"
                }
                .to_owned(),
            );
        }
        let body = &bytes[header.len..];
        let mut parts = frame::walk(&header, body, limits, problems);
        if parts.len() == 1
            && let Some(found) = salvage::repair_frame(&parts[0], body, limits, problems)
        {
            parts = found;
        }
        Message {
            bytes,
            header,
            parts,
            limits,
        }
    }

    /// The decoded text of the first field of this name.
    pub fn text_of(&self, name: &str) -> Option<Cow<'x, str>> {
        self.header.get(name).map(|v| field_text(v, self.charset()))
    }

    /// A charset for raw 8-bit header fields: that of the message.
    fn charset(&self) -> Option<&str> {
        self.parts.iter().find_map(|p| p.media.charset.as_deref())
    }

    /// A leaf without its transfer encoding.
    pub fn content<'s>(&'s self, part: &'s Part<'x>) -> Cow<'s, [u8]> {
        engine::decode_transfer(part.body, part.encoding)
    }

    /// A leaf as text, at most the limit's bytes of it; HTML becomes words.
    pub fn words<'s>(&'s self, part: &'s Part<'x>) -> Cow<'s, str> {
        let body = match part.encoding {
            // Encoded text shrinks: three bytes for each of quoted-printable at most.
            frame::Encoding::Identity => &part.body[..part.body.len().min(self.limits.max_text)],
            _ => &part.body[..part.body.len().min(self.limits.max_text * 3)],
        };
        let charset = part.media.charset.as_deref();
        let text = match engine::decode_transfer(body, part.encoding) {
            Cow::Borrowed(b) => engine::decode_charset(b, charset),
            Cow::Owned(b) => Cow::Owned(engine::decode_charset(&b, charset).into_owned()),
        };
        if part.media.is("text/html") || (part.media.essence.is_empty() && looks_like_html(&text)) {
            return Cow::Owned(html::words(&text));
        }
        text
    }

    /// Leaves whose text is the message's own: inline text, plain preferred over HTML in an alternative.
    pub fn own_texts(&self) -> Vec<&Part<'x>> {
        let mut texts: Vec<&Part<'x>> = Vec::new();
        let has_plain = |p: &Part<'x>| {
            self.parts.iter().any(|q| {
                q.parent == p.parent
                    && is_plain(q)
                    && !q.attachment
                    && !q.body.trim_ascii().is_empty()
            })
        };
        for p in &self.parts {
            if p.is_multipart() || p.attachment {
                continue;
            }
            let html = p.media.is("text/html");
            let in_alternative = p
                .parent
                .is_some_and(|i| self.parts[i].media.is("multipart/alternative"));
            if is_plain(p) || (html && !(in_alternative && has_plain(p))) {
                texts.push(p);
            }
        }
        texts
    }

    /// The first part of this media type.
    pub fn part(&self, essence: &str) -> Option<&Part<'x>> {
        self.parts.iter().find(|p| p.media.is(essence))
    }
}

fn is_plain(part: &Part<'_>) -> bool {
    part.media.essence.is_empty()
        || part.media.is("text/plain")
        || part.media.is("text")
        || part.media.is("text/")
            && !part.media.is("text/html")
            && !part.is_header()
            && !part.media.is("text/calendar")
}

fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start();
    start
        .get(..5)
        .is_some_and(|s| s.eq_ignore_ascii_case("<html"))
        || start
            .get(..9)
            .is_some_and(|s| s.eq_ignore_ascii_case("<!doctype"))
}
