//! `undeliverable classify`.

use crate::support::*;

#[test]
fn one_verdict_a_line_whatever_the_line() {
    let input = b"550 5.1.1 user unknown\n\n550-5.1.1 first of two\r\n\xff\xfe\nlast without end";
    let output = run_with(&["classify"], input);
    let verdicts = reports(&output);
    let inputs: Vec<&str> = verdicts
        .iter()
        .map(|v| v["input"].as_str().unwrap())
        .collect();
    assert_eq!(
        inputs,
        [
            "550 5.1.1 user unknown",
            "",
            "550-5.1.1 first of two",
            "\u{fffd}\u{fffd}",
            "last without end"
        ]
    );
    assert_eq!(verdicts[0]["category"], "user_unknown");
    assert_eq!(verdicts[1]["category"], "unknown");
}

#[test]
fn arguments_are_lines() {
    let output = run(&[
        "classify",
        "552 5.2.2 mailbox full",
        "550 5.1.1 user unknown",
    ]);
    let verdicts = reports(&output);
    assert_eq!(verdicts[0]["category"], "mailbox_full");
    assert_eq!(verdicts.len(), 2);
    assert_eq!(reports(&run_with(&["classify", "-"], b"x\n")).len(), 1);
}

#[test]
fn a_long_line_is_one_line() {
    let mut input = b"550 5.1.1 user unknown ".to_vec();
    input.resize(1_000_000, b'x');
    input.extend(b"\n552 5.2.2 mailbox full\n");
    let verdicts = reports(&run_with(&["classify"], &input));
    assert_eq!(verdicts.len(), 2);
    assert_eq!(verdicts[1]["category"], "mailbox_full");
}

#[test]
fn tables_and_rows() {
    let text = |format| {
        String::from_utf8(run(&["classify", "--format", format, "=1 user unknown"]).stdout).unwrap()
    };
    assert!(text("table").starts_with("TYPE"));
    assert!(
        text("csv").contains("\r\n'=1 user unknown,"),
        "{}",
        text("csv")
    );
}
