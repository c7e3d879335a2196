//! `undeliverable replay`: what a new policy or new rules would make of the history, before anything changes.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use anyhow::bail;
use clap::Args;
use undeliverable::policy::{
    Act, AddressState, Context, Decision, Event, HourCount, Policy, Standing,
};
use undeliverable::{Engine, Kind, Reply};

use super::{Outcome, incidents};
use crate::args::{EngineArgs, FormatArgs};
use crate::clock;
use crate::ledger::args::{LedgerArgs, policy_text};
use crate::ledger::store::{History, NewEvent};
use crate::ledger::{Ledger, folded, suppresses_domain};
use crate::output::rows::Rows;

/// Show which addresses a new policy or new rules would suppress or release, and why
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable replay --policy cold
  undeliverable replay --rules mine.toml --format csv >changes.csv
  undeliverable replay --policy own.toml --apply
  undeliverable replay                      compares what is stored with what the history folds to: no line, no difference

With --rules the stored replies are judged again. --apply changes the policy of the ledger; what new rules judge
otherwise is put right by hand: undeliverable replay --rules mine.toml ... | jq -r 'select(.change==\"released\").address' |
undeliverable suppressions release -")]
pub(crate) struct ReplayArgs {
    /// Put the new policy into force
    #[arg(long, conflicts_with = "rules")]
    apply: bool,
    /// Ask how addresses would stand at this time [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Replays and compares. Exit code 1 where the stored states are not those of the history.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<Outcome> {
    let now = clock::at(args.at.as_deref())?;
    let mut ledger = incidents::open(&args.ledger)?;
    let new = args.ledger.policy.as_deref().map(policy_text).transpose()?;
    let policy = match &new {
        Some((name, text)) => Policy::parse(name, text)?,
        None => ledger.policy().clone(),
    };
    if args.apply && new.is_none() {
        bail!("--apply needs --policy: the policy to put into force");
    }
    let engine = if args.engine.rules.is_empty() {
        None
    } else {
        Some(args.engine.engine()?)
    };
    let is_check = engine.is_none() && policy.version == ledger.policy().version;

    let rows = Rows::new(
        args.format.pick(),
        &[
            ("address", 36),
            ("change", 10),
            ("from", 15),
            ("to", 15),
            ("until", 20),
            ("rule", 22),
            ("why", 0),
        ],
    );
    let mut out = io::BufWriter::new(io::stdout().lock());
    rows.head(&mut out)?;
    let mut stored: HashMap<String, (Standing, Option<i64>, Option<AddressState>)> = HashMap::new();
    ledger.store().each_state(&mut |r| {
        stored.insert(r.key, (r.standing, r.until, r.state));
        Ok(())
    })?;
    let (mut suppressed, mut released, mut changed) = (0u64, 0u64, 0u64);
    let mut compare = |key: &str, state: &AddressState| -> anyhow::Result<()> {
        let d = state.at(now);
        let before = match stored.remove(key) {
            Some((_, _, Some(state))) => {
                let d = state.at(now);
                (d.standing, d.until)
            }
            Some((standing, until, None)) if until.is_none_or(|u| u > now) => (standing, until),
            _ => (Standing::Clear, None),
        };
        if before == (d.standing, d.until) {
            return Ok(());
        }
        let change = change(before.0, &d);
        match change {
            "suppressed" => suppressed += 1,
            "released" => released += 1,
            _ => changed += 1,
        }
        let cells = vec![
            key.into(),
            change.into(),
            before.0.as_str().into(),
            d.standing.as_str().into(),
            d.until.map(clock::text).into(),
            d.rule.into(),
            d.why.into(),
        ];
        rows.row(&mut out, cells)
    };
    each_fold(&mut ledger, &policy, engine, &mut compare)?;
    out.flush()?;
    writeln!(
        io::stderr(),
        "{suppressed} suppressed, {released} released, {changed} changed otherwise"
    )?;
    if args.apply
        && let Some((name, text)) = &new
    {
        ledger.change_policy(name, text)?;
        writeln!(io::stderr(), "{} is in force", ledger.policy().version)?;
    } else if is_check && suppressed + released + changed > 0 {
        return Ok(Outcome::Failed);
    }
    Ok(Outcome::Done)
}

fn change(before: Standing, after: &Decision) -> &'static str {
    match (before.is_suppressed(), after.standing.is_suppressed()) {
        (false, true) => "suppressed",
        (true, false) => "released",
        _ => "changed",
    }
}

/// Folds every history of the ledger under a policy, with the verdicts of an engine where one is given.
fn each_fold(
    ledger: &mut Ledger,
    policy: &Policy,
    engine: Option<&Engine>,
    each: &mut dyn FnMut(&str, &AddressState) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (mut incidents, settlements) = ledger.incidents()?;
    let mut reader = Rereader {
        engine,
        seen: HashMap::new(),
    };
    if engine.is_some() || policy.guard != ledger.policy().guard {
        let mut counts: BTreeMap<(String, i64), HourCount> = BTreeMap::new();
        ledger.store().each_event(&mut |mut n| {
            reader.reread(&mut n.event);
            crate::ledger::count(&n.event, &mut counts);
            Ok(())
        })?;
        incidents = crate::ledger::settle::find(
            &policy.guard,
            counts.into_iter().map(|((p, _), c)| (p, c)).collect(),
        );
    }
    let context = Context {
        incidents: &incidents,
        settlements: &settlements,
    };
    let mut acts: HashMap<String, Vec<Act>> = HashMap::new();
    for a in ledger.store().acts()? {
        acts.entry(a.target.clone()).or_default().push(a);
    }
    let same = engine.is_none() && policy.version == ledger.policy().version;
    let mut current = History::default();
    let mut domain: (Option<String>, History, bool) = (None, History::default(), false);
    ledger.store().each_event(&mut |mut n: NewEvent| {
        reader.reread(&mut n.event);
        if !same {
            n.is_domain = suppresses_domain(policy, &n.event);
        }
        let next = current
            .events
            .first()
            .is_some_and(|e| e.address != n.event.address);
        if next {
            end_address(policy, &mut current, &mut acts, &context, each)?;
        }
        if domain.0 != n.domain {
            end_domain(policy, &mut domain, &mut acts, &context, each)?;
            domain.0.clone_from(&n.domain);
        }
        if n.is_domain || policy.life.kinds.contains(&n.event.kind) {
            domain.2 |= n.is_domain;
            domain.1.events.push(n.event.clone());
        }
        current.events.push(n.event);
        Ok(())
    })?;
    end_address(policy, &mut current, &mut acts, &context, each)?;
    end_domain(policy, &mut domain, &mut acts, &context, each)?;
    // Addresses and domains that only people have spoken of.
    let rest: BTreeMap<String, Vec<Act>> = acts.into_iter().collect();
    for (key, acts) in rest {
        let history = History {
            events: Vec::new(),
            acts,
        };
        each(&key, &folded(policy, &key, &history, &context).0)?;
    }
    Ok(())
}

type Each<'a> = &'a mut dyn FnMut(&str, &AddressState) -> anyhow::Result<()>;

fn end_address(
    policy: &Policy,
    current: &mut History,
    acts: &mut HashMap<String, Vec<Act>>,
    context: &Context<'_>,
    each: Each<'_>,
) -> anyhow::Result<()> {
    let Some(key) = current.events.first().map(|e| e.address.clone()) else {
        return Ok(());
    };
    current.acts = acts.remove(&key).unwrap_or_default();
    let state = folded(policy, &key, current, context).0;
    *current = History::default();
    each(&key, &state)
}

fn end_domain(
    policy: &Policy,
    domain: &mut (Option<String>, History, bool),
    acts: &mut HashMap<String, Vec<Act>>,
    context: &Context<'_>,
    each: Each<'_>,
) -> anyhow::Result<()> {
    let (name, mut history, any) = std::mem::take(domain);
    let Some(key) = name.map(|d| format!("@{d}")) else {
        return Ok(());
    };
    if !any {
        history.events.clear();
    }
    history.acts = acts.remove(&key).unwrap_or_default();
    if !any && history.acts.is_empty() {
        return Ok(());
    }
    each(&key, &folded(policy, &key, &history, context).0)
}

/// Judges stored replies again. The same words get the same verdict, so each is judged once.
struct Rereader<'a> {
    engine: Option<&'a Engine>,
    seen: HashMap<String, undeliverable::Verdict>,
}

impl Rereader<'_> {
    fn reread(&mut self, e: &mut Event) {
        let Some(engine) = self
            .engine
            .filter(|_| e.kind == Kind::Bounce && e.category.is_some())
        else {
            return;
        };
        let domain = undeliverable::policy::address_domain(&e.address)
            .unwrap_or_default()
            .to_owned();
        let text = e.text.clone().unwrap_or_default();
        let key = format!(
            "{}\0{}\0{domain}\0{text}",
            e.status.as_deref().unwrap_or_default(),
            e.remote_mta.as_deref().unwrap_or_default()
        );
        if self.seen.len() > 200_000 {
            self.seen.clear();
        }
        let verdict = self.seen.entry(key).or_insert_with(|| {
            let mut reply = Reply::new(&text).recipient(&e.address);
            if let Some(status) = e.status.as_deref() {
                reply = reply.status(status);
            }
            if let Some(host) = e.remote_mta.as_deref() {
                reply = reply.remote_mta(host);
            }
            engine.classify(reply)
        });
        let provider = e.provider.take();
        e.reread(verdict);
        // A private ledger has no domain to know a provider by.
        if e.address.starts_with('~') || verdict.provider.is_none() {
            e.provider = provider;
        }
    }
}
