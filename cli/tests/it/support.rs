//! Runs the program and makes mail.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program, with nothing of the caller's surroundings that changes its output.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undeliverable"));
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs with these arguments.
pub(crate) fn run(args: &[&str]) -> Output {
    program().args(args).output().expect("the program runs")
}

/// Runs with these arguments and this on stdin.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Output {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the program ends");
    // It may end before it has read everything.
    drop(writer.join());
    output
}

/// Scans a path that must be fine and gives the reports.
pub(crate) fn scan(paths: &[&Path]) -> Vec<Value> {
    let mut command = program();
    let output = command
        .arg("scan")
        .args(paths)
        .output()
        .expect("the program runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    reports(&output)
}

/// The JSON Lines of an output.
pub(crate) fn reports(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("UTF-8");
    text.lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect()
}

/// The key `source` of each, without the folder.
pub(crate) fn sources(reports: &[Value], folder: &Path) -> Vec<String> {
    let base = format!("{}/", folder.display());
    let source = |r: &Value| {
        r["source"]
            .as_str()
            .expect("a source")
            .replacen(&base, "", 1)
    };
    reports.iter().map(source).collect()
}

/// The first failed recipient of each.
pub(crate) fn recipients(reports: &[Value]) -> Vec<&str> {
    reports
        .iter()
        .map(|r| {
            r["recipients"][0]["final_recipient"]
                .as_str()
                .unwrap_or("nobody")
        })
        .collect()
}

/// A bounce for this recipient, with lines added to its words.
pub(crate) fn bounce_with(recipient: &str, words: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example.org\nTo: sender@example.org\nSubject: Undelivered Mail\n\
         Date: Mon, 5 Jan 2026 10:00:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\n\n\
         --b1\n\nYour message could not be delivered.\n{words}\n\
         --b1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n\
         Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: user unknown\n\n--b1--\n"
    )
}

/// A bounce for this recipient.
pub(crate) fn bounce(recipient: &str) -> String {
    bounce_with(recipient, "")
}

/// An envelope line.
pub(crate) const FROM: &str = "From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n";

/// A folder that goes away.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Writes a file, with the folders above it.
pub(crate) fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder above")).expect("folders");
    std::fs::write(&path, content).expect("a file");
    path
}
