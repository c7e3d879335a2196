//! `suppressions add`, `release`, `alive`, `erase`: what people do to the list. Each act says who, when and why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};

use anyhow::{Context, bail};
use clap::Args;
use undeliverable::Kind;
use undeliverable::policy::{Act, ActKind};

use crate::args::FormatArgs;
use crate::clock;
use crate::commands::token::words;
use crate::commands::{Outcome, who};
use crate::ledger::args::LedgerArgs;
use crate::ledger::{BATCH, Ledger};
use crate::output::rows::Rows;

/// Put addresses or domains (@example.com) on the list by hand
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Addresses or @domains; none or - reads them from stdin
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Until when [default: for good]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Take addresses off the list: one, many, or all that an incident put there
///
/// A release forgives everything before it, complaints too. With filters it releases the addresses whose suppression or
/// hold rests on an event that fits all of them; complaints and additions by hand stay then.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// Addresses or @domains; - reads them from stdin
    #[arg(value_name = "ADDRESS", conflicts_with_all = ["since", "until", "provider", "rule", "text"])]
    addresses: Vec<String>,
    /// Events from this time on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Events of this provider
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Decisions of this rule, of the policy or of the knowledge
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Events with these words in the reply, in any case of letters
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only show whom it would release
    #[arg(long)]
    dry_run: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Record proofs of life from elsewhere: deliveries, opens, replies, corrected addresses
#[derive(Args, Debug)]
pub(crate) struct AliveArgs {
    /// Addresses; none or - reads `ADDRESS [TIME]` from stdin, one a line
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// What proves it
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Forget a person: events, acts, states and decisions about an address
#[derive(Args, Debug)]
pub(crate) struct EraseArgs {
    /// The address
    #[arg(value_name = "ADDRESS", required = true)]
    address: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

pub(crate) fn add(args: &AddArgs) -> anyhow::Result<Outcome> {
    let until = args.until.as_deref().map(clock::parse).transpose()?;
    let now = clock::now();
    let mut acts = Vec::new();
    for a in words(&args.addresses) {
        acts.push(Act::new(
            now,
            ActKind::Suppress,
            checked(&a?)?,
            who(),
            args.why.clone(),
            until,
        ));
    }
    args.ledger.open()?.act(&acts)?;
    writeln!(io::stderr(), "{} added", acts.len())?;
    Ok(Outcome::Done)
}

fn checked(address: &str) -> anyhow::Result<&str> {
    if !address.contains('@') && !address.starts_with('~') {
        bail!("`{address}` is no address and no @domain");
    }
    Ok(address)
}

pub(crate) fn alive(args: &AliveArgs) -> anyhow::Result<Outcome> {
    let now = clock::now();
    let mut ledger = args.ledger.open()?;
    let mut n = 0;
    let mut acts = Vec::new();
    let mut flush = |acts: &mut Vec<Act>, ledger: &mut Ledger| -> anyhow::Result<()> {
        n += acts.len();
        ledger.act(acts)?;
        acts.clear();
        Ok(())
    };
    if args.addresses.is_empty() || args.addresses == ["-"] {
        for line in io::stdin().lock().lines() {
            let line = line.context("stdin")?;
            let (address, time) = line
                .trim()
                .split_once([' ', '\t', ','])
                .unwrap_or((line.trim(), ""));
            if address.is_empty() {
                continue;
            }
            let at = if time.trim().is_empty() {
                now
            } else {
                clock::parse(time)?
            };
            acts.push(Act::new(
                at,
                ActKind::Alive,
                checked(address)?,
                who(),
                args.why.clone(),
                None,
            ));
            if acts.len() >= BATCH {
                flush(&mut acts, &mut ledger)?;
            }
        }
    } else {
        for a in &args.addresses {
            acts.push(Act::new(
                now,
                ActKind::Alive,
                checked(a)?,
                who(),
                args.why.clone(),
                None,
            ));
        }
    }
    flush(&mut acts, &mut ledger)?;
    writeln!(io::stderr(), "{n} recorded")?;
    Ok(Outcome::Done)
}

pub(crate) fn erase(args: &EraseArgs) -> anyhow::Result<Outcome> {
    let n = args
        .ledger
        .open_as_it_is()?
        .erase(checked(&args.address)?)?;
    writeln!(io::stderr(), "{n} rows erased")?;
    Ok(Outcome::Done)
}

pub(crate) fn release(args: &ReleaseArgs) -> anyhow::Result<Outcome> {
    let has_filter = args.since.is_some()
        || args.until.is_some()
        || args.provider.is_some()
        || args.rule.is_some()
        || args.text.is_some();
    if args.addresses.is_empty() && !has_filter {
        bail!(
            "whom? Name addresses, - for stdin, or a filter: --since, --until, --provider, --rule, --text"
        );
    }
    let mut ledger = args.ledger.open()?;
    ledger.settle()?;
    let now = clock::now();
    let mut targets = BTreeMap::new();
    let mut by_hand = 0;
    if has_filter {
        let found = matching(args, &mut ledger)?;
        super::list::each(&mut ledger, now, &mut |key, o| {
            let policy_rule = args.rule.as_ref().is_some_and(|r| *r == o.rule);
            let rests = |id: &str| {
                found.contains(&(key.to_owned(), id.to_owned()))
                    || (key.starts_with('@') && found.iter().any(|(_, f)| f == id))
            };
            let fits = o.because.iter().any(|id| rests(id));
            if fits && o.only_by_hand && !policy_rule {
                by_hand += 1;
            } else if fits {
                targets.insert(key.to_owned(), Some((o.standing, o.rule.clone())));
            }
            Ok(())
        })?;
    } else {
        for a in words(&args.addresses) {
            targets.insert(checked(&a?)?.to_owned(), None);
        }
    }
    let rows = Rows::new(
        args.format.pick(),
        &[("address", 36), ("was", 15), ("rule", 0)],
    );
    let mut out = io::BufWriter::new(io::stdout().lock());
    if has_filter {
        rows.head(&mut out)?;
        for (key, was) in &targets {
            rows.row(
                &mut out,
                vec![
                    key.clone().into(),
                    was.as_ref().map(|w| w.0.as_str()).into(),
                    was.as_ref().map(|w| w.1.clone()).into(),
                ],
            )?;
        }
        out.flush()?;
    }
    if args.dry_run {
        writeln!(io::stderr(), "{} would be released", targets.len())?;
        return Ok(Outcome::Done);
    }
    let acts: Vec<Act> = targets
        .into_keys()
        .map(|k| Act::new(now, ActKind::Release, k, who(), args.why.clone(), None))
        .collect();
    ledger.act(&acts)?;
    writeln!(io::stderr(), "{} released", acts.len())?;
    if by_hand > 0 {
        writeln!(
            io::stderr(),
            "{by_hand} kept: complaints and additions by hand are released by name, or with --rule complaint"
        )?;
    }
    Ok(Outcome::Done)
}

/// Address and id of every event that all filters fit.
fn matching(args: &ReleaseArgs, ledger: &mut Ledger) -> anyhow::Result<BTreeSet<(String, String)>> {
    let since = args.since.as_deref().map(clock::parse).transpose()?;
    let until = args.until.as_deref().map(clock::parse).transpose()?;
    let text = args.text.as_ref().map(|t| t.to_lowercase());
    let policy = ledger.policy().clone();
    let mut found = BTreeSet::new();
    ledger.store().each_event(&mut |n| {
        let e = &n.event;
        let rule_fits = |r: &String| {
            e.rule.as_ref() == Some(r)
                || policy
                    .rules
                    .iter()
                    .find(|x| x.when.fits(e))
                    .is_some_and(|x| x.id == *r)
        };
        let fits = since.is_none_or(|s| e.at >= s)
            && until.is_none_or(|u| e.at < u)
            && args
                .provider
                .as_ref()
                .is_none_or(|p| e.provider.as_ref() == Some(p))
            && args.rule.as_ref().is_none_or(rule_fits)
            && text.as_ref().is_none_or(|t| {
                e.text
                    .as_ref()
                    .is_some_and(|x| x.to_lowercase().contains(t))
            })
            && (e.kind != Kind::Complaint || args.rule.as_deref() == Some("complaint"));
        if fits {
            found.insert((n.event.address, n.event.event_id));
        }
        Ok(())
    })?;
    Ok(found)
}
