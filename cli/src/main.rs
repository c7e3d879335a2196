//! The program `undeliverable`: reads the mail that comes back and says what to do about it.
//!
//! Results go to stdout, words to stderr. The exit code is 0 for done, 1 for failed, 2 for wrong usage.

mod args;
mod commands;
mod ledger;
mod inline;
mod output;
mod pipeline;
mod progress;
mod source;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::commands::Outcome;

fn main() -> ExitCode {
    // Prints help and usage errors itself and ends with 0 or 2.
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Scan(args) => commands::scan::run(&args),
        Command::Classify(args) => commands::classify::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Lookup(args) => commands::lookup::run(&args),
        Command::Rules(args) => commands::rules::run(&args),
        Command::Completions(args) => commands::manual::completions(&args),
        Command::Man(args) => commands::manual::pages(&args),
    };
    match done {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        // Whoever read the output has seen enough.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            // Nothing can be said about a stderr that cannot be written.
            let _ = writeln!(
                io::stderr(),
                "undeliverable: {}",
                output::safe::text(&format!("{e:#}"))
            );
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}
