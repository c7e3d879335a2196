//! Which software wrote a notice: the marks of `rules/dialects.toml` against words, header and delivery status.

use crate::knowledge::{Dialect, Knowledge};
use crate::message::field_text;
use crate::notice::Notice;
use crate::report::DeliveryStatus;

/// The dialect of a notice. `texts` are the texts of marks that were found in subject and words.
pub(crate) fn recognise<'k>(
    knowledge: &'k Knowledge,
    notice: &Notice<'_, '_>,
    texts: &[usize],
    status: Option<&DeliveryStatus>,
) -> Option<&'k Dialect> {
    let mut met = knowledge.dialect_marks();
    texts.iter().for_each(|&t| met.text(t));
    knowledge
        .signs_in_body(&notice.divider)
        .marks
        .iter()
        .for_each(|&t| met.text(t));
    for field in &notice.message.header.fields {
        met.field(field.name, || field_text(field.value, None));
    }
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
