//! `undeliverable lookup`: what a code, a phrase, a category, a provider, a blocklist or a rule means.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use undeliverable::knowledge::{Blocklist, Code, Enhanced, Knowledge, Listed, Provider, Rule};
use undeliverable::{Category, Details, Engine, Permanence, SenderAction};

use super::Outcome;
use crate::args::{EngineArgs, Format, FormatArgs};
use crate::output::prose::Page;
use crate::output::{json, safe, wording};

/// The most rules of a general phrase that are shown.
const MAX_RULES: usize = 12;
/// Below this a phrase means nothing that could be looked up.
const LEAST_SURE: f64 = 0.3;

/// Look up what a code or a word means: in general, at each provider, and what to do
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable lookup 5.7.26
  undeliverable lookup 550
  undeliverable lookup TSS04
  undeliverable lookup 'mailbox full'
  undeliverable lookup mailbox_full
  undeliverable lookup spamhaus-zen
  undeliverable lookup --provider microsoft365
  undeliverable lookup --provider google 5.7.26

The exit code is 1 where nothing is known under the word.")]
pub(crate) struct LookupArgs {
    /// A reply code, an enhanced code, a provider's own code, a phrase, a category, a blocklist, a provider or a rule
    #[arg(value_name = "CODE|WORD", required_unless_present = "provider")]
    word: Vec<String>,
    /// Only what this provider means; alone: all that is known of the provider
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// One thing that was found; one JSON object a line.
#[derive(Debug, Serialize)]
#[serde(tag = "found", rename_all = "lowercase")]
enum Found<'k> {
    Code(CodeAnswer<'k>),
    Category(CategoryAnswer<'k>),
    Provider(ProviderAnswer<'k>),
    Blocklist(BlocklistAnswer<'k>),
    Rule(Box<RuleAnswer<'k>>),
}

#[derive(Debug, Serialize)]
struct CodeAnswer<'k> {
    /// What was asked for.
    code: String,
    /// The entry of the table, which may be that of any class or of the subject.
    entry: &'k str,
    name: &'k str,
    #[serde(flatten)]
    meaning: Option<Meaning>,
    says: &'k str,
    fix: Option<&'k str>,
    note: Option<&'k str>,
    reads_as: Option<&'k str>,
    source: Option<&'k str>,
}

/// A category and what follows from it.
#[derive(Debug, Serialize)]
struct Meaning {
    category: &'static str,
    fault: &'static str,
    /// Where it is certain without the class of a code.
    permanence: Option<&'static str>,
    permanent: Follows,
    temporary: Follows,
    sender_action: &'static str,
}

/// What follows from a category that lasts, or that does not.
#[derive(Debug, Serialize)]
struct Follows {
    #[serde(rename = "type")]
    bounce_type: &'static str,
    address_action: &'static str,
}

#[derive(Debug, Serialize)]
struct CategoryAnswer<'k> {
    #[serde(flatten)]
    meaning: Meaning,
    name: &'k str,
    says: &'k str,
    address: &'k str,
    sender: &'k str,
    esp: &'k BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct ProviderAnswer<'k> {
    id: &'k str,
    name: &'k str,
    hosts: &'k [String],
    domains: &'k [String],
    notes: &'k str,
    sources: &'k [String],
}

#[derive(Debug, Serialize)]
struct BlocklistAnswer<'k> {
    id: &'k str,
    name: &'k str,
    lists: &'static str,
    says: &'k str,
    text: &'k [String],
    delist: Option<&'k str>,
    source: Option<&'k str>,
}

#[derive(Debug, Serialize)]
struct RuleAnswer<'k> {
    id: &'k str,
    provider: Option<&'k str>,
    #[serde(flatten)]
    meaning: Meaning,
    codes: &'k [String],
    text: &'k [String],
    says: Option<&'k str>,
    fix: Option<&'k str>,
    details: Details,
    source: Option<&'k str>,
    checked: Option<&'k str>,
    since: &'k str,
    unverified: bool,
    examples: &'k [String],
}

/// Looks the word up.
pub(crate) fn run(args: &LookupArgs) -> anyhow::Result<Outcome> {
    let engine = args.engine.engine()?;
    let knowledge = engine.knowledge();
    let word = args.word.join(" ");
    let word = word.trim();
    let mut only = None;
    if let Some(name) = &args.provider {
        only = knowledge.provider(name);
        if only.is_none() {
            return miss(knowledge, name);
        }
    }
    let found = match only {
        Some(provider) if word.is_empty() => of_provider(knowledge, provider),
        _ => find(&engine, word, only),
    };
    if found.is_empty() {
        return miss(knowledge, word);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.format.pick() == Format::Jsonl {
        let mut line = Vec::new();
        for answer in &found {
            line.clear();
            json::write(answer, &mut line)?;
            out.write_all(&line)?;
        }
    } else {
        page(knowledge, &found).write(&mut out)?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// Says that nothing was found, and what is close.
fn miss(knowledge: &Knowledge, word: &str) -> anyhow::Result<Outcome> {
    let mut err = io::stderr();
    let near = knowledge.nearest(word);
    writeln!(
        err,
        "undeliverable: nothing is known under {:?}",
        safe::text(word)
    )?;
    if !near.is_empty() {
        writeln!(err, "Did you mean {}?", near.join(", "))?;
    }
    Ok(Outcome::Failed)
}

/// What the word names; a code before a name before a phrase.
fn find<'k>(engine: &'k Engine, word: &str, only: Option<&Provider>) -> Vec<Found<'k>> {
    let k = engine.knowledge();
    let wanted = |r: &&Rule| match only {
        Some(p) => k.provider_of(r).is_some_and(|own| own.id == p.id),
        None => true,
    };
    let rules = |list: Vec<&'k Rule>, asked: Option<u8>| {
        list.into_iter()
            .filter(wanted)
            .map(|r| of_rule(k, r, asked))
            .collect::<Vec<_>>()
    };
    if let Some(e) = enhanced(word) {
        let entry = k
            .enhanced_code(e)
            .map(|c| of_code(k, word, c, Some(e.class)));
        let named = k
            .rules()
            .iter()
            .filter(|r| k.provider_of(r).is_some() && r.names_enhanced(e))
            .collect();
        return entry
            .into_iter()
            .chain(rules(named, Some(e.class)))
            .collect();
    }
    if word.len() == 3
        && let Ok(code) = word.parse::<u16>()
    {
        let class = u8::try_from(code / 100).ok();
        let mut found: Vec<Found<'k>> = k
            .reply_code(code)
            .map(|c| of_code(k, word, c, class))
            .into_iter()
            .collect();
        let named = k
            .rules()
            .iter()
            .filter(|r| k.provider_of(r).is_some() && r.names_reply(code))
            .collect();
        found.extend(rules(named, class));
        return found;
    }
    if let Some(category) = Category::from_word(&word.to_lowercase().replace([' ', '-'], "_")) {
        return of_category(k, category).into_iter().collect();
    }
    if let Some(rule) = k.rule(word) {
        return vec![of_rule(k, rule, None)];
    }
    if let Some(provider) = k.provider(word) {
        return of_provider(k, provider);
    }
    let tagged = rules(k.rules_tagged(word), None);
    if !tagged.is_empty() {
        return tagged;
    }
    if let Some(list) = k.blocklist_named(word) {
        return vec![of_blocklist(list)];
    }
    phrase(engine, word, only)
}

/// What the words mean when a server says them, and the rules that know them.
fn phrase<'k>(engine: &'k Engine, words: &str, only: Option<&Provider>) -> Vec<Found<'k>> {
    let k = engine.knowledge();
    let mut reply = undeliverable::Reply::new(words);
    if let Some(p) = only {
        reply = reply.provider(&p.id);
    }
    let verdict = engine.classify(reply);
    let mut found = Vec::new();
    let says = verdict
        .evidence
        .iter()
        .filter(|e| e.says == verdict.category);
    if verdict.confidence >= LEAST_SURE && verdict.category != Category::Unknown {
        found.extend(of_category(k, verdict.category));
        found.extend(
            says.filter_map(|e| k.rule(&e.rule))
                .map(|r| of_rule(k, r, None)),
        );
    }
    let known = |r: &&Rule| {
        !found
            .iter()
            .any(|f| matches!(f, Found::Rule(a) if a.id == r.id))
    };
    let more: Vec<&Rule> = k
        .rules_saying(words)
        .into_iter()
        .filter(|r| {
            k.provider_of(r).is_some()
                && only.is_none_or(|p| k.provider_of(r).is_some_and(|o| o.id == p.id))
        })
        .filter(known)
        .take(MAX_RULES)
        .collect();
    found.extend(more.into_iter().map(|r| of_rule(k, r, None)));
    found
}

/// An enhanced code; `x.1.1` is read as that of class 5.
fn enhanced(word: &str) -> Option<Enhanced> {
    let word = word.trim_start_matches('#').to_lowercase();
    Enhanced::parse(&match word.strip_prefix("x.") {
        Some(rest) => format!("5.{rest}"),
        None => word,
    })
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

fn of_code<'k>(k: &Knowledge, word: &str, code: &'k Code, class: Option<u8>) -> Found<'k> {
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

fn of_category(k: &Knowledge, category: Category) -> Option<Found<'_>> {
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
fn of_provider<'k>(k: &'k Knowledge, provider: &'k Provider) -> Vec<Found<'k>> {
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

fn of_blocklist(list: &Blocklist) -> Found<'_> {
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
fn of_rule<'k>(k: &'k Knowledge, rule: &'k Rule, asked: Option<u8>) -> Found<'k> {
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
        provider: k.provider_of(rule).map(|p| p.id.as_str()),
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

/// The answers for a person.
fn page(knowledge: &Knowledge, found: &[Found<'_>]) -> Page {
    let mut page = Page::default();
    let mut told: Vec<&str> = Vec::new();
    for answer in found {
        match answer {
            Found::Code(a) => code_page(knowledge, a, &mut page, &mut told),
            Found::Category(a) => category_page(a, &mut page),
            Found::Provider(a) => provider_page(a, &mut page),
            Found::Blocklist(a) => blocklist_page(a, &mut page),
            Found::Rule(a) => rule_page(knowledge, a, &mut page),
        }
    }
    page
}

fn optional(page: &mut Page, label: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|t| !t.is_empty()) {
        page.item(2, label, text);
    }
}

fn verdict_lines(m: &Meaning, page: &mut Page) {
    page.item(
        2,
        "Category",
        &format!("{}, fault: {}", m.category, m.fault),
    );
    let line = |f: &Follows| {
        format!(
            "{}; address: {}",
            f.bounce_type,
            f.address_action.replace('_', " ")
        )
    };
    match m.permanence {
        Some("permanent") => page.item(2, "Permanent", &line(&m.permanent)),
        Some("temporary") => page.item(2, "Temporary", &line(&m.temporary)),
        _ => {
            page.item(2, "With a 5xx", &line(&m.permanent));
            page.item(2, "With a 4xx", &line(&m.temporary));
        }
    }
    let action = SenderAction::from_word(m.sender_action).map_or("", wording::sender_action);
    page.item(2, "Sender", action);
}

fn code_page<'k>(
    knowledge: &'k Knowledge,
    a: &CodeAnswer<'k>,
    page: &mut Page,
    told: &mut Vec<&'k str>,
) {
    page.heading(&format!("{} in general: {}", a.code, a.name));
    page.para(2, a.says);
    if a.entry != a.code && a.entry.ends_with(".0") && !a.code.ends_with(".0") {
        page.para(2, "This detail is not registered; what stands here is what its subject means (RFC 3463 section 2).");
    }
    if let Some(folk) = a.reads_as {
        page.para(
            2,
            &format!("No reply code of RFC 5321: people write it for the enhanced code {folk}."),
        );
    }
    optional(page, "Beware", a.note);
    let Some(m) = &a.meaning else {
        page.item(
            2,
            "Verdict",
            "the code alone says nothing; the words of the reply decide",
        );
        optional(page, "To do", a.fix);
        optional(page, "Known from", a.source);
        return;
    };
    verdict_lines(m, page);
    optional(page, "To do", a.fix);
    let text = Category::from_word(m.category).and_then(|c| knowledge.category(c));
    if let Some(text) = text.filter(|_| !told.contains(&m.category)) {
        told.push(m.category);
        labels(&text.esp, page);
    }
    optional(page, "Known from", a.source);
}

fn category_page(a: &CategoryAnswer<'_>, page: &mut Page) {
    page.heading(&format!("{} ({})", a.name, a.meaning.category));
    page.para(2, a.says);
    verdict_lines(&a.meaning, page);
    page.item(2, "Address", a.address);
    page.item(2, "To do", a.sender);
    labels(a.esp, page);
}

fn labels(esp: &BTreeMap<String, String>, page: &mut Page) {
    let labels: Vec<String> = esp
        .iter()
        .map(|(service, label)| format!("{service}: {label}"))
        .collect();
    if !labels.is_empty() {
        page.item(2, "Others say", &labels.join("; "));
    }
}

fn provider_page(a: &ProviderAnswer<'_>, page: &mut Page) {
    page.heading(&format!("{} ({})", a.name, a.id));
    if !a.notes.is_empty() {
        page.para(2, a.notes);
    }
    optional(page, "Hosts", Some(&a.hosts.join(", ")));
    optional(page, "Domains", Some(&a.domains.join(", ")));
    optional(page, "Known from", Some(&a.sources.join("\n")));
}

fn blocklist_page(a: &BlocklistAnswer<'_>, page: &mut Page) {
    page.heading(&format!("{} ({})", a.name, a.id));
    page.para(2, a.says);
    page.item(
        2,
        "Lists",
        if a.lists == "ip" {
            "IP addresses"
        } else {
            "domains and links"
        },
    );
    optional(page, "Removal", a.delist);
    page.item(2, "In replies", &a.text.join(", "));
    optional(page, "Known from", a.source);
}

fn rule_page(knowledge: &Knowledge, a: &RuleAnswer<'_>, page: &mut Page) {
    let name = a
        .provider
        .and_then(|id| knowledge.provider(id))
        .map_or("", |p| p.name.as_str());
    let tag = a
        .details
        .provider_code
        .as_deref()
        .map(|t| format!(" {t}"))
        .unwrap_or_default();
    let place = match (a.provider.is_some(), a.codes) {
        (true, []) => format!("At {name}{tag}"),
        (true, codes) => format!("At {name}{tag}: {}", codes.join(", ")),
        (false, _) => "In replies".to_owned(),
    };
    page.heading(&place);
    if let Some(says) = a.says {
        page.para(2, says);
    }
    if !a.text.is_empty() {
        let quoted: Vec<String> = a.text.iter().take(8).map(|t| format!("\"{t}\"")).collect();
        let more = if a.text.len() > 8 { " ..." } else { "" };
        page.item(2, "Words", &format!("{}{more}", quoted.join(", ")));
    }
    verdict_lines(&a.meaning, page);
    optional(page, "To do", a.fix);
    if let Some(s) = a.details.retry_after {
        page.item(2, "Wait", &wording::seconds(s));
    }
    optional(page, "Removal", a.details.delist_url.as_deref());
    let checked = a
        .checked
        .map(|c| format!(" (read {c})"))
        .unwrap_or_default();
    match a.source {
        Some(source) => page.item(2, "Known from", &format!("{source}{checked}")),
        None => page.item(2, "Known from", "no public source"),
    }
    page.item(2, "Rule", &format!("{}, since version {}", a.id, a.since));
}
