//! Machine-readable reports: delivery status (RFC 3464, 6533), feedback (RFC 5965), disposition (RFC 8098).

mod aggregate;
mod delivery_status;
mod disposition;
mod feedback;
mod fields;

pub(crate) use aggregate::{is_aggregate_media, is_aggregate_name};
pub(crate) use delivery_status::{DeliveryStatus, RecipientFields};
pub(crate) use disposition::Disposition;
pub(crate) use feedback::{attached_feedback, feedback, free_form, in_words};
pub(crate) use fields::{Block, MAX_FIELDS};

use crate::message::{Message, Part, lossy, status_fields_in};

/// In how many attached texts a delivery status is looked for.
const MAX_ATTACHED: usize = 4;

/// The delivery status of a message, wherever it stands: declared, as an attachment of a report, in text.
/// Never from inside a returned message, except where the message is nothing but a wrapper.
pub(crate) fn delivery_status(
    message: &Message<'_>,
    from_daemon: bool,
    max_recipients: usize,
    problems: &mut Vec<String>,
) -> Option<DeliveryStatus> {
    let declared = |p: &&Part<'_>| {
        p.media.is("message/delivery-status") || p.media.is("message/global-delivery-status")
    };
    let is_report = message.parts[0].media.is("multipart/report");
    // A person who forwards a report attaches it; a report has it inline.
    let part = message
        .parts
        .iter()
        .find(|p| declared(p) && (is_report || from_daemon || !p.attachment));
    let Some(part) = part else {
        return from_daemon
            .then(|| attached_text(message, max_recipients, problems))
            .flatten();
    };
    let content = message.content(part);
    let text = lossy(&content);
    let status = DeliveryStatus::read(&text, max_recipients, problems);
    (!status.is_empty()).then_some(status)
}

/// A delivery status that a mail system attached as plain text.
fn attached_text(
    message: &Message<'_>,
    max_recipients: usize,
    problems: &mut Vec<String>,
) -> Option<DeliveryStatus> {
    let is_text = |p: &&Part<'_>| p.attachment && p.media.is("text/plain");
    let contents = message.parts.iter().filter(is_text).take(MAX_ATTACHED);
    contents.map(|p| message.content(p)).find_map(|content| {
        let text = lossy(&content);
        let at = status_fields_in(&text)?;
        let status = DeliveryStatus::read(&text[at..], max_recipients, problems);
        (!status.is_empty()).then_some(status)
    })
}
