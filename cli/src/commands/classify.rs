//! `undeliverable classify`: one verdict for each SMTP reply line, or for each failure in a log.

use std::io::{self, BufRead, BufReader, Read, Write};

use clap::{Args, ValueEnum};
use undeliverable::{Engine, Reply};

use super::Outcome;
use crate::args::{EngineArgs, FormatArgs};
use crate::inline::{Entry, LogFormat, Reader};
use crate::output::{Beside, Judged, Style};

/// Bytes of one line that are read; the engine judges fewer.
const MAX_LINE: usize = 64 << 10;
/// Judge SMTP reply lines
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable classify '550 5.1.1 <bob@example.com>: user unknown'
  undeliverable classify --format jsonl <replies.txt
  undeliverable classify --multiline <transcript.txt
  tail -F /var/log/mail.log | undeliverable classify --input postfix-log

One object is written for each line, also for an empty one: `input`, then the keys of a verdict. Of a log only the lines
that tell a failure are judged, with `recipient`, `queue_id` and `remote_mta` beside; the others are counted on stderr.")]
pub(crate) struct ClassifyArgs {
    /// Reply lines, one an argument; none or - reads lines from stdin
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// What the lines are
    #[arg(long, value_enum, default_value_t = Input::Text)]
    input: Input,
    /// Join the lines of one reply: `550-` and what follows up to `550 `
    #[arg(long)]
    multiline: bool,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Replies of SMTP servers
    Text,
    /// Postfix: `status=bounced (...)` and `status=deferred (...)`
    PostfixLog,
    /// Exim's main log: `**` and `==`
    EximLog,
    /// Sendmail: `stat=...`
    SendmailLog,
    /// KumoMTA's log records, JSON
    Kumomta,
    /// PowerMTA's accounting file, CSV
    Powermta,
}

impl Input {
    fn log(self) -> Option<LogFormat> {
        Some(match self {
            Input::Text => return None,
            Input::PostfixLog => LogFormat::Postfix,
            Input::EximLog => LogFormat::Exim,
            Input::SendmailLog => LogFormat::Sendmail,
            Input::Kumomta => LogFormat::Kumomta,
            Input::Powermta => LogFormat::Powermta,
        })
    }
}

/// Judges the arguments, or the lines of stdin.
pub(crate) fn run(args: &ClassifyArgs) -> anyhow::Result<Outcome> {
    let engine = args.engine.engine()?;
    let mut judge = Judge {
        engine,
        reader: args.input.log().map(Reader::new),
        style: Style::new(args.format.pick()),
        out: io::BufWriter::with_capacity(64 << 10, io::stdout().lock()),
        line: Vec::new(),
        skipped: 0,
    };
    judge
        .style
        .verdict_head(judge.reader.is_some(), &mut judge.line);
    judge.out.write_all(&judge.line)?;
    if args.text.is_empty() || args.text == ["-"] {
        judge.stdin(args.multiline && args.input == Input::Text)?;
    } else {
        for text in &args.text {
            judge.input(text)?;
        }
    }
    judge.out.flush()?;
    if judge.reader.is_some() && judge.skipped > 0 {
        writeln!(
            io::stderr(),
            "lines that tell no failure: {}",
            judge.skipped
        )?;
    }
    Ok(Outcome::Done)
}

struct Judge<'e, W: Write> {
    engine: &'e Engine,
    reader: Option<Reader>,
    style: Style,
    out: W,
    line: Vec<u8>,
    skipped: u64,
}

impl<W: Write> Judge<'_, W> {
    fn stdin(&mut self, multiline: bool) -> anyhow::Result<()> {
        let mut input = BufReader::with_capacity(64 << 10, io::stdin().lock());
        let mut line = Vec::new();
        let mut block = String::new();
        while read_line(&mut input, &mut line)? {
            let text = String::from_utf8_lossy(&line);
            if !multiline {
                self.input(&text)?;
            } else {
                for reply in join(&mut block, &text) {
                    self.input(&reply)?;
                }
            }
            // Somebody may wait for the answer before the next question.
            if input.buffer().is_empty() {
                self.out.flush()?;
            }
        }
        if !block.is_empty() {
            self.input(&block)?;
        }
        Ok(())
    }

    fn input(&mut self, input: &str) -> anyhow::Result<()> {
        let Some(reader) = &mut self.reader else {
            let verdict = self.engine.classify(input);
            return self.write(&Judged {
                input,
                log: None,
                verdict: &verdict,
            });
        };
        let entries = reader.read(input);
        self.skipped += u64::from(entries.is_empty());
        for entry in &entries {
            let verdict = self.engine.classify(reply(entry));
            let beside = Beside {
                recipient: entry.recipient.as_deref(),
                queue_id: entry.queue_id.as_deref(),
                remote_mta: entry.remote_mta.as_deref(),
            };
            self.write(&Judged {
                input,
                log: Some(beside),
                verdict: &verdict,
            })?;
        }
        Ok(())
    }

    fn write(&mut self, judged: &Judged<'_>) -> anyhow::Result<()> {
        self.line.clear();
        self.style.verdict(judged, &mut self.line)?;
        Ok(self.out.write_all(&self.line)?)
    }
}

fn reply(entry: &Entry) -> Reply<'_> {
    let mut reply = Reply::new(&entry.reply).delayed(entry.delayed);
    if let Some(status) = &entry.status {
        reply = reply.status(status);
    }
    if let Some(host) = &entry.remote_mta {
        reply = reply.remote_mta(host);
    }
    if let Some(recipient) = &entry.recipient {
        reply = reply.recipient(recipient);
    }
    reply
}

/// Takes the next line in; gives the replies that are complete now.
fn join(block: &mut String, line: &str) -> Vec<String> {
    let code = line
        .get(..3)
        .filter(|c| c.bytes().all(|b| b.is_ascii_digit()));
    let goes_on = code.is_some() && line.as_bytes().get(3) == Some(&b'-');
    let same = code.is_some_and(|c| block.starts_with(c)) && block.len() + line.len() < MAX_LINE;
    let mut done = Vec::new();
    if !block.is_empty() && !same {
        done.push(std::mem::take(block));
    }
    if !block.is_empty() {
        block.push('\n');
    }
    block.push_str(line);
    if !goes_on {
        done.push(std::mem::take(block));
    }
    done
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

#[cfg(test)]
mod tests {
    use super::join;

    fn joined(lines: &[&str]) -> Vec<String> {
        let mut block = String::new();
        let mut out: Vec<String> = lines.iter().flat_map(|l| join(&mut block, l)).collect();
        if !block.is_empty() {
            out.push(block);
        }
        out
    }

    #[test]
    fn continued_replies_become_one() {
        let table: &[(&[&str], &[&str])] = &[
            (&["550 a", "", "550 b"], &["550 a", "", "550 b"]),
            (
                &["550-a", "550-b", "550 c", "421 d"],
                &["550-a\n550-b\n550 c", "421 d"],
            ),
            (&["550-a", "421 b"], &["550-a", "421 b"]),
            (&["550-a", "550-b"], &["550-a\n550-b"]),
            (&["550-a", "words", "550 c"], &["550-a", "words", "550 c"]),
            (&["é50-a"], &["é50-a"]),
        ];
        for (lines, want) in table {
            assert_eq!(joined(lines), *want, "{lines:?}");
        }
    }
}
