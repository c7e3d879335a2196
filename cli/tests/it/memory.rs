//! Peak memory of a scan. Takes a minute, so it runs only when asked for:
//! `cargo test --release -p undeliverable-cli --test it memory -- --ignored --nocapture`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

/// The samples of the project, small ones only, so that the number of messages is what counts.
fn samples() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let folders = fs::read_dir(corpus)
        .expect("samples")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.is_dir());
    let mut files: Vec<PathBuf> = folders
        .flat_map(|f| {
            fs::read_dir(f)
                .expect("a folder")
                .flatten()
                .map(|e| e.path())
        })
        .collect();
    files.sort();
    let texts = files
        .iter()
        .filter(|f| f.extension().is_some_and(|e| e == "eml"))
        .map(|f| fs::read(f).expect("mail"));
    texts.filter(|t| t.len() < 20_000).collect()
}

/// Scans and gives the peak of the resident memory in KiB.
fn peak(path: &Path) -> u64 {
    let mut child = program()
        .arg("scan")
        .arg(path)
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a state").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let now = line.and_then(|l| l.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = now.unwrap_or(0).max(peak);
        sleep(Duration::from_millis(2));
    }
    peak
}

fn mbox(path: &Path, samples: &[Vec<u8>], messages: usize) {
    let mut out = std::io::BufWriter::new(fs::File::create(path).expect("a file"));
    for sample in samples.iter().cycle().take(messages) {
        out.write_all(FROM.as_bytes())
            .and_then(|()| out.write_all(sample))
            .expect("room");
        out.write_all(b"\n\n").expect("room");
    }
    out.flush().expect("room");
}

#[test]
#[ignore = "takes a minute and wants a release build"]
fn a_maildir_of_20_000_messages_stays_below_64_mib() {
    let dir = folder();
    let samples = samples();
    fs::create_dir(dir.path().join("new")).unwrap();
    for (n, sample) in samples.iter().cycle().take(20_000).enumerate() {
        write(
            dir.path(),
            &format!("cur/17000{n:07}.M123456P7890.mail.example.org:2,S"),
            sample,
        );
    }
    let peak = peak(dir.path());
    println!("20,000 messages in a Maildir: {peak} KiB");
    assert!(peak < 64 << 10, "{peak} KiB");
}

#[test]
#[ignore = "takes a minute and wants a release build"]
fn an_mbox_costs_the_same_memory_whatever_its_length() {
    let dir = folder();
    let samples = samples();
    let peaks = [2_000, 200_000].map(|messages| {
        let path = dir.path().join("mbox");
        mbox(&path, &samples, messages);
        let peak = peak(&path);
        println!("{messages} messages in an mbox: {peak} KiB");
        peak
    });
    // Threads come to their full buffers one after the other; the archive itself adds nothing.
    assert!(peaks[1] < peaks[0] + (24 << 10), "{peaks:?} KiB");
}
