//! A reply read, and what is known around it: the provider that answered, the status field.

use memchr::memmem;

use super::{ReadReply, Reply};
use crate::knowledge::{Enhanced, Knowledge};

/// A reply read, and the facts around it.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub reply: ReadReply,
    pub raw: &'a str,
    /// Field the text came from, for the evidence.
    pub from: &'static str,
    pub status: Option<Enhanced>,
    pub provider: Option<usize>,
    /// Whether the caller named the provider, so that no sign in the text says otherwise.
    pub certain: bool,
    pub delayed: bool,
}

impl<'a> Case<'a> {
    pub fn new(knowledge: &Knowledge, reply: Reply<'a>) -> Self {
        let read = ReadReply::new(reply.text);
        let domain = reply.recipient.and_then(crate::address::domain);
        let named = reply
            .provider
            .and_then(|id| knowledge.providers().iter().position(|p| p.id == id));
        let provider = named
            .or_else(|| reply.remote_mta.and_then(|h| knowledge.provider_of_host(h)))
            .or_else(|| said_host(&read.text).and_then(|h| knowledge.provider_of_host(h)))
            .or_else(|| domain.and_then(|d| knowledge.provider_of_domain(d)));
        Case {
            raw: reply.text,
            status: reply.status.and_then(parse_status),
            reply: read,
            from: "diagnostic_code",
            provider,
            certain: named.is_some(),
            delayed: reply.delayed,
        }
    }
}

/// `5.1.1`, `5.1.1 (bad mailbox)`, `#5.1.1`.
pub(crate) fn parse_status(text: &str) -> Option<Enhanced> {
    let text = text.trim().trim_start_matches('#');
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    Enhanced::parse(text[..end].trim_end_matches('.'))
}

/// The host of "host mx.example.com[192.0.2.1] said:".
fn said_host(text: &str) -> Option<&str> {
    let at = memmem::find(text.as_bytes(), b"host ")?;
    let word = text[at + 5..]
        .split([' ', '[', '(', ')', ',', ';'])
        .next()?;
    (word.contains('.') && memmem::find(&text.as_bytes()[at..], b"said").is_some()).then_some(word)
}
