//! A rule file as it is written: what `docs/rules.md` describes, field by field.

use serde::Deserialize;
use toml::Spanned;

use crate::contract::Details;
use crate::words::{Category, Permanence, SenderAction, Signal};

/// Everything a file may hold. Which of it makes sense where is said in `docs/rules.md`, not forced.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RuleFile {
    pub language: Option<String>,
    pub name: Option<String>,
    pub provider: Option<ProviderEntry>,
    pub defaults: Defaults,
    pub rule: Vec<Spanned<RuleEntry>>,
    pub sign: Vec<Spanned<SignEntry>>,
    pub header: Vec<Spanned<HeaderEntry>>,
    pub code: Vec<Spanned<CodeEntry>>,
    pub blocklist: Vec<Spanned<BlocklistEntry>>,
    /// Ids of rules to switch off; for files of the user.
    pub off: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Defaults {
    pub source: Option<String>,
    pub checked: Option<String>,
    pub since: Option<String>,
    pub weight: Option<f64>,
    pub unverified: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderEntry {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub hosts: Vec<String>,
    #[serde(default)]
    pub domains: Vec<String>,
    #[serde(default)]
    pub tokens: Vec<String>,
    #[serde(default)]
    pub notes: String,
    #[serde(default)]
    pub sources: Vec<String>,
    #[serde(default)]
    pub unverified: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleEntry {
    pub id: String,
    pub category: Category,
    #[serde(default)]
    pub text: Vec<String>,
    #[serde(default)]
    pub codes: Vec<String>,
    pub provider: Option<String>,
    pub permanence: Option<Permanence>,
    pub sender_action: Option<SenderAction>,
    pub weight: Option<f64>,
    #[serde(default)]
    pub alone: bool,
    pub says: Option<String>,
    pub fix: Option<String>,
    pub note: Option<String>,
    #[serde(default)]
    pub details: DetailsEntry,
    pub source: Option<String>,
    pub checked: Option<String>,
    #[serde(default)]
    pub unverified: bool,
    pub status: Option<String>,
    pub since: Option<String>,
    #[serde(default)]
    pub examples: Vec<String>,
    #[serde(default)]
    pub not: Vec<String>,
}

/// The details a rule may set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DetailsEntry {
    pub mechanism: Option<String>,
    pub scope: Option<String>,
    pub limited: Option<String>,
    pub blocklist: Option<String>,
    pub provider_code: Option<String>,
    pub delist_url: Option<String>,
    pub retry_after: Option<u64>,
    pub limit_bytes: Option<u64>,
    pub escalates_to: Option<String>,
    pub retry_is_useless: Option<bool>,
    pub expired: Option<bool>,
}

impl DetailsEntry {
    /// Fills what `details` does not know yet.
    pub fn fill(&self, details: &mut Details) {
        fn set<T: Clone>(to: &mut Option<T>, from: &Option<T>) {
            if to.is_none() {
                to.clone_from(from);
            }
        }
        set(&mut details.mechanism, &self.mechanism);
        set(&mut details.scope, &self.scope);
        set(&mut details.limited, &self.limited);
        set(&mut details.blocklist, &self.blocklist);
        set(&mut details.provider_code, &self.provider_code);
        set(&mut details.delist_url, &self.delist_url);
        set(&mut details.retry_after, &self.retry_after);
        set(&mut details.limit_bytes, &self.limit_bytes);
        set(&mut details.escalates_to, &self.escalates_to);
        set(&mut details.expired, &self.expired);
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignEntry {
    pub id: String,
    #[serde(rename = "where")]
    pub place: Place,
    #[serde(rename = "match", default)]
    pub matching: Matching,
    pub means: Means,
    pub signal: Option<Signal>,
    pub strength: Strength,
    pub text: Vec<String>,
    pub software: Option<String>,
    pub note: Option<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub unverified: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderEntry {
    pub id: String,
    pub name: String,
    pub value: Vec<String>,
    pub means: Means,
    pub signal: Option<Signal>,
    pub strength: Strength,
    pub software: Option<String>,
    pub note: Option<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub unverified: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeEntry {
    pub code: String,
    pub name: String,
    pub category: Option<Category>,
    pub permanence: Option<Permanence>,
    pub weight: Option<f64>,
    /// The enhanced code a folk code stands for.
    pub reads_as: Option<String>,
    pub says: String,
    pub fix: Option<String>,
    pub note: Option<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub unverified: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlocklistEntry {
    pub id: String,
    pub name: String,
    pub lists: Listed,
    pub text: Vec<String>,
    pub delist: Option<String>,
    #[serde(default)]
    pub says: String,
    pub note: Option<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub unverified: bool,
}

/// What a blocklist lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Listed {
    /// Addresses of sending hosts.
    Ip,
    /// Domains and URLs.
    Domain,
}

/// Where a sign is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Place {
    /// The subject of the outer message.
    Subject,
    /// The notice's own words.
    Body,
}

/// How the pattern of a subject sign sits in the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Matching {
    /// The whole subject.
    Exact,
    /// Its start.
    Prefix,
    /// Anywhere.
    #[default]
    Contains,
}

/// How much a sign proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Strength {
    /// Supports others.
    Weak,
    /// Half of a proof.
    Medium,
    /// Near certain together with any other sign.
    Strong,
    /// Settles the matter; header fields only.
    Decisive,
}

/// What a sign says the message is, or where something starts in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Means {
    /// Failed for good.
    Bounce,
    /// A failure or a delay.
    Notice,
    /// A delay.
    Delay,
    /// A success report.
    Delivered,
    /// A read or not-read receipt.
    Receipt,
    /// An auto-reply.
    AutoReply,
    /// A challenge.
    Challenge,
    /// A complaint.
    Complaint,
    /// A report of DMARC, TLS or authentication.
    Report,
    /// Written or forwarded by a person.
    Human,
    /// Through a mailing list.
    List,
    /// Something else that is automatic.
    Other,
    /// The returned message starts here.
    Returned,
    /// A quoted original starts here.
    Quote,
}
