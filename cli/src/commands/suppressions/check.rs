//! `suppressions check`: splits a list of addresses by how they stand.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use undeliverable::policy::{AddressState, Standing};

use crate::args::{Format, FormatArgs};
use crate::clock;
use crate::commands::{Outcome, incidents};
use crate::ledger::args::LedgerArgs;
use crate::ledger::{Ledger, plain_key};
use crate::output::json;
use crate::output::rows::Rows;

/// So many addresses are looked up one by one; for more, the whole list is read once.
const FEW: usize = 2000;

/// Say how addresses stand, and split a list of them
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Addresses; none or - reads them from stdin, one a line
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Write only the addresses of this sort, as they came
    #[arg(long, value_enum, value_name = "SORT")]
    only: Option<Only>,
    /// Write one file of addresses for each standing into this folder: clear.txt, suppress.txt ...
    #[arg(long, value_name = "DIR", conflicts_with = "only")]
    split: Option<PathBuf>,
    /// Ask how they stand at this time [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    /// May be mailed now
    Mailable,
    /// May not be mailed now
    Blocked,
}

/// How one address stands.
struct Answer {
    standing: Standing,
    until: Option<i64>,
    rule: Option<String>,
}

impl Answer {
    const CLEAR: Answer = Answer {
        standing: Standing::Clear,
        until: None,
        rule: None,
    };

    /// The stronger of an address's own state and its domain's.
    fn of(own: Option<&AddressState>, domain: Option<&AddressState>, now: i64) -> Answer {
        let decided = [own, domain]
            .into_iter()
            .flatten()
            .map(|s| s.at(now))
            .max_by_key(|d| d.standing);
        decided.map_or(Answer::CLEAR, |d| Answer {
            standing: d.standing,
            until: d.until,
            rule: d.rule,
        })
    }
}

/// Answers for every address.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let now = clock::at(args.at.as_deref())?;
    let mut ledger = incidents::open(&args.ledger)?;
    let mut sink = Sink::new(args)?;
    if !args.addresses.is_empty() && args.addresses != ["-"] {
        for a in &args.addresses {
            few(&mut ledger, a, now, &mut sink)?;
        }
        return sink.end();
    }
    let mut input = BufReader::with_capacity(256 << 10, io::stdin().lock());
    let mut first = Vec::new();
    while first.len() < FEW {
        let mut line = String::new();
        if read_line(&mut input, &mut line)? == 0 {
            for a in first.iter().filter(|a: &&String| !a.is_empty()) {
                few(&mut ledger, a, now, &mut sink)?;
            }
            return sink.end();
        }
        first.push(line.trim().to_owned());
    }
    let all = Table::read(&mut ledger, now)?;
    let private = ledger.is_private();
    let mut look = |address: &str| -> anyhow::Result<()> {
        let address = address.trim();
        if address.is_empty() {
            return Ok(());
        }
        let (own, domain) = if private {
            (
                all.get(&ledger.key(address)),
                ledger.domain_key(address).and_then(|d| all.get(&d)),
            )
        } else {
            let key = plain_key(address);
            (
                all.get(&key),
                key.rfind('@')
                    .filter(|_| all.has_domains)
                    .and_then(|at| all.get(&key[at..])),
            )
        };
        let (standing, until) = own
            .into_iter()
            .chain(domain)
            .max_by_key(|a| a.0)
            .unwrap_or((Standing::Clear, None));
        sink.put(
            address,
            &Answer {
                standing,
                until,
                rule: None,
            },
        )
    };
    for a in &first {
        look(a)?;
    }
    drop(first);
    let mut line = String::new();
    while read_line(&mut input, &mut line)? > 0 {
        look(&line)?;
        line.clear();
    }
    sink.end()
}

/// A line of any bytes: what is no UTF-8 is no address that anybody wrote to.
fn read_line(input: &mut impl BufRead, line: &mut String) -> anyhow::Result<usize> {
    let mut bytes = std::mem::take(line).into_bytes();
    bytes.clear();
    let n = input.read_until(b'\n', &mut bytes).context("stdin")?;
    *line = String::from_utf8(bytes)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    Ok(n)
}

fn few(ledger: &mut Ledger, address: &str, now: i64, sink: &mut Sink<'_>) -> anyhow::Result<()> {
    let (own, domain) = ledger.states_of(address)?;
    sink.put(address, &Answer::of(own.as_ref(), domain.as_ref(), now))
}

/// Every address that is not clear, in memory.
struct Table {
    all: HashMap<Box<str>, (Standing, Option<i64>)>,
    has_domains: bool,
}

impl Table {
    fn read(ledger: &mut Ledger, now: i64) -> anyhow::Result<Table> {
        let size = usize::try_from(ledger.store().count_states()?).unwrap_or(0);
        let mut table = Table {
            all: HashMap::with_capacity(size),
            has_domains: false,
        };
        ledger.store().each_state(&mut |row| {
            let (standing, until) = match &row.state {
                Some(state) => {
                    let d = state.at(now);
                    (d.standing, d.until)
                }
                None if row.until.is_some_and(|u| u <= now) => (Standing::Clear, None),
                None => (row.standing, row.until),
            };
            if standing != Standing::Clear {
                table.has_domains |= row.key.starts_with('@');
                table
                    .all
                    .insert(row.key.into_boxed_str(), (standing, until));
            }
            Ok(())
        })?;
        Ok(table)
    }

    fn get(&self, key: &str) -> Option<(Standing, Option<i64>)> {
        self.all.get(key).copied()
    }
}

/// Where the answers go.
struct Sink<'a> {
    args: &'a CheckArgs,
    rows: Rows,
    out: BufWriter<io::StdoutLock<'static>>,
    files: HashMap<Standing, BufWriter<File>>,
    counts: [u64; 7],
}

impl<'a> Sink<'a> {
    fn new(args: &'a CheckArgs) -> anyhow::Result<Self> {
        let rows = Rows::new(
            args.format.pick(),
            &[
                ("address", 36),
                ("standing", 15),
                ("mailable", 8),
                ("until", 20),
                ("rule", 0),
            ],
        );
        let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
        if let Some(dir) = &args.split {
            fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        } else if args.only.is_none() {
            rows.head(&mut out)?;
        }
        Ok(Sink {
            args,
            rows,
            out,
            files: HashMap::new(),
            counts: [0; 7],
        })
    }

    fn put(&mut self, address: &str, a: &Answer) -> anyhow::Result<()> {
        if let Some(n) = Standing::ALL.iter().position(|s| *s == a.standing) {
            self.counts[n] += 1;
        }
        let mailable = a.standing.may_mail();
        if let Some(dir) = &self.args.split {
            let file = match self.files.entry(a.standing) {
                Entry::Occupied(e) => e.into_mut(),
                Entry::Vacant(e) => {
                    let path = dir.join(format!("{}.txt", a.standing));
                    let file = File::create(&path).with_context(|| path.display().to_string())?;
                    e.insert(BufWriter::new(file))
                }
            };
            writeln!(file, "{address}")?;
        } else if let Some(only) = self.args.only {
            if mailable == (only == Only::Mailable) {
                self.out.write_all(address.as_bytes())?;
                self.out.write_all(b"\n")?;
            }
        } else if self.args.format.pick() == Format::Jsonl && a.standing == Standing::Clear {
            // The common case of a long list, without building a map for it.
            self.out.write_all(b"{\"address\":")?;
            json::value_to(&address, &mut self.out)?;
            self.out.write_all(
                b",\"standing\":\"clear\",\"mailable\":true,\"until\":null,\"rule\":null}\n",
            )?;
        } else {
            let cells = vec![
                address.into(),
                a.standing.as_str().into(),
                mailable.into(),
                a.until.map(clock::text).into(),
                a.rule.clone().into(),
            ];
            self.rows.row(&mut self.out, cells)?;
        }
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<Outcome> {
        self.out.flush()?;
        for (_, mut file) in self.files {
            file.flush()?;
        }
        if self.args.split.is_some() || self.args.only.is_some() {
            let words: Vec<String> = Standing::ALL
                .iter()
                .zip(self.counts)
                .filter(|(_, n)| *n > 0)
                .map(|(s, n)| format!("{n} {s}"))
                .collect();
            writeln!(io::stderr(), "{}", words.join(", "))?;
        }
        Ok(Outcome::Done)
    }
}
