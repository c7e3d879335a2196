//! Connections that break at any byte, and processes that are killed at any moment: afterwards every message is in exactly
//! the folder it belongs to, and the ledger equals that of an undisturbed run.
//!
//! `UNDELIVERABLE_CHAOS_RUNS` and `UNDELIVERABLE_KILL_RUNS` say how many runs; each has a seed of its own, which is named when
//! one fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::dovecot::Server;
use crate::kit::{
    Boxes, Desk, PASSWORD, bounce, boxes, difference, expected_events, letter, sorted, stderr,
    vacation,
};
use crate::proxy::{Fault, Proxy, Random};

/// How often a run is begun again, as cron would.
const AGAIN: u32 = 8;

/// With MOVE, and without.
const SETTINGS: [&str; 2] = [
    "",
    "imap_capability = IMAP4rev1 SASL-IR LITERAL+ UIDPLUS IDLE\n",
];

/// What every run begins with: folder, where it belongs, and the message.
fn mail() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut all = Vec::new();
    for n in 0..14 {
        let from = if n % 4 == 3 { "Junk" } else { "INBOX" };
        all.push((
            from,
            "Bounces",
            bounce(&format!("u{n}@example.com"), &format!("s{n}")),
        ));
    }
    // One mail that came twice is two messages and one event.
    all.push(("INBOX", "Bounces", bounce("u1@example.com", "s1")));
    for n in 0..4 {
        all.push(("INBOX", "INBOX", letter(n)));
        all.push(("INBOX", "AutoReplies", vacation(n)));
    }
    all
}

/// The servers, with a user for each run; `None` where there are none.
fn servers(name: &str, runs: u64) -> Option<Vec<Server>> {
    let names: Vec<String> = (0..runs).map(|n| format!("{name}{n}")).collect();
    SETTINGS
        .iter()
        .map(|settings| {
            let server = Server::start_with(settings)?;
            server.users(names.iter().map(String::as_str), PASSWORD);
            Some(server)
        })
        .collect()
}

struct Expected {
    mail: Vec<(&'static str, &'static str, Vec<u8>)>,
    boxes: Boxes,
    events: Vec<String>,
}

impl Expected {
    fn new() -> Self {
        let mail = mail();
        let bytes: Vec<Vec<u8>> = mail.iter().map(|(.., b)| b.clone()).collect();
        Expected {
            boxes: sorted(mail.iter().map(|(_, to, b)| (*to, b.clone()))),
            events: expected_events(&bytes),
            mail,
        }
    }

    fn deliver(&self, server: &Server, desk: &Desk) {
        for (from, _, bytes) in &self.mail {
            server.deliver(&desk.user, from, bytes);
        }
    }

    fn check(&self, server: &Server, desk: &Desk, name: &str, log: &str) {
        let is = boxes(server, &desk.user);
        assert!(
            is == self.boxes,
            "{name}: {}\n{log}",
            difference(&is, &self.boxes)
        );
        assert_eq!(desk.events(), self.events, "{name}: {log}");
    }
}

fn runs(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

/// Runs `one` for every number below `runs`, some at the same time.
fn each(runs: u64, one: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= runs {
                        return;
                    }
                    one(n);
                }
            });
        }
    });
}

#[test]
fn connections_that_break_at_any_byte() {
    let all = runs("UNDELIVERABLE_CHAOS_RUNS", 40);
    let name = "chaos";
    let Some(servers) = servers(name, all) else {
        return;
    };
    let expected = Expected::new();
    let disturbed = AtomicU64::new(0);
    each(all, |seed| {
        let server = &servers[usize::try_from(seed % 2).unwrap()];
        let desk = Desk::new(server, &format!("{name}{seed}"));
        expected.deliver(server, &desk);
        let proxy = Proxy::start(
            server.ports.imaps,
            Fault::Seeded {
                seed,
                connections: 4,
            },
        );
        desk.configure(
            server,
            proxy.port(),
            "timeout_seconds = 1",
            "folders = [\"INBOX\", \"Junk\"]",
        );
        let mut log = String::new();
        let mut well = false;
        for _ in 0..AGAIN {
            let o = desk.mailbox(&["--once"]).output().unwrap();
            log += &stderr(&o);
            if o.status.success() {
                well = true;
                break;
            }
        }
        assert!(well, "seed {seed}: {log}");
        if proxy.connections() > 1 {
            disturbed.fetch_add(1, Ordering::Relaxed);
        }
        expected.check(server, &desk, &format!("seed {seed}"), &log);
    });
    // The proxy must have done its work, or the test says nothing.
    assert!(
        disturbed.load(Ordering::Relaxed) * 2 > all,
        "only {disturbed:?} of {all} were disturbed"
    );
}

#[test]
fn processes_that_are_killed_at_any_moment() {
    let all = runs("UNDELIVERABLE_KILL_RUNS", 20);
    let name = "kill";
    // One more, which nobody disturbs: it tells how long a run takes here.
    let Some(servers) = servers(name, all + 1) else {
        return;
    };
    let expected = Expected::new();
    let folders = "folders = [\"INBOX\", \"Junk\"]";
    let calm = Desk::new(&servers[0], &format!("{name}{all}"));
    expected.deliver(&servers[0], &calm);
    calm.configure(&servers[0], servers[0].ports.imaps, "", folders);
    let started = Instant::now();
    let log = calm.once();
    let full = u64::try_from(started.elapsed().as_millis())
        .unwrap()
        .max(20);
    expected.check(&servers[0], &calm, "undisturbed", &log);
    let killed = AtomicU64::new(0);
    each(all, |seed| {
        let server = &servers[usize::try_from(seed % 2).unwrap()];
        let desk = Desk::new(server, &format!("{name}{seed}"));
        expected.deliver(server, &desk);
        desk.configure(server, server.ports.imaps, "", folders);
        let mut random = Random(seed);
        for _ in 0..3 {
            let mut child = desk.mailbox(&["--once"]).spawn().unwrap();
            thread::sleep(Duration::from_millis(random.below(full)));
            if child.try_wait().unwrap().is_none() {
                killed.fetch_add(1, Ordering::Relaxed);
            }
            let _ = child.kill();
            child.wait().unwrap();
        }
        let log = desk.once();
        expected.check(server, &desk, &format!("seed {seed}"), &log);
    });
    assert!(
        killed.load(Ordering::Relaxed) * 2 > all,
        "only {killed:?} were killed before their end"
    );
}
