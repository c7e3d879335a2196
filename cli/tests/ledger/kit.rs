//! Runs the program and makes mail.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program, with nothing of the caller's surroundings.
pub(crate) fn program(db: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undeliverable"));
    for name in ["NO_COLOR", "PGPASSWORD"] {
        command.env_remove(name);
    }
    command
        .env("UNDELIVERABLE_DB", db)
        .env("UNDELIVERABLE_USER", "al")
        .stdin(Stdio::null());
    command
}

/// Runs with this on stdin.
pub(crate) fn run_with(db: &str, args: &[&str], input: &[u8]) -> Output {
    let mut child = program(db)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    drop(writer.join());
    output
}

/// Runs; it must end with 0. Gives stdout.
pub(crate) fn ok(db: &str, args: &[&str]) -> String {
    ok_with(db, args, b"")
}

/// Runs with this on stdin; it must end with 0. Gives stdout.
pub(crate) fn ok_with(db: &str, args: &[&str], input: &[u8]) -> String {
    let o = run_with(db, args, input);
    let err = String::from_utf8_lossy(&o.stderr);
    assert!(o.status.success(), "{args:?}: {} {err}", o.status);
    String::from_utf8(o.stdout).unwrap()
}

/// The objects of JSON Lines.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// The standing of one address, and whether it is final.
pub(crate) fn standing(db: &str, address: &str) -> String {
    let all = lines(&ok(
        db,
        &["suppressions", "check", "--format", "jsonl", address],
    ));
    let word = all[0]["standing"].as_str().unwrap();
    let end = if all[0]["until"].is_null() {
        ""
    } else {
        " for now"
    };
    format!("{word}{end}")
}

/// A bounce: who, which reply, which day of 2026, which send.
pub(crate) fn bounce(address: &str, reply: &str, day: u32, send: &str) -> String {
    let status = reply.split(' ').nth(1).unwrap();
    let (month, day) = (
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun"][(day / 28 % 6) as usize],
        day % 28 + 1,
    );
    format!(
        "From: MAILER-DAEMON@mx.example.org\nTo: news@example.org\nSubject: Undelivered Mail Returned to Sender\n\
         Date: {day} {month} 2026 10:00:00 +0000\nMessage-ID: <{send}.{address}.bounce>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\n\n\
         --b1\n\nYour message could not be delivered.\n\n\
         --b1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n\
         Final-Recipient: rfc822; {address}\nAction: failed\nStatus: {status}\n\
         Diagnostic-Code: smtp; {reply}\n\n\
         --b1\nContent-Type: message/rfc822\n\nFrom: news@example.org\nTo: {address}\nMessage-ID: <{send}@example.org>\nDate: {day} {month} 2026 09:59:00 +0000\nSubject: News\n\nHello\n--b1--\n"
    )
}

/// `n` bounces about fewer addresses, of several sorts and sends.
pub(crate) fn mails(n: u32) -> Vec<String> {
    let replies = [
        "550 5.1.1 user unknown",
        "452 4.2.2 mailbox full",
        "552 5.2.2 mailbox full",
        "554 5.7.1 blocked using zen.spamhaus.org",
        "451 4.3.0 try again later",
        "556 5.1.10 domain does not accept mail (null MX)",
    ];
    // Four events a person, always of the same sort.
    let people = (n / 24 * 6).max(6);
    let mail = |i: u32| {
        let person = i % people;
        let domain = if person % 6 == 5 {
            format!("gone{}.example", person % 40)
        } else {
            format!("d{}.example", person % 97)
        };
        let reply = replies[(i % 6) as usize];
        let send = format!("s{}", i % 11);
        bounce(&format!("u{person}@{domain}"), reply, i * 150 / n, &send)
    };
    (0..n).map(mail).collect()
}

/// They in one file.
pub(crate) fn mbox(mails: &[String]) -> String {
    mails.iter().fold(String::new(), |mut text, mail| {
        let _ = write!(
            text,
            "From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n{mail}\n"
        );
        text
    })
}

/// Everything a ledger holds that a user can see: the list, and what the history folds to.
pub(crate) fn dump(db: &str) -> String {
    let standings = [
        "retry",
        "review",
        "verify",
        "hold",
        "suppress",
        "suppress_domain",
    ];
    let mut args = vec![
        "suppressions",
        "list",
        "--format",
        "csv",
        "--at",
        "2026-06-20",
    ];
    for s in standings {
        args.extend(["--standing", s]);
    }
    let mut text = ok(db, &args);
    text += &ok(db, &["incidents", "list", "--format", "csv"]);
    text
}

/// Whether the stored states are those of the history.
pub(crate) fn is_sound(db: &str) -> bool {
    let o = run_with(
        db,
        &["replay", "--format", "jsonl", "--at", "2026-06-20"],
        b"",
    );
    if !o.status.success() {
        eprintln!(
            "{}{}",
            String::from_utf8_lossy(&o.stdout),
            String::from_utf8_lossy(&o.stderr)
        );
    }
    o.status.success()
}

pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
