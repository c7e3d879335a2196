//! The pipeline: bytes -> message -> notices -> kind -> verdict -> report.

use std::cell::{LazyCell, OnceCell};

use crate::address;
use crate::autoreply;
use crate::contract::{Recipient, Report, SCHEMA, Signals};
use crate::dialect;
use crate::kind::{self, Structure};
use crate::knowledge::{Knowledge, Means};
use crate::message::{self, Limits, Message, date};
use crate::notice::Notice;
use crate::recipients::{Judge, NOBODY};
use crate::report::{self, DeliveryStatus, Disposition};
use crate::signs::Signs;
use crate::trust::{self, Proof};
use crate::words::{AddressSource, Kind, Trust};

/// What reading one message needs.
#[derive(Debug)]
pub(crate) struct Reader<'e> {
    pub knowledge: &'e Knowledge,
    pub limits: &'e Limits,
    pub id_headers: &'e [String],
}

impl Reader<'_> {
    /// The report about these bytes; `problems` are those known so far.
    pub fn read(&self, bytes: &[u8], mut problems: Vec<String>) -> Report {
        let bytes = message::uniform(bytes);
        let message = Message::read(&bytes, self.limits, &mut problems);
        let notice = Notice::read(&message, self.knowledge, self.limits, self.id_headers);
        let mut report = self.report(notice, problems);
        if let Some(part) = wrapped_report(&message, &report) {
            report = self.with_wrapped(report, &message.content(part));
        }
        // Without keys and a sent log a report can only be unverified, or contradict itself.
        report.trust = trust::judge(&report, &Proof::NONE).trust;
        report
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            knowledge: self.knowledge,
        }
    }

    /// `report` with what the report inside it says of recipients and of the message.
    fn with_wrapped(&self, mut report: Report, bytes: &[u8]) -> Report {
        let message = Message::read(bytes, self.limits, &mut report.problems);
        let notice = Notice::read(&message, self.knowledge, self.limits, self.id_headers);
        let inner = self.report(notice, Vec::new());
        let names = |r: &Recipient| {
            r.final_recipient.is_some() && r.address_from != Some(AddressSource::ReturnedHeaders)
        };
        if (inner.kind.is_failure_notice() || inner.kind == Kind::Delivered)
            && inner.recipients.iter().any(names)
        {
            report.kind = inner.kind;
            report.recipients = inner.recipients;
            report.original = inner.original;
            report.dialect = report.dialect.or(inner.dialect);
            report.reporting_mta = inner.reporting_mta;
            report.arrival_date = inner.arrival_date;
            report.original_envelope_id = inner.original_envelope_id;
            report.problems.retain(|p| p != NOBODY);
            report
                .problems
                .push("the report is wrapped in another message".to_owned());
        }
        report
    }

    fn report(&self, notice: Notice<'_, '_>, mut problems: Vec<String>) -> Report {
        let message = notice.message;
        let max = self.limits.max_recipients;
        let mut status =
            report::delivery_status(message, notice.is_from_daemon, max, &mut problems);
        if status.is_none()
            && let Some(at) = message::status_fields_in(&notice.words)
            && notice.is_from_daemon
        {
            status = Some(DeliveryStatus::read(
                &notice.words[at..],
                max,
                &mut problems,
            ))
            .filter(|s| !s.is_empty());
        }
        let part_text = |essence: &str| {
            message
                .part(essence)
                .filter(|p| !p.attachment || message.parts[0].media.is("multipart/report"))
                .map(|p| message::lossy(&message.content(p)).into_owned())
        };
        let mut feedback = part_text("message/feedback-report").map(|t| report::feedback(&t));
        let signs = Signs::find(self.knowledge, &notice);
        if feedback.is_none() && status.is_none() && signs.subject(Means::Human).is_none() {
            feedback = report::attached_feedback(message);
        }
        if feedback.is_none() {
            feedback = report::free_form(
                message,
                &notice.subject,
                notice
                    .returned
                    .as_ref()
                    .and_then(|r| r.complaint_recipient.as_deref()),
            );
        }
        let disposition = part_text("message/disposition-notification")
            .or_else(|| part_text("message/global-disposition-notification"))
            .map(|t| Disposition::read(&t));
        let structure = Structure {
            status: status.as_ref(),
            feedback_type: feedback
                .as_ref()
                .map(|f| f.feedback_type.as_deref().unwrap_or("other")),
            disposition: disposition.as_ref(),
        };
        let told = status.as_ref().is_some_and(|s| {
            s.recipients.iter().all(|r| {
                r.final_recipient.is_some()
                    && r.diagnostic.is_some()
                    && r.diagnostic_type != "x-unix"
            })
        });
        let software = dialect::recognise(self.knowledge, &notice, &signs, status.as_ref());
        let software_id = software.map(|d| d.id.as_str());
        let whole = match told {
            true => None,
            false => dialect::whole(&notice, software_id),
        };
        let reading = whole.unwrap_or_default();
        // Reading prose costs as much as a verdict, and most kinds are decided without it.
        let in_prose = OnceCell::new();
        let prose = || {
            in_prose.get_or_init(|| match told || reading.kind.is_some() {
                true => Vec::new(),
                false => dialect::failures(&notice, software_id),
            })
        };
        let names_failure = LazyCell::new(|| {
            let mut told = prose().iter().filter_map(|f| f.diagnostic.as_deref());
            told.any(|d| self.judge().is_failure(d))
        });
        let kind = reading
            .kind
            .unwrap_or_else(|| kind::decide(&notice, &structure, &signs, &|| *names_failure));

        let recipients = if kind.is_failure_notice() || kind == Kind::Delivered {
            prose();
            let mut failures = reading.failures;
            failures.extend(in_prose.into_inner().unwrap_or_default());
            self.judge().recipients(
                &notice,
                kind,
                status.as_ref(),
                disposition.as_ref(),
                failures,
                &mut problems,
            )
        } else {
            Vec::new()
        };
        let is_notice =
            kind.is_failure_notice() || matches!(kind, Kind::Delivered | Kind::Complaint);
        let fields = status
            .as_ref()
            .filter(|_| kind.is_failure_notice() || kind == Kind::Delivered);
        let of_message = |name: &str| fields.and_then(|s| s.message.get(name));
        let signals = if kind == Kind::AutoReply {
            autoreply::read(self.knowledge, &notice, &signs)
        } else {
            Signals::default()
        };
        let subject = notice.subject;
        let end = notice
            .returned
            .as_ref()
            .and_then(|r| r.end)
            .unwrap_or(message.bytes.len());
        Report {
            schema: SCHEMA,
            source: None,
            event_id: message::event_id(
                &message.bytes[..end.min(message.bytes.len())],
                &message.header,
            ),
            notice: notice.info,
            feedback: feedback
                .or(reading.feedback)
                .or_else(|| (kind == Kind::Complaint).then(|| report::in_words(&subject)))
                .filter(|_| matches!(kind, Kind::Complaint | Kind::Report)),
            kind,
            dialect: software.filter(|_| is_notice).map(|d| d.id.clone()),
            trust: Trust::Unverified,
            reporting_mta: of_message("reporting-mta").map(mta),
            arrival_date: of_message("arrival-date").and_then(date),
            original_envelope_id: of_message("original-envelope-id")
                .map(|v| address::decode_xtext(v).into_owned()),
            original: notice
                .returned
                .map(|r| r.original)
                .or(reading.original)
                .filter(|o| *o != Default::default()),
            recipients,
            signals,
            problems,
        }
    }
}

/// The report inside a notice that names nobody itself: gateways and virus filters wrap what they let through.
fn wrapped_report<'m, 'x>(
    message: &'m Message<'x>,
    report: &Report,
) -> Option<&'m message::Part<'x>> {
    let unnamed =
        |r: &Recipient| matches!(r.address_from, None | Some(AddressSource::ReturnedHeaders));
    if !report.kind.is_failure_notice() || !report.recipients.iter().all(unnamed) {
        return None;
    }
    let part = message
        .parts
        .iter()
        .find(|p| p.media.is("message/rfc822"))?;
    let head = &part.body[..part.body.len().min(64 * 1024)];
    let header = message::Header::read(head, head.len(), 200);
    let media = header.get("Content-Type")?.to_ascii_lowercase();
    media.starts_with(b"multipart/report").then_some(part)
}

fn mta(value: &str) -> String {
    let (_, name) = address::split_type(value);
    name.split([' ', '\n', '('])
        .next()
        .unwrap_or_default()
        .to_owned()
}
