//! `undeliverable lookup`: what a code, a phrase, a category, a provider, a blocklist or a rule means.

mod answer;
mod page;

use std::io::{self, Write};

use clap::Args;
use undeliverable::knowledge::{Enhanced, Knowledge, Provider, Rule};
use undeliverable::{Category, Engine};

use self::answer::{Found, of_blocklist, of_category, of_code, of_provider, of_rule};
use super::Outcome;
use crate::args::{EngineArgs, Format, FormatArgs};
use crate::output::{json, safe};

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
        _ => find(engine, word, only),
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
        page::of(knowledge, &found).write(&mut out)?;
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
