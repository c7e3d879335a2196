//! A rule file as it is written: what `docs/rules.md` describes, field by field.
//!
//! The build script reads `rules/` with this same file and stores what it read in a binary form: reading 1.5 MB of TOML
//! takes 30 ms, which a program that is started for one message would pay each time; the binary form takes 3 ms.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::{Category, Permanence, SenderAction, Signal};

/// Everything a file may hold. Which of it makes sense where is said in `docs/rules.md`, not forced.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RuleFile<'f> {
    pub language: Option<String>,
    pub name: Option<String>,
    #[serde(borrow)]
    pub provider: Option<ProviderEntry<'f>>,
    pub defaults: Defaults,
    #[serde(borrow)]
    pub rule: Vec<At<RuleEntry<'f>>>,
    pub sign: Vec<At<SignEntry>>,
    pub header: Vec<At<HeaderEntry>>,
    #[serde(borrow)]
    pub code: Vec<At<CodeEntry<'f>>>,
    #[serde(borrow)]
    pub blocklist: Vec<At<BlocklistEntry<'f>>>,
    pub category: Vec<CategoryEntry>,
    pub dialect: Vec<At<DialectEntry>>,
    #[serde(borrow)]
    pub aside: Vec<At<AsideEntry<'f>>>,
    /// What stands before the names of commands among the asides.
    pub command_leads: Vec<String>,
    /// What mail systems call themselves in `From`.
    pub mail_system_names: Vec<At<String>>,
    /// What their local parts begin with.
    pub mail_system_mailboxes: Vec<At<String>>,
    pub dates: Option<DatesEntry>,
    /// Ids of rules to switch off; for files of the user.
    pub off: Vec<At<String>>,
}

impl<'f> RuleFile<'f> {
    /// Reads a file and notes the line of each entry.
    pub fn read(text: &'f str) -> Result<Self, toml::de::Error> {
        let mut file: RuleFile<'f> = toml::from_str(text)?;
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
        lines.of(&mut file.mail_system_names);
        lines.of(&mut file.mail_system_mailboxes);
        lines.of(&mut file.off);
        Ok(file)
    }
}

/// Words that verdicts repeat: borrowed from the stored rules, so that a verdict costs no copy of them.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Text<'f>(#[serde(borrow)] Cow<'f, str>);

impl Text<'_> {
    /// No words.
    pub const NONE: Self = Text(Cow::Borrowed(""));
}

impl<'f> Text<'f> {
    /// The words as they were read.
    pub fn inner(self) -> Cow<'f, str> {
        self.0
    }

    /// The words of a file that goes away.
    pub fn owned(self) -> Cow<'static, str> {
        Cow::Owned(self.0.into_owned())
    }

    /// With the sort before it, as evidence names what is no rule. The binary form has it already.
    fn sorted<D: Deserializer<'f>>(sort: &str, d: D) -> Result<Self, D::Error> {
        let is_stored = !d.is_human_readable();
        let name = Text::deserialize(d)?;
        Ok(match is_stored {
            true => name,
            false => Text(Cow::Owned([sort, &*name].concat())),
        })
    }
}

impl<'f> From<Cow<'f, str>> for Text<'f> {
    fn from(text: Cow<'f, str>) -> Self {
        Text(text)
    }
}

impl<'f> From<Text<'f>> for Cow<'f, str> {
    fn from(text: Text<'f>) -> Self {
        text.0
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What evidence writes before the name of a code.
pub(crate) const CODE: &str = "code/";
/// What evidence writes before the name of a blocklist.
pub(crate) const BLOCKLIST: &str = "blocklist/";

fn code_id<'f, D: Deserializer<'f>>(d: D) -> Result<Text<'f>, D::Error> {
    Text::sorted(CODE, d)
}

fn blocklist_id<'f, D: Deserializer<'f>>(d: D) -> Result<Text<'f>, D::Error> {
    Text::sorted(BLOCKLIST, d)
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
pub(crate) struct ProviderEntry<'f> {
    #[serde(borrow)]
    pub id: Text<'f>,
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
pub(crate) struct RuleEntry<'f> {
    #[serde(borrow)]
    pub id: Text<'f>,
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
    #[serde(borrow, default)]
    pub details: DetailsEntry<'f>,
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
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DetailsEntry<'f> {
    #[serde(borrow)]
    pub mechanism: Option<Text<'f>>,
    #[serde(borrow)]
    pub scope: Option<Text<'f>>,
    #[serde(borrow)]
    pub limited: Option<Text<'f>>,
    #[serde(borrow)]
    pub blocklist: Option<Text<'f>>,
    #[serde(borrow)]
    pub provider_code: Option<Text<'f>>,
    #[serde(borrow)]
    pub delist_url: Option<Text<'f>>,
    pub retry_after: Option<u64>,
    pub limit_bytes: Option<u64>,
    #[serde(borrow)]
    pub escalates_to: Option<Text<'f>>,
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
pub(crate) struct CodeEntry<'f> {
    /// The code with its sort before it.
    #[serde(rename = "code", borrow, deserialize_with = "code_id")]
    pub id: Text<'f>,
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
pub(crate) struct BlocklistEntry<'f> {
    /// The id with its sort before it.
    #[serde(borrow, deserialize_with = "blocklist_id")]
    pub id: Text<'f>,
    pub name: String,
    pub lists: Listed,
    pub text: Vec<String>,
    #[serde(borrow)]
    pub delist: Option<Text<'f>>,
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
pub(crate) struct AsideEntry<'f> {
    pub says: Says,
    /// The command or the scope.
    #[serde(borrow)]
    pub name: Option<Text<'f>>,
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
