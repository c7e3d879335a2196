//! What was found, as JSON has it.

use std::collections::BTreeMap;

use serde::Serialize;
use undeliverable::knowledge::{Blocklist, Code, Enhanced, Knowledge, Listed, Provider, Rule};
use undeliverable::{Category, Details, Permanence};

/// One thing that was found; one JSON object a line.
#[derive(Debug, Serialize)]
#[serde(tag = "found", rename_all = "lowercase")]
pub(super) enum Found<'k> {
    Code(CodeAnswer<'k>),
    Category(CategoryAnswer<'k>),
    Provider(ProviderAnswer<'k>),
    Blocklist(BlocklistAnswer<'k>),
    Rule(Box<RuleAnswer<'k>>),
}

#[derive(Debug, Serialize)]
pub(super) struct CodeAnswer<'k> {
    /// What was asked for.
    pub code: String,
    /// The entry of the table, which may be that of any class or of the subject.
    pub entry: &'k str,
    pub name: &'k str,
    #[serde(flatten)]
    pub meaning: Option<Meaning>,
    pub says: &'k str,
    pub fix: Option<&'k str>,
    pub note: Option<&'k str>,
    pub reads_as: Option<&'k str>,
    pub source: Option<&'k str>,
}

/// A category and what follows from it.
#[derive(Debug, Serialize)]
pub(super) struct Meaning {
    pub category: &'static str,
    pub fault: &'static str,
    /// Where it is certain without the class of a code.
    pub permanence: Option<&'static str>,
    pub permanent: Follows,
    pub temporary: Follows,
    pub sender_action: &'static str,
}

/// What follows from a category that lasts, or that does not.
#[derive(Debug, Serialize)]
pub(super) struct Follows {
    #[serde(rename = "type")]
    pub bounce_type: &'static str,
    pub address_action: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct CategoryAnswer<'k> {
    #[serde(flatten)]
    pub meaning: Meaning,
    pub name: &'k str,
    pub says: &'k str,
    pub address: &'k str,
    pub sender: &'k str,
    pub esp: &'k BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ProviderAnswer<'k> {
    pub id: &'k str,
    pub name: &'k str,
    pub hosts: &'k [String],
    pub domains: &'k [String],
    pub notes: &'k str,
    pub sources: &'k [String],
}

#[derive(Debug, Serialize)]
pub(super) struct BlocklistAnswer<'k> {
    pub id: &'k str,
    pub name: &'k str,
    pub lists: &'static str,
    pub says: &'k str,
    pub text: &'k [String],
    pub delist: Option<&'k str>,
    pub source: Option<&'k str>,
}

#[derive(Debug, Serialize)]
pub(super) struct RuleAnswer<'k> {
    pub id: &'k str,
    pub provider: Option<&'k str>,
    #[serde(flatten)]
    pub meaning: Meaning,
    pub codes: &'k [String],
    pub text: &'k [String],
    pub says: Option<&'k str>,
    pub fix: Option<&'k str>,
    pub details: Details,
    pub source: Option<&'k str>,
    pub checked: Option<&'k str>,
    pub since: &'k str,
    pub unverified: bool,
    pub examples: &'k [String],
}

fn meaning(category: Category, permanence: Option<Permanence>) -> Meaning {
    let follows = |p: Permanence| Follows {
        bounce_type: category.bounce_type(p).as_str(),
        address_action: category.address_action(p).as_str(),
    };
    Meaning {
        category: category.as_str(),
        fault: category.fault().as_str(),
        permanence: permanence.map(Permanence::as_str),
        permanent: follows(Permanence::Permanent),
        temporary: follows(Permanence::Temporary),
        sender_action: category.sender_action().as_str(),
    }
}

/// The permanence that the class of a code gives.
fn of_class(class: Option<u8>) -> Option<Permanence> {
    match class {
        Some(4) => Some(Permanence::Temporary),
        Some(5) => Some(Permanence::Permanent),
        _ => None,
    }
}

pub(super) fn of_code<'k>(
    k: &Knowledge,
    word: &str,
    code: &'k Code,
    class: Option<u8>,
) -> Found<'k> {
    let folk = code
        .reads_as
        .as_deref()
        .and_then(Enhanced::parse)
        .and_then(|e| k.enhanced_code(e));
    let category = code.category.or_else(|| folk?.category);
    Found::Code(CodeAnswer {
        code: word.to_owned(),
        entry: &code.code,
        name: &code.name,
        meaning: category.map(|c| meaning(c, code.permanence.or(of_class(class)))),
        says: &code.says,
        fix: code.fix.as_deref(),
        note: code.note.as_deref(),
        reads_as: code.reads_as.as_deref(),
        source: code.source.as_deref(),
    })
}

pub(super) fn of_category(k: &Knowledge, category: Category) -> Option<Found<'_>> {
    let text = k.category(category)?;
    Some(Found::Category(CategoryAnswer {
        meaning: meaning(category, None),
        name: &text.name,
        says: &text.says,
        address: &text.address,
        sender: &text.sender,
        esp: &text.esp,
    }))
}

/// The provider and every rule it has.
pub(super) fn of_provider<'k>(k: &'k Knowledge, provider: &'k Provider) -> Vec<Found<'k>> {
    let page = Found::Provider(ProviderAnswer {
        id: &provider.id,
        name: &provider.name,
        hosts: &provider.hosts,
        domains: &provider.domains,
        notes: provider.notes.trim(),
        sources: &provider.sources,
    });
    let own = k
        .rules()
        .iter()
        .filter(|r| k.provider_of(r).is_some_and(|p| p.id == provider.id));
    std::iter::once(page)
        .chain(own.map(|r| of_rule(k, r, None)))
        .collect()
}

pub(super) fn of_blocklist(list: &Blocklist) -> Found<'_> {
    Found::Blocklist(BlocklistAnswer {
        id: &list.id,
        name: &list.name,
        lists: match list.lists {
            Listed::Domain => "domain",
            _ => "ip",
        },
        says: &list.says,
        text: &list.text,
        delist: list.delist.as_deref(),
        source: list.source.as_deref(),
    })
}

/// A rule as it answers a question about a code of class `asked`, or about no certain code.
pub(super) fn of_rule<'k>(k: &'k Knowledge, rule: &'k Rule, asked: Option<u8>) -> Found<'k> {
    let first = rule
        .codes
        .first()
        .and_then(|c| c.as_bytes()[0].checked_sub(b'0'));
    let permanence = rule.permanence.or(of_class(asked.or(first)));
    let mut meaning = meaning(rule.category, permanence);
    if let Some(action) = rule.sender_action {
        meaning.sender_action = action.as_str();
    }
    Found::Rule(Box::new(RuleAnswer {
        id: &rule.id,
        provider: k.provider_of(rule).map(|p| &*p.id),
        meaning,
        codes: &rule.codes,
        text: &rule.text,
        says: rule.says.as_deref(),
        fix: rule.fix.as_deref(),
        details: rule.details(),
        source: rule.source.as_deref(),
        checked: rule.checked.as_deref(),
        since: &rule.since,
        unverified: rule.unverified,
        examples: &rule.examples,
    }))
}
