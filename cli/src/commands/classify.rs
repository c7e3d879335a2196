//! `undeliverable classify`: one verdict for each SMTP reply line.

use std::io::{self, BufRead, BufReader, Read, Write};

use clap::Args;

use super::Outcome;
use crate::args::{EngineArgs, FormatArgs};
use crate::output::Style;

/// Bytes of one line that are read; the engine judges fewer.
const MAX_LINE: usize = 64 << 10;

/// Judge SMTP reply lines
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable classify '550 5.1.1 <bob@example.com>: user unknown'
  undeliverable classify --format jsonl <replies.txt")]
pub(crate) struct ClassifyArgs {
    /// Reply lines, one an argument; none or - reads lines from stdin
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Judges the arguments, or the lines of stdin.
pub(crate) fn run(args: &ClassifyArgs) -> anyhow::Result<Outcome> {
    let engine = args.engine.engine()?;
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let style = Style::new(args.format.pick());
    let mut text = Vec::new();
    style.verdict_head(&mut text);
    out.write_all(&text)?;
    let mut judge = |line: &str, out: &mut dyn Write| -> anyhow::Result<()> {
        text.clear();
        style.verdict(line, &engine.classify(line), &mut text)?;
        Ok(out.write_all(&text)?)
    };
    if args.text.is_empty() || args.text == ["-"] {
        let mut input = BufReader::with_capacity(64 << 10, io::stdin().lock());
        let mut line = Vec::new();
        while read_line(&mut input, &mut line)? {
            judge(&String::from_utf8_lossy(&line), &mut out)?;
            // Somebody may wait for the answer before the next question.
            if input.buffer().is_empty() {
                out.flush()?;
            }
        }
    } else {
        for line in &args.text {
            judge(line, &mut out)?;
        }
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// Reads one line without its end, at most [`MAX_LINE`] bytes of it; false at the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = input
        .by_ref()
        .take(MAX_LINE as u64)
        .read_until(b'\n', line)?;
    if read == MAX_LINE && line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(read > 0)
}
