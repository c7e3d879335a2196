//! A reply read, and what is known around it: the provider that answered, the status field.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

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
    pub codes: Codes,
    pub provider: Option<usize>,
    /// Whether the caller named the provider, so that no sign in the text says otherwise.
    pub certain: bool,
    pub delayed: bool,
}

impl<'a> Case<'a> {
    pub fn new(knowledge: &Knowledge, reply: Reply<'a>) -> Self {
        let mut read = ReadReply::new(reply.text);
        let status = reply.status.and_then(parse_status);
        read.code = read.code.or_else(|| reply.status.and_then(code_as_status));
        let codes = Codes::new(std::mem::take(&mut read.enhanced), status);
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
            status,
            codes,
            reply: read,
            from: "diagnostic_code",
            provider,
            certain: named.is_some(),
            delayed: reply.delayed,
        }
    }
}

/// The enhanced codes of a case.
#[derive(Debug)]
pub(crate) struct Codes {
    /// Those of the text, the best first, then that of the status field.
    all: Vec<Enhanced>,
    /// How many stand in the text.
    in_text: usize,
}

impl Codes {
    fn new(mut text: Vec<Enhanced>, status: Option<Enhanced>) -> Self {
        let in_text = text.len();
        text.extend(status);
        Codes { all: text, in_text }
    }

    /// Those of the text, the best first, then that of the status field.
    pub fn with_status(&self) -> &[Enhanced] {
        &self.all
    }

    /// Those of the text; where it has none, that of the status field.
    pub fn of_text_first(&self) -> &[Enhanced] {
        match self.in_text {
            0 => &self.all,
            n => &self.all[..n],
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

/// `Status: 550`: some put the reply code where the enhanced one belongs.
fn code_as_status(text: &str) -> Option<u16> {
    let text = text.trim();
    let is_failure = text.len() == 3 && text.starts_with(['4', '5']);
    text.parse().ok().filter(|_| is_failure)
}

/// The host of "host mx.example.com[192.0.2.1] said:".
fn said_host(text: &str) -> Option<&str> {
    // Asked of every reply, and few have it.
    static HOST: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("host "));
    let at = HOST.find(text.as_bytes())?;
    let word = text[at + 5..]
        .split([' ', '[', '(', ')', ',', ';'])
        .next()?;
    (word.contains('.') && memmem::find(&text.as_bytes()[at..], b"said").is_some()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_code_in_the_status_field() {
        for (status, code) in [
            ("550", Some(550)),
            (" 421 ", Some(421)),
            ("250", None),
            ("5.5.0", None),
            ("5500", None),
            ("5x0", None),
        ] {
            assert_eq!(code_as_status(status), code, "{status}");
        }
    }
}
