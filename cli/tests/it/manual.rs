//! Help, man pages, completions, exit codes.

use std::fs;

use crate::support::*;

#[test]
fn exit_codes() {
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    assert_eq!(run(&["--version"]).status.code(), Some(0));
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["scan"]).status.code(), Some(2));
    assert_eq!(run(&["nonsense"]).status.code(), Some(2));
    assert_eq!(
        run(&["scan", "--format", "xml", "."]).status.code(),
        Some(2)
    );
    assert_eq!(run(&["scan", "/no/such/place"]).status.code(), Some(1));
}

#[test]
fn every_command_has_examples() {
    for command in [
        "scan",
        "classify",
        "explain",
        "lookup",
        "completions",
        "man",
    ] {
        let text = String::from_utf8(run(&[command, "--help"]).stdout).unwrap();
        assert!(
            text.contains("Example") && text.contains(&format!("undeliverable {command}")),
            "{text}"
        );
    }
}

#[test]
fn completions_and_man_pages() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).unwrap();
        assert!(
            script.contains("undeliverable") && script.contains("scan"),
            "{shell}"
        );
    }
    let dir = folder();
    assert!(
        program()
            .arg("man")
            .arg(dir.path())
            .status()
            .unwrap()
            .success()
    );
    let page = fs::read_to_string(dir.path().join("undeliverable-scan.1")).unwrap();
    assert!(page.contains("Maildir"));
    assert_eq!(
        program()
            .arg("man")
            .arg(dir.path().join("missing"))
            .status()
            .unwrap()
            .code(),
        Some(1)
    );
}
