//! `undeliverable explain`, `lookup`, `rules`, and `classify` over logs.

use std::process::Output;

use crate::support::*;

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn words(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The text with its line breaks undone.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn explain_says_what_who_why_and_what_to_do() {
    let mail = bounce("bob@example.com");
    let output = run_with(&["explain", "-"], mail.as_bytes());
    assert!(output.status.success());
    let text = text(&output);
    assert!(text.lines().all(|l| l.chars().count() <= 100), "{text}");
    let flat = flat(&text);
    for wanted in [
        "A bounce",
        "bob@example.com: User unknown",
        "Whose fault the recipient's",
        "Why we think so",
        "rule user-unknown/",
        "very sure (0.9",
        "suppress: Stop mailing it.",
        "Nothing speaks against it.",
    ] {
        assert!(flat.contains(wanted), "{wanted:?} in\n{text}");
    }
}

#[test]
fn explain_makes_hostile_text_harmless_and_reads_anything() {
    let mail = bounce_with("bob@example.com", "")
        .replace("user unknown", "user unknown \x1b[2J\u{202e}gnp");
    let shown = text(&run_with(&["explain", "-"], mail.as_bytes()));
    assert!(
        !shown.contains('\x1b') && !shown.contains('\u{202e}'),
        "{shown}"
    );
    for mail in [
        &b""[..],
        b"\xff\xfe\x00",
        b"From: al@example.com\nSubject: lunch\n\nAt noon?\n",
    ] {
        let output = run_with(&["explain", "-"], mail);
        assert!(output.status.success());
        assert!(text(&output).contains("No bounce"));
    }
    let missing = run(&["explain", "/no/such/file"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(words(&missing).contains("/no/such/file"));
}

#[test]
fn lookup_finds_codes_words_and_names() {
    // The word, what kinds of things are found first, and what the page says.
    let table: &[(&[&str], &str, &[&str])] = &[
        (
            &["5.7.27"],
            "code",
            &[
                "null MX",
                "SPF did not pass",
                "google/",
                "fix SPF, DKIM or DMARC",
            ],
        ),
        (&["550"], "code", &["550 in general"]),
        (&["422"], "code", &["enhanced code 4.2.2", "mailbox_full"]),
        (&["4.1.1"], "code", &["Temporary soft; address: retry"]),
        (
            &["tss04"],
            "rule",
            &["yahoo/deferred-complaints", "send more slowly"],
        ),
        (
            &["mailbox", "full"],
            "category",
            &[
                "Mailbox full (mailbox_full)",
                "sendgrid: Mailbox Unavailable",
            ],
        ),
        (
            &["mailbox_full"],
            "category",
            &["With a 5xx soft; address: retry"],
        ),
        (&["over quota"], "category", &["mailbox_full"]),
        (
            &["spamhaus-zen"],
            "blocklist",
            &["https://check.spamhaus.org/"],
        ),
        (
            &["google/over-quota"],
            "rule",
            &["since version 0.1.0", "Known from https://"],
        ),
        (
            &["--provider", "microsoft365"],
            "provider",
            &["5.1.10 is an unknown recipient"],
        ),
        (&["--provider", "outlook.com"], "provider", &["outlook"]),
        (&["--provider", "google", "5.7.26"], "code", &["google/"]),
    ];
    for (args, first, wanted) in table {
        let mut command = vec!["lookup", "--format", "table"];
        command.extend_from_slice(args);
        let output = run(&command);
        assert!(output.status.success(), "{args:?}");
        let page = flat(&text(&output));
        for w in *wanted {
            assert!(page.contains(w), "{args:?}: {w:?} in\n{page}");
        }
        command[2] = "jsonl";
        let answers = reports(&run(&command));
        assert_eq!(answers[0]["found"], *first, "{args:?}");
    }
    let google = reports(&run(&[
        "lookup",
        "--format",
        "jsonl",
        "--provider",
        "google",
        "5.7.26",
    ]));
    assert!(google[1..].iter().all(|a| a["provider"] == "google"));
}

#[test]
fn lookup_asks_back_on_a_miss() {
    for (args, near) in [
        (&["lookup", "mailbox_ful"][..], "mailbox_full"),
        (&["lookup", "--provider", "gogle"][..], "google"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            words(&output).contains(&format!("Did you mean {near}")),
            "{}",
            words(&output)
        );
    }
    assert_eq!(run(&["lookup"]).status.code(), Some(2));
    assert!(words(&run(&["lookup", "\x1b[2J"])).contains("\\u{1b}"));
}

#[test]
fn built_in_rules_are_sound() {
    let output = run(&["rules", "check"]);
    assert_eq!(text(&output), "");
    assert!(output.status.success());
}

#[test]
fn own_rules_are_checked_and_tested() {
    let folder = folder();
    let sound = "[[rule]]\nid = \"own/plum\"\ncategory = \"mailbox_full\"\ntext = [\"plum jar full\"]\nsource = \"own sample\"\nexamples = [\"550 plum jar full\"]\n";
    let file = |name: &str, content: &str| {
        write(folder.path(), name, content)
            .to_string_lossy()
            .into_owned()
    };

    let own = file("own.toml", sound);
    assert!(run(&["rules", "check", &own]).status.success());
    let tested = run(&["rules", "test", "--format", "table", &own]);
    assert!(tested.status.success());
    assert!(
        text(&tested).contains("ok   own/plum: 550 plum jar full"),
        "{}",
        text(&tested)
    );

    let lost = file(
        "lost.toml",
        &sound.replace("550 plum jar full", "550 user unknown"),
    );
    let output = run(&["rules", "test", &lost]);
    assert_eq!(output.status.code(), Some(1));
    let finding = &reports(&output)[0];
    assert_eq!(finding["line"], 1);
    assert_eq!(finding["kind"], "line");
    assert!(
        finding["message"]
            .as_str()
            .unwrap()
            .contains("expected mailbox_full")
    );

    let unreadable = file("wrong.toml", &sound.replace("mailbox_full", "mailboxfull"));
    let output = run(&["rules", "check", &unreadable]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words(&output).contains("wrong.toml:3: "),
        "{}",
        words(&output)
    );
    assert!(words(&output).contains("expected"), "{}", words(&output));
}

#[test]
fn logs_are_classified_and_the_rest_is_counted() {
    let log = b"Nov 20 10:11:12 mail postfix/smtp[4711]: 4F1A2B3C4D: to=<bob@example.com>, relay=mx.example.com[192.0.2.1]:25, delay=1, dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.1] said: 550 5.1.1 user unknown)\n\
        Nov 20 10:11:13 mail postfix/qmgr[1]: 4F1A2B3C4D: removed\n\
        Nov 20 10:11:14 mail postfix/smtp[4711]: 5A: to=<eve@example.com>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect to mx.example.com[192.0.2.1]:25: Connection refused)\n";
    let output = run_with(&["classify", "--input", "postfix-log"], log);
    let found = reports(&output);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["recipient"], "bob@example.com");
    assert_eq!(found[0]["queue_id"], "4F1A2B3C4D");
    assert_eq!(found[0]["remote_mta"], "mx.example.com");
    assert_eq!(found[0]["category"], "user_unknown");
    assert_eq!(found[1]["category"], "connection_failed");
    assert_eq!(found[1]["address_action"], "none");
    assert_eq!(words(&output), "lines that tell no failure: 1\n");
    assert!(text(&output).starts_with("{\"input\":"));
    let csv = text(&run_with(
        &["classify", "--input", "postfix-log", "--format", "csv"],
        log,
    ));
    assert!(
        csv.lines()
            .next()
            .unwrap()
            .trim_end()
            .ends_with("recipient,queue_id,remote_mta"),
        "{csv}"
    );
}

#[test]
fn continued_replies_are_joined_on_request() {
    let input = b"550-5.1.1 no such\n550 5.1.1 user here\n421 busy\n";
    let found = reports(&run_with(&["classify", "--multiline"], input));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["input"], "550-5.1.1 no such\n550 5.1.1 user here");
    assert_eq!(found[0]["category"], "user_unknown");
}
