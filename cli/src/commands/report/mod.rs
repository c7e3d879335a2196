//! `undeliverable report`: what bounced, where, why, and what to fix.

mod gather;
mod html;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Outcome, incidents};
use crate::clock;
use crate::ledger::args::LedgerArgs;
use crate::output::json;
use gather::{Gathered, Sent};

/// What bounced, where, why, and what to fix first
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable report --since 30d
  undeliverable report --since 30d --sent sent.csv --format html >report.html
  undeliverable report --format json | jq .fix_first

The file for --sent is CSV with a column `sent` and any of `day` (2026-11-20), `campaign`, `provider`. Without it there
are counts, no rates.")]
pub(crate) struct ReportArgs {
    /// Events from this time on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How much was sent, by day, campaign or provider
    #[arg(long, value_name = "FILE")]
    sent: Option<PathBuf>,
    /// Rows of each list
    #[arg(long, value_name = "N", default_value_t = 15)]
    top: usize,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Shape::Table)]
    format: Shape,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// For a terminal
    Table,
    /// One object
    Json,
    /// One page that needs nothing else
    Html,
}

/// Gathers and writes.
pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<Outcome> {
    let since = args.since.as_deref().map(clock::parse).transpose()?;
    let until = args.until.as_deref().map(clock::parse).transpose()?;
    let sent = args.sent.as_deref().map(Sent::read).transpose()?;
    let mut ledger = incidents::open(&args.ledger)?;
    let gathered = Gathered::of(&mut ledger, since, until, sent.as_ref(), args.top)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        Shape::Table => out.write_all(text::write(&gathered).as_bytes())?,
        Shape::Json => out.write_all(json::pretty(&gathered)?.as_bytes())?,
        Shape::Html => out.write_all(html::write(&gathered).as_bytes())?,
    }
    out.flush()?;
    Ok(Outcome::Done)
}
