//! What the benches share: sample bytes, and timing of rivals in turns so that a busy machine is fair to all.

use std::path::Path;
use std::time::{Duration, Instant};

/// The bytes of every `.eml` below `dir`, in the order of the names.
#[allow(dead_code, reason = "one bench reads lines only")]
pub fn mails(dir: &Path) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "eml") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

/// The best time of each rival over `rounds`, taken in turns.
pub fn race(rounds: usize, rivals: &mut [(&str, &mut dyn FnMut())]) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; rivals.len()];
    for _ in 0..rounds {
        for (time, (_, run)) in best.iter_mut().zip(rivals.iter_mut()) {
            let start = Instant::now();
            run();
            *time = start.elapsed().min(*time);
        }
    }
    best
}
