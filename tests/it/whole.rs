//! `corpus/whole/`: mail that comes back whole, with newsletters that speak of failures themselves.

use std::fs;

use undeliverable::{Engine, Kind};

use crate::corpus;

/// Where the header of the returned message ends, if it comes as a part of its own.
fn end_of_returned_header(mail: &[u8]) -> Option<usize> {
    let find = |from: usize, what: &[u8]| {
        let at = mail[from..]
            .windows(what.len())
            .position(|w| w.eq_ignore_ascii_case(what))?;
        Some(from + at)
    };
    let part = find(0, b"content-type: message/rfc822")?;
    let header = find(part, b"\n\n")? + 2;
    find(header, b"\n\n").map(|end| end + 2)
}

/// What the returned message says in its body changes nothing.
#[test]
fn the_returned_body_has_no_say() {
    let engine = Engine::new();
    let mut seen = 0;
    for file in corpus::files() {
        let name = corpus::name(&file);
        let mail = fs::read(&file).unwrap();
        let Some(end) = end_of_returned_header(&mail).filter(|_| name.starts_with("whole/")) else {
            continue;
        };
        let whole = engine.parse(&mail);
        if !matches!(whole.kind, Kind::Bounce | Kind::Delay | Kind::Complaint) {
            continue;
        }
        let mut cut = engine.parse(&mail[..end]);
        cut.problems.clone_from(&whole.problems);
        assert_eq!(whole, cut, "{name}");
        seen += 1;
    }
    assert!(seen >= 20, "{seen} samples bring a message as a part");
}

/// A copy that was fetched up to the returned body only is the same mail, also where that mail comes as text.
#[test]
fn the_returned_body_has_no_part_in_the_id() {
    let engine = Engine::new();
    let notice = "From: MAILER-DAEMON@mx.example.net\nTo: news@example.net\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<bob@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <news@example.net>\nReceived: (qmail 1 invoked by uid 89); 27 Apr 2026 08:00:40 -0000\nFrom: news@example.net\nTo: bob@example.com\nMessage-ID: <1@example.net>\nSubject: News\n\n";
    let id = |mail: &str| engine.parse(mail.as_bytes()).event_id;
    let short = id(notice);
    for body in [
        "The news of today.\n",
        "From: here\n\n550 5.1.1 <al@example.com>\n",
    ] {
        let whole = format!("{notice}{body}");
        assert_eq!(id(&whole), short, "{body}");
        assert_eq!(id(&whole.replace('\n', "\r\n")), short, "{body} with CRLF");
    }
    assert_ne!(
        id(&notice.replace("<bob@example.com>:", "<al@example.com>:")),
        short
    );
    assert_ne!(
        id(&notice.replace("<1@example.net>", "<2@example.net>")),
        short
    );
}
