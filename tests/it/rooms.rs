//! The walls of the house: a stage uses only earlier stages, and the library's tree names no I/O.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Modules of the library from the ground up; each may use those before it, never one behind it.
const ORDER: &[&str] = &[
    "words",
    "contract",
    "error",
    "knowledge",
    "address",
    "message",
    "notice",
    "signs",
    "report",
    "dialect",
    "autoreply",
    "kind",
    "verdict",
    "recipients",
    "policy",
    "trust",
    "pipeline",
    "engine",
];

fn rust_files(dir: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Top-level modules that a source file names as `crate::module`, tests aside.
fn used_modules(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = code
        .lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut used = BTreeSet::new();
    for piece in code.split("crate::").skip(1) {
        let name: String = piece
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if let Some(group) = piece.strip_prefix('{') {
            for inner in group.split('}').next().unwrap_or_default().split(',') {
                used.insert(
                    inner
                        .trim()
                        .split("::")
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
        }
        used.insert(name);
    }
    used
}

#[test]
fn a_stage_uses_only_earlier_stages() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "the sources are there");
    let rank = |m: &str| ORDER.iter().position(|o| *o == m);
    let mut known = BTreeSet::new();
    for file in files {
        let module = file
            .strip_prefix(&src)
            .unwrap()
            .components()
            .next()
            .unwrap();
        let module = module
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        if matches!(module.as_str(), "lib" | "fuzzing") {
            continue;
        }
        let own =
            rank(&module).unwrap_or_else(|| panic!("{module} has no place in the order of stages"));
        known.insert(module.clone());
        for used in used_modules(&fs::read_to_string(&file).unwrap()) {
            if let Some(r) = rank(&used) {
                assert!(
                    r <= own,
                    "{} uses {used}, which comes after {module}",
                    file.display()
                );
            }
        }
    }
    assert!(known.contains("verdict") && known.contains("message"));
}

#[test]
fn only_one_file_names_the_mail_parser() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let naming: Vec<_> = files
        .iter()
        .filter(|f| fs::read_to_string(f).unwrap().contains("mail_parser::"))
        .map(|f| f.strip_prefix(&src).unwrap().display().to_string())
        .collect();
    assert_eq!(naming, ["message/engine.rs"]);
}

/// The library knows no file, socket, clock, thread or database: neither do the crates it stands on.
#[test]
fn the_library_stands_on_no_io() {
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            "undeliverable",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{lib}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let crates: BTreeSet<String> = String::from_utf8_lossy(&out.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert!(crates.contains("mail_parser"), "{crates:?}");
    for barred in [
        "tokio",
        "async_std",
        "smol",
        "mio",
        "socket2",
        "hyper",
        "reqwest",
        "ureq",
        "rusqlite",
        "libsqlite3_sys",
        "postgres",
        "sqlx",
        "diesel",
        "rustls",
        "openssl",
        "native_tls",
        "ring",
        "rayon",
        "crossbeam",
        "chrono",
        "time",
        "walkdir",
        "notify",
        "tempfile",
        "rand",
        "getrandom",
        "log",
        "tracing",
    ] {
        assert!(
            !crates.contains(barred),
            "the library must not depend on {barred}"
        );
    }
}

#[test]
fn sources_touch_no_file_clock_or_thread() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for barred in [
                "std::fs",
                "std::net::Tcp",
                "std::net::Udp",
                "SystemTime",
                "Instant::",
                "std::thread",
                "std::process",
                "std::env::var",
                "Mutex",
                "RwLock",
            ] {
                assert!(!line.contains(barred), "{}: {line}", file.display());
            }
        }
    }
}

/// Engine, builder and answers go between threads and into containers without ceremony.
#[test]
fn public_types_are_send_and_sync() {
    fn both<T: Send + Sync + 'static>() {}
    both::<undeliverable::Engine>();
    both::<undeliverable::EngineBuilder>();
    both::<undeliverable::Report>();
    both::<undeliverable::Verdict>();
    both::<undeliverable::Error>();
    both::<undeliverable::Limits>();
}
