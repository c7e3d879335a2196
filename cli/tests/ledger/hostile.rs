//! What mail says stays in the ledger, and comes out harmless of each command and in each format.

use crate::hostile_text::{MARKS, MARKUP, assert_harmless};
use crate::kit::{bounce, ok, ok_with, run_with, text_of};

#[test]
fn what_a_ledger_holds_comes_out_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let db = text_of(&folder.path().join("ledger.sqlite"));
    let bad = format!("{MARKS}{MARKUP}");
    for day in 1..4 {
        let mail = bounce(
            "=cmd|'x'!a0@example.com",
            &format!("550 5.1.1 =cmd {bad} user unknown"),
            day,
            &format!("={day}{bad}"),
        );
        ok_with(&db, &["deliver"], mail.as_bytes());
    }
    let added = [
        "suppressions",
        "add",
        "+1@example.com",
        "--why",
        &format!("={bad}"),
    ];
    ok(&db, &added);
    let list = format!(
        "email,reason\n-1@example.com,{bad}\n",
        bad = bad.replace('"', "'")
    );
    ok_with(&db, &["suppressions", "import", "-"], list.as_bytes());

    for (what, formats) in [
        (
            &["suppressions", "list"][..],
            &["table", "jsonl", "csv"][..],
        ),
        (
            &["suppressions", "check", "=cmd|'x'!a0@example.com"],
            &["table", "jsonl", "csv"],
        ),
        (
            &["suppressions", "history", "=cmd|'x'!a0@example.com"],
            &["table", "jsonl", "csv"],
        ),
        (
            &["suppressions", "history", "+1@example.com"],
            &["table", "jsonl", "csv"],
        ),
        (&["incidents", "list"], &["table", "jsonl", "csv"]),
        (&["report"], &["text", "json", "csv", "html"]),
    ] {
        for format in formats {
            let o = run_with(&db, &[what, &["--format", format]].concat(), b"");
            // A format that a command does not have is wrong usage, in words.
            let text = String::from_utf8(if o.status.code() == Some(2) {
                o.stderr
            } else {
                o.stdout
            })
            .unwrap();
            let format = if o.status.code() == Some(2) {
                "words"
            } else {
                format
            };
            assert_harmless(&what.join(" "), format, &text);
        }
    }
    for (shape, format) in [
        ("csv", "csv"),
        ("jsonl", "jsonl"),
        ("mailgun", "csv"),
        ("sendgrid", "csv"),
        ("ses", "jsonl"),
        ("postmark", "json"),
        ("listmonk", "csv"),
    ] {
        let text = ok(&db, &["suppressions", "export", "--shape", shape]);
        assert!(text.contains("example.com"), "{shape}: {text}");
        assert_harmless(&format!("export {shape}"), format, &text);
    }
    for address in [
        "=cmd|'x'!a0@example.com",
        "+1@example.com",
        "-1@example.com",
        &bad,
    ] {
        for what in ["why", "release", "alive"] {
            let o = run_with(&db, &["suppressions", what, "--", address], b"");
            for stream in [o.stdout, o.stderr] {
                assert_harmless(what, "words", &String::from_utf8_lossy(&stream));
            }
        }
    }
}
