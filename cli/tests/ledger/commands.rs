//! Every command once, on a small ledger.

use crate::kit::{bounce, is_sound, lines, mails, mbox, ok, ok_with, run_with, standing, text_of};

fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let db = text_of(&folder.path().join("ledger.sqlite"));
    (folder, db)
}

fn deliver(db: &str, mail: &str) {
    assert_eq!(
        ok_with(db, &["deliver"], mail.as_bytes()),
        "",
        "nothing on stdout"
    );
}

#[test]
fn the_life_of_an_address() {
    let (_folder, db) = folder();
    let dead = |day, send: &str| {
        bounce(
            "Bob@example.com",
            "550 5.1.1 <bob@example.com>: user unknown",
            day,
            send,
        )
    };
    let today = |mail: String, ago: i64| {
        let t = jiff::Timestamp::now().as_second() - ago * 86_400;
        let date = jiff::fmt::rfc2822::to_string(
            &jiff::Timestamp::from_second(t)
                .unwrap()
                .to_zoned(jiff::tz::TimeZone::UTC),
        )
        .unwrap();
        let start = mail.find("Date: ").unwrap();
        let end = start + mail[start..].find('\n').unwrap();
        format!("{}Date: {date}{}", &mail[..start], &mail[end..])
    };
    deliver(&db, &today(dead(1, "a"), 2));
    assert_eq!(standing(&db, "bob@example.com"), "suppress for now");
    // Another notice about the same send; the same mail would be the same event.
    deliver(&db, &format!("X-Attempt: 2\n{}", today(dead(1, "a"), 2)));
    assert_eq!(
        standing(&db, "bob@example.com"),
        "suppress for now",
        "the same send again"
    );
    deliver(&db, &today(dead(1, "b"), 0));
    assert_eq!(standing(&db, "BOB@example.com"), "suppress");
    let why = ok(&db, &["suppressions", "why", "bob@example.com"]);
    assert!(
        why.contains("suppressed for good")
            && why.contains("user unknown")
            && why.contains("dead-address"),
        "{why}"
    );
    let history = lines(&ok(
        &db,
        &[
            "suppressions",
            "history",
            "--format",
            "jsonl",
            "bob@example.com",
        ],
    ));
    assert!(
        history.iter().filter(|r| r["row"] == "event").count() == 3
            && history.iter().any(|r| r["row"] == "decision"),
        "{history:?}"
    );
    ok(
        &db,
        &[
            "suppressions",
            "release",
            "bob@example.com",
            "--why",
            "he called",
        ],
    );
    assert_eq!(standing(&db, "bob@example.com"), "clear");
    assert!(
        ok(&db, &["suppressions", "why", "bob@example.com"]).contains("al released it: he called")
    );
    assert!(is_sound(&db), "replay keeps the release");
    ok(&db, &["suppressions", "erase", "bob@example.com"]);
    assert!(ok(&db, &["suppressions", "why", "bob@example.com"]).contains("Nothing is known"));
}

#[test]
fn deliver_says_try_again_for_everything_that_fails() {
    let (folder, db) = folder();
    let code = |args: &[&str], input: &[u8]| {
        let o = run_with(&db, args, input);
        assert!(o.stdout.is_empty());
        o.status.code().unwrap()
    };
    let mail = bounce("bob@example.com", "550 5.1.1 user unknown", 1, "a");
    assert_eq!(code(&["deliver"], mail.as_bytes()), 0);
    assert_eq!(
        code(
            &["deliver"],
            b"From: al@example.net\nSubject: lunch?\n\nAt noon?\n"
        ),
        0
    );
    assert_eq!(code(&["deliver"], b""), 75);
    assert_eq!(code(&["deliver", "--exit-style", "qmail"], b""), 111);
    assert_eq!(code(&["deliver", "--no-such-option"], mail.as_bytes()), 75);
    assert_eq!(
        code(
            &["deliver", "--exit-style", "qmail", "--no-such-option"],
            mail.as_bytes()
        ),
        111
    );
    let nowhere = text_of(&folder.path().join("ledger.sqlite/below-a-file"));
    assert_eq!(code(&["deliver", "--db", &nowhere], mail.as_bytes()), 75);
    assert_eq!(
        code(
            &["deliver", "--db", "postgres://nobody@127.0.0.1:1/none"],
            mail.as_bytes()
        ),
        75
    );
    assert_eq!(
        code(&["deliver", "--policy", "no-such"], mail.as_bytes()),
        75
    );
    assert_eq!(
        code(
            &["deliver", "--token-key", "/no/such/file"],
            mail.as_bytes()
        ),
        75
    );
}

#[test]
fn scan_records_and_check_splits() {
    let (folder, db) = folder();
    let path = folder.path().join("box.mbox");
    std::fs::write(&path, mbox(&mails(600))).unwrap();
    let path = text_of(&path);
    ok(
        &db,
        &["scan", "--record", "--summary", "--format", "jsonl", &path],
    );
    let before = crate::kit::dump(&db);
    let again = run_with(
        &db,
        &["scan", "--record", "--summary", "--format", "jsonl", &path],
        b"",
    );
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("0 events recorded"),
        "{again:?}"
    );
    assert_eq!(crate::kit::dump(&db), before);
    assert!(is_sound(&db));
    let listed = lines(&ok(
        &db,
        &[
            "suppressions",
            "list",
            "--format",
            "jsonl",
            "--at",
            "2026-06-20",
        ],
    ));
    let dead = listed.iter().find(|r| r["standing"] == "suppress").unwrap()["address"]
        .as_str()
        .unwrap()
        .to_owned();
    let list = format!(
        "{dead}\nfine@example.net\n\n{}\nanybody@gone5.example\n",
        dead.to_uppercase()
    );
    // Few addresses are looked up one by one, many in one pass: both must say the same.
    for padding in [0, 5000] {
        let input: String = (0..padding)
            .map(|i| format!("p{i}@example.edu\n"))
            .collect::<String>()
            + &list;
        let mailable = ok_with(
            &db,
            &[
                "suppressions",
                "check",
                "--only",
                "mailable",
                "--at",
                "2026-06-20",
            ],
            input.as_bytes(),
        );
        assert_eq!(mailable.lines().count(), padding + 1);
        let blocked = ok_with(
            &db,
            &[
                "suppressions",
                "check",
                "--only",
                "blocked",
                "--at",
                "2026-06-20",
            ],
            input.as_bytes(),
        );
        assert_eq!(
            blocked.lines().collect::<Vec<_>>(),
            [dead.as_str(), &dead.to_uppercase(), "anybody@gone5.example"]
        );
    }
    let split = text_of(&folder.path().join("split"));
    ok_with(
        &db,
        &[
            "suppressions",
            "check",
            "--split",
            &split,
            "--at",
            "2026-06-20",
        ],
        list.as_bytes(),
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("split/clear.txt")).unwrap(),
        "fine@example.net\n"
    );
    // Bulk undo after an incident: by words of the reply.
    let shown = lines(&ok(
        &db,
        &[
            "suppressions",
            "release",
            "--text",
            "MAILBOX FULL",
            "--dry-run",
            "--format",
            "jsonl",
        ],
    ));
    let released = lines(&ok(
        &db,
        &[
            "suppressions",
            "release",
            "--text",
            "mailbox full",
            "--format",
            "jsonl",
        ],
    ));
    assert_eq!(shown, released);
    assert!(is_sound(&db));
    assert!(
        released
            .iter()
            .all(|r| standing(&db, r["address"].as_str().unwrap()) == "clear")
    );
}

#[test]
fn replay_shows_and_then_changes() {
    let (folder, db) = folder();
    let path = folder.path().join("box.mbox");
    std::fs::write(&path, mbox(&mails(300))).unwrap();
    ok(&db, &["scan", "--record", "--summary", &text_of(&path)]);
    let before = crate::kit::dump(&db);
    let shown = lines(&ok(
        &db,
        &[
            "replay",
            "--policy",
            "strict_5xx",
            "--format",
            "jsonl",
            "--at",
            "2026-06-20",
        ],
    ));
    assert!(
        shown.iter().any(|r| r["change"] == "suppressed"),
        "{shown:?}"
    );
    assert_eq!(
        crate::kit::dump(&db),
        before,
        "nothing changes before --apply"
    );
    let refused = run_with(
        &db,
        &[
            "scan",
            "--record",
            "--policy",
            "strict_5xx",
            &text_of(&path),
        ],
        b"",
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("replay"));
    ok(
        &db,
        &[
            "replay",
            "--policy",
            "strict_5xx",
            "--apply",
            "--format",
            "jsonl",
            "--at",
            "2026-06-20",
        ],
    );
    assert!(is_sound(&db));
    assert_eq!(
        ok(
            &db,
            &[
                "replay",
                "--policy",
                "strict_5xx",
                "--format",
                "jsonl",
                "--at",
                "2026-06-20"
            ]
        ),
        ""
    );
    // And back: the state is that of the history, whatever was in between.
    ok(
        &db,
        &[
            "replay", "--policy", "default", "--apply", "--format", "jsonl",
        ],
    );
    assert_eq!(crate::kit::dump(&db), before);
    // New rules: the stored words are judged again.
    let rules = folder.path().join("own.toml");
    std::fs::write(&rules, "").unwrap();
    ok(
        &db,
        &["replay", "--rules", &text_of(&rules), "--format", "jsonl"],
    );
}

#[test]
fn lists_of_other_services_come_and_go() {
    let (folder, db) = folder();
    let shapes = ["csv", "jsonl", "mailgun", "sendgrid", "ses", "postmark"];
    ok_with(
        &db,
        &["suppressions", "add", "-", "--why", "asked by phone"],
        b"bob@example.com\nal@example.net\n",
    );
    ok(&db, &["suppressions", "add", "@gone.example"]);
    assert_eq!(standing(&db, "who@gone.example"), "suppress_domain");
    for shape in shapes {
        let text = ok(&db, &["suppressions", "export", "--shape", shape]);
        let other = text_of(&folder.path().join(format!("{shape}.sqlite")));
        for _ in 0..2 {
            ok_with(&other, &["suppressions", "import", "-"], text.as_bytes());
        }
        assert_eq!(
            standing(&other, "bob@example.com"),
            "suppress",
            "{shape}: {text}"
        );
        assert_eq!(
            standing(&other, "who@gone.example") == "suppress_domain",
            shape == "csv" || shape == "jsonl",
            "{shape}"
        );
    }
    ok(&db, &["suppressions", "alive", "bob@example.com"]);
    assert_eq!(
        standing(&db, "bob@example.com"),
        "suppress",
        "what people added, people release"
    );
}

#[test]
fn tokens_on_the_command_line() {
    let (folder, db) = folder();
    let key = folder.path().join("key");
    std::fs::write(&key, "a secret of more than sixteen bytes\n").unwrap();
    let key = text_of(&key);
    let path = ok(
        &db,
        &[
            "token",
            "mint",
            "--key",
            &key,
            "--domain",
            "bounces.example.org",
            "bob@example.com",
        ],
    );
    let out = ok(
        &db,
        &[
            "token",
            "verify",
            "--key",
            &key,
            "--format",
            "jsonl",
            path.trim(),
        ],
    );
    assert_eq!(lines(&out)[0]["recipient"], "bob@example.com");
    let header = ok(
        &db,
        &[
            "token",
            "mint",
            "--key",
            &key,
            "--header",
            "bob@example.com",
        ],
    );
    ok(&db, &["token", "verify", "--key", &key, header.trim()]);
    let bad = run_with(
        &db,
        &[
            "token",
            "verify",
            "--key",
            &key,
            &path.trim().replace("bob=", "al="),
        ],
        b"",
    );
    assert_eq!(bad.status.code(), Some(1));
    // A forged report under the default policy with tokens in use.
    let forged = bounce("victim@example.com", "550 5.1.1 user unknown", 1, "a");
    ok_with(&db, &["deliver", "--token-key", &key], forged.as_bytes());
    let all = lines(&ok(
        &db,
        &[
            "suppressions",
            "check",
            "--format",
            "jsonl",
            "--at",
            "2026-01-04",
            "victim@example.com",
        ],
    ));
    assert_eq!(all[0]["standing"], "hold");
}

#[test]
fn a_private_ledger_needs_its_key() {
    let (folder, db) = folder();
    let key = text_of(&folder.path().join("private.key"));
    let mail = bounce(
        "bob@example.com",
        "550 5.1.1 <bob@example.com> unknown",
        1,
        "a",
    );
    ok_with(&db, &["deliver", "--private", &key], mail.as_bytes());
    let check = ok(
        &db,
        &[
            "suppressions",
            "check",
            "--private",
            &key,
            "--at",
            "2026-01-03",
            "--format",
            "jsonl",
            "bob@example.com",
        ],
    );
    assert_eq!(lines(&check)[0]["standing"], "suppress");
    let without = run_with(&db, &["suppressions", "check", "bob@example.com"], b"");
    assert_eq!(without.status.code(), Some(1));
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !bytes.windows(3).any(|w| w == b"bob"),
            "no address in clear on the disk"
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
