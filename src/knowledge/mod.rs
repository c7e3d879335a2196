//! What the program knows about the world: the files of `rules/`, loaded, checked and ready to match.

mod anchor;
mod asides;
mod check;
mod codes;
mod dates;
mod dialect;
mod file;
mod glob;
mod kept;
mod load;
mod lookup;
mod mail_system;
mod normal;
mod pairs;
mod pattern;
mod sign;
mod split;
mod unmarked;
pub(crate) mod written;

pub(crate) use asides::{Aside, AsideIndex};
pub use check::{Finding, FindingKind, check};
pub use codes::{CodePattern, Enhanced};
pub(crate) use dates::{DateMark, DateWords};
pub use dialect::Dialect;
pub(crate) use dialect::{DialectIndex, Met};
pub(crate) use file::Text;
pub use file::{Listed, Matching, Means, Place, Strength};
pub(crate) use glob::{FieldGlobs, Glob};
pub(crate) use load::Loader;
pub(crate) use mail_system::MailSystems;
pub use normal::{normalise, normalise_into, one_line};
pub use pattern::{Hit, PatternSet, check_pattern};
pub(crate) use sign::SignHits;
pub(crate) use split::SplitSet;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use crate::words::{Category, Permanence, SenderAction, Signal};

/// The files of `rules/` as the build script read them; see [`file`].
const BUILT_IN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"));

/// One rule: words, codes or both, and what they mean.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Permanent id.
    pub id: Cow<'static, str>,
    /// What it says happened.
    pub category: Category,
    /// Alternatives, one of which must occur; empty for a code of a provider.
    pub text: Vec<String>,
    /// Codes as written, one of which must fit; empty for any.
    pub codes: Vec<String>,
    pub(crate) code_patterns: Vec<CodePattern>,
    /// Index of its provider in [`Knowledge::providers`].
    pub(crate) provider: Option<usize>,
    /// The permanence, where the code's own class is wrong for this reply.
    pub permanence: Option<Permanence>,
    /// The sender's action, where the category's own is wrong.
    pub sender_action: Option<SenderAction>,
    /// How much one hit proves, 0 to 1.
    pub weight: f64,
    /// Whether the text names the provider by itself.
    pub alone: bool,
    /// What it means, one sentence.
    pub says: Option<String>,
    /// What the sender can do.
    pub fix: Option<String>,
    /// Where it is known from.
    pub source: Option<String>,
    /// When the source was read.
    pub checked: Option<String>,
    /// The version of this program that first had it.
    pub since: String,
    /// Whether no public source backs it.
    pub unverified: bool,
    /// Reply lines it must win.
    pub examples: Vec<String>,
    /// Reply lines it must not claim.
    pub not: Vec<String>,
    pub(crate) details: file::DetailsEntry<'static>,
    /// Whether there are any: most rules have none.
    pub(crate) has_details: bool,
    /// Whether its words are of a language other than English.
    pub(crate) foreign: bool,
    /// The file it stands in.
    pub file: String,
    /// The line in that file, from 1.
    pub line: usize,
}

/// A mailbox provider and how to recognise it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Provider {
    /// Short permanent name.
    pub id: Cow<'static, str>,
    /// Name for people.
    pub name: String,
    /// Ends of host names, at a label border.
    pub hosts: Vec<String>,
    /// Recipient domains.
    pub domains: Vec<String>,
    /// Words only this provider writes.
    pub tokens: Vec<String>,
    /// What to know about it.
    pub notes: String,
    /// Public pages.
    pub sources: Vec<String>,
}

/// A blocklist.
#[derive(Debug)]
#[non_exhaustive]
pub struct Blocklist {
    /// Short permanent name.
    pub id: Cow<'static, str>,
    /// As evidence names it.
    pub(crate) spoken: Cow<'static, str>,
    /// Name for people.
    pub name: String,
    /// What it lists.
    pub lists: Listed,
    /// How replies name it.
    pub text: Vec<String>,
    /// Where removal can be asked for.
    pub delist: Option<Cow<'static, str>>,
    /// What it is.
    pub says: String,
    /// Where that is known from.
    pub source: Option<String>,
}

/// A reply code or an enhanced code.
#[derive(Debug)]
#[non_exhaustive]
pub struct Code {
    /// As written: `x.1.1`, `5.1.1` or `550`.
    pub code: Cow<'static, str>,
    /// As evidence names it.
    pub(crate) spoken: Cow<'static, str>,
    /// Registered name.
    pub name: String,
    /// What it usually means, if it means anything.
    pub category: Option<Category>,
    /// The permanence, where the class is misleading.
    pub permanence: Option<Permanence>,
    /// How often it really means that.
    pub weight: f64,
    /// The enhanced code that a folk code stands for.
    pub reads_as: Option<String>,
    /// What it means in plain words.
    pub says: String,
    /// What to do.
    pub fix: Option<String>,
    /// How the world misuses it.
    pub note: Option<String>,
    /// RFC or page.
    pub source: Option<String>,
}

/// What a category means for people.
#[derive(Debug)]
#[non_exhaustive]
pub struct CategoryText {
    /// Name for people.
    pub name: String,
    /// What happened, in plain words.
    pub says: String,
    /// What to do about the address.
    pub address: String,
    /// What the sender can do.
    pub sender: String,
    /// What sending services call it, by service; several labels where the service splits it.
    pub esp: BTreeMap<String, String>,
}

/// A sign of what sort of message this is.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sign {
    /// Permanent id.
    pub id: String,
    /// Where it is looked for.
    pub place: Place,
    /// How it sits in a subject.
    pub matching: Matching,
    /// What it says.
    pub means: Means,
    /// What an auto-reply tells with it.
    pub signal: Option<Signal>,
    /// How much it proves.
    pub strength: Strength,
    /// The alternatives.
    pub text: Vec<String>,
    /// Whether its words are of a language other than English.
    pub(crate) foreign: bool,
}

/// A header field that tells what sort of message this is.
#[derive(Debug)]
#[non_exhaustive]
pub struct HeaderSign {
    /// Permanent id.
    pub id: String,
    /// Field name.
    pub name: String,
    /// Patterns of the whole value.
    pub value: Vec<String>,
    /// What it says.
    pub means: Means,
    /// What an auto-reply tells with it.
    pub signal: Option<Signal>,
    /// How much it proves.
    pub strength: Strength,
}

/// All knowledge, ready to use. Immutable; shared between threads without locks.
#[derive(Debug)]
pub struct Knowledge {
    rules: Vec<Rule>,
    rule_by_id: HashMap<Cow<'static, str>, usize>,
    providers: Vec<Provider>,
    blocklists: Vec<Blocklist>,
    codes: Vec<Code>,
    code_by_name: HashMap<Cow<'static, str>, usize>,
    /// By [`code_number`], sorted.
    code_by_number: Vec<(u32, usize)>,
    signs: Vec<Sign>,
    headers: Vec<HeaderSign>,
    categories: HashMap<Category, CategoryText>,
    /// Patterns of fields: of header signs by their index, then of dialect marks by their condition.
    field_globs: FieldGlobs,
    dialects: Vec<Dialect>,
    dialect_index: DialectIndex,
    /// Rules that have codes and no text, by provider.
    code_rules: HashMap<usize, Vec<usize>>,
    provider_hosts: HashMap<String, usize>,
    provider_domains: HashMap<String, usize>,
    /// Words of replies; see [`reply_patterns`](Knowledge::reply_patterns).
    replies: SplitSet,
    /// Never built by a program that only classifies reply lines, and neither is the next.
    subject_signs: SplitSet,
    body_signs: SplitSet,
    asides: AsideIndex,
    mail_systems: MailSystems,
    /// `[dates]` of each language.
    dates: Vec<(String, file::DatesEntry)>,
    date_words: OnceLock<DateWords>,
}

/// What a pattern of replies belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'k> {
    Rule(usize),
    Token(usize),
    Blocklist(usize),
    Aside(Aside<'k>),
}

/// What a field of the outer message fits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldMark<'k> {
    Sign(&'k HeaderSign),
    /// A condition of a dialect mark, for [`Met::field`].
    Dialect(usize),
}

impl Knowledge {
    /// Every rule, in the order of the files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rule_by_id.get(id).map(|&i| &self.rules[i])
    }

    /// Every provider.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The provider a rule belongs to.
    pub fn provider_of(&self, rule: &Rule) -> Option<&Provider> {
        rule.provider.map(|i| &self.providers[i])
    }

    /// Every blocklist.
    pub fn blocklists(&self) -> &[Blocklist] {
        &self.blocklists
    }

    /// The blocklist with this id.
    pub fn blocklist(&self, id: &str) -> Option<&Blocklist> {
        self.blocklists.iter().find(|b| b.id == id)
    }

    /// Every code of the tables, in no order.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        self.codes.iter()
    }

    /// What a category means for people; every category has a text in the built-in files.
    pub fn category(&self, category: Category) -> Option<&CategoryText> {
        self.categories.get(&category)
    }

    /// A reply code of the table.
    pub fn reply_code(&self, code: u16) -> Option<&Code> {
        self.numbered(u32::from(code))
    }

    /// The entry for an enhanced code: its own, else that of any class, else that of its subject
    /// (RFC 3463 section 2: an unknown detail means what the subject means).
    pub fn enhanced_code(&self, e: Enhanced) -> Option<&Code> {
        self.numbered(code_number(e.class, e.subject, e.detail))
            .or_else(|| self.numbered(code_number(0, e.subject, e.detail)))
            .or_else(|| self.numbered(code_number(e.class, e.subject, 0)))
            .or_else(|| self.numbered(code_number(0, e.subject, 0)))
    }

    fn numbered(&self, number: u32) -> Option<&Code> {
        let known = &self.code_by_number;
        let found = known.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        Some(&self.codes[known[found].1])
    }

    /// The provider of a host name; the longest known suffix wins.
    pub(crate) fn provider_of_host(&self, host: &str) -> Option<usize> {
        let host = host.trim_end_matches('.');
        // Longer than any name (RFC 1035 section 2.3.4), and each of its labels would be looked up with all that follow.
        if host.len() > 255 {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let mut rest = host.as_str();
        loop {
            if let Some(&i) = self.provider_hosts.get(rest) {
                return Some(i);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The provider that a recipient domain belongs to.
    pub(crate) fn provider_of_domain(&self, domain: &str) -> Option<usize> {
        self.provider_domains
            .get(&*domain.to_ascii_lowercase())
            .copied()
    }

    pub(crate) fn code_rules(&self, provider: usize) -> &[usize] {
        self.code_rules.get(&provider).map_or(&[], Vec::as_slice)
    }

    /// Calls `found` with everything that the words of a normalised reply say.
    pub(crate) fn find_in_reply<'k>(&'k self, text: &str, mut found: impl FnMut(Target<'k>, Hit)) {
        let mut is_english = false;
        self.replies.find(
            || self.reply_patterns(),
            text,
            |hit| {
                let target = self.target(hit.owner as usize);
                is_english |= matches!(target, Target::Rule(i) if !self.rules[i].foreign);
                found(target, hit);
            },
        );
        if !is_english {
            self.replies.find_unmarked(
                || self.reply_patterns(),
                text,
                |hit| found(self.target(hit.owner as usize), hit),
            );
        }
    }

    /// Patterns of replies with the number of their target: rules, providers, blocklists and asides, counted through.
    fn reply_patterns(&self) -> impl Iterator<Item = (Cow<'_, str>, u32)> {
        let rules = self.rules.iter().map(|r| &r.text);
        let tokens = self.providers.iter().map(|p| &p.tokens);
        let lists = self.blocklists.iter().map(|b| &b.text);
        let known = rules.chain(tokens).chain(lists);
        let owned = known.zip(0u32..).flat_map(|(texts, owner)| {
            texts
                .iter()
                .map(move |t| (Cow::Borrowed(t.as_str()), owner))
        });
        let first_aside = (self.rules.len() + self.providers.len() + self.blocklists.len()) as u32;
        let asides = self.asides.patterns().map(Cow::Borrowed);
        owned.chain(asides.zip(first_aside..))
    }

    fn target(&self, number: usize) -> Target<'_> {
        let mut rest = number;
        if rest < self.rules.len() {
            return Target::Rule(rest);
        }
        rest -= self.rules.len();
        if rest < self.providers.len() {
            return Target::Token(rest);
        }
        rest -= self.providers.len();
        if rest < self.blocklists.len() {
            return Target::Blocklist(rest);
        }
        rest -= self.blocklists.len();
        Target::Aside(self.asides.of(rest))
    }

    /// Every header sign.
    pub fn header_signs(&self) -> &[HeaderSign] {
        &self.headers
    }

    /// What a field of the outer message says: calls `found` with each header sign and each condition of a dialect mark
    /// that it fits. The value is asked for where anything is about it; `lower` is room to work in.
    pub(crate) fn marks_of_field<'v>(
        &self,
        name: &[u8],
        value: impl FnOnce() -> Cow<'v, str>,
        lower: &mut String,
        mut found: impl FnMut(FieldMark<'_>),
    ) {
        if let Some(set) = self.field_globs.of(name) {
            set.find(value().trim(), lower, |i| {
                found(match self.headers.get(i) {
                    Some(sign) => FieldMark::Sign(sign),
                    None => FieldMark::Dialect(i - self.headers.len()),
                });
            });
        }
    }

    /// Every dialect, in the order of the files.
    pub fn dialects(&self) -> &[Dialect] {
        &self.dialects
    }

    /// An empty sheet to note the marks of one message on; [`Met::dialect`] is an index of [`Self::dialects`].
    pub(crate) fn dialect_marks(&self) -> Met<'_> {
        self.dialect_index.start()
    }

    /// Every sign.
    pub fn signs(&self) -> &[Sign] {
        &self.signs
    }
}

/// A number for an enhanced code, apart from those of reply codes; class 0 stands for any.
fn code_number(class: u8, subject: u16, detail: u16) -> u32 {
    1 << 31 | u32::from(class) << 20 | u32::from(subject) << 10 | u32::from(detail)
}

/// The number of a code as the tables write it.
fn number_of(code: &str) -> Option<u32> {
    if let Ok(reply) = code.parse::<u16>() {
        return Some(u32::from(reply));
    }
    let any = code.strip_prefix("x.").map(|rest| format!("2.{rest}"));
    let e = Enhanced::parse(any.as_deref().unwrap_or(code))?;
    Some(code_number(
        if any.is_some() { 0 } else { e.class },
        e.subject,
        e.detail,
    ))
}
