//! The notice: what the outer message says in its own words, and the message that came back with it.

use std::borrow::Cow;
use std::ptr;

use crate::address::{self, Decoded};
use crate::contract::{NoticeInfo, Original};
use crate::knowledge::{Knowledge, Means, SignHits, normalise, normalise_into};
use crate::message::{
    Encoding, Header, Limits, Message, Part, addresses, date, field_text, inline_header, lossy,
    whole_lines,
};
use crate::words::AddressSource;

/// The most addresses of a `To` field that are kept.
const MAX_TO: usize = 50;
/// The most text parts that are read as the notice's own words.
const MAX_TEXTS: usize = 6;

/// A message seen as a notice.
#[derive(Debug)]
pub(crate) struct Notice<'m, 'x> {
    pub message: &'m Message<'x>,
    pub info: NoticeInfo,
    /// `Subject`, normalised.
    pub subject: String,
    /// The notice's own words, with their lines, up to the returned message.
    pub words: String,
    /// The same, normalised.
    pub normal: String,
    /// Signs in them, and marks in them and in the line that says that the returned message follows.
    pub signs: SignHits,
    /// What came back.
    pub returned: Option<Returned>,
    /// Whether the sender's address is that of a mail system.
    pub has_daemon_address: bool,
    /// Whether the sender calls itself a mail system, by address or by name.
    pub is_from_daemon: bool,
}

/// The header of the returned message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Returned {
    pub original: Original,
    /// Whom it was for by headers that carry one recipient each, best first: own recipient headers, Delivered-To.
    pub recipients: Vec<String>,
    /// `X-HmXmrOriginalRecipient` and its like stand here for complaints.
    pub complaint_recipient: Option<String>,
    /// End of the header in the outer message's bytes, where it is known.
    pub end: Option<usize>,
}

impl<'m, 'x> Notice<'m, 'x> {
    /// Reads header, own words and returned header.
    pub fn read(
        message: &'m Message<'x>,
        knowledge: &Knowledge,
        limits: &Limits,
        id_headers: &[String],
    ) -> Self {
        let info = info(message);
        let subject = normalise(info.subject.as_deref().unwrap_or_default());
        let from = message.text_of("From").unwrap_or_default();
        let mut returned = returned_part(message, limits, id_headers);
        let (mut words, verbatim) = own_words(message);
        if let Some((start, end)) = inline_header(&words) {
            // A header at the very start has the notice behind it.
            let before = words[..start].trim().bytes().filter(|b| *b != b'\r');
            let follows = before.count() >= 30;
            if returned.is_none() {
                let text = &words[start..end];
                let header = Header::read(text.as_bytes(), text.len(), 500);
                let mut found = read_returned(&header, id_headers);
                // What stands in further parts may tell this notice from another.
                let last =
                    verbatim.filter(|part| message.parts.last().is_some_and(|p| ptr::eq(p, *part)));
                found.end = last
                    .filter(|_| follows)
                    .and_then(|part| end_in(message, part, end));
                returned = Some(found);
            }
            if follows {
                words.truncate(start);
            } else {
                words.drain(..end);
            }
        }
        let mut normal = normalise(&words);
        let mut signs = knowledge.signs_in_body(&normal);
        if let Some(divider) = Divider::find(knowledge, &words, &signs) {
            words.truncate(divider.raw);
            normal.truncate(divider.start);
            normal.truncate(normal.trim_end().len());
            // What stands in the line itself marks the software, and is none of its words.
            let own = |_, end| end <= normal.len();
            signs.hits.retain(|h| own(h.1, h.2));
            signs
                .marks
                .retain(|m| own(m.1, m.2) || divider.start <= m.1 && m.2 <= divider.end);
        }
        let has_daemon_address = info
            .from
            .as_deref()
            .is_some_and(|a| knowledge.is_mail_system_address(a));
        Notice {
            message,
            has_daemon_address,
            is_from_daemon: has_daemon_address || knowledge.is_mail_system_name(&from),
            info,
            subject,
            words,
            normal,
            signs,
            returned,
        }
    }

    /// Addresses that are ours or the reporter's and so cannot be the one that failed, unless the notice says so.
    pub fn is_own_address(&self, address: &str) -> bool {
        let same = |a: &String| a.eq_ignore_ascii_case(address);
        self.info.to.iter().any(same)
            || self.info.from.as_ref().is_some_and(same)
            || self.info.envelope_to.as_ref().is_some_and(same)
            || self
                .returned
                .as_ref()
                .is_some_and(|r| r.original.from.as_ref().is_some_and(same))
    }

    /// The only address of the subject, where it is not ours: `Rejected posting to rowers@lists.example.com`.
    pub fn address_in_subject(&self) -> Option<String> {
        let mut found = address::find_in_text(self.info.subject.as_deref()?);
        let own = |a: &String| !address::is_plausible(a) || self.is_own_address(a);
        let one = found.next().filter(|a| !own(a))?;
        found.next().is_none().then_some(one)
    }

    /// Whether an address of the sender's can be the one that failed: it is the one the returned message was for, or
    /// a mail system does not tell whom that was for. Others tell owners of "messages that wait for you" to lure them.
    pub fn may_be_to_oneself(&self, address: &str) -> bool {
        let Some(returned) = &self.returned else {
            return self.has_daemon_address || self.has_null_path();
        };
        let mut to = returned
            .original
            .to
            .iter()
            .chain(&returned.recipients)
            .peekable();
        to.peek().is_none() || to.any(|a| a.eq_ignore_ascii_case(address))
    }

    /// The recipient that is encoded in an address to which the notice went.
    pub fn in_return_path(&self) -> Option<(String, AddressSource)> {
        let envelope = self.info.envelope_to.iter().chain(&self.info.to);
        envelope
            .filter_map(|address| address::decode_return_path(address))
            .find_map(|decoded| match decoded {
                Decoded::Verp(a) => Some((a, AddressSource::Verp)),
                // A forwarder rewrote our return path; what it was may carry the recipient.
                Decoded::Srs(path) => match address::decode_return_path(&path) {
                    Some(Decoded::Verp(a)) => Some((a, AddressSource::Srs)),
                    _ => None,
                },
            })
    }

    /// Whether the message that came back was sent by whom the notice is for: what returning to sender means.
    pub fn returns_to_sender(&self) -> bool {
        let Some(from) = self
            .returned
            .as_ref()
            .and_then(|r| r.original.from.as_deref())
        else {
            return false;
        };
        self.info
            .to
            .iter()
            .chain(&self.info.envelope_to)
            .any(|a| a.eq_ignore_ascii_case(from))
    }

    /// Whether the notice came with the null return path (RFC 5321 section 4.5.5).
    pub fn has_null_path(&self) -> bool {
        let mut paths = self.message.header.all("Return-Path");
        paths.next().is_some_and(|p| {
            let p = p.trim_ascii();
            p == b"<>"
                || p.is_empty()
                || p.len() > 13 && p[..14].eq_ignore_ascii_case(b"<mailer-daemon")
        })
    }
}

/// The line that says that the returned message follows: it belongs to neither.
struct Divider {
    /// Where it begins in the words.
    raw: usize,
    /// Where it stands in the normalised words.
    start: usize,
    end: usize,
}

impl Divider {
    /// The first line that begins with such a sign. A notice that begins with one has its words behind it.
    fn find(knowledge: &Knowledge, words: &str, signs: &SignHits) -> Option<Divider> {
        let is_sign = |h: &&(usize, usize, usize)| knowledge.sign(h.0).means == Means::Returned;
        signs.hits.iter().find(is_sign)?;
        let marks = |start: usize, end: usize| {
            let inside = |h: &(usize, usize, usize)| start <= h.1 && h.1 < start + 12 && h.2 <= end;
            signs.hits.iter().filter(is_sign).any(inside)
        };
        let mut normal = String::with_capacity(words.len());
        let mut raw = 0;
        for line in whole_lines(words) {
            let has_words = !normal.is_empty();
            if has_words {
                normal.push(' ');
            }
            let start = normal.len();
            normalise_into(line, &mut normal);
            let end = normal.len();
            if has_words && line.len() < 400 && marks(start, end) {
                return Some(Divider { raw, start, end });
            }
            raw += line.len();
        }
        None
    }
}

fn info(message: &Message<'_>) -> NoticeInfo {
    let header = &message.header;
    let first = |name: &str| {
        header
            .get(name)
            .and_then(|v| addresses(v, 1).into_iter().next())
    };
    NoticeInfo {
        message_id: header.get("Message-ID").and_then(message_id),
        from: first("From"),
        to: header
            .get("To")
            .map(|v| addresses(v, MAX_TO))
            .unwrap_or_default(),
        subject: message.text_of("Subject").map(|s| s.into_owned()),
        date: header.get("Date").and_then(|v| date(&lossy(v))),
        envelope_to: [
            "Delivered-To",
            "X-Original-To",
            "Envelope-To",
            "X-Envelope-To",
            "X-Delivered-To",
            "X-Rcpt-To",
        ]
        .iter()
        .find_map(|n| first(n)),
    }
}

/// A Message-ID without its brackets.
fn message_id(value: &[u8]) -> Option<String> {
    let text = field_text(value, None);
    let text = text.trim();
    let mark = |mark: u8| memchr::memchr(mark, text.as_bytes());
    let inner = match (mark(b'<'), mark(b'>')) {
        (Some(a), Some(b)) if a < b => &text[a + 1..b],
        _ => text,
    };
    let inner = inner.trim();
    (!inner.is_empty() && inner.len() <= 1000).then(|| inner.to_owned())
}

/// The notice's own text: of a report its first part, else every inline text there is. And the part that it is to the
/// byte, if it is one.
fn own_words<'m, 'x>(message: &'m Message<'x>) -> (String, Option<&'m Part<'x>>) {
    let mut texts = message.own_texts();
    let is_report = message.parts[0].media.is("multipart/report");
    if texts.is_empty() && message.parts.len() == 1 {
        // A multipart without any part: its text is all there is.
        texts.push(&message.parts[0]);
    }
    let (mut words, mut verbatim) = (String::new(), None);
    for part in texts.into_iter().take(MAX_TEXTS) {
        let text = message.words(part);
        if text.trim().is_empty() {
            continue;
        }
        if words.is_empty() {
            // What was decoded need not have the line ends of the body any more.
            verbatim = matches!(text, Cow::Borrowed(_)).then_some(part);
        } else {
            verbatim = None;
            words.push_str("\n\n");
        }
        match words.is_empty() {
            true => words = text.into_owned(),
            false => words.push_str(&text),
        }
        if is_report {
            break;
        }
    }
    (words, verbatim)
}

fn returned_part(message: &Message<'_>, limits: &Limits, ids: &[String]) -> Option<Returned> {
    // The last one: a forwarded notice may carry another before it.
    let part = message
        .parts
        .iter()
        .find(|p| p.is_message() || p.is_header())?;
    let content = message.content(part);
    let blank = content
        .iter()
        .take_while(|b| matches!(b, b'\n' | b'\r'))
        .count();
    let header = Header::read(
        &content[blank..],
        limits.max_header_bytes,
        limits.max_fields,
    );
    if header.fields.is_empty() {
        return None;
    }
    let mut returned = read_returned(&header, ids);
    returned.end = end_in(message, part, blank + header.len);
    Some(returned)
}

/// Where `len` bytes of the part's body end in the whole message.
fn end_in(message: &Message<'_>, part: &Part<'_>, len: usize) -> Option<usize> {
    let base = message.bytes.as_ptr() as usize;
    let at = (part.body.as_ptr() as usize).checked_sub(base)?;
    Some(match part.encoding == Encoding::Identity {
        true => at + len,
        false => at + part.body.len(),
    })
}

fn read_returned(header: &Header<'_>, id_headers: &[String]) -> Returned {
    let first = |name: &str| {
        header
            .get(name)
            .and_then(|v| addresses(v, 1).into_iter().next())
    };
    let mut original = Original {
        message_id: header.get("Message-ID").and_then(message_id),
        from: first("From"),
        to: header
            .get("To")
            .map(|v| addresses(v, MAX_TO))
            .unwrap_or_default(),
        subject: header
            .get("Subject")
            .map(|v| field_text(v, None).into_owned()),
        date: header.get("Date").and_then(|v| date(&lossy(v))),
        ..Original::default()
    };
    for field in &header.fields {
        let is_it = |h: &&String| h.as_bytes().eq_ignore_ascii_case(field.name);
        if let Some(name) = id_headers.iter().find(is_it) {
            let value = field_text(field.value, None).trim().to_owned();
            original
                .ids
                .entry(name.to_ascii_lowercase())
                .or_insert(value);
        }
    }
    let recipients = [
        "X-Original-Recipient",
        "X-Actual-Recipient",
        "X-Envelope-To",
        "Envelope-To",
        "X-Original-To",
        "Delivered-To",
    ]
    .iter()
    .filter_map(|n| first(n))
    .collect();
    Returned {
        complaint_recipient: first("X-HmXmrOriginalRecipient"),
        original,
        recipients,
        end: None,
    }
}
