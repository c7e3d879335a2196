//! `undeliverable scan`: what every message of an archive is.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::Outcome;
use crate::args::{EngineArgs, FormatArgs};
use crate::output::json;

/// Read bounce mail from files and folders
#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// Messages and folders of messages
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Reads every message of the paths, in order.
pub(crate) fn run(args: &ScanArgs) -> anyhow::Result<Outcome> {
    let engine = args.engine.engine()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let _ = args.format.pick();
    for path in &args.paths {
        let mut files = Vec::new();
        walk(path, &mut files)?;
        for file in files {
            let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
            let mut report = engine.parse(&bytes);
            report.source = Some(file.to_string_lossy().into_owned());
            let mut line = Vec::new();
            json::write(&report, &mut line)?;
            out.write_all(&line)?;
        }
    }
    out.flush()?;
    Ok(Outcome::Done)
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut names = fs::read_dir(path)?
        .map(|e| e.map(|e| e.path()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        walk(&name, files)?;
    }
    Ok(())
}
