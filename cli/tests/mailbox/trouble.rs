//! Messages, ledgers and servers that fail: the run goes on, nothing is lost, and the words say what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::dovecot::Server;
use crate::kit::{Desk, FAILED, bounce, boxes, difference, letter, move_by_hand, sorted, stderr};
use crate::postgres;

#[test]
fn a_message_that_cannot_be_recorded_goes_aside_and_the_run_goes_on() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    desk.configure(&server, server.ports.imaps, "", "");
    desk.once();
    let db = rusqlite::Connection::open(desk.ledger()).unwrap();
    db.execute_batch(
        "CREATE TRIGGER poison BEFORE INSERT ON events WHEN new.address LIKE 'poison%'
         BEGIN SELECT RAISE(ABORT, 'poisoned by the test'); END",
    )
    .unwrap();
    let poison = bounce("poison@example.com", "p1");
    let mut should = vec![(FAILED, poison.clone())];
    for n in 0..30 {
        let mail = bounce(&format!("u{n}@example.com"), &format!("s{n}"));
        server.deliver(&desk.user, "INBOX", &mail);
        should.push(("Bounces", mail));
        if n == 11 {
            server.deliver(&desk.user, "INBOX", &poison);
        }
    }
    let err = desk.once();
    assert!(err.contains("could_not_process=1"), "{err}");
    assert_eq!(boxes(&server, &desk.user), sorted(should));
    assert_eq!(desk.events().len(), 30);
    let reason: String = db
        .query_row("SELECT detail FROM marks WHERE state = 'failed'", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert!(reason.contains("poisoned by the test"), "{reason}");

    // Mended and moved back by hand, it is a bounce like any other.
    db.execute_batch("DROP TRIGGER poison").unwrap();
    move_by_hand(&server, &desk.user, FAILED, "INBOX");
    desk.once();
    assert_eq!(desk.events().len(), 31);
    assert_eq!(boxes(&server, &desk.user)["Bounces"].len(), 31);
}

#[test]
fn a_message_that_the_server_cannot_read_is_named_and_the_run_goes_on() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.deliver(&desk.user, "INBOX", &bounce("u0@example.com", "s0"));
    server.deliver(&desk.user, "INBOX", &letter(7));
    server.deliver(&desk.user, "INBOX", &bounce("u1@example.com", "s1"));
    let new = server.maildir(&desk.user, "INBOX").join("new");
    for entry in fs::read_dir(&new).unwrap() {
        let path = entry.unwrap().path();
        if fs::read(&path).unwrap() == letter(7) {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        }
    }
    desk.configure(&server, server.ports.imaps, "", "");
    let err = desk.once();
    assert!(
        err.contains("could not be processed: the connection broke 3 times"),
        "{err}"
    );
    assert_eq!(server.mail(&desk.user, "Bounces").len(), 2, "{err}");
    let aside = server.maildir(&desk.user, FAILED);
    let aside = ["new", "cur"].map(|part| fs::read_dir(aside.join(part)).unwrap().count());
    assert_eq!(aside.iter().sum::<usize>(), 1, "{err}");
    assert_eq!(desk.events().len(), 2);
}

#[test]
fn while_the_ledger_is_locked_nothing_is_moved() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    desk.configure(&server, server.ports.imaps, "", "");
    desk.once();
    let mail = bounce("u0@example.com", "s0");
    server.deliver(&desk.user, "INBOX", &mail);
    let db = rusqlite::Connection::open(desk.ledger()).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let o = desk
        .mailbox(&["--once", "--lock-seconds", "0"])
        .output()
        .unwrap();
    assert_eq!(o.status.code(), Some(1));
    let err = stderr(&o);
    assert!(
        err.contains("nothing is moved") && err.contains("locked"),
        "{err}"
    );
    assert_eq!(
        boxes(&server, &desk.user),
        sorted([("INBOX", mail.clone())])
    );
    db.execute_batch("ROLLBACK").unwrap();
    desk.once();
    assert_eq!(boxes(&server, &desk.user), sorted([("Bounces", mail)]));
}

#[test]
fn while_postgresql_is_away_nothing_is_moved_and_afterwards_everything() {
    let (Some(server), Some(store)) = (Server::start(), postgres::Server::start()) else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    desk.configure(&server, server.ports.imaps, "", "");
    let url = store.database("mailbox");
    let mut should = Vec::new();
    for n in 0..600 {
        let mail = bounce(&format!("u{n}@example.com"), &format!("s{n}"));
        server.deliver(&desk.user, "INBOX", &mail);
        should.push(("Bounces", mail));
    }
    let run = || {
        let workers: Vec<_> = (0..2)
            .map(|_| desk.mailbox_on(&url, &["--once"]).spawn().unwrap())
            .collect();
        workers
            .into_iter()
            .map(|w| w.wait_with_output().unwrap())
            .collect::<Vec<_>>()
    };
    drop(postgres_client(&url));
    store.stop();
    for o in run() {
        assert_eq!(o.status.code(), Some(1), "{}", stderr(&o));
    }
    assert_eq!(server.mail(&desk.user, "INBOX").len(), 600);
    store.restart();
    for o in run() {
        assert!(o.status.success(), "{}", stderr(&o));
    }
    let is = boxes(&server, &desk.user);
    let should = sorted(should);
    assert!(is == should, "{}", difference(&is, &should));
    let events: i64 = postgres_client(&url)
        .query_one("SELECT count(*) FROM undeliverable.events", &[])
        .unwrap()
        .get(0);
    assert_eq!(events, 600);
}

fn postgres_client(url: &str) -> ::postgres::Client {
    ::postgres::Client::connect(url, ::postgres::NoTls).unwrap()
}

#[test]
fn a_private_ledger_names_nobody_here_either() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    desk.configure(
        &server,
        server.ports.imaps,
        "[after]\nbounce = \"keep\"",
        "",
    );
    server.deliver(&desk.user, "INBOX", &bounce("u0@example.com", "s0"));
    let key = desk.path("key");
    let o = desk
        .mailbox(&["--once", "--private", key.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
    let db = rusqlite::Connection::open(desk.ledger()).unwrap();
    let account: String = db
        .query_row("SELECT account FROM marks", [], |r| r.get(0))
        .unwrap();
    assert!(
        account.starts_with('~') && !account.contains("localhost"),
        "{account}"
    );
}

#[test]
fn a_folder_that_is_not_there_keeps_nobody_from_the_others() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let mail = bounce("u0@example.com", "s0");
    server.deliver(&desk.user, "INBOX", &mail);
    desk.configure(
        &server,
        server.ports.imaps,
        "",
        "folders = [\"INBOX\", \"Spam\"]",
    );
    let o = desk.mailbox(&["--once"]).output().unwrap();
    assert_eq!(o.status.code(), Some(1));
    assert!(stderr(&o).contains("folder=\"Spam\""), "{}", stderr(&o));
    assert_eq!(boxes(&server, &desk.user), sorted([("Bounces", mail)]));
}

#[test]
fn a_target_that_takes_nothing_leaves_messages_where_they_are() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let mail = bounce("u0@example.com", "s0");
    server.deliver(&desk.user, "INBOX", &mail);
    server.make_folder(&desk.user, "Bounces");
    for part in ["", "cur", "new", "tmp"] {
        let path = server.maildir(&desk.user, "Bounces").join(part);
        fs::set_permissions(path, fs::Permissions::from_mode(0o500)).unwrap();
    }
    desk.configure(&server, server.ports.imaps, "", "");
    let o = desk.mailbox(&["--once"]).output().unwrap();
    assert_eq!(o.status.code(), Some(1));
    let err = stderr(&o);
    assert!(
        err.contains("left where they are") && err.contains("left=1"),
        "{err}"
    );
    assert_eq!(desk.events().len(), 1);
    for part in ["", "cur", "new", "tmp"] {
        let path = server.maildir(&desk.user, "Bounces").join(part);
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let err = desk.once();
    assert!(err.contains("new_events=0 known_events=1"), "{err}");
    assert_eq!(boxes(&server, &desk.user), sorted([("Bounces", mail)]));
}

#[test]
fn what_stands_in_the_way_is_said_and_secrets_are_not() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let configure =
        |port: u16, account: &str| desk.configure(&server, port, "timeout_seconds = 2", account);
    let run = || {
        let o = desk.mailbox(&["--once"]).output().unwrap();
        assert_eq!(o.status.code(), Some(1), "{}", stderr(&o));
        stderr(&o)
    };
    fs::write(desk.path("password"), "hunter2 is wrong\n").unwrap();
    configure(server.ports.imaps, "");
    let err = run();
    assert!(
        err.contains("does not let us in") && !err.contains("hunter2"),
        "{err}"
    );

    configure(server.ports.imaps, "tls = \"starttls\"");
    assert!(
        run().contains("no answer within"),
        "a TLS port waits for TLS"
    );
    configure(server.ports.imap, "");
    let err = run();
    assert!(err.contains("does not speak TLS on this port"), "{err}");

    let path = configure(server.ports.imaps, "");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace(
            &format!("ca_file = \"{}\"\n", server.ca_file().display()),
            "",
        ),
    )
    .unwrap();
    let err = run();
    assert!(
        err.contains("signed by nobody whom this machine trusts"),
        "{err}"
    );

    fs::write(&path, text.replace("localhost", "::ffff:127.0.0.1")).unwrap();
    let err = run();
    assert!(err.contains("made out to another name"), "{err}");

    fs::write(&path, text.replace("password_file", "pasword_file")).unwrap();
    let err = run();
    assert!(
        err.contains("mailbox.toml:") && err.contains("unknown field `pasword_file`"),
        "{err}"
    );
}
