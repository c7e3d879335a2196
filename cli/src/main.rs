//! The program `undeliverable`: reads the mail that comes back and says what to do about it.
//!
//! Results go to stdout, words to stderr. The exit code is 0 for done, 1 for failed, 2 for wrong usage.

mod args;
mod clock;
mod commands;
mod inline;
mod ledger;
mod mailbox;
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return wrong_usage(&e),
    };
    let done = match cli.command {
        Command::Scan(args) => commands::scan::run(&args),
        Command::Classify(args) => commands::classify::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Lookup(args) => commands::lookup::run(&args),
        Command::Rules(args) => commands::rules::run(&args),
        Command::Deliver(args) => return commands::deliver::run(&args),
        Command::Mailbox(args) => commands::mailbox::run(&args),
        Command::Suppressions(args) => commands::suppressions::run(&args),
        Command::Incidents(args) => commands::incidents::run(&args),
        Command::Token(args) => commands::token::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Report(args) => commands::report::run(&args),
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

/// Prints help or what is wrong. An MTA's pipe must not lose a message to a typo in its configuration: to `deliver` wrong
/// usage is "try again".
fn wrong_usage(e: &clap::Error) -> ExitCode {
    let _ = e.print();
    let is_delivery = std::env::args_os().nth(1).is_some_and(|a| a == "deliver");
    let is_qmail = std::env::args_os().any(|a| a == "qmail" || a == "--exit-style=qmail");
    match (e.exit_code(), is_delivery, is_qmail) {
        (0, ..) => ExitCode::SUCCESS,
        (_, true, true) => ExitCode::from(111),
        (_, true, false) => ExitCode::from(75),
        _ => ExitCode::from(2),
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
