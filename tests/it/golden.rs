//! Whole messages: `x.json` beside `x.eml` in `corpus/` is what the library answers.
//!
//! A difference leaves `x.json.new` beside it. `UPDATE=1 cargo test` writes the answers; read the difference before
//! you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use undeliverable::{Engine, Report};

use crate::corpus;

/// Folders whose every sample has a golden answer.
const FOLDERS: &[&str] = &["dsn", "broken", "complaint", "receipt"];

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap() + "\n"
}

fn samples() -> Vec<PathBuf> {
    corpus::files()
        .into_iter()
        .filter(|f| {
            let folder = f
                .strip_prefix(corpus::root())
                .unwrap()
                .components()
                .next()
                .unwrap();
            FOLDERS.iter().any(|d| folder.as_os_str() == *d) || f.with_extension("json").exists()
        })
        .collect()
}

#[test]
fn answers_are_as_written() {
    let engine = Engine::new();
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let samples = samples();
    assert!(samples.len() >= 120, "{} samples", samples.len());
    for file in samples {
        let got = json(&engine.parse(&fs::read(&file).unwrap()));
        let golden = file.with_extension("json");
        if fs::read_to_string(&golden).unwrap_or_default() == got {
            continue;
        }
        if update {
            fs::write(&golden, got).unwrap();
        } else {
            fs::write(file.with_extension("json.new"), got).unwrap();
            wrong.push(corpus::name(&file));
        }
    }
    assert!(
        wrong.is_empty(),
        "differ from their .json (see .json.new): {wrong:#?}"
    );
}

/// LF, CRLF and CR copies of one mail are one mail: same answer, same event_id.
#[test]
fn line_ends_do_not_matter() {
    let engine = Engine::new();
    for file in corpus::files() {
        let bytes = fs::read(&file).unwrap();
        if bytes.contains(&b'\r') || bytes.contains(&0) {
            continue;
        }
        let lf = engine.parse(&bytes);
        let crlf = engine.parse(&with_line_end(&bytes, b"\r\n"));
        let cr = engine.parse(&with_line_end(&bytes, b"\r"));
        assert_eq!(json(&lf), json(&crlf), "CRLF {}", corpus::name(&file));
        assert_eq!(json(&lf), json(&cr), "CR {}", corpus::name(&file));
    }
}

fn with_line_end(bytes: &[u8], end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 20);
    for b in bytes {
        if *b == b'\n' {
            out.extend_from_slice(end)
        } else {
            out.push(*b)
        }
    }
    out
}

/// What stores write into a mail does not make it another mail.
#[test]
fn bookkeeping_does_not_change_the_id() {
    let engine = Engine::new();
    for file in corpus::files()
        .into_iter()
        .filter(|f| !f.starts_with(corpus::root().join("broken")))
    {
        let bytes = fs::read(&file).unwrap();
        let id = engine.parse(&bytes).event_id;
        let mut copy = b"From MAILER-DAEMON Fri Nov 20 10:11:12 2026\nStatus: RO\nX-Status: A\nX-UID: 17\nX-Keywords:\n".to_vec();
        copy.extend_from_slice(&bytes);
        copy.extend_from_slice(b"\n\n");
        assert_eq!(engine.parse(&copy).event_id, id, "{}", corpus::name(&file));
    }
}

#[test]
fn different_mails_have_different_ids() {
    let engine = Engine::new();
    let mut seen = BTreeSet::new();
    for file in corpus::files()
        .into_iter()
        .filter(|f| !f.starts_with(corpus::root().join("broken")))
    {
        let id = engine.parse(&fs::read(&file).unwrap()).event_id;
        assert!(seen.insert(id), "{}", corpus::name(&file));
    }
}

/// Reading twice is reading once.
#[test]
fn parsing_is_a_function() {
    let engine = Engine::new();
    for file in corpus::files() {
        let bytes = fs::read(&file).unwrap();
        assert_eq!(
            engine.parse(&bytes),
            engine.parse(&bytes),
            "{}",
            Path::new(&file).display()
        );
    }
}
