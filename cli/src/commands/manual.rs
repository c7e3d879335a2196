//! `undeliverable completions` and `undeliverable man`: what packages install beside the program.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Outcome;
use crate::args::Cli;

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  undeliverable completions bash >/etc/bash_completion.d/undeliverable"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the man pages into a folder
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  undeliverable man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder; it must exist
    dir: PathBuf,
}

/// Writes the completion script to stdout.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<Outcome> {
    // In memory first: the generator panics where its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "undeliverable",
        &mut script,
    );
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Outcome::Done)
}

/// Writes one page for the program and one for each command.
pub(crate) fn pages(args: &ManArgs) -> anyhow::Result<Outcome> {
    clap_mangen::generate_to(Cli::command(), &args.dir)
        .with_context(|| format!("man pages into {}", args.dir.display()))?;
    Ok(Outcome::Done)
}
