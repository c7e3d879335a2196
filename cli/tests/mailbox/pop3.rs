//! POP3: nothing lost, nothing twice, nothing deleted that is not stored.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::dovecot::Server;
use crate::kit::{
    Desk, PASSWORD, assert_same_events, bounce, bounce_with, boxes, expected_events, letter,
    samples, sorted, stderr, vacation,
};
use crate::proxy::{Fault, Proxy};

const DELETES: &str = "[after]\nbounce = \"delete\"\ndelay = \"delete\"\ndelivered = \"delete\"\n";

fn configure(desk: &Desk, server: &Server, port: u16, head: &str, tls: &str) -> PathBuf {
    let account = format!("protocol = \"pop3\"\ntls = \"{tls}\"");
    desk.configure(server, port, head, &account)
}

#[test]
fn stored_first_then_deleted_and_people_are_left_alone() {
    let Some(server) = Server::start() else {
        return;
    };
    // All users are there before the first signs in: Dovecot looks for new ones once a second.
    let desks =
        ["implicit", "starttls", "none"].map(|tls| Desk::new(&server, &format!("bounce-{tls}")));
    for (desk, tls, port) in [
        (&desks[0], "implicit", server.ports.pop3s),
        (&desks[1], "starttls", server.ports.pop3),
        (&desks[2], "none", server.ports.pop3),
    ] {
        let bounces: Vec<Vec<u8>> = (0..300)
            .map(|n| bounce(&format!("bob{n}@example.com"), &format!("send{n}")))
            .collect();
        let others = [letter(1), letter(2), vacation(1)];
        for mail in bounces.iter().chain(&others) {
            server.deliver(&desk.user, "INBOX", mail);
        }
        configure(desk, &server, port, DELETES, tls);
        desk.once();
        let all: Vec<Vec<u8>> = bounces.iter().chain(&others).cloned().collect();
        assert_same_events(&desk.events(), &expected_events(&all), tls);
        let left = sorted(others.iter().map(|m| ("INBOX", m.clone())));
        assert_eq!(boxes(&server, &desk.user), left, "{tls}");

        // What stays is not fetched again, and counts once.
        let words = desk.once();
        assert!(words.contains("messages=0"), "{words}");
        assert_same_events(&desk.events(), &expected_events(&all), tls);
    }
}

#[test]
fn without_a_word_nothing_is_deleted() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let mail: Vec<Vec<u8>> = samples().into_iter().map(|(bytes, _)| bytes).collect();
    for m in &mail {
        server.deliver("bounce1", "INBOX", m);
    }
    configure(&desk, &server, server.ports.pop3s, "", "implicit");
    let words = desk.once();
    assert!(!words.contains("example"), "no address in a log: {words}");
    assert_same_events(&desk.events(), &expected_events(&mail), "every sample");
    assert_eq!(server.mail("bounce1", "INBOX").len(), mail.len());
    let words = desk.once();
    assert!(words.contains("messages=0"), "{words}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.deliver("bounce1", "INBOX", &bounce("bob@example.com", "send1"));
    configure(&desk, &server, server.ports.pop3s, DELETES, "implicit");
    let before = server.mail("bounce1", "INBOX");
    let o = desk
        .mailbox(&["--once", "--dry-run", "--format", "table"])
        .output()
        .unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(text.contains("bounce") && text.contains("delete"), "{text}");
    assert_eq!(server.mail("bounce1", "INBOX").len(), before.len());
    assert!(!desk.ledger().exists());
}

#[test]
fn a_large_message_is_fetched_only_as_far_as_needed() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let body = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n".repeat(450_000);
    let large = bounce_with("bob@example.com", "send1", &body);
    assert!(large.len() > 29_000_000);
    server.deliver("bounce1", "INBOX", &large);
    let proxy = Proxy::start(server.ports.pop3, Fault::None);
    configure(&desk, &server, proxy.port(), DELETES, "none");
    desk.once();
    assert_same_events(&desk.events(), &expected_events(&[large]), "large");
    assert!(server.mail("bounce1", "INBOX").is_empty());
    let fetched = proxy.bytes_from_server();
    assert!(fetched < 2_000_000, "{fetched} bytes came");
}

#[test]
fn connections_that_break() {
    let Some(server) = Server::start() else {
        return;
    };
    let runs = if std::env::var("CI").as_deref() == Ok("true") {
        100
    } else {
        20
    };
    let names: Vec<String> = (0..runs).map(|seed| format!("bounce{seed}")).collect();
    server.users(names.iter().map(String::as_str), PASSWORD);
    let desks: Vec<Desk> = names.iter().map(|n| Desk::new(&server, n)).collect();
    for (seed, desk) in (0..runs).zip(&desks) {
        let bounces: Vec<Vec<u8>> = (0..5)
            .map(|n| bounce(&format!("bob{n}@example.com"), &format!("send{n}")))
            .collect();
        let others = [letter(1), vacation(1)];
        for mail in bounces.iter().chain(&others) {
            server.deliver(&desk.user, "INBOX", mail);
        }
        let all: Vec<Vec<u8>> = bounces.iter().chain(&others).cloned().collect();
        // Over plain text a byte that changes on the way would make another mail of it.
        let proxy = Proxy::start(
            server.ports.pop3s,
            Fault::Seeded {
                seed,
                connections: 3,
            },
        );
        configure(
            desk,
            &server,
            proxy.port(),
            &format!("timeout_seconds = 2\n{DELETES}"),
            "implicit",
        );
        // It may give up, or find a garbled sign-in refused; it may not lose or make up anything.
        let o = desk.mailbox(&["--once"]).output().unwrap();
        let words = stderr(&o);
        configure(desk, &server, server.ports.pop3, DELETES, "none");
        desk.once();
        let left = sorted(others.iter().map(|m| ("INBOX", m.clone())));
        assert_eq!(boxes(&server, &desk.user), left, "seed {seed}: {words}");
        let events = desk.events();
        for expected in expected_events(&all) {
            assert!(
                events.contains(&expected),
                "seed {seed}: lost {expected}: {words}"
            );
        }
    }
}

/// Answers a command; false closes the connection.
type Script = fn(&str, &mut TcpStream) -> bool;

/// A server that answers each command by a script; gives its port.
fn scripted(greeting: &'static str, script: Script) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut out = stream.try_clone().unwrap();
                let _ = out.write_all(greeting.as_bytes());
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if !script(&line, &mut out) {
                        return;
                    }
                }
            });
        }
    });
    port
}

fn say(out: &mut TcpStream, text: &str) -> bool {
    out.write_all(text.as_bytes()).is_ok()
}

/// Answers as a server does that has one message.
fn obey(line: &str, out: &mut TcpStream) -> bool {
    let answer = match line.split(' ').next().unwrap_or_default() {
        "CAPA" => "+OK\r\nUSER\r\nUIDL\r\n.\r\n",
        "UIDL" => "+OK\r\n1 first\r\n.\r\n",
        "LIST" => "+OK\r\n1 500\r\n.\r\n",
        _ => "+OK\r\n",
    };
    say(out, answer)
}

fn flood(out: &mut TcpStream) -> bool {
    let bytes = vec![b'x'; 64 << 10];
    while out.write_all(&bytes).is_ok() {}
    false
}

#[test]
fn servers_that_lie() {
    let Some(server) = Server::start() else {
        return;
    };
    let cases: &[(&'static str, Script, &str)] = &[
        (
            "-ERR [SYS/PERM] closed for ever\r\n",
            obey,
            "the server refuses a connection: closed for ever",
        ),
        ("* OK IMAP4rev1\r\n", obey, "expected +OK or -ERR"),
        ("", obey, "no answer within"),
        (
            "+OK\r\n",
            |l, o| if l == "CAPA" { flood(o) } else { obey(l, o) },
            "a line of over 16384 bytes",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l.starts_with("PASS") {
                    say(o, "-ERR [AUTH] no\r\n")
                } else {
                    obey(l, o)
                }
            },
            "does not let us in: no",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l.starts_with("PASS") {
                    say(o, "-ERR [IN-USE] locked\r\n")
                } else {
                    obey(l, o)
                }
            },
            "does not let us in: locked",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l == "UIDL" {
                    say(o, "-ERR what?\r\n")
                } else {
                    obey(l, o)
                }
            },
            "the server has no UIDL",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l == "UIDL" {
                    say(o, "+OK\r\n0 x\r\n.\r\n")
                } else {
                    obey(l, o)
                }
            },
            "a list without numbers",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l == "UIDL" {
                    say(o, "+OK\r\n1\r\n.\r\n")
                } else {
                    obey(l, o)
                }
            },
            "a list without numbers",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l == "UIDL" {
                    say(o, "+OK\r\n") && flood(o)
                } else {
                    obey(l, o)
                }
            },
            "a line of over 16384 bytes",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l == "RETR 1" {
                    say(o, "+OK\r\n") && flood(o)
                } else {
                    obey(l, o)
                }
            },
            "far more came than",
        ),
        (
            "+OK\r\n",
            |l, o| {
                if l == "RETR 1" {
                    say(o, "+OK\r\nhalf\r\n")
                } else {
                    obey(l, o)
                }
            },
            "no answer within",
        ),
        (
            "+OK\r\n",
            |l, o| if l == "RETR 1" { false } else { obey(l, o) },
            "closed the connection",
        ),
    ];
    let desks: Vec<Desk> = cases
        .iter()
        .map(|_| Desk::new(&server, "bounce1"))
        .collect();
    // They mostly wait.
    thread::scope(|scope| {
        for ((greeting, script, expected), desk) in cases.iter().zip(&desks) {
            let port = scripted(greeting, *script);
            configure(desk, &server, port, "timeout_seconds = 1", "none");
            scope.spawn(move || {
                let started = Instant::now();
                let o = desk.mailbox(&["--once"]).output().unwrap();
                let words = stderr(&o);
                assert!(words.contains(expected), "{expected}: {words}");
                assert!(!words.contains("secret word"), "{words}");
                assert!(started.elapsed() < Duration::from_secs(60), "{expected}");
            });
        }
    });
}

#[test]
fn words_before_tls_are_not_words_under_tls() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let port = scripted("+OK\r\n", |line, out| match line {
        "CAPA" => say(out, "+OK\r\nSTLS\r\n.\r\n"),
        _ => say(out, "+OK\r\n+OK injected\r\n"),
    });
    configure(&desk, &server, port, "timeout_seconds = 1", "starttls");
    let o = desk.mailbox(&["--once"]).output().unwrap();
    assert!(
        stderr(&o).contains("more than one answer before TLS begins"),
        "{}",
        stderr(&o)
    );
    let port = scripted("+OK\r\n", obey);
    configure(&desk, &server, port, "timeout_seconds = 1", "starttls");
    let o = desk.mailbox(&["--once"]).output().unwrap();
    assert!(
        stderr(&o).contains("the server offers no STLS"),
        "{}",
        stderr(&o)
    );
}

#[test]
fn a_message_that_cannot_be_fetched_keeps_nobody() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let port = scripted("+OK\r\n", |line, out| match line {
        "UIDL" => say(out, "+OK\r\n1 first\r\n2 second\r\n.\r\n"),
        "LIST" => say(out, "+OK\r\n1 500\r\n2 500\r\n.\r\n"),
        "RETR 1" => say(out, "-ERR [SYS/PERM] broken index\r\n"),
        "RETR 2" => {
            let mail = String::from_utf8(bounce("bob@example.com", "send1")).unwrap();
            say(out, &format!("+OK\r\n{mail}.\r\n"))
        }
        _ => obey(line, out),
    });
    configure(&desk, &server, port, "", "none");
    let words = desk.once();
    assert!(words.contains("cannot be fetched: broken index"), "{words}");
    assert_eq!(desk.events().len(), 1);
    let words = desk.once();
    assert!(
        words.contains("messages=0"),
        "not tried again at once: {words}"
    );
}

#[test]
fn a_message_that_ends_every_connection_keeps_nobody() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let port = scripted("+OK\r\n", |line, out| match line {
        "UIDL" => say(out, "+OK\r\n1 first\r\n2 second\r\n.\r\n"),
        "LIST" => say(out, "+OK\r\n1 500\r\n2 500\r\n.\r\n"),
        "RETR 1" => false,
        "RETR 2" => {
            let mail = String::from_utf8(bounce("bob@example.com", "send1")).unwrap();
            say(out, &format!("+OK\r\n{mail}.\r\n"))
        }
        _ => obey(line, out),
    });
    configure(&desk, &server, port, "", "none");
    let words = desk.once();
    assert!(words.contains("the connection broke 3 times"), "{words}");
    assert_eq!(desk.events().len(), 1);
}
