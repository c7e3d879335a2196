//! `message/delivery-status` (RFC 3464) and `message/global-delivery-status` (RFC 6533).

use super::{Block, MAX_FIELDS};
use crate::address;
use crate::words::Action;

/// A delivery status: fields about the message, then one entry a recipient.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeliveryStatus {
    pub message: Block,
    pub recipients: Vec<RecipientFields>,
}

/// What is said about one recipient.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecipientFields {
    pub final_recipient: Option<String>,
    pub original_recipient: Option<String>,
    pub action: Option<Action>,
    /// Raw `Status`.
    pub status: Option<String>,
    pub remote_mta: Option<String>,
    /// `Diagnostic-Code` without its type, lines joined.
    pub diagnostic: Option<String>,
    /// The type of `Diagnostic-Code`, lower case: `smtp`, `x-unix`, `x-boxbe-notice` ...
    pub diagnostic_type: String,
    pub last_attempt_date: Option<String>,
    pub will_retry_until: Option<String>,
}

/// Fields that speak of the whole message even where they stand among a recipient's (RFC 3464 section 2.2).
const PER_MESSAGE: &[&str] = &[
    "reporting-mta",
    "dsn-gateway",
    "received-from-mta",
    "arrival-date",
    "original-envelope-id",
];
/// Fields that make a group one of a recipient (RFC 3464 section 2.3).
const PER_RECIPIENT: &[&str] = &[
    "final-recipient",
    "original-recipient",
    "action",
    "status",
    "diagnostic-code",
    "remote-mta",
    "last-attempt-date",
    "will-retry-until",
    "x-actual-recipient",
    "final-log-id",
];

/// How many fields a recipient has at most on the average; reports have up to twelve.
const FIELDS_EACH: usize = 16;

impl DeliveryStatus {
    /// Reads the fields in whatever order and grouping they come.
    pub fn read(text: &str, max_recipients: usize, problems: &mut Vec<String>) -> Self {
        let mut status = DeliveryStatus::default();
        let mut groups: Vec<Block> = Vec::new();
        let max_fields = max_recipients.saturating_mul(FIELDS_EACH).max(MAX_FIELDS);
        let (blocks, whole) = Block::read_all(text, max_fields);
        if !whole {
            problems.push(format!(
                "only {max_fields} fields of the delivery status read"
            ));
        }
        for block in blocks {
            for group in split_repeats(block) {
                let Block { mut fields } = group;
                for (name, _) in &mut fields {
                    // A damaged first letter: `ction: failed`.
                    if name == "ction" {
                        *name = "action".into();
                    }
                }
                let is_of_message = |name: &str| PER_MESSAGE.contains(&name);
                let tells = fields
                    .iter()
                    .any(|(n, _)| PER_RECIPIENT.contains(&n.as_ref()));
                let of_message = fields.extract_if(.., |(n, _)| is_of_message(n));
                status.message.fields.extend(of_message);
                if !tells {
                    status.message.fields.append(&mut fields);
                    continue;
                }
                let group = Block { fields };
                match groups.last_mut() {
                    Some(last) if completes(last, &group) => last.fields.extend(group.fields),
                    _ => groups.push(group),
                }
            }
        }
        if groups.len() > max_recipients {
            problems.push(format!("only {max_recipients} recipients read"));
            groups.truncate(max_recipients);
        }
        status.recipients = groups.iter().map(RecipientFields::read).collect();
        status
    }

    /// Whether nothing was said about anybody.
    pub fn is_empty(&self) -> bool {
        self.recipients.is_empty()
    }
}

/// Groups that stand without a blank line between them: a new one where a field that occurs once comes again.
fn split_repeats(block: Block) -> Vec<Block> {
    let mut groups = vec![Block::default()];
    for (name, value) in block.fields {
        let once = matches!(
            name.as_ref(),
            "final-recipient" | "action" | "status" | "original-recipient"
        );
        let Some(last) = groups.last_mut() else { break };
        if once && last.get(&name).is_some() {
            // Original-Recipient begins the next group although the repeated field comes later.
            let moved: Vec<_> = match last.fields.last() {
                Some((n, _)) if n == "original-recipient" => {
                    last.fields.pop().into_iter().collect()
                }
                _ => Vec::new(),
            };
            groups.push(Block { fields: moved });
        }
        if let Some(last) = groups.last_mut() {
            last.fields.push((name, value));
        }
    }
    groups
}

/// Whether `next` is the rest of `last`, torn off by a blank line inside a group.
fn completes(last: &Block, next: &Block) -> bool {
    let has_address =
        |b: &Block| b.get("final-recipient").is_some() || b.get("original-recipient").is_some();
    let overlap = next
        .fields
        .iter()
        .any(|(n, _)| PER_RECIPIENT.contains(&n.as_ref()) && last.get(n).is_some());
    !overlap && (!has_address(next) || !has_address(last) && last.get("action").is_none())
}

impl RecipientFields {
    fn read(block: &Block) -> Self {
        let value = |name: &str| block.get(name).filter(|v| !v.is_empty());
        let original =
            value("original-recipient").and_then(|v| address::from_field(&first_line(v), true));
        let last =
            value("final-recipient").and_then(|v| address::from_field(&first_line(v), false));
        let actual =
            value("x-actual-recipient").and_then(|v| address::from_field(&first_line(v), false));
        let (kind, text) = value("diagnostic-code").map_or(("", ""), |v| {
            let (kind, text) = address::split_type(v);
            // `550 5.1.1; text` has a code where the type stands.
            if kind.starts_with(|c: char| c.is_ascii_digit()) {
                ("", v)
            } else {
                (kind, text)
            }
        });
        RecipientFields {
            final_recipient: last.or(actual),
            original_recipient: original,
            action: value("action").and_then(parse_action),
            status: value("status").map(str::to_owned),
            remote_mta: value("remote-mta").map(mta_name).filter(|v| !v.is_empty()),
            diagnostic: Some(text.replace('\n', " ")).filter(|t| !t.trim().is_empty()),
            diagnostic_type: kind.to_ascii_lowercase(),
            last_attempt_date: value("last-attempt-date").map(str::to_owned),
            will_retry_until: value("will-retry-until").map(str::to_owned),
        }
    }
}

/// The host of `dns; mx.example.com (192.0.2.1)`.
pub(crate) fn mta_name(value: &str) -> String {
    let (_, name) = address::split_type(value);
    let name = name.trim().trim_matches(['<', '>', '"']);
    let end = name.find([' ', '\t', '\n', '(']).unwrap_or(name.len());
    name[..end].to_owned()
}

/// An `Action`, also as software that has not read the standard writes it.
pub(crate) fn parse_action(value: &str) -> Option<Action> {
    let value = value.trim().to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|w| value.starts_with(w));
    if begins(&["fail", "error", "expired", "undeliver", "bounce", "reject"]) {
        Some(Action::Failed)
    } else if begins(&["delay", "defer", "warning"]) {
        Some(Action::Delayed)
    } else if begins(&["deliver", "success"]) {
        Some(Action::Delivered)
    } else if begins(&["relay"]) {
        Some(Action::Relayed)
    } else if begins(&["expand"]) {
        Some(Action::Expanded)
    } else {
        None
    }
}

fn first_line(value: &str) -> String {
    // A long address is folded; a second address on the next line is not part of it.
    match value.split_once('\n') {
        Some((a, b)) if !b.contains('@') || !a.contains('@') => format!("{a}{b}"),
        Some((a, _)) => a.to_owned(),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DeliveryStatus {
        DeliveryStatus::read(text, 100, &mut Vec::new())
    }

    #[test]
    fn groups_in_any_order() {
        let s = read(
            "Reporting-MTA: dns; a.example\n\nAction: failed\nFinal-Recipient: rfc822;bob@example.com\nStatus: 5.0.0\nRemote-MTA: dns; mx.example.com (192.0.2.1)\nDiagnostic-Code: smtp; 550 no\n",
        );
        assert_eq!(s.recipients.len(), 1);
        let r = &s.recipients[0];
        assert_eq!(r.final_recipient.as_deref(), Some("bob@example.com"));
        assert_eq!(r.remote_mta.as_deref(), Some("mx.example.com"));
        assert_eq!(
            (r.diagnostic.as_deref(), r.action),
            (Some("550 no"), Some(Action::Failed))
        );
    }

    #[test]
    fn groups_without_borders_or_torn() {
        let glued = read(
            "Reporting-MTA: dns; a\nFinal-Recipient: rfc822;a@example.com\nAction: failed\nStatus: 5.1.1\nOriginal-Recipient: rfc822;x@example.com\nFinal-Recipient: rfc822;b@example.com\nAction: delayed\n",
        );
        assert_eq!(glued.recipients.len(), 2);
        assert_eq!(
            glued.recipients[1].original_recipient.as_deref(),
            Some("x@example.com")
        );
        let torn =
            read("Final-Recipient: rfc822;a@example.com\n\nAction: failed\n\nStatus: 5.1.1\n");
        assert_eq!(torn.recipients.len(), 1);
        assert_eq!(torn.recipients[0].status.as_deref(), Some("5.1.1"));
    }
}
