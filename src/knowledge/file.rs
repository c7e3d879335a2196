//! A rule file as it is written: what `docs/rules.md` describes, field by field.

//!
//! The build script reads `rules/` with this same file and stores what it read in a binary form: reading 1.5 MB of TOML
//! takes 30 ms, which a program that is started for one message would pay each time; the binary form takes 3 ms.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::{Category, Permanence, SenderAction, Signal};

/// Everything a file may hold. Which of it makes sense where is said in `docs/rules.md`, not forced.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RuleFile {
    pub language: Option<String>,
    pub name: Option<String>,
    pub provider: Option<ProviderEntry>,
    pub defaults: Defaults,
    pub rule: Vec<At<RuleEntry>>,
    pub sign: Vec<At<SignEntry>>,
    pub header: Vec<At<HeaderEntry>>,
    pub code: Vec<At<CodeEntry>>,
    pub blocklist: Vec<At<BlocklistEntry>>,
    pub category: Vec<CategoryEntry>,
    pub dialect: Vec<At<DialectEntry>>,
    pub aside: Vec<At<AsideEntry>>,
    /// What stands before the names of commands among the asides.
    pub command_leads: Vec<String>,
    /// What mail systems call themselves in `From`.
    pub mail_system_names: Vec<String>,
    /// What their local parts begin with.
    pub mail_system_mailboxes: Vec<String>,
    pub dates: Option<DatesEntry>,
    /// Ids of rules to switch off; for files of the user.
    pub off: Vec<At<String>>,
}

impl RuleFile {
    /// Reads a file and notes the line of each entry.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        let mut file: RuleFile = toml::from_str(text)?;
        let mut lines = Lines {
            text,
            offset: 0,
            line: 1,
        };
        lines.of(&mut file.rule);
        lines.of(&mut file.sign);
        lines.of(&mut file.header);
        lines.of(&mut file.code);
        lines.of(&mut file.blocklist);
        lines.of(&mut file.dialect);
        lines.of(&mut file.aside);
        lines.of(&mut file.off);
        Ok(file)
    }
}

/// An entry and where it stands: the offset while TOML is read, then the line, from 1.
#[derive(Debug)]
pub(crate) struct At<T> {
    pub line: usize,
    pub entry: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let spanned = toml::Spanned::<T>::deserialize(d)?;
            Ok(At {
                line: spanned.span().start,
                entry: spanned.into_inner(),
            })
        } else {
            let (line, entry) = <(usize, T)>::deserialize(d)?;
            Ok(At { line, entry })
        }
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (self.line, &self.entry).serialize(s)
    }
}

/// Counts lines; entries of one sort come in the order of the text.
struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    fn of<T>(&mut self, entries: &mut [At<T>]) {
        for at in entries {
            if at.line < self.offset {
                (self.offset, self.line) = (0, 1);
            }
            let between = &self.text.as_bytes()[self.offset..at.line.min(self.text.len())];
            self.line += between.iter().filter(|b| **b == b'\n').count();
            self.offset = at.line;
            at.line = self.line;
        }
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Defaults {
    pub source: Option<String>,
    pub checked: Option<String>,
    pub since: Option<String>,
    pub weight: Option<f64>,
    pub unverified: bool,
}

#[derive(Debug, Deserialize, Serialize)]
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

#[derive(Debug, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
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
    pub expired: Option<bool>,
}

#[derive(Debug, Deserialize, Serialize)]
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

#[derive(Debug, Deserialize, Serialize)]
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

#[derive(Debug, Deserialize, Serialize)]
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

#[derive(Debug, Deserialize, Serialize)]
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

/// What a category means for people.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CategoryEntry {
    pub id: Category,
    pub name: String,
    pub says: String,
    /// Advice about the address.
    pub address: String,
    /// Advice to the sender.
    pub sender: String,
    /// What sending services call it, by service.
    pub esp: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DialectEntry {
    pub id: String,
    pub name: String,
    pub marks: Vec<String>,
    #[serde(default)]
    pub over: Vec<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub unverified: bool,
}

/// Words that say something beside the category.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsideEntry {
    pub says: Says,
    /// The command or the scope.
    pub name: Option<String>,
    pub text: Vec<String>,
    pub examples: Vec<String>,
}

/// What an aside says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Says {
    Command,
    Scope,
    Again,
    AtConnect,
}

/// Words around dates in one language. A `*` at the end of a month lets it be inflected; in the other lists it says that
/// the word touches the date.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatesEntry {
    /// January to December, every form of each.
    pub months: Vec<Vec<String>>,
    /// Before a date that is the last day.
    pub until: Vec<String>,
    /// Behind such a date.
    pub until_after: Vec<String>,
    /// Before the day of the return.
    pub back: Vec<String>,
    /// Behind it.
    pub back_after: Vec<String>,
    /// Between the first and the last day.
    pub to: Vec<String>,
    /// Inside a date.
    pub joins: Vec<String>,
}

/// What a blocklist lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Listed {
    /// Addresses of sending hosts.
    Ip,
    /// Domains and URLs.
    Domain,
}

/// Where a sign is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Place {
    /// The subject of the outer message.
    Subject,
    /// The notice's own words.
    Body,
}

/// How the pattern of a subject sign sits in the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
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
