//! The daemon: hears of new mail at once, survives its server, ends when it is told to.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::dovecot::Server;
use crate::kit::{Desk, bounce, boxes, letter, sorted};

/// A daemon that is killed when the test fails.
struct Daemon(Option<Child>);

impl Daemon {
    fn start(desk: &Desk) -> Self {
        Daemon::start_with(desk, &[])
    }

    fn start_with(desk: &Desk, args: &[&str]) -> Self {
        let file = std::fs::File::create(desk.path("log")).unwrap();
        Daemon(Some(
            desk.mailbox(&["--log-level", "debug"])
                .args(args)
                .stderr(Stdio::from(file))
                .spawn()
                .unwrap(),
        ))
    }

    /// SIGTERM; gives the log. It must end well, and soon.
    fn end(mut self, desk: &Desk) -> String {
        let mut child = self.0.take().unwrap();
        let status = Command::new("kill")
            .arg(child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success());
        let started = Instant::now();
        let status = child.wait().unwrap();
        let log = std::fs::read_to_string(desk.path("log")).unwrap();
        assert!(status.success(), "{status}: {log}");
        assert!(started.elapsed() < Duration::from_secs(5), "{log}");
        log
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until so many messages lie in a folder.
fn wait_for(server: &Server, desk: &Desk, folder: &str, count: usize, longest: u64) {
    let started = Instant::now();
    while server.mail(&desk.user, folder).len() < count {
        let log = || std::fs::read_to_string(desk.path("log")).unwrap_or_default();
        assert!(
            started.elapsed() < Duration::from_secs(longest),
            "{folder}: {}",
            log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn news_come_by_idle_or_by_looking() {
    for (settings, poll, longest) in [
        // Only IDLE can be this fast.
        ("", 600, 30),
        (
            "imap_capability = IMAP4rev1 SASL-IR LITERAL+ UIDPLUS MOVE\n",
            1,
            30,
        ),
    ] {
        let Some(server) = Server::start_with(settings) else {
            return;
        };
        let desk = Desk::new(&server, "bounce1");
        desk.configure(
            &server,
            server.ports.imaps,
            &format!("poll_seconds = {poll}"),
            "",
        );
        server.deliver(&desk.user, "INBOX", &bounce("u0@example.com", "s0"));
        let daemon = Daemon::start(&desk);
        wait_for(&server, &desk, "Bounces", 1, 30);
        for n in 1..4 {
            server.deliver(
                &desk.user,
                "INBOX",
                &bounce(&format!("u{n}@example.com"), &format!("s{n}")),
            );
            server.deliver(&desk.user, "INBOX", &letter(n));
            wait_for(&server, &desk, "Bounces", n as usize + 1, longest);
        }
        let log = daemon.end(&desk);
        assert_eq!(desk.events().len(), 4, "{log}");
        assert_eq!(server.mail(&desk.user, "INBOX").len(), 3);
        assert!(!log.contains('@'), "an address in the log: {log}");
    }
}

#[test]
fn other_folders_are_looked_at_in_time() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.make_folder(&desk.user, "Junk");
    desk.configure(
        &server,
        server.ports.imaps,
        "poll_seconds = 1",
        "folders = [\"INBOX\", \"Junk\"]",
    );
    let daemon = Daemon::start(&desk);
    server.deliver(&desk.user, "Junk", &bounce("u0@example.com", "s0"));
    wait_for(&server, &desk, "Bounces", 1, 30);
    server.deliver(&desk.user, "Junk", &bounce("u1@example.com", "s1"));
    wait_for(&server, &desk, "Bounces", 2, 30);
    daemon.end(&desk);
}

#[test]
fn what_was_sent_meanwhile_is_known() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let log = desk.path("sent");
    std::fs::write(&log, "<s0@example.org> u0@example.com\n").unwrap();
    desk.configure(&server, server.ports.imaps, "", "");
    let daemon = Daemon::start_with(&desk, &["--sent-log", log.to_str().unwrap()]);
    server.deliver(&desk.user, "INBOX", &bounce("u0@example.com", "s0"));
    wait_for(&server, &desk, "Bounces", 1, 30);
    let more = "<s0@example.org> u0@example.com\n<s1@example.org> u1@example.com\n";
    std::fs::write(&log, more).unwrap();
    server.deliver(&desk.user, "INBOX", &bounce("u1@example.com", "s1"));
    wait_for(&server, &desk, "Bounces", 2, 30);
    daemon.end(&desk);
    for event in desk.events() {
        assert!(event.contains("\"trust\":\"matched\""), "{event}");
    }
}

#[test]
fn a_server_that_goes_and_comes_back() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    desk.configure(&server, server.ports.imaps, "", "");
    let daemon = Daemon::start(&desk);
    server.deliver(&desk.user, "INBOX", &bounce("u0@example.com", "s0"));
    wait_for(&server, &desk, "Bounces", 1, 30);
    server.kill();
    server.deliver(&desk.user, "INBOX", &bounce("u1@example.com", "s1"));
    std::thread::sleep(Duration::from_millis(700));
    server.restart();
    wait_for(&server, &desk, "Bounces", 2, 60);
    daemon.end(&desk);
    let mail = [("u0@example.com", "s0"), ("u1@example.com", "s1")];
    assert_eq!(
        boxes(&server, &desk.user),
        sorted(mail.map(|(a, s)| ("Bounces", bounce(a, s))))
    );
    assert_eq!(desk.events().len(), 2);
}
