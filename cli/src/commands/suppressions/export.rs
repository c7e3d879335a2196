//! `suppressions export`: our list in the shapes of other services.

use std::io::{self, Write};

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::json;
use undeliverable::policy::Outcome as Decided;

use crate::clock;
use crate::commands::Outcome;
use crate::ledger::args::LedgerArgs;
use crate::output::{csv, json};

/// Write the suppressed addresses for another service
///
/// Addresses that are suppressed now, for good or for a time; domains only in the shapes csv and jsonl.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// For which service
    #[arg(long, value_enum, default_value_t = Shape::Csv)]
    shape: Shape,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// Columns address, standing, since, until, rule, why
    Csv,
    /// The same, one object a line
    Jsonl,
    /// Mailgun's CSV of bounces
    Mailgun,
    /// SendGrid's CSV of bounces
    Sendgrid,
    /// Amazon SES: lines for a bulk import job
    Ses,
    /// Postmark's JSON for its suppressions API
    Postmark,
    /// listmonk's CSV of subscribers, for its blocklist import
    Listmonk,
}

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<Outcome> {
    let mut ledger = args.ledger.open_as_it_is()?;
    ledger.settle()?;
    if ledger.is_private() && !matches!(args.shape, Shape::Csv | Shape::Jsonl) {
        bail!("a private ledger knows no addresses to give to a service");
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let row = |out: &mut dyn Write, cells: &[&str]| -> anyhow::Result<()> {
        let mut line = Vec::new();
        csv::row(cells.iter().map(|c| Some(*c)), &mut line);
        Ok(out.write_all(&line)?)
    };
    match args.shape {
        Shape::Csv => row(
            &mut out,
            &["address", "standing", "since", "until", "rule", "why"],
        )?,
        Shape::Mailgun => row(&mut out, &["address", "code", "error", "created_at"])?,
        Shape::Sendgrid => row(&mut out, &["status", "reason", "email", "created"])?,
        Shape::Listmonk => row(&mut out, &["email", "name", "attributes"])?,
        Shape::Postmark => out.write_all(b"{\"Suppressions\":[")?,
        Shape::Jsonl | Shape::Ses => {}
    }
    let mut first = true;
    super::list::each(&mut ledger, clock::now(), &mut |key, o: &Decided| {
        if !o.standing.is_suppressed()
            || (key.starts_with('@') && !matches!(args.shape, Shape::Csv | Shape::Jsonl))
        {
            return Ok(());
        }
        let since = clock::text(o.since);
        let is_complaint = o.rule == "complaint";
        match args.shape {
            Shape::Csv => row(
                &mut out,
                &[
                    key,
                    o.standing.as_str(),
                    &since,
                    &o.until.map(clock::text).unwrap_or_default(),
                    &o.rule,
                    &o.why,
                ],
            )?,
            Shape::Jsonl => {
                let object = json!({"address": key, "standing": o.standing, "since": since, "until": o.until.map(clock::text), "rule": o.rule, "why": o.why});
                json::value_to(&object, &mut out)?;
                out.write_all(b"\n")?;
            }
            Shape::Mailgun => row(&mut out, &[key, "550", &o.why, &since])?,
            Shape::Sendgrid => row(&mut out, &["", &o.why, key, &o.since.to_string()])?,
            Shape::Listmonk => row(&mut out, &[key, "", ""])?,
            Shape::Ses => {
                let reason = if is_complaint { "COMPLAINT" } else { "BOUNCE" };
                json::value_to(&json!({"emailAddress": key, "reason": reason}), &mut out)?;
                out.write_all(b"\n")?;
            }
            Shape::Postmark => {
                if !first {
                    out.write_all(b",")?;
                }
                out.write_all(b"\n")?;
                json::value_to(&json!({"EmailAddress": key}), &mut out)?;
            }
        }
        first = false;
        Ok(())
    })?;
    if args.shape == Shape::Postmark {
        out.write_all(b"\n]}\n")?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}
