//! Rows of named cells in the three formats: lists that are no reports.

use std::io::Write;

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr;

use super::{csv, safe};
use crate::args::Format;

/// Writes rows with these columns: name and width in a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    format: Format,
    columns: &'static [(&'static str, usize)],
}

impl Rows {
    pub fn new(format: Format, columns: &'static [(&'static str, usize)]) -> Self {
        Rows { format, columns }
    }

    /// The names of the columns, where the format has a place for them.
    ///
    /// # Errors
    /// Of writing.
    pub fn head(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut line = Vec::new();
        match self.format {
            Format::Jsonl => {}
            Format::Csv => csv::row(self.columns.iter().map(|c| Some(c.0)), &mut line),
            Format::Table => self.table(
                self.columns
                    .iter()
                    .map(|c| c.0.to_uppercase().replace('_', " ")),
                &mut line,
            ),
        }
        Ok(out.write_all(&line)?)
    }

    /// One row; a cell for each column.
    ///
    /// # Errors
    /// Of writing.
    pub fn row(self, out: &mut dyn Write, cells: Vec<Value>) -> anyhow::Result<()> {
        let mut line = Vec::new();
        match self.format {
            Format::Jsonl => {
                let object: Map<String, Value> = self
                    .columns
                    .iter()
                    .map(|c| c.0.to_owned())
                    .zip(cells)
                    .collect();
                super::json::write(&object, &mut line)?;
            }
            Format::Csv => {
                let texts: Vec<String> = cells.iter().map(text).collect();
                csv::row(texts.iter().map(|t| Some(t.as_str())), &mut line);
            }
            Format::Table => self.table(cells.iter().map(text), &mut line),
        }
        Ok(out.write_all(&line)?)
    }

    fn table(self, cells: impl Iterator<Item = String>, line: &mut Vec<u8>) {
        for (i, (cell, (_, width))) in cells.zip(self.columns).enumerate() {
            if i > 0 {
                line.extend_from_slice(b"  ");
            }
            let cell = safe::text(&cell);
            line.extend_from_slice(cell.as_bytes());
            line.resize(line.len() + width.saturating_sub(cell.width()), b' ');
        }
        while line.last() == Some(&b' ') {
            line.pop();
        }
        line.push(b'\n');
    }
}

fn text(v: &Value) -> String {
    match v {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        Value::Array(a) => a.iter().map(text).collect::<Vec<_>>().join(" "),
        v => v.to_string(),
    }
}
