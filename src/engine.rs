//! The engine: knowledge and settings, built once, and the two questions it answers.

use crate::contract::{Report, Verdict};
use crate::error::Error;
use crate::knowledge::{Finding, Knowledge, Loader};
use crate::message::Limits;
use crate::pipeline::Reader;
use crate::verdict::{Case, Reply, judge};

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
        let reader = Reader {
            knowledge: &self.knowledge,
            limits: &self.limits,
            id_headers: &self.id_headers,
        };
        reader.read(bytes, problems)
    }
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
