//! The order of work: everything stored, everything where it belongs, nobody else's mail touched.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::dovecot::Server;
use crate::kit::{
    Desk, FAILED, assert_same_events, bounce, bounce_with, boxes, difference, events,
    expected_events, letter, move_by_hand, program, samples, sorted, stderr, vacation,
};
use crate::proxy::{Fault, Proxy};

/// Servers that can do less and less, as `extra.conf` of Dovecot says it.
const SERVERS: &[(&str, &str)] = &[
    ("MOVE", ""),
    (
        "no MOVE",
        "imap_capability = IMAP4rev1 SASL-IR LITERAL+ UIDPLUS IDLE\n",
    ),
];

#[test]
fn every_kind_goes_where_it_belongs() {
    for (name, settings) in SERVERS {
        let Some(server) = Server::start_with(settings) else {
            return;
        };
        let desk = Desk::new(&server, "bounce1");
        let samples = samples();
        for (bytes, _) in &samples {
            server.deliver(&desk.user, "INBOX", bytes);
        }
        // Letters with every sort of flag: they stay as they are.
        for (n, flags) in ["", "S", "F", "FS", "RS"].iter().enumerate() {
            server.put_with_flags(&desk.user, "INBOX", flags, &letter(n as u32));
        }
        desk.configure(&server, server.ports.imaps, "", "");
        let err = desk.once();
        let letters = (0..5).map(|n| ("INBOX", letter(n)));
        let should = sorted(samples.iter().map(|(b, f)| (*f, b.clone())).chain(letters));
        let is = boxes(&server, &desk.user);
        assert!(is == should, "{name}: {}\n{err}", difference(&is, &should));
        let mail: Vec<Vec<u8>> = samples.iter().map(|(b, _)| b.clone()).collect();
        assert_same_events(&desk.events(), &expected_events(&mail), name);

        let inbox = server.mail(&desk.user, "INBOX");
        for (n, flags) in ["", "S", "F", "FS", "RS"].iter().enumerate() {
            let mut sorted: Vec<char> = flags.chars().collect();
            sorted.sort_unstable();
            let wanted: String = sorted.into_iter().collect();
            let found = inbox.iter().find(|m| m.bytes == letter(n as u32)).unwrap();
            assert_eq!(found.flags, wanted, "{name}");
        }
        let unread = inbox.iter().filter(|m| !m.flags.contains('S')).count();
        assert_eq!(
            unread,
            inbox.len() - 3,
            "{name}: mail of people became read"
        );

        // A second run finds nothing to do, and a third after a letter looks at that alone.
        let again = desk.once();
        assert!(again.contains("messages=0 new_events=0"), "{name}: {again}");
        server.deliver(&desk.user, "INBOX", &letter(9));
        let third = desk.once();
        assert!(third.contains("messages=1 new_events=0"), "{name}: {third}");
    }
}

#[test]
fn a_server_that_cannot_delete_one_message_deletes_none() {
    let settings = "imap_capability = IMAP4rev1 SASL-IR LITERAL+ IDLE\n";
    let Some(server) = Server::start_with(settings) else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.put_with_flags(&desk.user, "INBOX", "T", &letter(1));
    server.deliver(&desk.user, "INBOX", &bounce("bob@example.com", "s1"));
    desk.configure(&server, server.ports.imaps, "", "");
    desk.once();
    desk.once();
    let is = boxes(&server, &desk.user);
    let should = sorted([
        ("INBOX", letter(1)),
        ("INBOX", bounce("bob@example.com", "s1")),
        ("Bounces", bounce("bob@example.com", "s1")),
    ]);
    assert!(is == should, "{}", difference(&is, &should));
    let inbox = server.mail(&desk.user, "INBOX");
    assert!(inbox.iter().all(|m| m.flags == "T"), "{inbox:?}");
}

#[test]
fn what_others_have_flagged_for_deletion_is_not_touched() {
    for (name, settings) in SERVERS {
        let Some(server) = Server::start_with(settings) else {
            return;
        };
        let desk = Desk::new(&server, "bounce1");
        let (theirs, ours) = (
            bounce("al@example.com", "s0"),
            bounce("bob@example.com", "s1"),
        );
        server.put_with_flags(&desk.user, "INBOX", "T", &theirs);
        server.deliver(&desk.user, "INBOX", &ours);
        server.deliver(&desk.user, "INBOX", &vacation(1));
        desk.configure(
            &server,
            server.ports.imaps,
            "[after]\nbounce = \"delete\"\nauto_reply = \"seen\"",
            "",
        );
        desk.once();
        let is = boxes(&server, &desk.user);
        let should = sorted([("INBOX", theirs), ("INBOX", vacation(1))]);
        assert!(is == should, "{name}: {}", difference(&is, &should));
        let read = server.mail(&desk.user, "INBOX");
        let flags: Vec<&str> = read.iter().map(|m| m.flags.as_str()).collect();
        assert_eq!(flags, ["S", "T"], "{name}");
        assert_eq!(desk.events().len(), 2, "{name}");
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.deliver(&desk.user, "INBOX", &bounce("bob@example.com", "s1"));
    server.deliver(&desk.user, "INBOX", &vacation(1));
    server.deliver(&desk.user, "INBOX", &letter(1));
    let before = server.mail(&desk.user, "INBOX");
    desk.configure(&server, server.ports.imaps, "", "");
    let o = desk
        .mailbox(&["--once", "--dry-run", "--format", "csv"])
        .output()
        .unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
    let text = String::from_utf8(o.stdout).unwrap();
    assert_eq!(
        text.replace('\r', ""),
        "account,folder,uid,kind,would\ntest,INBOX,1,bounce,move to Bounces\ntest,INBOX,2,auto_reply,move to AutoReplies\n\
         test,INBOX,3,other,keep\n"
    );
    assert_eq!(server.mail(&desk.user, "INBOX"), before);
    assert_eq!(server.folders(&desk.user), ["INBOX"]);
    assert!(!desk.ledger().exists());
    let new = server.maildir(&desk.user, "INBOX").join("new");
    assert_eq!(
        std::fs::read_dir(new).unwrap().count(),
        3,
        "not even recent"
    );
}

#[test]
fn a_message_moved_back_by_hand_is_moved_again_and_counts_once() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let mail = bounce("bob@example.com", "s1");
    server.deliver(&desk.user, "INBOX", &mail);
    desk.configure(&server, server.ports.imaps, "", "");
    desk.once();
    let events = desk.events();
    move_by_hand(&server, &desk.user, "Bounces", "INBOX");
    let err = desk.once();
    assert!(err.contains("new_events=0 known_events=1"), "{err}");
    assert_eq!(boxes(&server, &desk.user), sorted([("Bounces", mail)]));
    assert_eq!(desk.events(), events);
}

#[test]
fn a_changed_uidvalidity_skips_nothing_and_counts_nothing_twice() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let kept = "[after]\nbounce = \"keep\"";
    desk.configure(&server, server.ports.imaps, kept, "");
    for n in 0..20 {
        server.deliver(
            &desk.user,
            "INBOX",
            &bounce(&format!("u{n}@example.com"), &format!("s{n}")),
        );
    }
    desk.once();
    let events = desk.events();
    assert_eq!(events.len(), 20);
    assert!(desk.once().contains("messages=0"));
    server.change_uid_validity(&desk.user, "INBOX");
    server.deliver(&desk.user, "INBOX", &bounce("late@example.com", "late"));
    let err = desk.once();
    assert!(
        err.contains("messages=21 new_events=1 known_events=20"),
        "{err}"
    );
    assert_eq!(desk.events().len(), 21);
    assert!(desk.once().contains("messages=0"));
    let db = rusqlite::Connection::open(desk.ledger()).unwrap();
    let marks: u32 = db
        .query_row("SELECT count(*) FROM marks", [], |r| r.get(0))
        .unwrap();
    assert_eq!(
        marks, 21,
        "what belongs to the old UIDVALIDITY is forgotten"
    );
}

#[test]
fn several_folders_and_names_that_need_care() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.deliver(&desk.user, "INBOX", &bounce("a@example.com", "s1"));
    server.deliver(&desk.user, "Junk", &bounce("b@example.com", "s2"));
    server.deliver(&desk.user, "Lists/Rust", &bounce("c@example.com", "s3"));
    let head = "[after]\nbounce = \"Zurück & \\\"erledigt\\\"\"";
    desk.configure(
        &server,
        server.ports.imaps,
        head,
        "folders = [\"INBOX\", \"Junk\", \"Lists/Rust\"]",
    );
    desk.once();
    let is = boxes(&server, &desk.user);
    assert_eq!(is["Zur&APw-ck &- \"erledigt\""].len(), 3, "{:?}", is.keys());
    assert_eq!(is.len(), 1);
}

#[test]
fn two_workers_on_one_mailbox() {
    for (name, settings) in SERVERS {
        let Some(server) = Server::start_with(settings) else {
            return;
        };
        let desk = Desk::new(&server, "bounce1");
        let mail: Vec<Vec<u8>> = (0..1500)
            .map(|n| bounce(&format!("u{n}@example.com"), &format!("s{n}")))
            .collect();
        for m in &mail {
            server.deliver(&desk.user, "INBOX", m);
        }
        desk.configure(&server, server.ports.imaps, "", "");
        let workers: Vec<_> = (0..3)
            .map(|_| desk.mailbox(&["--once"]).spawn().unwrap())
            .collect();
        let mut all = String::new();
        for w in workers {
            let o = w.wait_with_output().unwrap();
            assert!(o.status.success(), "{name}: {}", stderr(&o));
            all += &stderr(&o);
        }
        let is = boxes(&server, &desk.user);
        let should = sorted(mail.iter().map(|m| ("Bounces", m.clone())));
        assert!(is == should, "{name}: {}\n{all}", difference(&is, &should));
        assert_same_events(&desk.events(), &expected_events(&mail), name);
    }
}

#[test]
fn of_a_large_report_only_the_beginning_is_fetched() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let body =
        "A line of a long body that nobody needs to read again.\n".repeat(30 * 1024 * 1024 / 55);
    let report = bounce_with("bob@example.com", "big", &body);
    // A person's letter of two megabytes has no part that could be left out.
    let long = [
        letter(1),
        b"word word word word word word word word\r\n".repeat(50_000),
    ]
    .concat();
    server.deliver(&desk.user, "INBOX", &report);
    server.deliver(&desk.user, "INBOX", &long);
    let proxy = Proxy::start(server.ports.imaps, Fault::None);
    desk.configure(&server, proxy.port(), "", "");
    desk.once();
    let bytes = proxy.bytes_from_server();
    assert!(
        bytes < 4_500_000,
        "{bytes} bytes for a report of {} and a letter of {}",
        report.len(),
        long.len()
    );
    assert!(bytes > 2_000_000, "{bytes}");
    let is = boxes(&server, &desk.user);
    assert!(is == sorted([("Bounces", report.clone()), ("INBOX", long.clone())]));
    assert_same_events(&desk.events(), &expected_events(&[report, long]), "events");
}

#[test]
fn every_sample_that_returns_a_message_reads_alike_when_that_message_is_large() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let filler = b"A line of a long body that nobody needs to read again.\r\n".repeat(40_000);
    let mut mail = Vec::new();
    for (bytes, folder) in samples() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some(end) = text.trim_end().rfind("\n--") else {
            continue;
        };
        if folder == "Bounces" && bytes.len() < 20_000 && text.contains("message/rfc822") {
            mail.push(
                [
                    &text.as_bytes()[..=end],
                    &filler,
                    &text.as_bytes()[end + 1..],
                ]
                .concat(),
            );
        }
    }
    assert!(mail.len() > 100, "{}", mail.len());
    mail.truncate(120);
    for m in &mail {
        server.deliver(&desk.user, "INBOX", m);
    }
    let proxy = Proxy::start(server.ports.imaps, Fault::None);
    desk.configure(&server, proxy.port(), "", "");
    desk.once();
    assert_same_events(&desk.events(), &expected_events(&mail), "events");
    let all: usize = mail.iter().map(Vec::len).sum();
    let bytes = usize::try_from(proxy.bytes_from_server()).unwrap();
    assert!(bytes < all * 3 / 4, "{bytes} of {all}");
}

#[test]
fn flags_in_the_place_of_a_file() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.deliver(&desk.user, "Box", &bounce("a@example.com", "s1"));
    for starttls in [false, true] {
        let port = if starttls {
            server.ports.imap
        } else {
            server.ports.imaps
        };
        let mut command = program();
        command
            .args([
                "mailbox",
                "--once",
                "--host",
                "localhost",
                "--port",
                &port.to_string(),
                "--user",
                &desk.user,
            ])
            .args(["--folder", "Box", "--password-file"])
            .arg(desk.path("password"))
            .arg("--ca-file")
            .arg(server.ca_file())
            .arg("--db")
            .arg(desk.ledger());
        if starttls {
            command.arg("--starttls");
        }
        let o = command.output().unwrap();
        assert!(o.status.success(), "{}", stderr(&o));
    }
    assert_eq!(
        boxes(&server, &desk.user),
        sorted([("Bounces", bounce("a@example.com", "s1"))])
    );
    assert_eq!(events(&desk.ledger()).len(), 1);
}

#[test]
fn a_folder_that_is_taken_meanwhile_is_left_to_the_other() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.deliver(&desk.user, "INBOX", &bounce("a@example.com", "s1"));
    // Slow enough that the first holds the folder while the second comes.
    let proxy = Proxy::start(server.ports.imaps, Fault::Delay(Duration::from_millis(400)));
    desk.configure(&server, proxy.port(), "", "");
    let first = desk
        .mailbox(&["--once"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    desk.configure(&server, server.ports.imaps, "", "");
    desk.once();
    assert!(first.wait_with_output().unwrap().status.success());
    assert!(started.elapsed() < Duration::from_secs(60));
    assert_eq!(desk.events().len(), 1);
    assert_eq!(
        boxes(&server, &desk.user),
        sorted([("Bounces", bounce("a@example.com", "s1"))])
    );
    let _ = FAILED;
}
