//! Limits cut what is read, say so, and what was read still counts. Time is no matter of a test: `examples/bounds.rs`
//! prints it.

use std::fmt::Write as _;

use undeliverable::{Engine, Kind, Limits, Report};

const FROM: &str = "From: Mail Delivery System <MAILER-DAEMON@example.net>\nTo: me@example.com\nSubject: Undelivered Mail Returned to Sender\n";

fn read(limits: Limits, mail: &str) -> Report {
    let engine = Engine::builder().limits(limits).build().unwrap();
    engine.parse(mail.as_bytes())
}

fn says(report: &Report, words: &str) -> bool {
    report.problems.iter().any(|p| p.contains(words))
}

fn report_of(groups: &str) -> String {
    format!(
        "{FROM}Content-Type: multipart/report; boundary=b\n\n--b\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\n\n{groups}\n--b--\n"
    )
}

fn group(i: usize) -> String {
    format!("Final-Recipient: rfc822; user{i}@example.com\nAction: failed\nStatus: 5.1.1\n\n")
}

#[test]
fn one_endless_field_hides_nothing() {
    let long = "word ".repeat(1000);
    let mail = format!("X-Long: {long}\n{}", report_of(&group(1)));
    let report = read(Limits::default().max_header_bytes(1000), &mail);
    assert!(says(&report, "header cut at 1000 bytes"), "{report:?}");
    assert_eq!(report.kind, Kind::Bounce);
    assert_eq!(report.recipients.len(), 1);
    assert_eq!(report.notice.to, ["me@example.com"]);
}

#[test]
fn fields_are_counted() {
    let mail = format!("{FROM}{}\nbody\n", "X-A: b\n".repeat(100));
    let report = read(Limits::default().max_fields(10), &mail);
    assert!(says(&report, "or 10 fields"));
    assert_eq!(report.notice.to, ["me@example.com"]);
}

#[test]
fn recipients_are_counted() {
    let groups: String = (0..50).map(group).collect();
    let report = read(Limits::default().max_recipients(7), &report_of(&groups));
    assert_eq!(report.recipients.len(), 7);
    assert!(
        says(&report, "only 7 recipients read"),
        "{:?}",
        report.problems
    );
}

#[test]
fn fields_of_a_status_are_counted() {
    let groups = format!("{}{}", group(1), "X-Field: value\n".repeat(2000));
    let report = read(Limits::default().max_recipients(2), &report_of(&groups));
    assert!(
        says(&report, "fields of the delivery status"),
        "{:?}",
        report.problems
    );
    assert_eq!(
        report.recipients[0].final_recipient.as_deref(),
        Some("user1@example.com")
    );
}

#[test]
fn parts_and_levels_are_counted() {
    let parts = "--b\nContent-Type: text/plain\n\nx\n".repeat(50);
    let mail = format!("{FROM}Content-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n");
    assert!(says(
        &read(Limits::default().max_parts(10), &mail),
        "only 10 parts"
    ));

    let mut deep = format!("{FROM}Content-Type: multipart/mixed; boundary=b0\n\n");
    for i in 0..40 {
        let _ = write!(
            deep,
            "--b{i}\nContent-Type: multipart/mixed; boundary=b{}\n\n",
            i + 1
        );
    }
    assert!(says(
        &read(Limits::default().max_depth(5), &deep),
        "only 5 levels"
    ));
}

#[test]
fn nesting_needs_no_stack() {
    let engine = Engine::new();
    let messages = format!(
        "{FROM}{}",
        "Content-Type: message/rfc822\n\n".repeat(200_000)
    );
    let mut multiparts = format!("{FROM}Content-Type: multipart/mixed; boundary=b0\n\n");
    for i in 0..35_000 {
        let _ = write!(
            multiparts,
            "--b{i}\nContent-Type: multipart/mixed; boundary=b{}\n\n",
            i + 1
        );
    }
    std::thread::scope(|s| {
        let small = std::thread::Builder::new().stack_size(512 << 10);
        let run = small.spawn_scoped(s, || {
            for mail in [&messages, &multiparts] {
                assert!(engine.parse(mail.as_bytes()).recipients.len() <= 1);
            }
        });
        run.unwrap().join().unwrap();
    });
}

#[test]
fn a_long_name_is_no_host() {
    // Each label used to be looked up with all that follow it.
    let group = format!(
        "Final-Recipient: rfc822; a@example.com\nAction: failed\nRemote-MTA: dns; {}mx.example.com\n",
        "a.".repeat(200_000)
    );
    assert_eq!(
        read(Limits::default(), &report_of(&group)).recipients.len(),
        1
    );
}
