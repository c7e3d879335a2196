//! `undeliverable suppressions`: who may not be mailed, why, and the way back.

mod change;
mod check;
mod export;
mod foreign;
mod import;
mod list;
mod story;

use clap::{Args, Subcommand};

use super::Outcome;

/// Who may not be mailed, why, and the way back
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable suppressions check bob@example.com
  undeliverable suppressions check --only mailable <list.txt >send.txt
  undeliverable suppressions why bob@example.com
  undeliverable suppressions release bob@example.com --why 'called, he is there'
  undeliverable suppressions release --since 2026-11-14 --until 2026-11-16 --provider google --dry-run
  undeliverable suppressions import mailgun-bounces.csv
  undeliverable suppressions export --shape ses >suppressed.json")]
pub(crate) struct SuppressionsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(check::CheckArgs),
    List(list::ListArgs),
    Add(change::AddArgs),
    Release(change::ReleaseArgs),
    Alive(change::AliveArgs),
    Erase(change::EraseArgs),
    History(story::HistoryArgs),
    Why(story::WhyArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
}

/// Does what was asked.
pub(crate) fn run(args: &SuppressionsArgs) -> anyhow::Result<Outcome> {
    match &args.what {
        What::Check(a) => check::run(a),
        What::List(a) => list::run(a),
        What::Add(a) => change::add(a),
        What::Release(a) => change::release(a),
        What::Alive(a) => change::alive(a),
        What::Erase(a) => change::erase(a),
        What::History(a) => story::history(a),
        What::Why(a) => story::why(a),
        What::Import(a) => import::run(a),
        What::Export(a) => export::run(a),
    }
}
