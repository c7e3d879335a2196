//! The sample mail of the project and its truth.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder `corpus/`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Every sample, in the order of the names.
pub fn files() -> Vec<PathBuf> {
    let mut out = Vec::new();
    walk(&root(), &mut out);
    out.sort();
    assert!(out.len() > 500, "the corpus is there");
    out
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, out);
        } else if path.extension().is_some_and(|e| e == "eml") {
            out.push(path);
        }
    }
}

/// The name of a sample inside the corpus.
pub fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

/// The truth: one object a sample, with the path it is about.
pub fn truth() -> Vec<(PathBuf, Value)> {
    let mut out = Vec::new();
    for list in [
        "truth-bounces.jsonl",
        "truth-others.jsonl",
        "truth-kinds.jsonl",
    ] {
        for line in fs::read_to_string(root().join(list)).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let file = root().join(value["file"].as_str().unwrap());
            assert!(
                file.exists(),
                "{} is in the truth but not there",
                file.display()
            );
            out.push((file, value));
        }
    }
    out
}
