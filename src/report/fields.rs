//! Blocks of fields inside a report: what RFC 3464 section 2.1 has, read as it comes in the wild.

use std::borrow::Cow;

use crate::message::{lossy, split, whole_lines};

/// The most fields that are read of a report about one recipient.
pub(crate) const MAX_FIELDS: usize = 1000;

/// One group of fields, in order; names in lower case, values unfolded with `\n` between lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub fields: Vec<(Cow<'static, str>, String)>,
}

/// Names that most fields of reports have (RFC 3464 sections 2.2 and 2.3): they need no memory of their own.
const USUAL_NAMES: &[&str] = &[
    "final-recipient",
    "action",
    "status",
    "diagnostic-code",
    "remote-mta",
    "original-recipient",
    "reporting-mta",
    "arrival-date",
    "last-attempt-date",
    "received-from-mta",
    "original-envelope-id",
    "will-retry-until",
    "x-postfix-queue-id",
    "x-postfix-sender",
];
/// As many fields as a group has that needs no second piece of memory.
const USUAL_FIELDS: usize = 8;

/// The name in lower case.
fn lower(name: &[u8]) -> Cow<'static, str> {
    let usual = USUAL_NAMES
        .iter()
        .find(|n| n.as_bytes().eq_ignore_ascii_case(name));
    match usual {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(lossy(name).to_ascii_lowercase()),
    }
}

impl Block {
    /// The first value of a field.
    pub fn get<'s>(&'s self, name: &str) -> Option<&'s str> {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// Every value of a field.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> + 's {
        self.fields
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// Groups of fields, divided by blank lines. A line that is no field continues the one before it, at the
    /// left margin too: some software does not fold.
    ///
    /// At most `max` fields are read, and false stands beside them where there are more.
    pub fn read_all(text: &str, max: usize) -> (Vec<Block>, bool) {
        let mut blocks = vec![Block::default()];
        let mut count = 0;
        // Folds of a line that belongs to no field belong to none either.
        let mut is_stray = false;
        for line in whole_lines(text) {
            if count > max {
                break;
            }
            let line = line.trim_end_matches(['\n', '\r']);
            let Some(block) = blocks.last_mut() else {
                break;
            };
            if line.trim().is_empty() {
                if !block.fields.is_empty() {
                    blocks.push(Block::default());
                }
                continue;
            }
            let folded = line.starts_with([' ', '\t']);
            let field = split(line.as_bytes())
                .filter(|(name, _)| !folded && name[0].is_ascii_alphabetic() && is_name(name));
            match field {
                Some(_) if count == max => count += 1,
                Some((name, value_at)) => {
                    count += 1;
                    is_stray = false;
                    if block.fields.is_empty() {
                        block.fields.reserve(USUAL_FIELDS);
                    }
                    let value = line[value_at..].trim().to_owned();
                    block.fields.push((lower(name), value));
                }
                None => {
                    let into = match block.fields.last_mut() {
                        Some(last) => Some(last),
                        // The blank line was inside a folded value.
                        None if folded && !is_stray => previous(&mut blocks),
                        None => None,
                    };
                    is_stray = into.is_none();
                    if let Some((_, value)) = into {
                        if !value.is_empty() {
                            value.push('\n');
                        }
                        value.push_str(line.trim());
                    }
                }
            }
        }
        blocks.retain(|b| !b.fields.is_empty());
        (blocks, count <= max)
    }
}

/// The last field of the block before the last.
fn previous(blocks: &mut [Block]) -> Option<&mut (Cow<'static, str>, String)> {
    let at = blocks.len().checked_sub(2)?;
    blocks[at].fields.last_mut()
}

/// Field names of reports are made of letters, digits and hyphens; `http` is an address on a line of its own.
fn is_name(name: &[u8]) -> bool {
    name.iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && !name.eq_ignore_ascii_case(b"http")
        && !name.eq_ignore_ascii_case(b"https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_as_they_come() {
        let text = "Reporting-MTA: dns; a\n\n\nFinal-Recipient : rfc822; b\nDiagnostic-Code: smtp; 550-one\n550-two: x\n 550 three\nhttp://x\nStatus: 5.1.1\n";
        let (b, whole) = Block::read_all(text, 100);
        assert!(whole && !Block::read_all(text, 2).1);
        assert_eq!(b.len(), 2);
        assert_eq!(
            b[1].get("diagnostic-code"),
            Some("smtp; 550-one\n550-two: x\n550 three\nhttp://x")
        );
        assert_eq!(b[1].get("final-recipient"), Some("rfc822; b"));
        assert_eq!(b[1].get("status"), Some("5.1.1"));
    }

    #[test]
    fn a_line_of_no_field_takes_its_folds_along() {
        let text = "Final-Recipient: rfc822; p\n\nbob@example.com said (bob@example.com\n ) not listed\nStatus: 5.1.1\n";
        let (b, _) = Block::read_all(text, 100);
        assert_eq!(b[0].get("final-recipient"), Some("rfc822; p"));
        assert_eq!(b[1].get("status"), Some("5.1.1"));
    }
}
