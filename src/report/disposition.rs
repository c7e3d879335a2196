//! `message/disposition-notification` (RFC 8098): a receipt, or a rejection by a filter of the recipient.

use super::{Block, MAX_FIELDS};
use crate::address;

/// What a disposition notification says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disposition {
    pub final_recipient: Option<String>,
    pub original_recipient: Option<String>,
    /// `displayed`, `deleted`, `dispatched`, `processed`, `denied`, `failed`; lower case.
    pub kind: String,
    /// Text of `Failure`, `Error` or `Warning`.
    pub error: Option<String>,
}

impl Disposition {
    /// Reads the fields.
    pub fn read(text: &str) -> Self {
        let (blocks, _) = Block::read_all(text, MAX_FIELDS);
        let one = |name: &str| {
            blocks
                .iter()
                .find_map(|b| b.get(name))
                .filter(|v| !v.is_empty())
        };
        let kind = one("disposition")
            .and_then(|v| v.rsplit(';').next())
            .map(|v| {
                v.split('/')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase()
            });
        Disposition {
            final_recipient: one("final-recipient").and_then(|v| address::from_field(v, false)),
            original_recipient: one("original-recipient")
                .and_then(|v| address::from_field(v, true)),
            kind: kind.unwrap_or_default(),
            error: one("failure")
                .or_else(|| one("error"))
                .or_else(|| one("warning"))
                .map(str::to_owned),
        }
    }
}
