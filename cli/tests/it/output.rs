//! What is written, in each format, and what is copied aside.

use std::fs;

use crate::support::*;

/// A bounce whose every text would do something to a terminal or a spreadsheet.
fn hostile() -> String {
    bounce("=cmd|'x'!a0@example.com").replace(
        "user unknown",
        "\u{1b}]0;title\u{7}\u{9b}31m\u{202e}user unknown, \"quoted\"",
    )
}

#[test]
fn hostile_text_is_harmless_in_every_format() {
    let dir = folder();
    let path = write(dir.path(), "=m\u{1b}[31m.eml", hostile());
    for format in ["table", "jsonl", "csv"] {
        let output = program()
            .args(["scan", "--format", format])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let bad = |c: char| {
            c.is_control() && c != '\n' && !(format == "csv" && c == '\r') || c == '\u{202e}'
        };
        assert!(!text.contains(bad), "{format}: {text:?}");
        assert!(text.contains("\\u"), "{format}");
    }
}

#[test]
fn csv_holds_no_formula_and_as_many_cells_in_each_row() {
    let dir = folder();
    write(dir.path(), "a", hostile());
    write(dir.path(), "b", "Subject: hello\n\nhello\n");
    let output = program()
        .args(["scan", "--format", "csv"])
        .arg(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<String>> = text.split_terminator("\r\n").map(cells).collect();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!(row.len(), rows[0].len());
        assert!(
            !row.iter().any(|c| c.starts_with(['=', '+', '-', '@'])),
            "{row:?}"
        );
    }
    let column = rows[0].iter().position(|c| c == "kind").unwrap();
    assert_eq!(
        (rows[1][column].as_str(), rows[2][column].as_str()),
        ("bounce", "other")
    );
}

/// The cells of a row without line ends inside.
fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut quoted, mut chars) = (vec![String::new()], false, row.chars().peekable());
    while let Some(c) = chars.next() {
        let last = cells.last_mut().expect("a cell");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => last.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => last.push(c),
        }
    }
    cells
}

#[test]
fn a_table_has_a_line_a_recipient_and_counts() {
    let dir = folder();
    write(dir.path(), "a", bounce("a@example.com"));
    write(dir.path(), "b", "Subject: hello\n\nhello\n");
    let output = program()
        .args(["scan", "--format", "table"])
        .arg(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("KIND "), "{text}");
    assert!(
        lines[1].starts_with("bounce ") && lines[1].contains(" a@example.com "),
        "{text}"
    );
    assert!(lines[2].starts_with("other "), "{text}");
    assert!(text.contains("\n           2  messages\n"), "{text}");
}

#[test]
fn a_summary_counts() {
    let dir = folder();
    write(dir.path(), "a", bounce("a@example.com"));
    write(dir.path(), "b", bounce("b@example.com"));
    write(dir.path(), "c", "Subject: hello\n\nhello\n");
    let output = program()
        .args(["scan", "--summary"])
        .arg(dir.path())
        .output()
        .unwrap();
    let counts = reports(&output);
    assert_eq!(counts.len(), 1);
    assert_eq!(counts[0]["messages"], 3);
    assert_eq!(
        counts[0]["kind"],
        serde_json::json!({"bounce": 2, "other": 1})
    );
    assert_eq!(counts[0]["category"]["user_unknown"], 2);
    assert_eq!(counts[0]["unreadable"], 0);
    let output = program()
        .args(["scan", "--summary", "--format", "csv"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("kind,bounce,2\r\n"));
}

#[test]
fn unknown_mail_is_copied_under_names_of_our_own() {
    let dir = folder();
    let aside = dir.path().join("look/here");
    write(dir.path(), "in/a", bounce("a@example.com"));
    let odd = bounce("b@example.com")
        .replace("5.1.1", "5.0.0")
        .replace("user unknown", "zzz")
        .replace("Subject", "Message-ID: <../../evil@example.com>\nSubject");
    write(dir.path(), "in/b", &odd);
    let output = program()
        .arg("scan")
        .arg("--unknown")
        .arg(&aside)
        .arg(dir.path().join("in"))
        .output()
        .unwrap();
    let reports = reports(&output);
    assert_eq!(
        reports[1]["recipients"][0]["category"], "unknown",
        "{}",
        reports[1]
    );
    let copies: Vec<_> = fs::read_dir(&aside)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(
        copies,
        [aside.join(format!("{}.eml", reports[1]["event_id"].as_str().unwrap()))]
    );
    assert_eq!(fs::read_to_string(&copies[0]).unwrap(), odd);
}

#[test]
fn identifier_headers_can_be_chosen() {
    let dir = folder();
    let returned = "--b1\nContent-Type: message/rfc822\n\nX-Own-Id: 4711\nX-Campaign-ID: c\nSubject: s\n\nx\n--b1--\n";
    let path = write(
        dir.path(),
        "m",
        bounce("a@example.com").replace("--b1--\n", returned),
    );
    let output = program()
        .args(["scan", "--id-header", "X-Own-Id"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(
        reports(&output)[0]["original"]["ids"],
        serde_json::json!({"x-own-id": "4711"})
    );
}

#[test]
fn limits_are_reported() {
    let dir = folder();
    let path = write(dir.path(), "m", bounce("a@example.com"));
    let output = program()
        .args(["scan", "--max-bytes", "200"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(reports(&output)[0]["problems"][0], "cut at 200 bytes");
    for wrong in ["0", "x", "-5", "1.5M"] {
        let output = program()
            .args(["scan", "--max-parts", wrong])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn own_rules_are_heard_and_their_errors_named() {
    let dir = folder();
    let path = write(dir.path(), "m", bounce("a@example.com"));
    let rules = write(dir.path(), "own.toml", "[[rule]]\nid = 5\n");
    let output = program()
        .args(["scan", "--rules"])
        .arg(&rules)
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("own.toml:2: "));
    let output = program()
        .args(["scan", "--rules", "missing.toml"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.toml: No such file"));
}
