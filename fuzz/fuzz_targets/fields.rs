//! Values of structured fields: our short ways for plain ones give what mail-parser gives. Any text, and from the same
//! bytes values that are plain.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use undeliverable::fuzzing::both_ways;

/// A value put together from pieces that such fields have.
#[derive(Arbitrary, Debug)]
struct Value(Vec<(u8, u8)>);

impl Value {
    fn write(&self) -> String {
        const PIECES: [&str; 28] = [
            "text/plain", "multipart/report", ";", "; ", ";\n\t", "boundary", "charset", "name", "filename", "report-type", "=", "\"", "us-ascii",
            "=_b/1", " ", "attachment", "bob", "@", "example.com", "<", ">", "Bob Doe", "\"Bob\" ", "[192.0.2.1]", ".", "'", "/", "x",
        ];
        self.0.iter().take(24).map(|(a, _)| PIECES[usize::from(*a) % PIECES.len()]).collect()
    }
}

fn check(value: &[u8]) {
    // A field value has no blanks around it, and line ends only where a fold follows.
    let value = value.trim_ascii();
    let is_value = value.windows(2).all(|w| w[0] != b'\n' || matches!(w[1], b' ' | b'\t'));
    // A fold beside the equals sign of a parameter is an end for mail-parser (docs/upstream.md).
    let text = String::from_utf8_lossy(value);
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let is_folded_late = text.match_indices('=').any(|(i, _)| {
        let before = text[..i].trim_end_matches(blank).len();
        let behind = text[i + 1..].trim_start_matches(blank);
        text[before..text.len() - behind.len()].contains('\n')
    });
    // It takes words with an at sign before the brackets into the address.
    let is_name_with_at = text.split_once('<').is_some_and(|(name, _)| name.contains('@'));
    // A quotation mark inside an encoded word counts for nothing there, and takes the address into the name.
    let is_quote_in_word = text.match_indices("=?").any(|(i, _)| {
        let word = &text[i + 2..];
        word[..word.find("?=").unwrap_or(word.len())].contains('"')
    });
    if is_value && !is_folded_late && !is_name_with_at && !is_quote_in_word {
        for (ours, theirs) in both_ways(value) {
            assert_eq!(ours, theirs, "{text:?}");
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Ok(value) = Value::arbitrary_take_rest(Unstructured::new(bytes)) {
        check(value.write().as_bytes());
    }
});
