//! The pipeline: bytes -> message -> notices -> kind -> verdict -> report.

use crate::autoreply;
use std::cell::LazyCell;

use crate::contract::{Details, Recipient, RecipientVerdict, Report, SCHEMA, Signals, Verdict};
use crate::dialect::{self, Failure};
use crate::error::Error;
use crate::kind::{self, Structure};
use crate::knowledge::{Finding, Knowledge, Loader};
use crate::message::{self, Limits, Message, date};
use crate::notice::Notice;
use crate::report::{self, DeliveryStatus, Disposition, RecipientFields};
use crate::signs::Signs;
use crate::verdict::{self, Case, Reply, judge};
use crate::words::{Action, AddressSource, Kind, Trust};

/// Identifier headers of campaign software that are kept from the returned message, unless the builder is told others.
const ID_HEADERS: &[&str] = &[
    "X-Campaign-ID",
    "X-Campaign",
    "X-CampaignID",
    "X-Mailgun-Sid",
    "X-Mailgun-Variables",
    "X-SG-EID",
    "X-SES-Message-ID",
    "Feedback-ID",
    "X-Feedback-ID",
    "List-ID",
    "X-Mailer-Id",
    "X-MC-User",
    "X-Mandrill-User",
    "X-Job",
    "X-JobID",
    "X-job",
    "X-Msg-ID",
    "X-MessageID",
    "X-Message-Id",
    "X-Newsletter-ID",
    "X-Subscriber-ID",
    "X-SubscriberID",
    "X-ListMember",
    "X-List-ID",
    "X-CSA-Complaints",
    "X-Report-Abuse-To",
    "X-Mailing-ID",
    "X-MailingID",
    "X-Contact-ID",
    "X-Recipient-ID",
    "X-Delivery-ID",
    "X-Batch-ID",
    "X-Queue-ID",
    "X-PM-Message-Id",
    "X-SMTPAPI",
    "X-MSYS-API",
    "X-Listmonk-Campaign",
    "X-Listmonk-Subscriber",
    "X-Mailchimp-Campaign",
    "X-Klaviyo-Message-ID",
    "X-EmarSys-Identify",
    "X-rpcampaign",
    "X-Virtual-MTA",
    "X-binding",
    "X-AccountCode",
    "X-Entity-Ref-ID",
    "X-ID",
    "X-EID",
    "CFBL-Feedback-ID",
    "X-Undeliverable-Token",
];

/// The problem of a notice that tells nowhere whom it is about.
const NOBODY: &str = "nobody is named";

/// Reads messages and judges replies. Built once, shared by all threads: `Send + Sync`, no lock on the way.
///
/// ```
/// use undeliverable::{Engine, Kind};
/// let engine = Engine::new();
/// let report = engine.parse(b"From: Al <al@example.com>\nSubject: lunch?\n\nAt noon?\n");
/// assert_eq!(report.kind, Kind::Other);
/// ```
#[derive(Debug)]
pub struct Engine {
    knowledge: Knowledge,
    limits: Limits,
    id_headers: Vec<String>,
}

/// Settings for an [`Engine`].
#[derive(Debug, Default)]
#[must_use]
pub struct EngineBuilder {
    own: Vec<(String, String)>,
    limits: Limits,
    id_headers: Option<Vec<String>>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine with the built-in knowledge and the default limits.
    pub fn new() -> Self {
        #[allow(
            clippy::expect_used,
            reason = "a test loads the built-in rules; they cannot fail elsewhere"
        )]
        Engine::builder().build().expect("the built-in rules load")
    }

    /// Settings first.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// What the engine knows.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// What is wrong with the rules, the built-in and the user's; see [`knowledge::check`](crate::knowledge::check).
    pub fn check_rules(&self) -> Vec<Finding> {
        crate::knowledge::check(&self.knowledge, &|text, provider| {
            let reply = Reply::new(text);
            self.classify(match provider {
                Some(id) => reply.provider(id),
                None => reply,
            })
        })
    }

    /// Judges one SMTP reply, in one or several lines.
    pub fn classify<'a>(&self, reply: impl Into<Reply<'a>>) -> Verdict {
        judge(&self.knowledge, &Case::new(&self.knowledge, reply.into()))
    }

    /// Reads one message. Any bytes give a report; what was odd about them stands in `problems`.
    pub fn parse(&self, bytes: &[u8]) -> Report {
        let mut problems = Vec::new();
        let bytes = if bytes.len() > self.limits.max_bytes {
            problems.push(format!("cut at {} bytes", self.limits.max_bytes));
            &bytes[..self.limits.max_bytes]
        } else {
            bytes
        };
        let bytes = message::uniform(bytes);
        let message = Message::read(&bytes, &self.limits, &mut problems);
        let notice = Notice::read(&message, &self.knowledge, &self.limits, &self.id_headers);
        let report = self.report(&notice, problems);
        match wrapped_report(&notice, &report) {
            Some(part) => self.with_wrapped(report, &message.content(part)),
            None => report,
        }
    }

    /// `report` with what the report inside it says of recipients and of the message.
    fn with_wrapped(&self, mut report: Report, bytes: &[u8]) -> Report {
        let message = Message::read(bytes, &self.limits, &mut report.problems);
        let notice = Notice::read(&message, &self.knowledge, &self.limits, &self.id_headers);
        let inner = self.report(&notice, Vec::new());
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

    fn report(&self, notice: &Notice<'_, '_>, mut problems: Vec<String>) -> Report {
        let message = notice.message;
        let max = self.limits.max_recipients;
        let mut status =
            report::delivery_status(message, notice.is_from_daemon(), max, &mut problems);
        if status.is_none()
            && let Some(at) = message::status_fields_in(&notice.words)
            && notice.is_from_daemon()
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
                .map(|p| String::from_utf8_lossy(&message.content(p)).into_owned())
        };
        let mut feedback = part_text("message/feedback-report").map(|t| report::feedback(&t));
        if feedback.is_none() {
            feedback = report::jmrp(
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
        let signs = Signs::find(&self.knowledge, notice);
        let told = status.as_ref().is_some_and(|s| {
            s.recipients.iter().all(|r| {
                r.final_recipient.is_some()
                    && r.diagnostic.is_some()
                    && r.diagnostic_type != "x-unix"
            })
        });
        let software = dialect::recognise(&self.knowledge, notice, &signs.marks, status.as_ref());
        let reading = if told {
            dialect::Reading::default()
        } else {
            dialect::read(notice, software.map(|d| d.id.as_str()))
        };
        // Costs as much as a verdict, and most kinds are decided without it.
        let names_failure = LazyCell::new(|| {
            let mut told = reading
                .failures
                .iter()
                .filter_map(|f| f.diagnostic.as_deref());
            told.any(|d| self.is_failure(d))
        });
        let kind = reading
            .kind
            .unwrap_or_else(|| kind::decide(notice, &structure, &signs, &|| *names_failure));
        feedback = feedback.or(reading.feedback);
        let told_original = reading.original;

        let recipients = if kind.is_failure_notice() || kind == Kind::Delivered {
            self.recipients(
                notice,
                kind,
                status.as_ref(),
                disposition.as_ref(),
                reading.failures,
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
            autoreply::read(&self.knowledge, notice, &signs)
        } else {
            Signals::default()
        };
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
                message.header.len,
            ),
            notice: notice.info.clone(),
            feedback: feedback.filter(|_| matches!(kind, Kind::Complaint | Kind::Report)),
            kind,
            dialect: software.filter(|_| is_notice).map(|d| d.id.clone()),
            trust: Trust::Unverified,
            reporting_mta: of_message("reporting-mta").map(mta),
            arrival_date: of_message("arrival-date").and_then(date),
            original_envelope_id: of_message("original-envelope-id")
                .map(|v| crate::address::decode_xtext(v).into_owned()),
            original: notice
                .returned
                .as_ref()
                .map(|r| r.original.clone())
                .or(told_original)
                .filter(|o| *o != Default::default()),
            recipients,
            signals,
            problems,
        }
    }

    /// Whether words sound like a failure: a reply, or a phrase with a category.
    fn is_failure(&self, words: &str) -> bool {
        let v = self.classify(words);
        v.reply_code.is_some() || v.confidence >= 0.68
    }

    fn recipients(
        &self,
        notice: &Notice<'_, '_>,
        kind: Kind,
        status: Option<&DeliveryStatus>,
        disposition: Option<&Disposition>,
        failures: Vec<Failure>,
        problems: &mut Vec<String>,
    ) -> Vec<Recipient> {
        let default_action = match kind {
            Kind::Delay => Action::Delayed,
            Kind::Delivered => Action::Delivered,
            _ => Action::Failed,
        };
        if let Some(status) = status {
            return status
                .recipients
                .iter()
                .map(|r| {
                    self.of_fields(
                        notice,
                        r,
                        &failures,
                        status.recipients.len(),
                        default_action,
                    )
                })
                .collect();
        }
        let mut failures = failures;
        if let Some(d) = disposition {
            failures = vec![Failure {
                address: d
                    .final_recipient
                    .clone()
                    .or_else(|| d.original_recipient.clone()),
                original: d.original_recipient.clone(),
                source: Some(AddressSource::FinalRecipient),
                diagnostic: Some(d.error.clone().unwrap_or_else(|| notice.words.clone())),
                ..Failure::default()
            }];
        }
        if failures.iter().all(|f| f.address.is_none()) {
            let words = failures
                .into_iter()
                .next()
                .and_then(|f| f.diagnostic)
                .or_else(|| Some(notice.words.clone()));
            failures = named_elsewhere(notice, words);
        }
        if failures.is_empty() {
            problems.push(NOBODY.to_owned());
            failures.push(Failure {
                diagnostic: Some(notice.words.clone()),
                ..Failure::default()
            });
        }
        failures
            .into_iter()
            .map(|f| self.of_failure(f, default_action))
            .collect()
    }

    fn of_failure(&self, f: Failure, default_action: Action) -> Recipient {
        let action = f.action.unwrap_or(default_action);
        let words = f
            .diagnostic
            .as_deref()
            .map(|d| crate::knowledge::one_line(d).into_owned())
            .unwrap_or_default();
        let verdict = self.verdict(
            &words,
            f.status.as_deref(),
            f.remote_mta.as_deref(),
            f.address.as_deref(),
            action,
            "text",
        );
        Recipient {
            original_recipient: f.original.filter(|o| Some(o) != f.address.as_ref()),
            final_recipient: f.address,
            address_from: f.source,
            action: Some(action),
            remote_mta: f.remote_mta,
            last_attempt_date: None,
            will_retry_until: None,
            verdict,
        }
    }

    fn of_fields(
        &self,
        notice: &Notice<'_, '_>,
        r: &RecipientFields,
        failures: &[Failure],
        count: usize,
        default_action: Action,
    ) -> Recipient {
        let action = r.action.unwrap_or(default_action);
        let (mut address, mut source) = (r.final_recipient.clone(), AddressSource::FinalRecipient);
        let usable = |a: &Option<String>| {
            a.as_deref()
                .is_some_and(|a| a.find('@').is_some_and(|i| i > 0) || a.starts_with('/'))
        };
        if !usable(&address) && usable(&r.original_recipient) {
            (address, source) = (
                r.original_recipient.clone(),
                AddressSource::OriginalRecipient,
            );
        }
        if !usable(&address) {
            let found = failures
                .iter()
                .find(|f| f.address.is_some())
                .cloned()
                .or_else(|| named_elsewhere(notice, None).into_iter().next());
            if let Some(f) = found.filter(|_| count == 1 || address.is_none()) {
                (address, source) = (f.address, f.source.unwrap_or(AddressSource::Text));
            }
        }
        let of_words = || {
            let own = failures.iter().find(|f| match (&f.address, &address) {
                (Some(a), Some(b)) => crate::address::same(a, b),
                _ => false,
            });
            let own = own.or(failures
                .first()
                .filter(|_| count == 1 && failures.len() == 1));
            own.and_then(|f| f.diagnostic.clone())
                .or_else(|| (count == 1).then(|| notice.words.clone()))
        };
        // `X-Unix; 77` is the exit status of a program: the words say what it meant.
        let exit_status = r.diagnostic_type == "x-unix"
            && r.diagnostic
                .as_deref()
                .is_some_and(|d| d.trim().bytes().all(|b| b.is_ascii_digit()));
        let (words, from) = match &r.diagnostic {
            Some(d) if exit_status => (of_words().or_else(|| Some(d.clone())), "text"),
            Some(d) => (Some(d.clone()), "diagnostic_code"),
            None if matches!(action, Action::Failed | Action::Delayed) => (of_words(), "text"),
            None => (None, "text"),
        };
        let words = words
            .map(|w| crate::knowledge::one_line(&w).into_owned())
            .unwrap_or_default();
        let verdict = self.verdict(
            &words,
            r.status.as_deref(),
            r.remote_mta.as_deref(),
            address.as_deref(),
            action,
            from,
        );
        Recipient {
            original_recipient: r
                .original_recipient
                .clone()
                .filter(|o| Some(o) != address.as_ref()),
            address_from: address.is_some().then_some(source),
            final_recipient: address,
            action: Some(action),
            remote_mta: r.remote_mta.clone(),
            last_attempt_date: r.last_attempt_date.as_deref().and_then(date),
            will_retry_until: r.will_retry_until.as_deref().and_then(date),
            verdict,
        }
    }

    fn verdict(
        &self,
        words: &str,
        status: Option<&str>,
        remote: Option<&str>,
        address: Option<&str>,
        action: Action,
        from: &'static str,
    ) -> RecipientVerdict {
        if !matches!(action, Action::Failed | Action::Delayed) {
            return RecipientVerdict {
                status: status
                    .and_then(verdict::parse_status)
                    .map(|s| s.to_string()),
                diagnostic_code: Some(words.to_owned()).filter(|w| !w.is_empty()),
                details: Details::default(),
                ..RecipientVerdict::default()
            };
        }
        let reply = Reply {
            text: words,
            status,
            remote_mta: remote,
            recipient: address,
            provider: None,
            delayed: action == Action::Delayed,
        };
        let mut case = Case::new(&self.knowledge, reply);
        case.from = from;
        let mut verdict = judge(&self.knowledge, &case);
        if from == "text"
            && verdict
                .diagnostic_code
                .as_ref()
                .is_some_and(|d| d.len() > 1500)
        {
            verdict.diagnostic_code = verdict
                .diagnostic_code
                .map(|d| d.chars().take(1000).collect());
        }
        verdict.into()
    }
}

/// The report inside a notice that names nobody itself: gateways and virus filters wrap what they let through.
fn wrapped_report<'n, 'x>(
    notice: &'n Notice<'_, 'x>,
    report: &Report,
) -> Option<&'n message::Part<'x>> {
    let unnamed =
        |r: &Recipient| matches!(r.address_from, None | Some(AddressSource::ReturnedHeaders));
    if !report.kind.is_failure_notice() || !report.recipients.iter().all(unnamed) {
        return None;
    }
    let part = notice
        .message
        .parts
        .iter()
        .find(|p| p.media.is("message/rfc822"))?;
    let head = &part.body[..part.body.len().min(64 * 1024)];
    let header = message::Header::read(head, head.len(), 200);
    let media = header.get("Content-Type")?.to_ascii_lowercase();
    media.starts_with(b"multipart/report").then_some(part)
}

/// Whom the notice is about where its words name nobody: header, envelope recipient, returned headers, in that order.
fn named_elsewhere(notice: &Notice<'_, '_>, words: Option<String>) -> Vec<Failure> {
    let make = |address: String, source: AddressSource| Failure {
        address: Some(address),
        source: Some(source),
        diagnostic: words.clone(),
        ..Failure::default()
    };
    let header = &notice.message.header;
    let failed: Vec<Failure> = header
        .all("X-Failed-Recipients")
        .flat_map(|v| message::addresses(v, 100))
        .filter(|a| crate::address::is_plausible(a))
        .map(|a| make(a, AddressSource::XFailedRecipients))
        .collect();
    if !failed.is_empty() {
        return failed;
    }
    let envelope = notice.info.envelope_to.iter().chain(&notice.info.to);
    for address in envelope {
        match crate::address::decode_return_path(address) {
            Some(crate::address::Decoded::Verp(a)) => return vec![make(a, AddressSource::Verp)],
            Some(crate::address::Decoded::Srs(_)) | None => {}
        }
    }
    let Some(returned) = &notice.returned else {
        return Vec::new();
    };
    let own = returned
        .recipients
        .iter()
        .find(|a| !notice.is_own_address(a));
    let to = returned
        .original
        .to
        .iter()
        .find(|_| returned.original.to.len() == 1);
    own.or(to)
        .map(|a| make(a.clone(), AddressSource::ReturnedHeaders))
        .into_iter()
        .collect()
}

fn mta(value: &str) -> String {
    let (_, name) = crate::address::split_type(value);
    name.split([' ', '\n', '('])
        .next()
        .unwrap_or_default()
        .to_owned()
}

impl EngineBuilder {
    /// Adds a rule file of the user, by name (for errors) and text. Later files win over earlier ones.
    pub fn rules(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.own.push((name.into(), text.into()));
        self
    }

    /// Sets the bounds on the work for one message.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Replaces the list of header fields kept from the returned message under `original.ids`.
    pub fn id_headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.id_headers = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Builds the engine.
    ///
    /// # Errors
    /// Where a rule file cannot be used: its name, the line, and what was expected.
    pub fn build(self) -> Result<Engine, Error> {
        let mut loader = Loader::built_in()?;
        for (name, text) in &self.own {
            loader.file(name, text)?;
        }
        Ok(Engine {
            knowledge: loader.build()?,
            limits: self.limits,
            id_headers: self
                .id_headers
                .unwrap_or_else(|| ID_HEADERS.iter().map(|s| (*s).to_owned()).collect()),
        })
    }
}
