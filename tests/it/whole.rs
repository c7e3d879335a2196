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
