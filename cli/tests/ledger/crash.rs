//! Cut off at any moment, run again: the ledger is that of an undisturbed run. Nothing lost, nothing doubled.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::kit::{bounce, dump, is_sound, mails, mbox, ok, ok_with, program, run_with, text_of};
use crate::postgres::Server;
use ::postgres as postgres_client;

/// How many messages are scanned or delivered; `UNDELIVERABLE_CRASH=20000` is the full size of both.
fn size(usual: u32) -> u32 {
    std::env::var("UNDELIVERABLE_CRASH")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(usual)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn archive(folder: &Path) -> String {
    let path = folder.join("box.mbox");
    std::fs::write(&path, mbox(&mails(size(3000)))).unwrap();
    text_of(&path)
}

fn start_scan(db: &str, path: &str) -> Child {
    program(db)
        .args(["scan", "--record", "--summary", path])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Scans, killed at random moments so many times, and then one to its end. `full` is how long a run takes at first; a later one
/// has less to record, so the moment comes earlier where one was missed.
fn killed_scans(db: &str, path: &str, seed: u64, full: Duration) {
    let mut dice = Dice(seed);
    let mut micros = u64::try_from(full.as_micros()).unwrap();
    let mut left = 8.max(size(0) / 500);
    while left > 0 {
        let mut child = start_scan(db, path);
        std::thread::sleep(Duration::from_micros(dice.below(micros.max(1000))));
        // SIGKILL: no handler, no destructor.
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            micros = micros * 2 / 3;
        } else {
            left -= 1;
        }
    }
    ok(db, &["scan", "--record", "--summary", path]);
}

fn scans_end_alike(undisturbed: &str, other: &str, folder: &Path) {
    let path = archive(folder);
    let begin = std::time::Instant::now();
    ok(undisturbed, &["scan", "--record", "--summary", &path]);
    let full = begin.elapsed();
    killed_scans(other, &path, 7, full);
    assert_eq!(dump(other), dump(undisturbed));
    assert!(is_sound(other));
}

#[test]
fn scan_killed_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let db = |n: &str| text_of(&folder.path().join(n));
    scans_end_alike(&db("a.sqlite"), &db("b.sqlite"), folder.path());
}

#[test]
fn scan_killed_postgres() {
    let Some(server) = Server::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    scans_end_alike(&server.database("a"), &server.database("b"), folder.path());
}

/// Four at a time hand mail over, as a mail server does: again until the program says 0. One run in ten is killed.
/// Gives the number of kills.
fn killed_deliveries(db: &str, mails: &[String]) -> usize {
    let (next, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (next, kills) = (&next, &kills);
            scope.spawn(move || {
                let mut dice = Dice(11 + worker);
                while let Some(mail) = mails.get(next.fetch_add(1, Ordering::Relaxed)) {
                    while !delivered(db, mail, &mut dice) {
                        kills.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    kills.into_inner()
}

fn delivered(db: &str, mail: &str, dice: &mut Dice) -> bool {
    let mut child = program(db)
        .arg("deliver")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A killed program closes its end.
    let _ = child.stdin.take().unwrap().write_all(mail.as_bytes());
    let kill = dice.below(10) == 0;
    if kill {
        std::thread::sleep(Duration::from_micros(dice.below(60_000)));
        let _ = child.kill();
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(kill || output.status.success(), "{output:?}");
    output.status.success()
}

/// What was delivered one by one, with kills, is what a scan of the same mail records.
fn deliveries_end_alike(scanned: &str, delivered: &str) {
    let mails = mails(size(60));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.mbox");
    std::fs::write(&path, mbox(&mails)).unwrap();
    ok(scanned, &["scan", "--record", "--summary", &text_of(&path)]);
    let kills = killed_deliveries(delivered, &mails);
    eprintln!("{} messages delivered, {kills} kills", mails.len());
    assert!(kills > 0);
    let o = run_with(
        delivered,
        &["scan", "--record", "--summary", &text_of(&path)],
        b"",
    );
    let said = String::from_utf8_lossy(&o.stderr);
    assert!(
        said.contains(&format!("0 events recorded, {} known before", mails.len())),
        "{said}"
    );
    assert_eq!(dump(delivered), dump(scanned));
    assert!(is_sound(delivered));
}

#[test]
fn deliver_killed_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let db = |n: &str| text_of(&folder.path().join(n));
    deliveries_end_alike(&db("a.sqlite"), &db("b.sqlite"));
}

#[test]
fn deliver_killed_postgres() {
    let Some(server) = Server::start() else {
        return;
    };
    deliveries_end_alike(&server.database("a"), &server.database("b"));
}

#[test]
fn a_locked_database_is_try_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = text_of(&folder.path().join("a.sqlite"));
    let mail = bounce("bob@example.com", "550 5.1.1 user unknown", 1, "a");
    ok_with(&db, &["deliver"], mail.as_bytes());
    let lock = rusqlite::Connection::open(&db).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let second = bounce("bob@example.com", "550 5.1.1 user unknown", 20, "b");
    let o = run_with(&db, &["deliver", "--lock-seconds", "1"], second.as_bytes());
    assert_eq!(o.status.code(), Some(75), "{o:?}");
    assert!(
        String::from_utf8_lossy(&o.stderr).contains("locked"),
        "{o:?}"
    );
    lock.execute_batch("ROLLBACK").unwrap();
    ok_with(&db, &["deliver"], second.as_bytes());
    assert!(is_sound(&db));
}

#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |size: &str| {
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", size, "none"])
            .arg(&disk)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if !mount("size=600k") {
        eprintln!("skipped: a small tmpfs can be mounted by root only");
        return;
    }
    let result = std::panic::catch_unwind(|| {
        let (a, b) = (
            text_of(&disk.join("a.sqlite")),
            text_of(&folder.path().join("b.sqlite")),
        );
        let path = archive(folder.path());
        let o = run_with(&a, &["scan", "--record", "--summary", &path], b"");
        assert_eq!(o.status.code(), Some(1), "the disk is full: {o:?}");
        std::fs::write(disk.join("rest"), vec![0u8; 600 << 10]).ok();
        let mails: Vec<String> = (0..60)
            .map(|i| {
                bounce(
                    &format!("full{i}@example.com"),
                    "550 5.1.1 user unknown",
                    1,
                    "a",
                )
            })
            .collect();
        // The room that the ledger already has may do for some.
        let codes: Vec<Option<i32>> = mails
            .iter()
            .map(|m| run_with(&a, &["deliver"], m.as_bytes()).status.code())
            .collect();
        assert!(codes.contains(&Some(75)), "{codes:?}");
        assert!(codes.iter().all(|c| matches!(c, Some(0 | 75))), "{codes:?}");
        std::fs::remove_file(disk.join("rest")).unwrap();
        let status = Command::new("mount")
            .args(["-o", "remount,size=200m"])
            .arg(&disk)
            .status()
            .unwrap();
        assert!(status.success());
        ok(&a, &["scan", "--record", "--summary", &path]);
        ok(&b, &["scan", "--record", "--summary", &path]);
        for m in &mails {
            ok_with(&a, &["deliver"], m.as_bytes());
            ok_with(&b, &["deliver"], m.as_bytes());
        }
        assert_eq!(dump(&a), dump(&b));
        assert!(is_sound(&a));
    });
    let _ = Command::new("umount").arg(&disk).status();
    if let Err(e) = result {
        std::panic::resume_unwind(e);
    }
}

#[test]
fn postgres_stopped_in_the_middle() {
    let Some(server) = Server::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = archive(folder.path());
    let a = server.database("a");
    ok(&a, &["scan", "--record", "--summary", &path]);
    // The plug is pulled as soon as something is stored; a scan that was faster does not count.
    let b = (0..10)
        .find_map(|n| {
            let b = server.database(&format!("b{n}"));
            let mut child = start_scan(&b, &path);
            while child.try_wait().unwrap().is_none() && events(&b) == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            server.stop();
            let code = child.wait().unwrap().code();
            if code == Some(1) {
                return Some(b);
            }
            server.restart();
            None
        })
        .unwrap();
    let mail = bounce("bob@example.com", "550 5.1.1 user unknown", 1, "a");
    assert_eq!(
        run_with(&b, &["deliver"], mail.as_bytes()).status.code(),
        Some(75)
    );
    server.restart();
    ok(&b, &["scan", "--record", "--summary", &path]);
    assert_eq!(dump(&a), dump(&b));
    assert!(is_sound(&b));
}

/// How many events a PostgreSQL ledger has; none where it is not made yet.
fn events(url: &str) -> i64 {
    let mut client = postgres_client::Client::connect(url, postgres_client::NoTls).unwrap();
    let row = client.query_one("SELECT count(*) FROM undeliverable.events", &[]);
    row.map_or(0, |r| r.get(0))
}

#[test]
fn many_make_a_ledger_at_once() {
    let open_all = |db: &str| {
        let mut all: Vec<Child> = (0..12)
            .map(|_| {
                program(db)
                    .args(["suppressions", "list"])
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in &mut all {
            assert!(child.wait().unwrap().success());
        }
    };
    let folder = tempfile::tempdir().unwrap();
    for n in 0..5 {
        open_all(&text_of(&folder.path().join(format!("{n}.sqlite"))));
    }
    if let Some(server) = Server::start() {
        for n in 0..5 {
            open_all(&server.database(&format!("new{n}")));
        }
    }
}

#[test]
fn two_workers_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = archive(folder.path());
    let run = |a: &str, b: &str| {
        ok(a, &["scan", "--record", "--summary", &path]);
        ok(b, &["suppressions", "list"]);
        let mut two: Vec<Child> = (0..2).map(|_| start_scan(b, &path)).collect();
        for child in &mut two {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(dump(a), dump(b));
        assert!(is_sound(b));
    };
    run(
        &text_of(&folder.path().join("a.sqlite")),
        &text_of(&folder.path().join("b.sqlite")),
    );
    if let Some(server) = Server::start() {
        run(&server.database("a"), &server.database("b"));
    }
}
