//! The contract: [`Report`] and what it holds, as the JSON Lines output has them.
//!
//! Adding keys is compatible; changing or removing one raises [`SCHEMA`]. Absent values are left out or `null`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::words::{
    Action, AddressAction, AddressSource, BounceType, Category, Fault, Kind, Permanence,
    SenderAction, Signal, Trust,
};

/// The version of the JSON contract, in the key `schema`.
pub const SCHEMA: u32 = 1;

/// Everything that is known about one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Version of this contract: [`SCHEMA`].
    pub schema: u32,
    /// Where the message was found; set by the program that read it.
    pub source: Option<String>,
    /// One mail, one id, on every machine: a hash over the mail without its returned body.
    pub event_id: String,
    /// The outer message.
    pub notice: NoticeInfo,
    /// The fields of a complaint or report (RFC 5965), for these kinds only.
    pub feedback: Option<Feedback>,
    /// What sort of message this is.
    pub kind: Kind,
    /// The software that wrote the notice, when recognised.
    pub dialect: Option<String>,
    /// How far the message can be trusted.
    pub trust: Trust,
    /// `Reporting-MTA` (RFC 3464 section 2.2.2), without its type.
    pub reporting_mta: Option<String>,
    /// `Arrival-Date` (RFC 3464 section 2.2.5), in UTC.
    pub arrival_date: Option<String>,
    /// `Original-Envelope-Id` (RFC 3464 section 2.2.1).
    pub original_envelope_id: Option<String>,
    /// The message that came back, as far as its headers are there.
    pub original: Option<Original>,
    /// One entry a recipient; empty for kinds that are no delivery report.
    pub recipients: Vec<Recipient>,
    /// What an auto-reply says about its owner.
    pub signals: Signals,
    /// What was broken in the mail or cut by a limit, in words.
    pub problems: Vec<String>,
}

/// Headers of the outer message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoticeInfo {
    /// `Message-ID` without angle brackets.
    pub message_id: Option<String>,
    /// Address of the first `From`.
    pub from: Option<String>,
    /// Addresses of `To`.
    pub to: Vec<String>,
    /// `Subject`, decoded.
    pub subject: Option<String>,
    /// `Date`, in UTC.
    pub date: Option<String>,
    /// Envelope recipient of the notice: `Delivered-To`, `X-Original-To`, `Envelope-To`.
    pub envelope_to: Option<String>,
}

/// Headers of the returned message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Original {
    /// `Message-ID` without angle brackets.
    pub message_id: Option<String>,
    /// Address of the first `From`.
    pub from: Option<String>,
    /// Addresses of `To`.
    pub to: Vec<String>,
    /// `Subject`, decoded.
    pub subject: Option<String>,
    /// `Date`, in UTC.
    pub date: Option<String>,
    /// Identifier headers of campaign software, by lower-case name.
    pub ids: BTreeMap<String, String>,
}

/// Fields of a feedback report (RFC 5965), or of its relatives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Feedback {
    /// `Feedback-Type`: abuse, fraud, virus, opt-out, not-spam, auth-failure, other; `dmarc`, `tls` for their reports.
    #[serde(rename = "type")]
    pub feedback_type: Option<String>,
    /// `Source-IP`.
    pub source_ip: Option<String>,
    /// `Original-Rcpt-To`, every one.
    pub original_rcpt_to: Vec<String>,
    /// `Original-Mail-From`.
    pub original_mail_from: Option<String>,
    /// `Reported-Domain`, every one.
    pub reported_domain: Vec<String>,
    /// `Auth-Failure` (RFC 6591).
    pub auth_failure: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
}

/// What an auto-reply tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Signals {
    /// What it says, each once, in the order of [`Signal::ALL`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<Signal>,
    /// The new address of an owner who moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_address: Option<String>,
    /// Last day of an absence, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// One recipient of the returned message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recipient {
    /// The address that was tried last, without type and brackets.
    pub final_recipient: Option<String>,
    /// The address the sender wrote, where it is known to be another one.
    pub original_recipient: Option<String>,
    /// Where `final_recipient` was found.
    pub address_from: Option<AddressSource>,
    /// What was done (RFC 3464 section 2.3.3).
    pub action: Option<Action>,
    /// `Remote-MTA`, without its type.
    pub remote_mta: Option<String>,
    /// `Last-Attempt-Date`, in UTC.
    pub last_attempt_date: Option<String>,
    /// `Will-Retry-Until`, in UTC.
    pub will_retry_until: Option<String>,
    /// The verdict; `None` where nothing failed (delivered, relayed, expanded).
    #[serde(flatten)]
    pub verdict: RecipientVerdict,
}

/// The verdict's keys as they stand beside a recipient: all null where nothing failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecipientVerdict {
    /// Enhanced status code (RFC 3463).
    pub status: Option<Cow<'static, str>>,
    /// Reply code (RFC 5321) of the innermost reply.
    pub reply_code: Option<Cow<'static, str>>,
    /// The words that were judged.
    pub diagnostic_code: Option<String>,
    /// The mailbox provider that answered, when recognised.
    pub provider: Option<Cow<'static, str>>,
    /// What happened.
    pub category: Option<Category>,
    /// Whose problem it is.
    pub fault: Option<Fault>,
    /// What the receiver says about this message.
    pub permanence: Option<Permanence>,
    /// The one word, derived.
    #[serde(rename = "type")]
    pub bounce_type: Option<BounceType>,
    /// Advice about the address.
    pub address_action: Option<AddressAction>,
    /// Advice to the sender.
    pub sender_action: Option<SenderAction>,
    /// How sure the verdict is, 0 to 1.
    pub confidence: Option<f64>,
    /// What else the reply says.
    #[serde(default)]
    pub details: Details,
    /// Why: what spoke for the verdict and what lost against it.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// A verdict about one reply, from [`Engine::classify`](crate::Engine::classify).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Enhanced status code (RFC 3463), as far as one is known.
    pub status: Option<Cow<'static, str>>,
    /// Reply code (RFC 5321) of the innermost reply; none is made up.
    pub reply_code: Option<Cow<'static, str>>,
    /// The text that was judged.
    pub diagnostic_code: Option<String>,
    /// The mailbox provider that answered, when recognised.
    pub provider: Option<Cow<'static, str>>,
    /// What happened.
    pub category: Category,
    /// Whose problem it is.
    pub fault: Fault,
    /// What the receiver says about this message.
    pub permanence: Permanence,
    /// The one word, derived from category and permanence.
    #[serde(rename = "type")]
    pub bounce_type: BounceType,
    /// Advice about the address.
    pub address_action: AddressAction,
    /// Advice to the sender.
    pub sender_action: SenderAction,
    /// How sure the verdict is, 0 to 1, calibrated.
    pub confidence: f64,
    /// What else the reply says.
    pub details: Details,
    /// Why: what spoke for the verdict and what lost against it.
    pub evidence: Vec<Evidence>,
}

impl From<Verdict> for RecipientVerdict {
    fn from(v: Verdict) -> Self {
        RecipientVerdict {
            status: v.status,
            reply_code: v.reply_code,
            diagnostic_code: v.diagnostic_code,
            provider: v.provider,
            category: Some(v.category),
            fault: Some(v.fault),
            permanence: Some(v.permanence),
            bounce_type: Some(v.bounce_type),
            address_action: Some(v.address_action),
            sender_action: Some(v.sender_action),
            confidence: Some(v.confidence),
            details: v.details,
            evidence: v.evidence,
        }
    }
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// Permanent id of the rule.
    pub rule: Cow<'static, str>,
    /// The category it speaks for.
    pub says: Category,
    /// How much it proves, 0 to 1.
    pub weight: f64,
    /// The field it was found in: `diagnostic_code`, `status`, `action`, `remote_mta`, `text`.
    pub from: Cow<'static, str>,
    /// The words or the code that decided.
    pub text: Cow<'static, str>,
}

/// What else a reply says. Keys that were not found are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Details {
    /// Id of the blocklist that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocklist: Option<Cow<'static, str>>,
    /// Where removal from that list can be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delist_url: Option<Cow<'static, str>>,
    /// Seconds the reply asks to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The size limit in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_bytes: Option<u64>,
    /// What failed: spf, dkim, dmarc, alignment, arc, ptr, helo, tls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<Cow<'static, str>>,
    /// What a limit or block applies to: ip, domain, sender, recipient, session, url, message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Cow<'static, str>>,
    /// What a limit counts: messages, connections, recipients, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited: Option<Cow<'static, str>>,
    /// The provider's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<Cow<'static, str>>,
    /// The SMTP command that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Cow<'static, str>>,
    /// New address of a moved mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_address: Option<String>,
    /// Retries ran out; the category is that of the last real error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired: Option<bool>,
    /// The code this reply turns into if nothing changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalates_to: Option<Cow<'static, str>>,
    /// The IP address the reply names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The reply says nothing of its own: only x.0.0 or a bare code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguous: Option<bool>,
    /// Reply codes around the innermost one, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Cow<'static, str>>,
}
