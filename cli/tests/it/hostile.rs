//! Hostile text in mail, replies, logs, names of files and arguments comes out harmless, in each format and on stderr.

use crate::hostile_text::{MARKS, MARKUP, assert_harmless};
use crate::support::*;

/// A bounce that says something hostile wherever mail can say something.
fn mail() -> String {
    let bad = format!("{MARKS}{MARKUP}").replace('"', "\\\"");
    format!(
        "Return-Path: <>\nFrom: \"{bad}\" <MAILER-DAEMON@mx.example.org>\nTo: =cmd@example.org\nSubject: failure notice =HYPERLINK(\"http://example.net\") {bad}\n\
         Message-ID: <{bad}@example.org>\nDate: Mon, 5 Jan 2026 10:00:00 +0000 ({bad})\nX-Mailer: {bad}\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\n\n\
         --b1\nContent-Type: text/plain; charset=\"{MARKS}\"\n\nYour message could not be delivered. {bad}\n\n\
         --b1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; =cmd{bad}\nArrival-Date: {bad}\nOriginal-Envelope-Id: =1+1{bad}\n\n\
         Final-Recipient: rfc822; =cmd|'x'!a0@example.com\nOriginal-Recipient: rfc822; \"{MARKS}\"@example.com\nAction: failed\nStatus: 5.1.1 {bad}\n\
         Remote-MTA: dns; =cmd{bad}\nDiagnostic-Code: smtp; 550 5.1.1 =cmd {bad} user unknown\n\n\
         --b1\nContent-Type: message/rfc822\n\nFrom: {bad} <me@example.org>\nTo: =cmd@example.com\nMessage-ID: <=cmd{bad}>\nX-Campaign-ID: =1+1{bad}\nSubject: {bad}\n\nx\n--b1--\n"
    )
}

#[test]
fn mail_is_harmless_in_every_format() {
    let dir = folder();
    let path = write(dir.path(), &format!("=m{MARKS}.eml"), mail());
    let path = path.to_str().unwrap();
    for format in ["table", "jsonl", "csv"] {
        for more in [&[][..], &["--summary"]] {
            let args = [&["scan", "--format", format], more, &[path]].concat();
            let output = run(&args);
            assert!(output.status.success());
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("bounce"), "{text}");
            assert_harmless("scan", format, &text);
        }
    }
    let output = run(&["explain", path]);
    assert!(output.status.success());
    assert_harmless(
        "explain",
        "text",
        &String::from_utf8(output.stdout).unwrap(),
    );
}

#[test]
fn replies_and_logs_are_harmless_in_every_format() {
    let bad = format!("{MARKS}{MARKUP}");
    let reply = format!("=550 5.1.1 <=cmd@example.com> {bad} user unknown\n-1 {bad}\n@SUM(A1)\n");
    let postfix = format!(
        "Jan  5 10:00:00 mx postfix/smtp[1]: ={bad}: to=<=cmd@example.com>, relay={bad}[192.0.2.1]:25, delay=1, dsn=5.1.1, status=bounced (host {bad} said: 550 5.1.1 =cmd {bad})\n"
    );
    let exim = format!(
        "2026-01-05 10:00:00 1abcde-000001-AB ** =cmd@example.com R=dnslookup T=remote_smtp H={bad}: {bad} 550 5.1.1 user unknown\n"
    );
    let kumomta = serde_json::json!({"type": "Bounce", "id": format!("={bad}"), "recipient": "=cmd@example.com", "peer_address": {"name": bad, "addr": "192.0.2.1"},
        "response": {"code": 550, "enhanced_code": {"class": 5, "subject": 1, "detail": 1}, "content": format!("={bad}")}})
    .to_string();
    for format in ["table", "jsonl", "csv"] {
        for (input, text) in [
            (None, &reply),
            (Some("postfix-log"), &postfix),
            (Some("exim-log"), &exim),
            (Some("kumomta"), &kumomta),
        ] {
            let mut args = vec!["classify", "--format", format];
            args.extend(input.into_iter().flat_map(|i| ["--input", i]));
            let output = run_with(&args, text.as_bytes());
            assert!(output.status.success());
            let what = format!("classify {input:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.lines().count() >= 1, "{what}");
            assert_harmless(&what, format, &text);
            let words = String::from_utf8(output.stderr).unwrap();
            assert_harmless(&what, "words", &words);
        }
    }
}

#[test]
fn arguments_and_files_of_ones_own_are_harmless_in_answers_and_errors() {
    let dir = folder();
    let bad = format!("{MARKS}{MARKUP}");
    let rules = write(
        dir.path(),
        "own.toml",
        format!("[[rule]]\nid = \"{bad}\"\n"),
    );
    let odd = write(
        dir.path(),
        "odd.toml",
        format!("[[rule]]\n\"{MARKS}\" = 1\nid = \"a/b\"\n"),
    );
    let policy = write(dir.path(), "policy.toml", format!("\"{MARKS}\" = 1\n"));
    let key = write(dir.path(), "key", "a secret of more than sixteen bytes\n");
    let [rules, odd, policy, key] = [&rules, &odd, &policy, &key].map(|p| p.to_str().unwrap());
    let missing = format!("/no/such/{MARKS}");
    for args in [
        &["lookup", &bad][..],
        &["lookup", "--format", "jsonl", &bad],
        &["scan", &missing],
        &["explain", &missing],
        &["scan", "--rules", &missing, "."],
        &["scan", "--rules", rules, "."],
        &["rules", "check", rules],
        &["rules", "check", odd],
        &["rules", "check", &missing],
        &["replay", "--db", "memory", "--policy", policy],
        &["token", "verify", "--key", key, &bad],
        &["suppressions", "check", "--db", &missing, "bob@example.com"],
        &["suppressions", "import", "--db", "memory", &missing],
    ] {
        let output = run(args);
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8_lossy(&stream).into_owned();
            assert_harmless(&format!("{args:?}"), "words", &text);
        }
    }
}
