//! Machine-readable reports: delivery status (RFC 3464, 6533), feedback (RFC 5965), disposition (RFC 8098).

mod delivery_status;
mod disposition;
mod feedback;
mod fields;

pub(crate) use delivery_status::{DeliveryStatus, RecipientFields};
pub(crate) use disposition::Disposition;
pub(crate) use feedback::{feedback, free_form};
pub(crate) use fields::{Block, MAX_FIELDS};

use crate::message::{Message, Part, lossy};

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
        .find(|p| declared(p) && (is_report || from_daemon || !p.attachment))?;
    let content = message.content(part);
    let text = lossy(&content);
    let status = DeliveryStatus::read(&text, max_recipients, problems);
    (!status.is_empty()).then_some(status)
}
