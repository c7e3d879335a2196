//! Where mail lies and how the places are told apart.

use std::fs;
use std::path::Path;

use crate::support::*;

#[test]
fn a_maildir_gives_cur_and_new_and_never_tmp() {
    let dir = folder();
    let root = dir.path().join("Maildir");
    for (name, who) in [
        ("new/1700000003.M1P2.host", "c@example.com"),
        ("cur/1700000001.M1P2.host:2,S", "a@example.com"),
        ("cur/1700000002.M1P2.host:2,", "b@example.com"),
        ("tmp/1700000004.M1P2.host", "half-written@example.com"),
        (".Bounces/cur/1700000005.M1P2.host:2,RS", "d@example.com"),
        (".Bounces/new/.keep", "e@example.com"),
    ] {
        write(&root, name, bounce(who));
    }
    for server in [
        "dovecot-uidlist",
        "dovecot.index.log",
        "subscriptions",
        "maildirsize",
        ".Bounces/maildirfolder",
    ] {
        write(&root, server, "3 V1 N5\n");
    }
    let reports = scan(&[&root]);
    assert_eq!(
        sources(&reports, &root),
        [
            ".Bounces/cur/1700000005.M1P2.host:2,RS",
            ".Bounces/new/.keep",
            "cur/1700000001.M1P2.host:2,S",
            "cur/1700000002.M1P2.host:2,",
            "new/1700000003.M1P2.host",
        ]
    );
    assert_eq!(
        recipients(&reports),
        [
            "d@example.com",
            "e@example.com",
            "a@example.com",
            "b@example.com",
            "c@example.com"
        ]
    );
}

#[test]
fn a_message_in_a_maildir_is_one_whatever_it_begins_with() {
    let dir = folder();
    let two = format!(
        "{FROM}{}\n{FROM}{}",
        bounce("a@example.com"),
        bounce("b@example.com")
    );
    let message = write(dir.path(), "cur/1", &two);
    write(dir.path(), "new/2", &two);
    assert_eq!(scan(&[dir.path()]).len(), 2);
    assert_eq!(scan(&[&dir.path().join("new")]).len(), 1);
    assert_eq!(scan(&[&message]).len(), 1);
    let elsewhere = write(dir.path(), "other/1", &two);
    assert_eq!(scan(&[&elsewhere]).len(), 2);
}

/// The four ways to write the same two messages into an mbox.
#[test]
fn every_mbox_dialect_gives_the_same_mail() {
    let words = "From here on it went wrong.\n\nFrom time to time it does.\n";
    let inner = "\nFrom MAILER-DAEMON Mon Jan  5 10:00:00 2026\nX-Inner: yes\n";
    let quote = |text: &str| text.replace("\nFrom ", "\n>From ");
    let plain = [
        bounce_with("a@example.com", &format!("x\n{words}{inner}")),
        bounce("b@example.com"),
    ];
    let with_length = |text: &str| {
        let body = text.split_once("\n\n").expect("a body").1.len();
        text.replacen(
            "MIME-Version",
            &format!("Content-Length: {body}\nMIME-Version"),
            1,
        )
    };
    let join = |messages: [String; 2]| format!("{FROM}{}\n{FROM}{}\n", messages[0], messages[1]);
    let mailboxes = [
        ("mboxo", join([quote(&plain[0]), quote(&plain[1])])),
        (
            "mboxcl",
            join([with_length(&quote(&plain[0])), with_length(&plain[1])]),
        ),
        (
            "mboxcl2",
            join([with_length(&plain[0]), with_length(&plain[1])]),
        ),
    ];
    let dir = folder();
    let single: Vec<_> = plain
        .iter()
        .map(|m| scan(&[&write(dir.path(), "m.eml", m)]).remove(0))
        .collect();
    for (name, text) in &mailboxes {
        for crlf in [false, true] {
            let text = if crlf {
                text.replace('\n', "\r\n")
            } else {
                text.clone()
            };
            if crlf && *name == "mboxcl2" {
                // Its lengths are those of the LF form, so nothing tells its "From " lines from separators.
                continue;
            }
            let path = write(dir.path(), name, &text);
            let reports = scan(&[&path]);
            assert_eq!(
                sources(&reports, dir.path()),
                [format!("{name}#1"), format!("{name}#2")]
            );
            assert_eq!(
                recipients(&reports),
                ["a@example.com", "b@example.com"],
                "{name}"
            );
            for (report, single) in reports.iter().zip(&single) {
                assert_eq!(
                    report["event_id"], single["event_id"],
                    "{name}, CRLF {crlf}"
                );
            }
        }
    }
}

#[test]
fn mboxrd_quotes_quotes() {
    let dir = folder();
    let plain = bounce_with("a@example.com", "\nFrom a\n>From b\n>>From c\n");
    let quoted = plain
        .replace("\n>>From", "\n>>>From")
        .replace("\n>From", "\n>>From")
        .replace("\nFrom a", "\n>From a");
    let single = scan(&[&write(dir.path(), "m.eml", &plain)]);
    for text in [
        format!("{FROM}{quoted}\n"),
        format!("{FROM}{quoted}\n").replace('\n', "\r\n"),
    ] {
        let reports = scan(&[&write(dir.path(), "m.mbox", text)]);
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0]["event_id"], single[0]["event_id"]);
    }
}

#[test]
fn lengths_of_a_crlf_mbox_count_too() {
    let dir = folder();
    let body = format!("\r\nFrom x\r\n\r\n{}B: 1\r\n", FROM.replace('\n', "\r\n"));
    let from = FROM.replace('\n', "\r\n");
    let text = format!(
        "{from}A: 1\r\nContent-Length: {}\r\n\r\n{body}\r\n{from}A: 2\r\n\r\ny\r\n",
        body.len()
    );
    assert_eq!(scan(&[&write(dir.path(), "cl2", text)]).len(), 2);
}

#[test]
fn folders_of_any_names_are_read_recursively_in_order() {
    let dir = folder();
    for name in [
        "b",
        "a.txt",
        "A",
        "sub/2",
        "sub/1",
        "é",
        "no extension",
        "sub.eml",
        "z/deep/er/x",
    ] {
        write(dir.path(), name, bounce("a@example.com"));
    }
    write(
        dir.path(),
        "mbox",
        format!("{FROM}{}", bounce("a@example.com")),
    );
    let names = sources(&scan(&[dir.path()]), dir.path());
    let expected = [
        "A",
        "a.txt",
        "b",
        "mbox#1",
        "no extension",
        "sub/1",
        "sub/2",
        "sub.eml",
        "z/deep/er/x",
        "é",
    ];
    assert_eq!(names, expected);
}

#[test]
fn arguments_keep_their_order() {
    let dir = folder();
    let paths = ["c", "a", "b", "a"].map(|name| write(dir.path(), name, bounce("a@example.com")));
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    assert_eq!(sources(&scan(&paths), dir.path()), ["c", "a", "b", "a"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_survived() {
    use std::os::unix::fs::symlink;
    let dir = folder();
    let outside = folder();
    write(outside.path(), "m1", bounce("a@example.com"));
    write(dir.path(), "a/m2", bounce("b@example.com"));
    symlink(dir.path(), dir.path().join("a/loop")).unwrap();
    symlink("self", dir.path().join("self")).unwrap();
    symlink(outside.path(), dir.path().join("b")).unwrap();
    symlink(outside.path(), dir.path().join("c")).unwrap();
    symlink(outside.path().join("m1"), dir.path().join("d")).unwrap();
    let output = program().arg("scan").arg(dir.path()).output().unwrap();
    assert_eq!(
        sources(&reports(&output), dir.path()),
        ["a/m2", "b/m1", "d"]
    );
    // A link to itself cannot be read, and that is said.
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("self: "));
}

#[cfg(unix)]
#[test]
fn a_pipe_inside_a_folder_does_not_block() {
    let dir = folder();
    write(dir.path(), "m", bounce("a@example.com"));
    let made = std::process::Command::new("mkfifo")
        .arg(dir.path().join("pipe"))
        .status();
    if !made.is_ok_and(|s| s.success()) {
        eprintln!("skipped: there is no mkfifo");
        return;
    }
    assert_eq!(scan(&[dir.path()]).len(), 1);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_done() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    write(dir.path(), "a", bounce("a@example.com"));
    let closed = write(dir.path(), "b\u{1b}[2J", bounce("b@example.com"));
    write(dir.path(), "c", bounce("c@example.com"));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let output = program()
        .arg("scan")
        .arg(dir.path())
        .arg(dir.path().join("missing"))
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words.contains("missing: No such file") && !words.contains('\u{1b}'),
        "{words}"
    );
    if fs::read(&closed).is_ok() {
        eprintln!("skipped in part: this user can read everything");
        assert_eq!(reports(&output).len(), 3);
        assert!(
            words.contains("1 could not be read, 3 messages were"),
            "{words}"
        );
        return;
    }
    assert_eq!(
        recipients(&reports(&output)),
        ["a@example.com", "c@example.com"]
    );
    assert!(words.contains("b\\u{1b}[2J: Permission denied"), "{words}");
    assert!(
        words.contains("2 could not be read, 2 messages were"),
        "{words}"
    );
}

#[test]
fn stdin_is_one_message_or_an_mbox() {
    let one = run_with(&["scan", "-"], bounce("a@example.com").as_bytes());
    assert_eq!(reports(&one)[0]["source"], "-");
    let two = format!(
        "{FROM}{}\n{FROM}{}",
        bounce("a@example.com"),
        bounce("b@example.com")
    );
    let two = reports(&run_with(&["scan", "-"], two.as_bytes()));
    assert_eq!(
        two.iter()
            .map(|r| r["source"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["-#1", "-#2"]
    );
    assert_eq!(recipients(&two), ["a@example.com", "b@example.com"]);
}

#[test]
fn what_is_no_mail_gives_a_report_with_problems() {
    let dir = folder();
    write(dir.path(), "empty", "");
    write(dir.path(), "lines", "\n\r\n\n");
    write(
        dir.path(),
        "noise",
        [0u8, 255, 1, 254, 10, 13, 0].repeat(1000),
    );
    write(
        dir.path(),
        "prose",
        "From now on this is no mbox, only prose.\n",
    );
    let reports = scan(&[dir.path()]);
    assert_eq!(
        sources(&reports, dir.path()),
        ["empty", "lines", "noise", "prose"]
    );
    for report in &reports {
        assert_eq!(report["kind"], "other");
        assert!(
            !report["problems"].as_array().unwrap().is_empty(),
            "{report}"
        );
    }
    let empty = folder();
    assert_eq!(scan(&[empty.path()]).len(), 0);
}

#[test]
fn a_large_message_is_cut_and_the_next_one_found() {
    let dir = folder();
    let mut text = format!("{FROM}Subject: large\n\n").into_bytes();
    text.extend(
        b"x".repeat(79)
            .iter()
            .chain(b"\n")
            .copied()
            .cycle()
            .take(3_000_000),
    );
    text.extend(format!("\n{FROM}{}", bounce("a@example.com")).into_bytes());
    let path = write(dir.path(), "mbox", &text);
    let output = program()
        .args(["scan", "--max-bytes", "100k"])
        .arg(&path)
        .output()
        .unwrap();
    let reports = reports(&output);
    assert_eq!(reports[0]["problems"][0], "cut at 102400 bytes");
    assert_eq!(recipients(&reports), ["nobody", "a@example.com"]);
}
