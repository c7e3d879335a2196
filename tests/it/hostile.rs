//! Mail made to hurt: it is answered, and what a limit cut is said.

use undeliverable::{Engine, Limits};

/// Runs on a thread with a small stack, as a server's worker has.
fn parse_on_small_stack(mail: Vec<u8>) -> undeliverable::Report {
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || Engine::new().parse(&mail))
        .unwrap()
        .join()
        .unwrap()
}

#[test]
fn boundaries_that_never_come() {
    let mut mail = b"Content-Type: multipart/mixed; boundary=b0\n\n".to_vec();
    let mut n = 0;
    while mail.len() < 1 << 20 {
        mail.extend_from_slice(
            format!(
                "--b{n}\nContent-Type: multipart/mixed; boundary=b{}\n\n",
                n + 1
            )
            .as_bytes(),
        );
        n += 1;
    }
    let report = parse_on_small_stack(mail);
    assert!(
        report.problems.iter().any(|p| p == "only 32 levels read"),
        "{:?}",
        report.problems
    );
}

#[test]
fn messages_in_messages() {
    let mail = b"Content-Type: message/rfc822\n\n".repeat(35_000);
    let report = parse_on_small_stack(mail);
    assert_eq!(report.kind.as_str(), "other");
}

#[test]
fn a_header_of_fifty_megabytes() {
    let mut mail = b"Subject: ".to_vec();
    mail.resize(50 << 20, b'x');
    let report = Engine::new().parse(&mail);
    assert!(!report.problems.is_empty());
}

#[test]
fn a_hundred_thousand_recipients() {
    let mut mail = b"From: MAILER-DAEMON@mx.example.org\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n".to_vec();
    for i in 0..100_000 {
        mail.extend_from_slice(
            format!("\nFinal-Recipient: rfc822; u{i}@example.com\nAction: failed\nStatus: 5.1.1\n")
                .as_bytes(),
        );
    }
    let report = Engine::new().parse(&mail);
    assert_eq!(report.recipients.len(), 10_000);
    assert!(
        report
            .problems
            .contains(&"only 10000 recipients read".to_owned())
    );
}

#[test]
fn limits_are_settable_and_said() {
    let engine = Engine::builder()
        .limits(Limits::default().max_parts(3).max_recipients(1))
        .build()
        .unwrap();
    let mut mail = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
    for _ in 0..9 {
        mail.extend_from_slice(b"--b\n\nx\n");
    }
    assert!(
        engine
            .parse(&mail)
            .problems
            .contains(&"only 3 parts read".to_owned())
    );
}

#[test]
fn no_bytes_at_all_and_only_noise() {
    let engine = Engine::new();
    assert_eq!(engine.parse(b"").problems, ["empty"]);
    for noise in [
        &b"\0"[..],
        b"\r",
        b"\n\n\n",
        b":",
        b"\xff\xfe\xfd",
        b"From ",
        b"--",
        b"a:\n\n",
        b"Content-Type:\n\n",
    ] {
        engine.parse(noise);
        engine.classify(String::from_utf8_lossy(noise).as_ref());
    }
}
