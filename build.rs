//! Reads `rules/` and stores it in a binary form beside the build. A file that cannot be read fails the build and names
//! its line. Adding a file needs no change in Rust.

#![allow(
    dead_code,
    missing_docs,
    reason = "only a part of the shared modules is used here"
)]

use std::path::Path;
use std::{env, fs, io};

#[path = "src/knowledge/file.rs"]
mod file;
#[path = "src/words.rs"]
mod words;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=rules");
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let mut names = Vec::new();
    walk(&Path::new(&root).join("rules"), "rules", &mut names)?;
    names.sort();
    let mut texts = Vec::new();
    for (name, path) in names {
        texts.push((name, fs::read_to_string(&path)?));
    }
    let mut files = Vec::new();
    for (name, text) in &texts {
        let read = file::RuleFile::read(text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start);
            let line = 1 + text[..at].matches('\n').count();
            io::Error::other(format!("{name}:{line}: {}", e.message()))
        })?;
        files.push((name, read));
    }
    let bytes = postcard::to_allocvec(&files).map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("rules.bin"), bytes)
}

fn walk(dir: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &name, files)?;
        } else if name.ends_with(".toml") {
            files.push((name, entry.path().to_string_lossy().into_owned()));
        }
    }
    Ok(())
}
