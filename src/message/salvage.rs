//! What no MIME parser reaches: reports whose boundary is another one, or that have no Content-Type; returned
//! headers and status fields that stand in the text.

use memchr::memmem;

use super::frame::{Media, Part, walk_from};
use super::header::split;
use super::limits::Limits;
use super::newline::{lines, whole_lines};

/// Parts of a body whose declared boundary never comes, or that was not declared as a multipart: found by the
/// first `--` line with a Content-Type field behind it.
pub(crate) fn repair_frame<'x>(
    root: &Part<'x>,
    body: &'x [u8],
    limits: &Limits,
    problems: &mut Vec<String>,
) -> Option<Vec<Part<'x>>> {
    // A message inside declares its own frame.
    if root.is_message() || !root.is_multipart() && memmem::find(body, b"elivery-status").is_none()
    {
        return None;
    }
    let boundary = guess_boundary(body)?;
    problems.retain(|p| p != "boundary missing");
    problems.push("boundary is not the declared one".to_owned());
    let media = Media {
        essence: "multipart/mixed".into(),
        boundary: Some(boundary.into()),
        ..Media::default()
    };
    let salvaged = Part {
        media,
        body,
        ..Part::default()
    };
    let mut parts = walk_from(salvaged, body, limits, problems);
    (parts.len() > 1).then(|| {
        parts[0].media = Media {
            essence: root.media.essence.clone(),
            ..Media::default()
        };
        if !parts[0].is_multipart() {
            parts[0].media.essence = "multipart/mixed".into();
        }
        parts
    })
}

/// The boundary of the first delimiter line that a Content-Type field follows within three lines.
fn guess_boundary(body: &[u8]) -> Option<&str> {
    let mut candidate: Option<&[u8]> = None;
    let mut age = 0;
    for line in lines(body) {
        let line = line.trim_ascii_end();
        if line.len() > 4 && line.starts_with(b"--") && !line.ends_with(b"--") {
            candidate = Some(&line[2..]);
            age = 0;
        } else if let Some(boundary) = candidate {
            age += 1;
            if age > 3 {
                candidate = None;
            } else if line.len() > 13 && line[..13].eq_ignore_ascii_case(b"content-type:") {
                let plausible = boundary.len() <= 200 && !boundary.contains(&b'"');
                return std::str::from_utf8(boundary).ok().filter(|_| plausible);
            }
        }
    }
    None
}

/// Fields by which a header of a message is known among other text.
const HEADER_FIELDS: &[&str] = &[
    "received",
    "return-path",
    "message-id",
    "from",
    "to",
    "subject",
    "date",
    "mime-version",
    "cc",
    "reply-to",
    "sender",
    "delivered-to",
    "x-mailer",
    "content-type",
    "dkim-signature",
    "x-original-to",
    "user-agent",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-id",
    "in-reply-to",
    "references",
    "x-priority",
    "bcc",
    "authentication-results",
    "received-spf",
    "thread-index",
    "thread-topic",
    "x-originating-ip",
    "organization",
];

/// Where the header of a returned message stands in the text: a run of lines at the left margin, or all indented
/// or quoted alike, of which at least three are fields that only mail headers have. Start and end.
pub(crate) fn inline_header(text: &str) -> Option<(usize, usize)> {
    let mut start = None;
    let (mut known, mut strong) = (0, 0);
    let mut at = 0;
    let mut end = 0;
    for line in whole_lines(text) {
        let here = at;
        at += line.len();
        let bare = line.trim_end_matches(['\n', '\r']);
        let continuation =
            start.is_some() && bare.starts_with([' ', '\t']) && !bare.trim().is_empty();
        let field = split(bare.as_bytes()).map(|(name, _)| &bare[..name.len()]);
        match field {
            Some(name) => {
                let is_one_of = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(name));
                let is_known = is_one_of(HEADER_FIELDS);
                let is_own = name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-"));
                if start.is_none() && (is_known || is_own) {
                    start = Some(here);
                    (known, strong) = (0, 0);
                }
                if start.is_some() {
                    known += usize::from(is_known);
                    let telling = ["received", "return-path", "message-id", "mime-version"];
                    strong += usize::from(is_one_of(&telling));
                    end = at;
                }
            }
            None if continuation => end = at,
            // The envelope line of an mbox or of sendmail's transcript.
            None if bare.starts_with("From ") || bare.starts_with(">From ") => {}
            None => {
                if enough(known, strong) {
                    break;
                }
                start = None;
                (known, strong) = (0, 0);
            }
        }
    }
    start.filter(|_| enough(known, strong)).map(|s| (s, end))
}

fn enough(known: usize, strong: usize) -> bool {
    known >= 3 && strong >= 1 || known >= 4
}

/// Whether fields of a delivery status stand at line starts: then the text is one, whatever it was declared as.
/// Gives the offset of the first of them.
pub(crate) fn status_fields_in(text: &str) -> Option<usize> {
    const FIELDS: &[(&str, u32)] = &[
        ("final-recipient", 2),
        ("reporting-mta", 2),
        ("action", 1),
        ("status", 1),
        ("original-recipient", 1),
        ("diagnostic-code", 1),
    ];
    let mut first = None;
    let mut seen = 0u32;
    let mut at = 0;
    for line in whole_lines(text) {
        let here = at;
        at += line.len();
        let Some((name, _)) = split(line.as_bytes()).filter(|(n, _)| n.len() <= 18) else {
            continue;
        };
        let known = FIELDS
            .iter()
            .position(|(f, _)| name.eq_ignore_ascii_case(f.as_bytes()));
        if let Some(i) = known {
            seen |= 1 << i;
            first = first.or(Some(here));
        }
    }
    let score: u32 = FIELDS
        .iter()
        .enumerate()
        .filter(|(i, _)| seen & (1 << i) != 0)
        .map(|(_, f)| f.1)
        .sum();
    first.filter(|_| score >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_in_text() {
        let text = "Sorry.\n\n--- Below\n\nReturn-Path: <a@example.com>\nReceived: from x\n  by y\nSubject: hi\nTo: b\n\nbody: x\n";
        let (a, b) = inline_header(text).unwrap();
        assert!(text[a..].starts_with("Return-Path"));
        assert!(text[..b].ends_with("To: b\n"));
        assert_eq!(inline_header("From: me\nhello: you\n"), None);
    }
}
