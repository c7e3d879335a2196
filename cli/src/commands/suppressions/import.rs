//! `suppressions import`: lists of other services.

use std::fs;
use std::io::{self, Read, Write};

use anyhow::Context;
use clap::Args;
use undeliverable::policy::{Act, ActKind};

use super::foreign;
use crate::clock;
use crate::commands::{Outcome, who};
use crate::ledger::args::LedgerArgs;

/// Put the suppression list of another service on ours
///
/// Reads CSV with a header line, JSON and JSON Lines, and the exports of Mailgun, SendGrid, Amazon SES, Postmark and
/// listmonk among them; told apart by the names of their fields. Of listmonk's subscribers only those with status
/// `blocklisted` are taken. Importing a file twice changes nothing.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The file, or - for stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// Only say what would be imported
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<Outcome> {
    let mut text = Vec::new();
    if args.file == "-" {
        io::stdin().lock().read_to_end(&mut text)?;
    } else {
        text = fs::read(&args.file).with_context(|| args.file.clone())?;
    }
    let list = foreign::read(&String::from_utf8_lossy(&text)).with_context(|| args.file.clone())?;
    let now = clock::now();
    let act = |l: foreign::Listed| {
        let why = match l.reason {
            Some(reason) => format!("imported: {reason}"),
            None => "imported".to_owned(),
        };
        Act::new(
            l.since.unwrap_or(0).min(now),
            ActKind::Suppress,
            &l.address,
            who(),
            why,
            None,
        )
    };
    let acts: Vec<Act> = list.listed.into_iter().map(act).collect();
    if !args.dry_run {
        args.ledger.open()?.act(&acts)?;
    }
    writeln!(
        io::stderr(),
        "{} {}, {} skipped",
        acts.len(),
        if args.dry_run {
            "would be imported"
        } else {
            "imported"
        },
        list.skipped
    )?;
    Ok(Outcome::Done)
}
