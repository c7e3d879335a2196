//! Many messages, many threads: the order of the output is that of the input.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::*;

/// Folders, a Maildir and mbox files with many messages, and their recipients in order.
fn archive(root: &std::path::Path) -> Vec<String> {
    let mut expected = Vec::new();
    let mut next = || {
        expected.push(format!("user{}@example.com", expected.len()));
        bounce(expected.last().expect("one"))
    };
    for n in 0..300 {
        write(root, &format!("1/m{n:04}"), next());
    }
    for file in 0..4 {
        let messages: String = (0..150).map(|_| format!("{FROM}{}\n", next())).collect();
        write(root, &format!("2/box{file}"), messages);
    }
    for n in 0..40 {
        write(root, &format!("3/cur/{n:03}:2,S"), next());
        write(root, &format!("3/new/.keep{n}"), "");
    }
    for n in 0..100 {
        let content = if n % 10 == 5 {
            (0..70).map(|_| format!("{FROM}{}\n", next())).collect()
        } else {
            next()
        };
        write(root, &format!("4/mixed{n:03}"), content);
    }
    expected
}

#[test]
fn order_holds_whatever_the_number_of_threads() {
    let dir = folder();
    let expected = archive(dir.path());
    for jobs in ["1", "2", "7", "64"] {
        let output = program()
            .args(["scan", "--jobs", jobs])
            .arg(dir.path())
            .output()
            .unwrap();
        assert!(output.status.success());
        let reports = reports(&output);
        let names: Vec<&str> = recipients(&reports)
            .into_iter()
            .filter(|r| *r != "nobody")
            .collect();
        assert_eq!(names, expected, "{jobs}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let dir = folder();
    archive(dir.path());
    let mut child = program()
        .args(["scan", "--format", "jsonl"])
        .args([dir.path(); 8])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with('{'));
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
