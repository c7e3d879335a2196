//! What must hold of every answer, whatever the bytes; shared by the targets.

pub mod frame;
pub mod lists;
pub mod mail;
pub mod mailbox;
pub mod output;
pub mod source;

#[path = "../../cli/src/clock.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod clock;

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

/// Every address of a report.
pub fn addresses(report: &Report) -> impl Iterator<Item = &String> {
    let recipients = report.recipients.iter().flat_map(|r| {
        let new = r.verdict.details.new_address.as_ref();
        [r.final_recipient.as_ref(), r.original_recipient.as_ref(), new].into_iter().flatten()
    });
    let notice = &report.notice;
    let original = report.original.iter().flat_map(|o| o.from.iter().chain(&o.to));
    recipients
        .chain(notice.from.iter().chain(&notice.to).chain(&notice.envelope_to))
        .chain(original)
        .chain(report.feedback.iter().flat_map(|f| &f.original_rcpt_to))
        .chain(&report.signals.new_address)
}

/// No address deceives; those of recipients stand in the mail. Where something was decoded on the way that cannot be seen
/// from here.
fn check_addresses(bytes: &[u8], report: &Report) {
    for address in addresses(report) {
        let hidden = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        assert!(!address.is_empty() && !address.contains(hidden), "{address:?} has hidden characters");
    }
    let lower = bytes.to_ascii_lowercase();
    let has = |what: &[u8]| memchr::memmem::find(&lower, what).is_some();
    const ENCODED: [&[u8]; 12] =
        [b"base64", b"quoted-printable", b"=?", b"\x1b", b"utf-7", b"utf-16", b"html", b"hz-gb", b"<!doctype", b"\\", b"*=", b"*0="];
    if !bytes.is_ascii() || ENCODED.iter().any(|w| has(w)) {
        return;
    }
    let plain = squeezed(bytes);
    let without_comments = squeezed(&uncommented(bytes));
    let stands = |form: &str| {
        let form = squeezed(form.as_bytes());
        memchr::memmem::find(&plain, &form).is_some() || memchr::memmem::find(&without_comments, &form).is_some()
    };
    for r in &report.recipients {
        for address in [&r.final_recipient, &r.original_recipient].into_iter().flatten() {
            let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
            // VERP writes `=` for the `@`, SRS turns the halves around, xtext writes specials as `+40`.
            let forms = [address.clone(), format!("{local}={domain}"), format!("{domain}={local}")];
            let in_xtext = memchr::memchr(b'+', bytes).is_some() && stands(local.split(XTEXT).next().unwrap_or_default());
            assert!(forms.iter().any(|f| stands(f)) || in_xtext, "{address:?} stands in the mail");
        }
    }
}

/// What xtext writes as a plus sign and two digits.
const XTEXT: &[char] = &[' ', '+', '=', '@', '"', '<', '>', '(', ')', ',', ';', ':', '#'];

/// Without folds and the quotes and brackets that vanish when an address is read.
fn squeezed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|b| !matches!(b, 0..=b' ' | b'"' | b'>' | b'|' | b'<')).collect()
}

/// Without comments.
fn uncommented(bytes: &[u8]) -> Vec<u8> {
    let mut depth = 0usize;
    let mut out = Vec::new();
    for &b in bytes {
        match b {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b if depth == 0 => out.push(b),
            _ => {}
        }
    }
    out
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
        assert!(normal.contains(&**code), "no reply code is made up");
    }
    if let Some(status) = &verdict.status {
        // `5.1.09` is read as 5.1.9.
        assert!(normal.contains(&**status) || normal.contains(".0"), "no status is made up");
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
