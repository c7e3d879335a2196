//! What can be said on the command line, and what the commands share of it.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use undeliverable::{Engine, EngineBuilder};

use crate::commands::{classify, manual, scan};

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
    pub fn engine(&self) -> anyhow::Result<Engine> {
        Ok(self.builder()?.build()?)
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
