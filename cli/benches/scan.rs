//! The whole `scan` of a Maildir with JSON output, beside what it cannot do without: reading the files, and parsing them.
//!
//! `cargo bench -p undeliverable-cli --bench scan`; 20,000 messages, the samples of `corpus/` or of the folder in `MAILS`
//! again and again. The rivals run in turns, the best run of each counts: on a busy machine only the ratios can be
//! compared. Cold runs need a root who may drop the caches; elsewhere they are left out, in words.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench prints, and stops where samples are missing"
)]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use undeliverable::Engine;

const MESSAGES: usize = 20_000;
const ROUNDS: usize = 5;
const COLD_ROUNDS: usize = 2;

fn main() {
    let samples = std::env::var("MAILS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus").to_owned());
    let folder = tempfile::tempdir().unwrap();
    let files = maildir(Path::new(&samples), folder.path());
    let bytes: u64 = files.iter().map(|f| fs::metadata(f).unwrap().len()).sum();
    println!(
        "{} messages, {bytes} bytes, best of {ROUNDS} runs in turns",
        files.len()
    );
    let engine = Engine::new();
    let mail_parser = mail_parser::MessageParser::default();
    let each = |work: &dyn Fn(&[u8])| files.iter().for_each(|f| work(&fs::read(f).unwrap()));
    let warm = race(
        ROUNDS,
        &[
            ("read", &|| {
                each(&|mail| {
                    black_box(mail);
                });
            }),
            ("read + mail-parser", &|| {
                each(&|mail| drop(black_box(mail_parser.parse(mail))));
            }),
            ("read + mailparse", &|| {
                each(&|mail| drop(black_box(mailparse::parse_mail(mail))));
            }),
            ("read + parse", &|| {
                each(&|mail| drop(black_box(engine.parse(mail))))
            }),
            ("scan, one core", &|| scan(folder.path(), "0", None)),
            ("scan, two cores", &|| scan(folder.path(), "0,1", None)),
        ],
    );
    println!("scan / (read + mail-parser): {:.2}", warm[4] / warm[1]);
    println!("scan, one core / two cores: {:.2}", warm[4] / warm[5]);
    if !drop_caches() {
        println!("cold runs left out: the caches cannot be dropped here");
        return;
    }
    println!("cold, best of {COLD_ROUNDS}");
    let cold = race(
        COLD_ROUNDS,
        &[
            ("scan, one reader", &|| {
                drop_caches();
                scan(folder.path(), "0,1", Some("1"));
            }),
            ("scan, as it comes", &|| {
                drop_caches();
                scan(folder.path(), "0,1", None);
            }),
        ],
    );
    println!("one reader / as it comes: {:.2}", cold[0] / cold[1]);
}

/// A Maildir of copies of the samples.
fn maildir(samples: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut mails = Vec::new();
    collect(samples, &mut mails);
    mails.sort();
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir(folder.join(sub)).unwrap();
    }
    let copy = |n: usize| {
        let file = folder.join("new").join(format!("1700000000.M{n:05}.host"));
        fs::copy(&mails[n % mails.len()], &file).unwrap();
        file
    };
    (0..MESSAGES).map(copy).collect()
}

fn collect(folder: &Path, mails: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, mails);
        } else if path.extension().is_some_and(|e| e == "eml") {
            mails.push(path);
        }
    }
}

fn scan(folder: &Path, cores: &str, jobs: Option<&str>) {
    let mut command = Command::new("taskset");
    command.args(["-c", cores, env!("CARGO_BIN_EXE_undeliverable"), "scan"]);
    command.args(jobs.map(|jobs| format!("--jobs={jobs}")));
    let status = command
        .args(["--format", "jsonl"])
        .arg(folder)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "scan: {status}");
}

/// Whether the page cache could be emptied.
fn drop_caches() -> bool {
    let _ = Command::new("sync").status();
    fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

/// The best time of each rival over `rounds`, in seconds, printed.
fn race(rounds: usize, rivals: &[(&str, &dyn Fn())]) -> Vec<f64> {
    let mut best = vec![Duration::MAX; rivals.len()];
    for _ in 0..rounds {
        for (time, (_, run)) in best.iter_mut().zip(rivals) {
            let start = Instant::now();
            run();
            *time = start.elapsed().min(*time);
        }
    }
    for (time, (name, _)) in best.iter().zip(rivals) {
        let s = time.as_secs_f64();
        println!(
            "  {name:20} {s:7.3} s {:9.0} messages/s",
            MESSAGES as f64 / s
        );
    }
    best.iter().map(Duration::as_secs_f64).collect()
}
