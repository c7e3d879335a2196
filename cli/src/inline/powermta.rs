//! PowerMTA's accounting file: CSV whose first line names the columns (its user's guide, "Accounting file").

use super::{Entry, csv, some};

/// The columns in the order of a file without a first line.
const USUAL: &[&str] = &[
    "type",
    "timelogged",
    "timequeued",
    "orig",
    "rcpt",
    "orcpt",
    "dsnaction",
    "dsnstatus",
    "dsndiag",
    "dsnmta",
    "bouncecat",
];

/// Where the columns are.
#[derive(Debug)]
pub(super) struct Columns(Vec<String>);

impl Default for Columns {
    fn default() -> Self {
        Columns(USUAL.iter().map(|c| (*c).to_owned()).collect())
    }
}

impl Columns {
    /// The failure that a record tells: types `b` and `rb` failed, `t`, `tq` and `rs` with action "delayed" are put off.
    pub fn read(&mut self, line: &str) -> Option<Entry> {
        let cells = csv::cells(line);
        if cells
            .first()
            .is_some_and(|c| c.eq_ignore_ascii_case("type"))
        {
            self.0 = cells.iter().map(|c| c.to_ascii_lowercase()).collect();
            return None;
        }
        let cell = |name: &str| {
            let at = self.0.iter().position(|c| c == name)?;
            cells.get(at).map(String::as_str).and_then(some)
        };
        let action = cell("dsnaction").unwrap_or_default();
        let delayed = match cell("type")?.as_str() {
            "b" | "rb" => action == "delayed",
            "t" | "tq" => true,
            "rs" if action == "failed" => false,
            "rs" if action == "delayed" => true,
            _ => return None,
        };
        let diagnostic = cell("dsndiag").unwrap_or_default();
        let reply = diagnostic
            .strip_prefix("smtp;")
            .unwrap_or(&diagnostic)
            .trim();
        Some(Entry {
            reply: reply.to_owned(),
            recipient: cell("rcpt"),
            queue_id: ["queueid", "msgid", "messageid", "envid", "jobid"]
                .iter()
                .find_map(|c| cell(c)),
            remote_mta: cell("dsnmta").and_then(|m| some(m.split(' ').next().unwrap_or_default())),
            status: cell("dsnstatus"),
            delayed,
        })
    }
}
