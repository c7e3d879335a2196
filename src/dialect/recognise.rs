//! Which software wrote a notice: the marks of `rules/dialects.toml` against words, header and delivery status.

use crate::knowledge::{Dialect, Knowledge};
use crate::notice::Notice;
use crate::report::DeliveryStatus;
use crate::signs::Signs;

/// The dialect of a notice.
pub(crate) fn recognise<'k>(
    knowledge: &'k Knowledge,
    notice: &Notice<'_, '_>,
    signs: &Signs,
    status: Option<&DeliveryStatus>,
) -> Option<&'k Dialect> {
    let mut met = knowledge.dialect_marks();
    signs.mark_texts.iter().for_each(|&t| met.text(t));
    signs.mark_fields.iter().for_each(|&c| met.field(c));
    if let Some(boundary) = &notice.message.parts[0].media.boundary {
        met.boundary(boundary);
    }
    if let Some(status) = status {
        for (name, value) in &status.message.fields {
            met.status_field(name, value.trim());
        }
        for recipient in &status.recipients {
            met.status_field("diagnostic-code", &recipient.diagnostic_type);
        }
    }
    met.dialect().map(|i| &knowledge.dialects()[i])
}
