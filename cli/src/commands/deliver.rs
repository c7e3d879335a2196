//! `undeliverable deliver`: one message from an MTA's pipe into the ledger.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use undeliverable::trust;

use crate::args::EngineArgs;
use crate::clock;
use crate::ledger::args::{LedgerArgs, ProofArgs};
use crate::output::safe;

/// More than this is read but not analysed: the reports stand at the beginning.
const MAX_BYTES: u64 = 64 << 20;

/// Store one message that an MTA hands over on stdin
///
/// Nothing is written to stdout. Exit 0: it is stored, or tells about nobody. Exit 75: it could not be stored and the
/// MTA must try again; every failure is one of these, wrong usage too, so that no report is lost.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  Postfix, master.cf:  bounces unix - n n - 4 pipe flags=Rq user=bounce argv=/usr/bin/undeliverable deliver --db /var/lib/bounce/ledger.sqlite
  qmail, .qmail:       |undeliverable deliver --exit-style qmail
  by hand:             undeliverable deliver <bounce.eml

More in contrib/.")]
pub(crate) struct DeliverArgs {
    /// Which exit codes the MTA understands
    #[arg(long, value_enum, default_value_t = ExitStyle::Sysexits)]
    exit_style: ExitStyle,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    proof: ProofArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExitStyle {
    /// 75, EX_TEMPFAIL of sysexits.h
    Sysexits,
    /// 111, as qmail-command(8) asks for
    Qmail,
}

impl ExitStyle {
    /// The code for "try again".
    pub const fn try_again(self) -> u8 {
        match self {
            ExitStyle::Sysexits => 75,
            ExitStyle::Qmail => 111,
        }
    }
}

/// Stores the message; its exit code says everything.
pub(crate) fn run(args: &DeliverArgs) -> ExitCode {
    match store(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(
                io::stderr(),
                "undeliverable: {}",
                safe::text(&format!("{e:#}"))
            );
            ExitCode::from(args.exit_style.try_again())
        }
    }
}

fn store(args: &DeliverArgs) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    let mut stdin = io::stdin().lock();
    stdin.by_ref().take(MAX_BYTES).read_to_end(&mut bytes)?;
    // An MTA that is not read to the end sees a broken pipe and calls that a failure.
    io::copy(&mut stdin, &mut io::sink())?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        bail!("no message on stdin");
    }
    let proofs = args.proof.read()?;
    let mut report = args.engine.engine()?.parse(&bytes);
    let events = trust::events(&mut report, clock::now(), &proofs.proof());
    let mut ledger = args.ledger.open()?;
    ledger.record(events)?;
    // The event is stored: what the guard could not do now, the next run does.
    if let Err(e) = ledger.settle_if_old(clock::now()) {
        let _ = writeln!(
            io::stderr(),
            "undeliverable: incidents: {}",
            safe::text(&format!("{e:#}"))
        );
    }
    Ok(())
}
