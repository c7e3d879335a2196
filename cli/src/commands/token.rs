//! `undeliverable token`: signed return-paths and headers.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use undeliverable::trust::{TOKEN_HEADER, Token};

use super::Outcome;
use crate::args::FormatArgs;
use crate::clock;
use crate::ledger::args::token_keys;
use crate::output::rows::Rows;

/// Make and check signed return-paths and header tokens
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  head -c 32 /dev/urandom | base64 >token.key && chmod 600 token.key
  undeliverable token mint --key token.key --domain bounces.example.org bob@example.com
  undeliverable token mint --key token.key --header bob@example.com
  undeliverable token verify --key token.key 'b-...+bob=example.com@bounces.example.org'")]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make one for each recipient
    Mint {
        /// File with the secrets, one a line; the first signs
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Domain of the return-paths
        #[arg(long, value_name = "DOMAIN", required_unless_present = "header")]
        domain: Option<String>,
        /// Make header lines in the place of return-paths
        #[arg(long)]
        header: bool,
        /// The day of sending [default: today]
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
        /// Recipients; none or - reads them from stdin, one a line
        #[arg(value_name = "ADDRESS")]
        recipients: Vec<String>,
    },
    /// Say whose they are and whether they are good
    Verify {
        /// File with the secrets, one a line; each may have signed
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Days a token is good for
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        days: u16,
        /// Return-paths or header values; none or - reads them from stdin
        #[arg(value_name = "TOKEN")]
        tokens: Vec<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
}

/// Makes or checks. Exit code 1: a token is not good.
pub(crate) fn run(args: &TokenArgs) -> anyhow::Result<Outcome> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut outcome = Outcome::Done;
    match &args.what {
        What::Mint {
            key,
            domain,
            header,
            date,
            recipients,
        } => {
            let keys = token_keys(key)?;
            let day = clock::at(date.as_deref())?.div_euclid(86_400);
            for r in words(recipients) {
                let r = r?;
                let token = match domain {
                    Some(domain) if !header => keys[0].return_path(&r, domain, day),
                    _ => keys[0]
                        .header(&r, day)
                        .map(|v| format!("{TOKEN_HEADER}: {v}")),
                };
                let Some(token) = token else {
                    bail!(
                        "{r}: no address, or too long for a return-path of 64 bytes before the @ (use --header)"
                    );
                };
                writeln!(out, "{token}")?;
            }
        }
        What::Verify {
            key,
            days,
            tokens,
            format,
        } => {
            let keys = token_keys(key)?;
            let rows = Rows::new(
                format.pick(),
                &[("result", 8), ("recipient", 36), ("date", 10)],
            );
            rows.head(&mut out)?;
            let today = clock::now().div_euclid(86_400);
            for t in words(tokens) {
                let t = t?;
                let value = t
                    .strip_prefix(TOKEN_HEADER)
                    .map_or(t.as_str(), |v| v.trim_start_matches(':'));
                let (word, recipient, day) =
                    match Token::read(value, &keys, today, i64::from(*days)) {
                        Token::Valid { recipient, day } => ("valid", Some(recipient), Some(day)),
                        Token::Expired { recipient, day } => {
                            ("expired", Some(recipient), Some(day))
                        }
                        Token::Forged => ("forged", None, None),
                        _ => ("none", None, None),
                    };
                if word != "valid" {
                    outcome = Outcome::Failed;
                }
                rows.row(
                    &mut out,
                    vec![
                        word.into(),
                        recipient.into(),
                        day.map(|d| clock::day(d * 86_400)).into(),
                    ],
                )?;
            }
        }
    }
    out.flush()?;
    Ok(outcome)
}

/// The arguments, or the lines of stdin.
pub(crate) fn words(args: &[String]) -> Box<dyn Iterator<Item = anyhow::Result<String>> + '_> {
    if args.is_empty() || args == ["-"] {
        let lines = io::stdin().lock().lines().map(|l| l.context("stdin"));
        return Box::new(
            lines
                .map(|l| l.map(|l| l.trim().to_owned()))
                .filter(|l| l.as_ref().map_or(true, |l| !l.is_empty())),
        );
    }
    Box::new(args.iter().map(|a| Ok(a.clone())))
}
