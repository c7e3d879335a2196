//! A daemon as systemd and Prometheus see it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::dovecot::Server;
use crate::kit::{Desk, bounce, letter};

/// One page of the server at this address.
fn page(at: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Waits for something to become true.
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The address that the log of a daemon says metrics are served at.
fn address_in(log: &str) -> String {
    let behind = log.split("address=").nth(1).unwrap();
    behind.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn systemd_is_told_and_prometheus_is_served() {
    let Some(server) = Server::start() else {
        return;
    };
    // Both users are there before the first signs in: Dovecot looks for new ones once a second.
    let desks = ["imap", "pop3"].map(|p| Desk::new(&server, &format!("bounce-{p}")));
    for (desk, protocol, port) in [
        (&desks[0], "imap", server.ports.imaps),
        (&desks[1], "pop3", server.ports.pop3s),
    ] {
        for n in 0..3 {
            server.deliver(
                &desk.user,
                "INBOX",
                &bounce(&format!("bob{n}@example.com"), &format!("s{n}")),
            );
        }
        server.deliver(&desk.user, "INBOX", &letter(1));
        desk.configure(
            &server,
            port,
            "poll_seconds = 1",
            &format!("protocol = \"{protocol}\""),
        );
        let socket = desk.path("notify");
        let systemd = UnixDatagram::bind(&socket).unwrap();
        systemd
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let log = std::fs::File::create(desk.path("log")).unwrap();
        let mut child = desk
            .mailbox(&["--metrics", "0"])
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "600000")
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let said = || std::fs::read_to_string(desk.path("log")).unwrap();

        // The address stands in the log, as nobody asked for a port.
        wait_until("metrics are served", || said().contains("address="));
        let at = address_in(&said());
        let sample = "undeliverable_messages_total{account=\"test\",kind=\"bounce\"} 3\n";
        wait_until("messages are counted", || {
            page(&at, "/metrics").contains(sample)
        });
        let text = page(&at, "/metrics");
        for line in [
            "undeliverable_messages_total{account=\"test\",kind=\"other\"} 1\n",
            "undeliverable_messages_total{account=\"test\",kind=\"complaint\"} 0\n",
            "undeliverable_verdicts_total{provider=\"other\",category=\"user_unknown\"} 3\n",
            "undeliverable_backlog_messages{account=\"test\",folder=\"INBOX\"} 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        wait_until("a success is told", || {
            page(&at, "/metrics").contains("undeliverable_last_success_timestamp_seconds{")
        });
        assert!(
            page(&at, "/health").starts_with("HTTP/1.1 200 "),
            "{}",
            page(&at, "/health")
        );

        let mut heard = Vec::new();
        let mut hear = |until: &str| {
            loop {
                let mut bytes = [0; 4096];
                let n = systemd.recv(&mut bytes).expect(until);
                let text = String::from_utf8_lossy(&bytes[..n]).trim().to_owned();
                heard.push(text.clone());
                if text.starts_with(until) {
                    return;
                }
            }
        };
        hear("READY=1");
        hear("WATCHDOG=1");
        hear("WATCHDOG=1");
        let ended = Command::new("kill")
            .arg(child.id().to_string())
            .status()
            .unwrap();
        assert!(ended.success());
        hear("STOPPING=1");
        assert!(child.wait().unwrap().success(), "{}", said());
        assert!(
            heard.iter().any(|h| h == "STATUS=test: up to date"),
            "{heard:?}"
        );
        assert!(
            !said().contains("example.com"),
            "no address in a log: {}",
            said()
        );
    }
}

#[test]
fn failures_are_counted_and_told() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    desk.configure(&server, server.ports.imaps, "", "");
    std::fs::write(desk.path("password"), "wrong\n").unwrap();
    let log = std::fs::File::create(desk.path("log")).unwrap();
    let mut child = desk
        .mailbox(&["--metrics", "127.0.0.1:0"])
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    let said = || std::fs::read_to_string(desk.path("log")).unwrap();
    wait_until("metrics are served", || said().contains("address="));
    let at = address_in(&said());
    let sample = "undeliverable_errors_total{account=\"test\",error=\"sign_in\"} 1\n";
    wait_until("the failure is counted", || {
        page(&at, "/metrics").contains(sample)
    });
    assert!(
        page(&at, "/health").contains("\"error\":\"sign_in\""),
        "{}",
        page(&at, "/health")
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
