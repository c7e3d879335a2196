//! `suppressions import`: lists of other services.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use undeliverable::policy::{Act, ActKind};

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

/// What one line or object of such a list says.
type Fields = BTreeMap<String, String>;

const ADDRESS: &[&str] = &[
    "email",
    "emailaddress",
    "email_address",
    "address",
    "recipient",
];
const REASON: &[&str] = &[
    "reason",
    "suppressionreason",
    "error",
    "standing",
    "type",
    "code",
];
const TIME: &[&str] = &[
    "created_at",
    "createdat",
    "created",
    "lastupdatetime",
    "since",
    "updated_at",
    "date",
];

pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<Outcome> {
    let mut text = Vec::new();
    if args.file == "-" {
        io::stdin().lock().read_to_end(&mut text)?;
    } else {
        text = fs::read(&args.file).with_context(|| args.file.clone())?;
    }
    let text = String::from_utf8_lossy(&text);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let entries = if text.starts_with(['{', '[']) {
        json(text)?
    } else {
        csv(text)?
    };
    let now = clock::now();
    let (mut acts, mut skipped) = (Vec::new(), 0);
    for f in &entries {
        let get = |names: &[&str]| names.iter().find_map(|n| f.get(*n)).map(String::as_str);
        let listmonk_free =
            f.contains_key("uuid") && f.get("status").is_some_and(|s| s != "blocklisted");
        let own_free = f
            .get("standing")
            .is_some_and(|s| !s.starts_with("suppress"));
        let Some(address) = get(ADDRESS).filter(|a| a.contains('@') && !listmonk_free && !own_free)
        else {
            skipped += 1;
            continue;
        };
        let at = get(TIME).and_then(time).unwrap_or(0).min(now);
        let why = get(REASON).unwrap_or("");
        let why = if why.is_empty() {
            "imported".to_owned()
        } else {
            format!("imported: {why}")
        };
        acts.push(Act::new(
            at,
            ActKind::Suppress,
            address.trim().trim_start_matches('\''),
            who(),
            why,
            None,
        ));
    }
    if acts.is_empty() && skipped > 0 {
        bail!(
            "{}: no addresses in it; expected a field named one of {}",
            args.file,
            ADDRESS.join(", ")
        );
    }
    if !args.dry_run {
        args.ledger.open()?.act(&acts)?;
    }
    writeln!(
        io::stderr(),
        "{} {}, {skipped} skipped",
        acts.len(),
        if args.dry_run {
            "would be imported"
        } else {
            "imported"
        }
    )?;
    Ok(Outcome::Done)
}

/// A time as services write it: a date, a date and time, seconds, or Mailgun's RFC 2822.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() < 8 {
        return None;
    }
    text.parse::<i64>()
        .ok()
        .map(|n| if n > 100_000_000_000 { n / 1000 } else { n })
        .or_else(|| clock::parse(text).ok())
        .or_else(|| clock::parse(text.trim_end_matches(" UTC")).ok())
        .or_else(|| {
            jiff::fmt::rfc2822::DateTimeParser::new()
                .relaxed_weekday(true)
                .parse_timestamp(text)
                .ok()
                .map(|t| t.as_second())
        })
        // SES writes seconds with a fraction.
        .or_else(|| text.split_once('.').and_then(|(s, _)| s.parse().ok()))
}

fn csv(text: &str) -> anyhow::Result<Vec<Fields>> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let names: Vec<String> = reader
        .headers()?
        .iter()
        .map(|h| h.to_lowercase().replace(' ', "_"))
        .collect();
    if !names.iter().any(|n| ADDRESS.contains(&n.as_str())) {
        // A bare list has no header: its first line is an address.
        if names.len() == 1 && names[0].contains('@') {
            return Ok(text
                .lines()
                .map(|l| Fields::from([("email".to_owned(), l.trim().to_owned())]))
                .collect());
        }
        bail!("no column named one of {}", ADDRESS.join(", "));
    }
    let mut all = Vec::new();
    for record in reader.records() {
        let record = record?;
        all.push(
            names
                .iter()
                .cloned()
                .zip(record.iter().map(str::to_owned))
                .collect(),
        );
    }
    Ok(all)
}

fn json(text: &str) -> anyhow::Result<Vec<Fields>> {
    let mut all = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        take(&value.context("JSON")?, &mut all);
    }
    Ok(all)
}

/// Objects with an address are entries; lists and envelopes around them are opened.
fn take(value: &Value, all: &mut Vec<Fields>) {
    match value {
        Value::Array(a) => a.iter().for_each(|v| take(v, all)),
        Value::Object(o) => {
            let has_address = o
                .iter()
                .any(|(k, v)| ADDRESS.contains(&k.to_lowercase().as_str()) && v.is_string());
            if has_address {
                let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                all.push(
                    o.iter()
                        .filter(|(_, v)| !v.is_null())
                        .map(|(k, v)| (k.to_lowercase(), text(v)))
                        .collect(),
                );
            } else {
                o.values()
                    .filter(|v| v.is_array() || v.is_object())
                    .for_each(|v| take(v, all));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_services() {
        let first = |text: &str| {
            let all = if text.starts_with(['{', '[']) {
                json(text).unwrap()
            } else {
                csv(text).unwrap()
            };
            let f = all.first().cloned().unwrap();
            let get = |names: &[&str]| names.iter().find_map(|n| f.get(*n)).cloned();
            (
                get(ADDRESS).unwrap(),
                get(REASON).unwrap_or_default(),
                get(TIME).and_then(|t| time(&t)),
            )
        };
        let at = Some(1_700_000_000);
        let is = |a: (String, String, Option<i64>), reason: &str| {
            assert_eq!(a, ("bob@example.com".to_owned(), reason.to_owned(), at))
        };
        is(
            first(
                "address,code,error,created_at\nbob@example.com,550,no such user,\"Tue, 14 Nov 2023 22:13:20 UTC\"\n",
            ),
            "no such user",
        );
        is(
            first(
                "{\"items\":[{\"address\":\"bob@example.com\",\"code\":\"550\",\"error\":\"no such user\",\"created_at\":\"Tue, 14 Nov 2023 22:13:20 UTC\"}]}",
            ),
            "no such user",
        );
        is(
            first("status,reason,email,created\n5.1.1,550 unknown,bob@example.com,1700000000\n"),
            "550 unknown",
        );
        is(
            first(
                "[{\"created\":1700000000,\"email\":\"bob@example.com\",\"reason\":\"550 unknown\",\"status\":\"5.1.1\"}]",
            ),
            "550 unknown",
        );
        is(
            first(
                "{\"SuppressedDestinationSummaries\":[{\"EmailAddress\":\"bob@example.com\",\"Reason\":\"BOUNCE\",\"LastUpdateTime\":1700000000.5}]}",
            ),
            "BOUNCE",
        );
        is(
            first(
                "{\"Suppressions\":[{\"EmailAddress\":\"bob@example.com\",\"SuppressionReason\":\"HardBounce\",\"Origin\":\"Recipient\",\"CreatedAt\":\"2023-11-14T22:13:20+00:00\"}]}",
            ),
            "HardBounce",
        );
        is(
            first(
                "uuid,email,name,attributes,status,created_at\nx,bob@example.com,Bob,{},blocklisted,2023-11-14T22:13:20Z\n",
            ),
            "",
        );
        assert_eq!(
            first("bob@example.com\nal@example.com\n").0,
            "bob@example.com"
        );
    }
}
