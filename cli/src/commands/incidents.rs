//! `undeliverable incidents`: times in which a provider was not to be believed.

use std::io::{self, Write};

use anyhow::bail;
use clap::{Args, Subcommand};
use undeliverable::policy::{Incident, Settlement};

use super::Outcome;
use crate::args::FormatArgs;
use crate::clock;
use crate::ledger::Ledger;
use crate::ledger::args::LedgerArgs;
use crate::output::rows::Rows;

/// List and settle times in which a provider's failures left their baseline
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable incidents list
  undeliverable incidents release google/446916 --why 'outage of 14 December'
  undeliverable incidents confirm example.net/446916 --why 'we mailed a very old list'

While an incident is open, a suppression that it caused ends by itself. `confirm` says that the failures were real:
they count as any others. `release` says that they were not: they count for nothing.")]
pub(crate) struct IncidentsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What was noticed, and what was said of it
    List {
        #[command(flatten)]
        ledger: LedgerArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// The failures were real
    Confirm(Say),
    /// The failures were the provider's fault: they count for nothing
    Release(Say),
}

#[derive(Args, Debug)]
struct Say {
    /// The incident, as `list` names it
    #[arg(value_name = "INCIDENT")]
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Lists or settles.
pub(crate) fn run(args: &IncidentsArgs) -> anyhow::Result<Outcome> {
    match &args.what {
        What::List { ledger, format } => {
            let mut ledger = ledger.open_as_it_is()?;
            ledger.settle()?;
            let (incidents, settlements) = ledger.incidents()?;
            let columns = &[
                ("incident", 28),
                ("kind", 8),
                ("from", 20),
                ("until", 20),
                ("seen", 7),
                ("expected", 8),
                ("settled", 9),
                ("who", 10),
                ("why", 0),
            ];
            let rows = Rows::new(format.pick(), columns);
            let mut out = io::stdout().lock();
            rows.head(&mut out)?;
            for i in &incidents {
                let said = settlements
                    .iter()
                    .filter(|s| s.provider == i.provider && s.from < i.until && i.from < s.until)
                    .max_by_key(|s| s.at);
                let word = said.map_or(
                    "open",
                    |s| if s.confirmed { "confirmed" } else { "released" },
                );
                let cells = vec![
                    id(i).into(),
                    i.kind.as_str().into(),
                    clock::text(i.from).into(),
                    clock::text(i.until).into(),
                    i.seen.into(),
                    i.expected.round().into(),
                    word.into(),
                    said.map(|s| s.who.clone()).into(),
                    said.map(|s| s.why.clone()).into(),
                ];
                rows.row(&mut out, cells)?;
            }
        }
        What::Confirm(say) => settle(say, true)?,
        What::Release(say) => settle(say, false)?,
    }
    Ok(Outcome::Done)
}

/// The name of an incident: its provider and the hour it began.
pub(crate) fn id(i: &Incident) -> String {
    format!("{}/{}", i.provider, i.from.div_euclid(3600))
}

fn settle(say: &Say, confirmed: bool) -> anyhow::Result<()> {
    let mut ledger = say.ledger.open_as_it_is()?;
    ledger.settle()?;
    let (incidents, _) = ledger.incidents()?;
    let Some(i) = incidents.iter().find(|i| id(i) == say.id) else {
        bail!(
            "no incident `{}`: see `undeliverable incidents list`",
            say.id
        );
    };
    let s = Settlement::new(
        i.provider.clone(),
        i.from,
        i.until,
        confirmed,
        clock::now(),
        super::who(),
        say.why.clone(),
    );
    let n = ledger.say(&s)?;
    writeln!(
        io::stderr(),
        "{} {}: {n} addresses read again",
        say.id,
        if confirmed { "confirmed" } else { "released" }
    )?;
    Ok(())
}

/// The ledger as it is, with what the guard noticed said first.
pub(crate) fn open(args: &LedgerArgs) -> anyhow::Result<Ledger> {
    let mut ledger = args.open_as_it_is()?;
    alarm(&mut ledger)?;
    Ok(ledger)
}

/// Says on stderr what the guard noticed.
pub(crate) fn alarm(ledger: &mut Ledger) -> anyhow::Result<()> {
    for i in ledger.settle()? {
        writeln!(
            io::stderr(),
            "undeliverable: incident {}: {} failures where {:.0} were expected; suppressions there are provisional until you settle it",
            id(&i),
            i.seen,
            i.expected
        )?;
    }
    Ok(())
}
