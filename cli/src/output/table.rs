//! A table for people: a line a recipient, written as it comes, and counts below it.

use std::borrow::Cow;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use undeliverable::{BounceType, Kind, Recipient, Report};
use unicode_width::UnicodeWidthStr;

use super::{Judged, safe};

/// Widths of the columns; the last one is as wide as it has to be. A longer cell is not cut: addresses are for copying.
const COLUMNS: [(&str, usize); 7] = [
    ("KIND", 10),
    ("TYPE", 9),
    ("CATEGORY", 19),
    ("SURE", 4),
    ("ADDRESS ACTION", 15),
    ("RECIPIENT", 36),
    ("SOURCE", 0),
];

/// The same for verdicts about lines.
const VERDICT_COLUMNS: [(&str, usize); 6] = [
    ("TYPE", 9),
    ("CATEGORY", 19),
    ("SURE", 4),
    ("ADDRESS ACTION", 15),
    ("SENDER ACTION", 18),
    ("INPUT", 0),
];

/// Appends the names of the columns.
pub(crate) fn head(out: &mut Vec<u8>, colour: bool) {
    let style = if colour {
        Style::new().bold()
    } else {
        Style::new()
    };
    line(&COLUMNS, COLUMNS.map(|(name, _)| (name, style)), out);
}

/// Appends the lines of one report.
pub(crate) fn report(report: &Report, colour: bool, out: &mut Vec<u8>) {
    if report.recipients.is_empty() {
        recipient(report, None, colour, out);
    }
    for r in &report.recipients {
        recipient(report, Some(r), colour, out);
    }
}

fn recipient(report: &Report, r: Option<&Recipient>, colour: bool, out: &mut Vec<u8>) {
    let v = r.map(|r| &r.verdict);
    let bounce_type = v.and_then(|v| v.bounce_type);
    let sure = v
        .and_then(|v| v.confidence)
        .map(|c| format!("{:.0}%", c * 100.0))
        .unwrap_or_default();
    let plain = Style::new();
    let style = if colour {
        style_of(report.kind, bounce_type)
    } else {
        plain
    };
    line(
        &COLUMNS,
        [
            (report.kind.as_str(), style),
            (bounce_type.map_or("", |w| w.as_str()), style),
            (v.and_then(|v| v.category).map_or("", |w| w.as_str()), plain),
            (&sure, plain),
            (
                v.and_then(|v| v.address_action).map_or("", |w| w.as_str()),
                plain,
            ),
            (
                r.and_then(|r| r.final_recipient.as_deref())
                    .unwrap_or_default(),
                plain,
            ),
            (report.source.as_deref().unwrap_or_default(), plain),
        ],
        out,
    );
}

/// Appends the names of the columns for verdicts about lines.
pub(crate) fn verdict_head(out: &mut Vec<u8>, colour: bool) {
    let style = if colour {
        Style::new().bold()
    } else {
        Style::new()
    };
    line(
        &VERDICT_COLUMNS,
        VERDICT_COLUMNS.map(|(name, _)| (name, style)),
        out,
    );
}

/// Appends the line of a verdict about a line.
pub(crate) fn verdict(judged: &Judged<'_>, colour: bool, out: &mut Vec<u8>) {
    let v = judged.verdict;
    let of_log = judged.log.as_ref().map(|log| {
        let words = v.diagnostic_code.as_deref().unwrap_or_default();
        format!("{}: {words}", log.recipient.unwrap_or_default())
    });
    let input = of_log.as_deref().unwrap_or(judged.input);
    let plain = Style::new();
    let style = if colour {
        style_of(Kind::Bounce, Some(v.bounce_type))
    } else {
        plain
    };
    let sure = format!("{:.0}%", v.confidence * 100.0);
    line(
        &VERDICT_COLUMNS,
        [
            (v.bounce_type.as_str(), style),
            (v.category.as_str(), plain),
            (&sure, plain),
            (v.address_action.as_str(), plain),
            (v.sender_action.as_str(), plain),
            (input, plain),
        ],
        out,
    );
}

fn style_of(kind: Kind, bounce_type: Option<BounceType>) -> Style {
    let colour = match (kind, bounce_type) {
        (Kind::Complaint, _) | (_, Some(BounceType::Hard)) => AnsiColor::Red,
        (_, Some(BounceType::Block)) => AnsiColor::Magenta,
        (_, Some(_)) => AnsiColor::Yellow,
        (Kind::Delivered, None) => AnsiColor::Green,
        _ => return Style::new(),
    };
    colour.on_default()
}

/// Longest cell, in characters: no real address is longer (RFC 5321 section 4.5.3.1 allows 254 octets).
const MAX_CELL: usize = 320;

fn cut(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_CELL) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => text,
    }
}

fn line<const N: usize>(
    columns: &[(&str, usize); N],
    cells: [(&str, Style); N],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    for ((text, style), &(_, width)) in cells.into_iter().zip(columns) {
        if out.len() > start {
            out.push(b' ');
        }
        let text = cut(safe::text(text));
        let blank = width.saturating_sub(text.width());
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{style}{text}{style:#}{:blank$}", "");
    }
    out.push(b'\n');
}
