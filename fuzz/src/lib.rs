//! What must hold of every answer, whatever the bytes; shared by the targets.

pub mod frame;
pub mod mail;
pub mod source;

#[path = "../../cli/src/inline/mod.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod inline;

use std::sync::OnceLock;

use undeliverable::{Engine, Report, Verdict};

pub use logs::log_lines;

/// The one engine of a target.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(Engine::new)
}

/// Reads a message and holds it against everything that is true of any report.
pub fn check_mail(bytes: &[u8]) -> Report {
    let report = engine().parse(bytes);
    assert_eq!(report, engine().parse(bytes), "reading twice gives the same");
    let json = serde_json::to_string(&report).expect("a report is JSON");
    let back: Report = serde_json::from_str(&json).expect("its own JSON is a report");
    assert_eq!(back, report, "JSON and back");
    assert!(!json.bytes().any(|b| b < b' '), "one line, no control characters");
    check_line_ends(bytes, &report);
    check_addresses(bytes, &report);
    for r in &report.recipients {
        if let Some(confidence) = r.verdict.confidence {
            assert!((0.0..=1.0).contains(&confidence));
        }
        assert_eq!(r.verdict.category.map(|c| c.fault()), r.verdict.fault);
    }
    report
}

/// LF and CRLF copies of one mail are one mail.
fn check_line_ends(bytes: &[u8], report: &Report) {
    // Limits count bytes, of which CRLF has more.
    if bytes.contains(&b'\r') || bytes.len() > 64 << 10 || report.problems.iter().any(|p| p.contains("cut") || p.contains("only")) {
        return;
    }
    let mut crlf = Vec::with_capacity(bytes.len() * 2);
    for &b in bytes {
        if b == b'\n' {
            crlf.push(b'\r');
        }
        crlf.push(b);
    }
    let other = engine().parse(&crlf);
    assert_eq!(&other, report, "LF and CRLF give the same");
}

/// Addresses stand in the mail. Where something was decoded on the way that cannot be seen from here.
fn check_addresses(bytes: &[u8], report: &Report) {
    let lower = bytes.to_ascii_lowercase();
    let has = |what: &[u8]| memchr::memmem::find(&lower, what).is_some();
    let encoded = !bytes.is_ascii()
        || [b"base64".as_slice(), b"quoted-printable", b"=?", b"\x1b", b"utf-7", b"utf-16", b"html", b"hz-gb", b"<!doctype", b"\\"].iter().any(|w| has(w));
    if encoded {
        return;
    }
    // Folds, comments and quotes inside an address vanish when it is read.
    let skip = |b: &u8| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'>' | b'|' | b'<' | 0..=31);
    let input: Vec<u8> = bytes.iter().copied().filter(skip).collect();
    for r in &report.recipients {
        for address in [&r.final_recipient, &r.original_recipient].into_iter().flatten() {
            let bare: Vec<u8> = address.bytes().filter(skip).collect();
            let stands = memchr::memmem::find(&input, &bare).is_some();
            // xtext, VERP and SRS write an address in other characters.
            let written_otherwise = has(b"+") || has(b"=") || has(b"(");
            assert!(stands || written_otherwise, "{address:?} stands in the mail");
        }
    }
}

/// Judges a reply and holds the verdict against everything that is true of any.
pub fn check_line(line: &str) -> Verdict {
    let verdict = engine().classify(line);
    assert_eq!(verdict, engine().classify(line), "judging twice gives the same");
    assert!((0.0..=1.0).contains(&verdict.confidence));
    assert_eq!(verdict.fault, verdict.category.fault());
    assert_eq!(verdict.bounce_type, verdict.category.bounce_type(verdict.permanence));
    let normal = undeliverable::knowledge::normalise(line);
    assert_eq!(normal, undeliverable::knowledge::normalise(&normal), "normal text stays as it is");
    if let Some(code) = &verdict.reply_code {
        assert!(normal.contains(code.as_str()), "no reply code is made up");
    }
    if let Some(status) = &verdict.status {
        // `5.1.09` is read as 5.1.9.
        assert!(normal.contains(status.as_str()) || normal.contains(".0"), "no status is made up");
    }
    for e in &verdict.evidence {
        assert!((0.0..=1.0).contains(&e.weight), "{e:?}");
    }
    assert_eq!(engine().classify(&format!("{line}\r\n") as &str).category, verdict.category, "a line end says nothing");
    verdict
}

mod logs {
    use crate::inline::{LogFormat, Reader};

    /// Reads lines as each of the log formats.
    pub fn log_lines(text: &str) {
        use LogFormat::*;
        for format in [Postfix, Exim, Sendmail, Kumomta, Powermta] {
            let mut reader = Reader::new(format);
            for line in text.lines() {
                let _ = reader.read(line);
            }
        }
    }
}
