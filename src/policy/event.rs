//! What a history is made of: events, which mail told us, and acts, which people did.

use serde::{Deserialize, Serialize};

use crate::contract::{Report, Verdict};
use crate::message::timestamp;
use crate::words::{
    BounceType, Category, Fault, Kind, Permanence, SenderAction, Signal, Trust, vocabulary,
};

/// The longest reply text an event keeps, in bytes: enough to read it again under new rules.
const MAX_TEXT: usize = 600;

/// One thing that mail told about one address. Its identity is `event_id` and `address`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The id of the mail: [`Report::event_id`].
    pub event_id: String,
    /// The address as the ledger keys it: lower case, or a keyed hash.
    pub address: String,
    /// When it happened, in seconds since 1970.
    pub at: i64,
    /// What sort of mail it was.
    pub kind: Kind,
    /// What happened, where something failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What the receiver said about the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permanence: Option<Permanence>,
    /// Enhanced status code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Reply code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_code: Option<String>,
    /// The provider that answered, else the domain of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The knowledge rule that decided the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The words of the reply, cut at 600 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The host that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_mta: Option<String>,
    /// What the send is known by: its campaign, else the Message-ID. Events of one send count once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// `Feedback-Type` of a complaint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
    /// What an auto-reply says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Signal>,
    /// A new address that the mail names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_address: Option<String>,
    /// The blocklist that the reply names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocklist: Option<String>,
    /// How far the mail can be trusted.
    #[serde(default = "unverified")]
    pub trust: Trust,
    /// Whether tokens or a sent log could have proved it; without them `unverified` is the normal level.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proof_in_use: bool,
    /// Where the mail was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

fn unverified() -> Trust {
    Trust::Unverified
}

impl Event {
    /// An event without a verdict.
    pub fn new(
        event_id: impl Into<String>,
        address: impl Into<String>,
        at: i64,
        kind: Kind,
    ) -> Self {
        Event {
            event_id: event_id.into(),
            address: address.into(),
            at,
            kind,
            category: None,
            permanence: None,
            status: None,
            reply_code: None,
            provider: None,
            rule: None,
            text: None,
            remote_mta: None,
            send: None,
            feedback: None,
            signals: Vec::new(),
            new_address: None,
            blocklist: None,
            trust: Trust::Unverified,
            proof_in_use: false,
            source: None,
        }
    }

    /// A bounce with this verdict, as an MTA knows it that asked [`Engine::classify`](crate::Engine::classify).
    pub fn from_verdict(
        event_id: impl Into<String>,
        address: impl Into<String>,
        at: i64,
        verdict: &Verdict,
    ) -> Self {
        let mut event = Event::new(event_id, address, at, Kind::Bounce);
        event.reread(verdict);
        event
    }

    /// Puts another verdict in the place of the event's own: the same mail, read under new rules.
    pub fn reread(&mut self, verdict: &Verdict) {
        self.category = Some(verdict.category);
        self.permanence = Some(verdict.permanence);
        self.status = verdict.status.as_deref().map(str::to_owned);
        self.reply_code = verdict.reply_code.as_deref().map(str::to_owned);
        self.text = verdict.diagnostic_code.as_deref().map(cut);
        self.rule = verdict.evidence.first().map(|e| e.rule.to_string());
        self.blocklist = verdict.details.blocklist.as_deref().map(str::to_owned);
        self.provider = verdict
            .provider
            .as_deref()
            .or_else(|| address_domain(&self.address))
            .map(str::to_owned);
    }

    /// The events of one message: one for each address it tells about, none for mail that says nothing about one.
    ///
    /// `recorded` is the moment of reading; no event is dated later. A bounce counts for the address that was
    /// written to (`original_recipient` where known), as that is the one a list holds. A receipt and an auto-reply
    /// speak of their sender, a complaint of the recipient it names. Mail of the kind `other` gives an event only
    /// when it is `verified` or `matched`: then it is an answer to mail of ours, and its writer alive.
    pub fn from_report(report: &Report, recorded: i64) -> Vec<Event> {
        let date = |s: &Option<String>| s.as_deref().and_then(timestamp);
        let mail_at = date(&report.notice.date)
            .or_else(|| date(&report.arrival_date))
            .unwrap_or(recorded)
            .min(recorded);
        let send = send_key(report);
        let base = |address: &str, at: i64| {
            let mut e = Event::new(report.event_id.clone(), normal(address), at, report.kind);
            e.send.clone_from(&send);
            e.trust = report.trust;
            e.source.clone_from(&report.source);
            e.provider = address_domain(&e.address).map(str::to_owned);
            e
        };
        let mut events: Vec<Event> = Vec::new();
        match report.kind {
            Kind::Bounce | Kind::Delay | Kind::Delivered => {
                for r in &report.recipients {
                    let Some(address) = r
                        .original_recipient
                        .as_ref()
                        .filter(|a| a.contains('@'))
                        .or(r.final_recipient.as_ref())
                    else {
                        continue;
                    };
                    let at = date(&r.last_attempt_date)
                        .filter(|_| report.notice.date.is_none())
                        .unwrap_or(mail_at)
                        .min(recorded);
                    let mut e = base(address, at);
                    let v = &r.verdict;
                    e.kind = match r.action {
                        Some(crate::Action::Failed) | None => report.kind,
                        Some(crate::Action::Delayed) => Kind::Delay,
                        Some(_) => Kind::Delivered,
                    };
                    e.category = v.category;
                    e.permanence = v.permanence;
                    e.status = v.status.as_deref().map(str::to_owned);
                    e.reply_code = v.reply_code.as_deref().map(str::to_owned);
                    if v.provider.is_some() {
                        e.provider = v.provider.as_deref().map(str::to_owned);
                    }
                    e.rule = v.evidence.first().map(|x| x.rule.to_string());
                    e.text = v.diagnostic_code.as_deref().map(cut);
                    e.remote_mta.clone_from(&r.remote_mta);
                    e.new_address.clone_from(&v.details.new_address);
                    e.blocklist = v.details.blocklist.as_deref().map(str::to_owned);
                    events.push(e);
                }
            }
            Kind::Complaint => {
                let named = report.feedback.iter().flat_map(|f| &f.original_rcpt_to);
                let to = report
                    .original
                    .iter()
                    .filter(|o| o.to.len() == 1)
                    .flat_map(|o| &o.to);
                let mut all: Vec<&String> = named.collect();
                if all.is_empty() {
                    all = to.collect();
                }
                for address in all {
                    let mut e = base(address, mail_at);
                    e.feedback = report
                        .feedback
                        .as_ref()
                        .and_then(|f| f.feedback_type.clone());
                    events.push(e);
                }
            }
            Kind::AutoReply | Kind::Receipt => {
                if let Some(from) = &report.notice.from {
                    let mut e = base(from, mail_at);
                    e.signals.clone_from(&report.signals.is);
                    e.new_address.clone_from(&report.signals.new_address);
                    events.push(e);
                }
            }
            Kind::Other if matches!(report.trust, Trust::Verified | Trust::Matched) => {
                events.extend(report.notice.from.iter().map(|from| base(from, mail_at)));
            }
            _ => {}
        }
        let mut seen = std::collections::BTreeSet::new();
        events.retain(|e| e.address.contains('@') && seen.insert(e.address.clone()));
        events
    }

    /// The one word for the failure, derived.
    pub fn bounce_type(&self) -> Option<BounceType> {
        Some(self.category?.bounce_type(self.permanence?))
    }

    /// Whose problem the failure is.
    pub fn fault(&self) -> Option<Fault> {
        self.category.map(Category::fault)
    }

    /// What the sender can do about it.
    pub fn sender_action(&self) -> SenderAction {
        self.category
            .map_or(SenderAction::None, Category::sender_action)
    }

    /// The order of a history: by time, then by identity, so that it does not depend on the order of arrival.
    pub(crate) fn order(&self) -> (i64, &str, &str) {
        (self.at, &self.event_id, &self.address)
    }
}

/// The campaign of the returned message, else its Message-ID, else the envelope id.
fn send_key(report: &Report) -> Option<String> {
    const CAMPAIGN: &[&str] = &[
        "x-campaign-id",
        "x-campaign",
        "x-campaignid",
        "x-listmonk-campaign",
        "x-mailchimp-campaign",
        "x-rpcampaign",
        "x-mailing-id",
        "x-mailingid",
        "x-newsletter-id",
        "x-job",
        "x-jobid",
        "x-batch-id",
        "feedback-id",
    ];
    let original = report.original.as_ref();
    original
        .and_then(|o| {
            CAMPAIGN
                .iter()
                .find_map(|name| o.ids.get(*name))
                .or(o.message_id.as_ref())
        })
        .or(report.original_envelope_id.as_ref())
        .map(|s| cut(s))
}

/// The address as the ledger compares it: in lower case, without blanks around it.
///
/// No mailbox provider tells upper from lower case in the local part, and lists do not either.
pub(crate) fn normal(address: &str) -> String {
    address.trim().to_lowercase()
}

/// The domain of an address, or of a domain written `@example.com`.
pub fn address_domain(address: &str) -> Option<&str> {
    address
        .rsplit_once('@')
        .map(|(_, domain)| domain)
        .filter(|d| !d.is_empty())
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(MAX_TEXT))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    text[..end].to_owned()
}

vocabulary! {
    /// What a person, or a program on their behalf, did.
    ActKind {
        /// Put the target on the list.
        Suppress = "suppress",
        /// Took it off: everything before it is forgiven, complaints too.
        Release = "release",
        /// A proof of life from elsewhere: a delivery, an open, a reply, a corrected address.
        Alive = "alive",
    }
}

/// One manual act: who, when, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Act {
    /// Its identity; the same act recorded twice counts once.
    pub id: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// What was done.
    pub kind: ActKind,
    /// The key of an address, or `@` and a domain.
    pub target: String,
    /// Who did it.
    pub who: String,
    /// Why.
    pub why: String,
    /// The end of a manual suppression, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl Act {
    /// An act. Its id is a hash over what it is, so that the same act is one on every machine.
    pub fn new(
        at: i64,
        kind: ActKind,
        target: impl Into<String>,
        who: impl Into<String>,
        why: impl Into<String>,
        until: Option<i64>,
    ) -> Self {
        use sha2::{Digest, Sha256};
        let (target, who, why) = (target.into(), who.into(), why.into());
        let digest = Sha256::digest(format!("{at}\0{kind}\0{target}\0{who}\0{why}\0{until:?}"));
        let id = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
        Act {
            id,
            at,
            kind,
            target,
            who,
            why,
            until,
        }
    }
}
