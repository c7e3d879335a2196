//! `suppressions list`: every address that does not stand clear.

use std::io::{self, Write};

use clap::Args;
use undeliverable::policy::Standing;

use crate::args::FormatArgs;
use crate::clock;
use crate::commands::{Outcome, incidents};
use crate::ledger::args::LedgerArgs;
use crate::ledger::{BATCH, Ledger};
use crate::output::rows::Rows;

/// List addresses and domains that are suppressed, held, or waiting for a person
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only these standings: retry, review, verify, hold, suppress, suppress_domain. Repeat it for more [default: suppress, suppress_domain]
    #[arg(long, value_name = "STANDING", value_parser = standing)]
    standing: Vec<Standing>,
    /// Ask how they stand at this time [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

fn standing(word: &str) -> Result<Standing, String> {
    Standing::from_word(word).ok_or_else(|| {
        format!(
            "expected one of {}",
            Standing::ALL
                .iter()
                .map(|s| s.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        )
    })
}

/// Writes them, by address.
pub(crate) fn run(args: &ListArgs) -> anyhow::Result<Outcome> {
    let now = clock::at(args.at.as_deref())?;
    let mut ledger = incidents::open(&args.ledger)?;
    let columns = &[
        ("address", 36),
        ("standing", 15),
        ("since", 20),
        ("until", 20),
        ("rule", 22),
        ("category", 18),
        ("why", 0),
    ];
    let rows = Rows::new(args.format.pick(), columns);
    let mut out = io::BufWriter::new(io::stdout().lock());
    rows.head(&mut out)?;
    each(&mut ledger, now, &mut |key, o| {
        let wanted = if args.standing.is_empty() {
            o.standing.is_suppressed()
        } else {
            args.standing.contains(&o.standing)
        };
        if !wanted {
            return Ok(());
        }
        let cells = vec![
            key.into(),
            o.standing.as_str().into(),
            clock::text(o.since).into(),
            o.until.map(clock::text).into(),
            o.rule.clone().into(),
            o.category.map(|c| c.as_str()).into(),
            o.why.clone().into(),
        ];
        rows.row(&mut out, cells)
    })?;
    out.flush()?;
    Ok(Outcome::Done)
}

/// Calls `each` with every key that is not clear at `now`, and the outcome that decides.
pub(super) fn each(
    ledger: &mut Ledger,
    now: i64,
    each: &mut dyn FnMut(&str, &undeliverable::policy::Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut keys = Vec::new();
    ledger.store().each_state(&mut |row| {
        if row.standing != Standing::Clear
            && (row.state.is_some() || row.until.is_none_or(|u| u > now))
        {
            keys.push(row.key);
        }
        Ok(())
    })?;
    for chunk in keys.chunks(BATCH) {
        let states = ledger.store().states(chunk)?;
        for key in chunk {
            if let Some(o) = states.get(key).and_then(|s| s.outcome_at(now)) {
                each(key, o)?;
            }
        }
    }
    Ok(())
}
