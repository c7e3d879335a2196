//! CSV as RFC 4180 has it: one row a recipient, or one a message that has none. Safe to open in a spreadsheet.

use undeliverable::{Recipient, Report};

use super::Judged;

const COLUMNS: &[&str] = &[
    "source",
    "event_id",
    "kind",
    "dialect",
    "date",
    "final_recipient",
    "original_recipient",
    "action",
    "status",
    "reply_code",
    "category",
    "fault",
    "permanence",
    "type",
    "address_action",
    "sender_action",
    "confidence",
    "provider",
    "remote_mta",
    "original_message_id",
    "diagnostic_code",
];

/// Appends the names of the columns.
pub(crate) fn head(out: &mut Vec<u8>) {
    row(COLUMNS.iter().map(|c| Some(*c)), out);
}

/// Appends the rows of one report.
pub(crate) fn report(report: &Report, out: &mut Vec<u8>) {
    if report.recipients.is_empty() {
        recipient(report, None, out);
    }
    for r in &report.recipients {
        recipient(report, Some(r), out);
    }
}

fn recipient(report: &Report, r: Option<&Recipient>, out: &mut Vec<u8>) {
    let v = r.map(|r| &r.verdict);
    let confidence = v.and_then(|v| v.confidence).map(|c| format!("{c:.2}"));
    row(
        [
            report.source.as_deref(),
            Some(&report.event_id),
            Some(report.kind.as_str()),
            report.dialect.as_deref(),
            report.notice.date.as_deref(),
            r.and_then(|r| r.final_recipient.as_deref()),
            r.and_then(|r| r.original_recipient.as_deref()),
            r.and_then(|r| r.action).map(|w| w.as_str()),
            v.and_then(|v| v.status.as_deref()),
            v.and_then(|v| v.reply_code.as_deref()),
            v.and_then(|v| v.category).map(|w| w.as_str()),
            v.and_then(|v| v.fault).map(|w| w.as_str()),
            v.and_then(|v| v.permanence).map(|w| w.as_str()),
            v.and_then(|v| v.bounce_type).map(|w| w.as_str()),
            v.and_then(|v| v.address_action).map(|w| w.as_str()),
            v.and_then(|v| v.sender_action).map(|w| w.as_str()),
            confidence.as_deref(),
            v.and_then(|v| v.provider.as_deref()),
            r.and_then(|r| r.remote_mta.as_deref()),
            report
                .original
                .as_ref()
                .and_then(|o| o.message_id.as_deref()),
            v.and_then(|v| v.diagnostic_code.as_deref()),
        ],
        out,
    );
}

/// Appends the names of the columns for verdicts about lines, or about lines of a log.
pub(crate) fn verdict_head(log: bool, out: &mut Vec<u8>) {
    let of_log = ["recipient", "queue_id", "remote_mta"];
    let own = ["input"].iter().chain(&COLUMNS[8..18]);
    let own = own.chain(of_log.iter().filter(|_| log));
    row(own.map(|c| Some(*c)), out);
}

/// Appends the row of a verdict about a line.
pub(crate) fn verdict(judged: &Judged<'_>, out: &mut Vec<u8>) {
    let (input, v) = (judged.input, judged.verdict);
    let of_log = judged
        .log
        .as_ref()
        .map(|l| [l.recipient, l.queue_id, l.remote_mta]);
    row(
        [
            Some(input),
            v.status.as_deref(),
            v.reply_code.as_deref(),
            Some(v.category.as_str()),
            Some(v.fault.as_str()),
            Some(v.permanence.as_str()),
            Some(v.bounce_type.as_str()),
            Some(v.address_action.as_str()),
            Some(v.sender_action.as_str()),
            Some(&format!("{:.2}", v.confidence)),
            v.provider.as_deref(),
        ]
        .into_iter()
        .chain(of_log.into_iter().flatten()),
        out,
    );
}

/// Appends one row.
pub(crate) fn row<'a>(cells: impl IntoIterator<Item = Option<&'a str>>, out: &mut Vec<u8>) {
    for (i, text) in cells.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        cell(text.unwrap_or_default(), out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends one cell. One that a spreadsheet would run as a formula gets a `'` before it; hostile characters are
/// written as in the table.
fn cell(text: &str, out: &mut Vec<u8>) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let text = super::safe::text(text);
    let quoted =
        text.contains(['"', ',', ';', '\'']) || text.starts_with(' ') || text.ends_with(' ');
    if quoted {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    for piece in text.split_inclusive('"') {
        out.extend_from_slice(piece.as_bytes());
        if piece.ends_with('"') {
            out.push(b'"');
        }
    }
    if quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    fn cell(text: &str) -> String {
        let mut out = Vec::new();
        super::cell(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert!(cell(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(
            cell("=HYPERLINK(\"http://a.example\",1)"),
            "\"'=HYPERLINK(\"\"http://a.example\"\",1)\""
        );
        assert_eq!(cell("550 no such user"), "550 no such user");
        assert_eq!(cell("a, b"), "\"a, b\"");
        assert_eq!(cell("a\r\nb\x1b"), "a\\u{d}\\u{a}b\\u{1b}");
    }
}
