//! `undeliverable scan`: what every message of an archive is.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::Context;
use clap::Args;
use undeliverable::Engine;
use undeliverable::trust::{self, Proof};

use super::{Outcome, incidents};
use crate::args::{EngineArgs, Format, FormatArgs, LimitArgs};
use crate::clock;
use crate::ledger::args::{LedgerArgs, ProofArgs};
use crate::ledger::{BATCH, Recorded};
use crate::output::Style;
use crate::output::tally::{Tally, is_unknown};
use crate::pipeline::{self, Chunk, Worker};
use crate::progress::Progress;
use crate::source::Walk;

/// Read bounce mail from files and folders
///
/// Paths are Maildirs, mbox files, single messages, folders of any of these (recursively), or - for stdin;
/// they are told apart by looking. Every message gives one result, in the order of the input.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable scan ~/Maildir
  undeliverable scan --format csv bounces.mbox >bounces.csv
  undeliverable scan --summary /var/mail/archive
  undeliverable scan --unknown look-at-these folder/
  undeliverable scan - <message.eml
  undeliverable scan --record --summary ~/Maildir

Exit code 1: something could not be read; it is named on stderr and the rest is done.")]
pub(crate) struct ScanArgs {
    /// What to read
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Write only counts: by kind, type, category, provider and dialect
    #[arg(long)]
    summary: bool,
    /// Copy bounces and delays that name nobody or whose reason is unknown into this folder
    #[arg(long, value_name = "DIR")]
    unknown: Option<PathBuf>,
    /// Threads; more than cores help where the disk is slow [default: two a core, at least 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Store what the messages tell in the ledger; the same mail seen again counts once
    #[arg(long)]
    record: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten, next_help_heading = "With --record")]
    ledger: LedgerArgs,
    #[command(flatten)]
    proof: ProofArgs,
}

/// Reads every message of the paths, in order.
pub(crate) fn run(args: &ScanArgs) -> anyhow::Result<Outcome> {
    let engine = args.limits.apply(args.engine.builder()?).build()?;
    if let Some(dir) = &args.unknown {
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    // Opened first: a ledger that cannot be written should not be found out after an hour.
    let mut ledger = if args.record {
        Some(args.ledger.open()?)
    } else {
        None
    };
    let proofs = args.proof.read()?;
    let mut recorded = Recorded::default();
    let mut events = Vec::new();
    let format = args.format.pick();
    let style = Style::new(format);
    let jobs = args.jobs.map_or_else(default_jobs, usize::from);
    let worker = || Judge {
        engine: &engine,
        style: (!args.summary).then_some(style),
        unknown: args.unknown.as_deref(),
        proof: args.record.then(|| proofs.proof()),
        started: clock::now(),
        tally: Tally::default(),
    };

    let shares_terminal = io::stdout().is_terminal();
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut progress = Progress::new();
    let (mut troubles, mut no_mail) = (0, 0);
    if !args.summary {
        let mut head = Vec::new();
        style.head(&mut head);
        out.write_all(&head)?;
    }
    let workers = (0..jobs).map(|_| worker()).collect();
    let done = pipeline::run(
        Walk::new(args.paths.clone()),
        args.limits.max_bytes(),
        workers,
        |chunk, listed| {
            for trouble in &chunk.troubles {
                progress.say(trouble);
            }
            troubles += chunk.troubles.len() as u64;
            no_mail += chunk.no_mail;
            if shares_terminal {
                progress.above(|| out.write_all(&chunk.bytes).and_then(|()| out.flush()))?;
            } else {
                out.write_all(&chunk.bytes)?;
            }
            if let Some(ledger) = &mut ledger {
                events.append(&mut chunk.events);
                if events.len() >= BATCH {
                    recorded.add(ledger.record(std::mem::take(&mut events))?);
                }
            }
            progress.advance(chunk.files, chunk.messages, listed);
            Ok(())
        },
    );
    progress.end();
    let mut tally = Tally {
        unreadable: troubles,
        no_mail,
        ..Tally::default()
    };
    for worker in done? {
        tally.join(worker.tally);
    }
    if args.summary || format == Format::Table {
        let mut text = Vec::new();
        tally.write(format, &mut text)?;
        out.write_all(&text)?;
    }
    out.flush()?;
    if let Some(mut ledger) = ledger {
        recorded.add(ledger.record(events)?);
        incidents::alarm(&mut ledger)?;
        progress.say(&format!(
            "{} events recorded, {} known before",
            recorded.new, recorded.known
        ));
    }
    if troubles > 0 {
        progress.say(&format!(
            "{troubles} could not be read, {} messages were",
            tally.messages
        ));
        return Ok(Outcome::Failed);
    }
    Ok(Outcome::Done)
}

/// More threads than cores: while some wait for a cold disk, others work.
fn default_jobs() -> usize {
    let cores = available_parallelism().map_or(1, usize::from);
    (cores * 2).clamp(8, 64)
}

/// Judges messages in one thread.
struct Judge<'a> {
    engine: &'a Engine,
    /// `None` counts only.
    style: Option<Style>,
    unknown: Option<&'a Path>,
    /// `None` records nothing.
    proof: Option<Proof<'a>>,
    started: i64,
    tally: Tally,
}

impl Worker for Judge<'_> {
    fn message(&mut self, source: &str, bytes: &[u8], out: &mut Chunk) {
        let mut report = self.engine.parse(bytes);
        report.source = Some(source.to_owned());
        if let Some(proof) = &self.proof {
            out.events
                .append(&mut trust::events(&mut report, self.started, proof));
        }
        self.tally.add(&report, bytes.len());
        if let Some(style) = self.style
            && let Err(e) = style.report(&report, &mut out.bytes)
        {
            out.troubles.push(format!("{source}: {e}"));
        }
        if let Some(dir) = self.unknown
            && is_unknown(&report)
        {
            // The name is a hash: nothing from the mail, and the same mail gives the same file.
            let path = dir.join(format!("{}.eml", report.event_id));
            if let Err(e) = fs::write(&path, bytes) {
                out.troubles.push(format!("{}: {e}", path.display()));
            }
        }
    }
}
