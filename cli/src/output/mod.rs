//! How results are written: JSON Lines, CSV, a table; and the counts at the end.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod prose;
pub(crate) mod rows;
pub(crate) mod safe;
pub(crate) mod table;
pub(crate) mod tally;
pub(crate) mod wording;

use std::io::{self, IsTerminal};

use serde::Serialize;
use undeliverable::{Report, Verdict};

use crate::args::Format;

/// Writes reports in one format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    format: Format,
    colour: bool,
}

impl Style {
    /// This format; colours only on a terminal that wants them (<https://no-color.org>).
    pub fn new(format: Format) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Style {
            format,
            colour: !unwanted && io::stdout().is_terminal(),
        }
    }

    /// What stands before the first report.
    pub fn head(self, out: &mut Vec<u8>) {
        match self.format {
            Format::Jsonl => {}
            Format::Csv => csv::head(out),
            Format::Table => table::head(out, self.colour),
        }
    }

    /// Appends one report.
    ///
    /// # Errors
    /// None that the contract's values can make.
    pub fn report(self, report: &Report, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self.format {
            Format::Jsonl => return json::write(report, out),
            Format::Csv => csv::report(report, out),
            Format::Table => table::report(report, self.colour, out),
        }
        Ok(())
    }

    /// What stands before the first verdict about a line, or about a line of a log.
    pub fn verdict_head(self, log: bool, out: &mut Vec<u8>) {
        match self.format {
            Format::Jsonl => {}
            Format::Csv => csv::verdict_head(log, out),
            Format::Table => table::verdict_head(out, self.colour),
        }
    }

    /// Appends the verdict about one line.
    ///
    /// # Errors
    /// None that the contract's values can make.
    pub fn verdict(self, judged: &Judged<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self.format {
            Format::Jsonl => return json::write(judged, out),
            Format::Csv => csv::verdict(judged, out),
            Format::Table => table::verdict(judged, self.colour, out),
        }
        Ok(())
    }
}

/// A line, what a log tells beside, and the keys of its verdict.
#[derive(Debug, Serialize)]
pub(crate) struct Judged<'a> {
    pub input: &'a str,
    #[serde(flatten)]
    pub log: Option<Beside<'a>>,
    #[serde(flatten)]
    pub verdict: &'a Verdict,
}

/// What only a line of a log tells.
#[derive(Debug, Serialize)]
pub(crate) struct Beside<'a> {
    pub recipient: Option<&'a str>,
    pub queue_id: Option<&'a str>,
    pub remote_mta: Option<&'a str>,
}
