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
        let of_message = status
            .message
            .fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()));
        let types = status
            .recipients
            .iter()
            .map(|r| ("diagnostic-code", r.diagnostic_type.as_str()));
        met.status_fields(of_message.chain(types));
    }
    met.dialect().map(|i| &knowledge.dialects()[i])
}
