//! Complaints and reports in the format of RFC 5965, and those of Hotmail (JMRP) and SpamCop, which are older and free-form.

use std::net::IpAddr;

use super::{Block, MAX_FIELDS};
use crate::address;
use crate::contract::Feedback;
use crate::message::{Message, lossy};

/// In how many attached texts fields of a report are looked for, and how long one may be.
const MAX_ATTACHED_TEXTS: usize = 4;
const MAX_ATTACHED_BYTES: usize = 16 << 10;
const FEEDBACK_TYPE: &str = "feedback-type:";

/// The fields of a `message/feedback-report`.
pub(crate) fn feedback(text: &str) -> Feedback {
    let (blocks, _) = Block::read_all(text, MAX_FIELDS);
    let all = |name: &str| -> Vec<String> {
        blocks
            .iter()
            .flat_map(|b| b.all(name))
            .map(str::to_owned)
            .collect()
    };
    let one = |name: &str| all(name).into_iter().find(|v| !v.is_empty());
    let addresses = |name: &str| -> Vec<String> {
        all(name)
            .iter()
            .filter_map(|v| address::from_field(v, false))
            .collect()
    };
    Feedback {
        feedback_type: one("feedback-type").map(|t| t.to_ascii_lowercase()),
        source_ip: one("source-ip"),
        original_rcpt_to: addresses("original-rcpt-to"),
        original_mail_from: addresses("original-mail-from").into_iter().next(),
        reported_domain: all("reported-domain"),
        auth_failure: one("auth-failure").map(|t| t.to_ascii_lowercase()),
        user_agent: one("user-agent"),
    }
}

/// The fields of a report that stands in an attached text, as some programs name no type of its own for it. It has to begin
/// with the fields.
pub(crate) fn attached_feedback(message: &Message<'_>) -> Option<Feedback> {
    let texts = message
        .parts
        .iter()
        .skip(1)
        .filter(|p| p.media.is("text/plain") && p.body.len() <= MAX_ATTACHED_BYTES);
    texts.take(MAX_ATTACHED_TEXTS).find_map(|part| {
        let content = message.content(part);
        let text = lossy(&content);
        let begins = text
            .trim_start()
            .lines()
            .take_while(|line| line.contains(':') || line.starts_with([' ', '\t']))
            .any(|line| {
                line.get(..FEEDBACK_TYPE.len())
                    .is_some_and(|name| name.eq_ignore_ascii_case(FEEDBACK_TYPE))
            });
        begins.then(|| feedback(text.trim_start()))
    })
}

/// What a complaint tells that is written for people: the address in its subject.
pub(crate) fn in_words(subject: &str) -> Feedback {
    let words = subject.split([' ', '(', ')', '[', ']', ',']);
    let ip = words
        .map(|word| word.trim_end_matches([':', '.']))
        .find(|word| word.parse::<IpAddr>().is_ok());
    Feedback {
        feedback_type: Some("abuse".to_owned()),
        source_ip: ip.map(str::to_owned),
        ..Feedback::default()
    }
}

/// A complaint without a report part: the subject says so, or Hotmail's own field in the returned message.
pub(crate) fn free_form(
    message: &Message<'_>,
    subject: &str,
    returned: Option<&str>,
) -> Option<Feedback> {
    let recipient = returned.map(str::to_owned);
    let subject = subject.to_ascii_lowercase();
    let hotmail = subject.strip_prefix("complaint about message from ");
    // `[SpamCop (192.0.2.1) id:4711]subject of the message`
    let spamcop = subject
        .strip_prefix("[spamcop (")
        .and_then(|s| s.split_once(") id:"));
    let ip = hotmail
        .or(spamcop.map(|s| s.0))
        .map(|ip| ip.trim().to_owned());
    let outer = message.header.get("X-HmXmrOriginalRecipient");
    if recipient.is_none() && ip.is_none() && outer.is_none() {
        return None;
    }
    let outer = outer.and_then(|v| address::clean(&lossy(v)));
    let recipient = recipient.or(outer);
    Some(Feedback {
        feedback_type: Some("abuse".to_owned()),
        source_ip: ip,
        original_rcpt_to: recipient.into_iter().collect(),
        ..Feedback::default()
    })
}
