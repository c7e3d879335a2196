//! What can be said on the command line, and what the commands share of it.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use undeliverable::{Engine, EngineBuilder, Limits};

use crate::commands::{
    classify, deliver, explain, incidents, lookup, mailbox, manual, replay, report, rules, scan,
    suppressions, token,
};

/// Reads the mail that comes back: who failed, whose fault it is, how sure that is, and what to do.
#[derive(Debug, Parser)]
#[command(name = "undeliverable", version, propagate_version = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Scan(scan::ScanArgs),
    Classify(classify::ClassifyArgs),
    Explain(explain::ExplainArgs),
    Lookup(lookup::LookupArgs),
    Rules(rules::RulesArgs),
    Deliver(deliver::DeliverArgs),
    Mailbox(Box<mailbox::MailboxArgs>),
    Suppressions(suppressions::SuppressionsArgs),
    Incidents(incidents::IncidentsArgs),
    Token(token::TokenArgs),
    Replay(replay::ReplayArgs),
    Report(report::ReportArgs),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

/// What the engine knows, for every command that judges.
#[derive(Args, Clone, Debug)]
pub(crate) struct EngineArgs {
    /// A rule file of your own, joined to the built-in rules; repeat it for more, later files win
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
}

impl EngineArgs {
    /// A builder with the user's rule files.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn builder(&self) -> anyhow::Result<EngineBuilder> {
        let mut builder = Engine::builder();
        for path in &self.rules {
            let name = path.to_string_lossy();
            let text = fs::read_to_string(path).with_context(|| format!("rule file {name}"))?;
            builder = builder.rules(name, text);
        }
        Ok(builder)
    }

    /// An engine with the user's rule files.
    ///
    /// # Errors
    /// Where a file cannot be read or used; the error names file and line.
    pub fn engine(&self) -> anyhow::Result<&'static Engine> {
        // It lives as long as the program. To take it down at the end would cost a message from an MTA's pipe a tenth of
        // its time.
        Ok(Box::leak(Box::new(self.builder()?.build()?)))
    }
}

/// How results are written, for every command that has results.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FormatArgs {
    /// How results are written [default: table on a terminal, jsonl in a pipe]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

impl FormatArgs {
    /// The format asked for, or the one that suits stdout.
    pub fn pick(self) -> Format {
        self.format.unwrap_or_else(|| {
            if io::stdout().is_terminal() {
                Format::Table
            } else {
                Format::Jsonl
            }
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON object a line
    Jsonl,
    /// One row a recipient, safe to open in a spreadsheet
    Csv,
}

/// How much of a message is looked at, and what is kept of the returned one.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Bytes of a message that are read; k, M and G may follow
    #[arg(long, value_name = "N", value_parser = size, default_value = "64M")]
    max_bytes: usize,
    /// MIME parts of a message [default: 1000]
    #[arg(long, value_name = "N", value_parser = size)]
    max_parts: Option<usize>,
    /// Depth of multiparts inside each other [default: 32]
    #[arg(long, value_name = "N", value_parser = size)]
    max_depth: Option<usize>,
    /// Bytes of one header block [default: 1M]
    #[arg(long, value_name = "N", value_parser = size)]
    max_header_bytes: Option<usize>,
    /// Fields of one header block [default: 4000]
    #[arg(long, value_name = "N", value_parser = size)]
    max_fields: Option<usize>,
    /// Recipients of one report [default: 10000]
    #[arg(long, value_name = "N", value_parser = size)]
    max_recipients: Option<usize>,
    /// Bytes of decoded text that are read as a notice's own words [default: 256k]
    #[arg(long, value_name = "N", value_parser = size)]
    max_text: Option<usize>,
    /// Keep this header field of the returned message; repeat it for more; replaces the built-in list
    #[arg(long = "id-header", value_name = "NAME", help_heading = None)]
    id_headers: Vec<String>,
}

type Setter = fn(Limits, usize) -> Limits;

impl LimitArgs {
    /// Bytes of a message that are read.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Hands the limits to the engine.
    pub fn apply(&self, mut builder: EngineBuilder) -> EngineBuilder {
        let mut limits = Limits::default().max_bytes(self.max_bytes);
        let settings: [(Option<usize>, Setter); 6] = [
            (self.max_parts, Limits::max_parts),
            (self.max_depth, Limits::max_depth),
            (self.max_header_bytes, Limits::max_header_bytes),
            (self.max_fields, Limits::max_fields),
            (self.max_recipients, Limits::max_recipients),
            (self.max_text, Limits::max_text),
        ];
        for (value, set) in settings {
            if let Some(value) = value {
                limits = set(limits, value);
            }
        }
        if !self.id_headers.is_empty() {
            builder = builder.id_headers(&self.id_headers);
        }
        builder.limits(limits)
    }
}

/// Reads `64M`: a number of at least 1, and k, M or G for 2^10, 2^20 and 2^30.
fn size(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number = digits.parse::<usize>().ok().filter(|n| *n > 0);
    number
        .and_then(|n| n.checked_mul(1 << shift))
        .ok_or_else(|| "a number such as 1000, 256k or 64M is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, size};

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64M"), Ok(64 << 20));
        assert_eq!(size("1000"), Ok(1000));
        for wrong in ["", "k", "0", "-1", "1.5M", "9999999999999999999G", "1é"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
