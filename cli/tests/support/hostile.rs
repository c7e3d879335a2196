//! Text that does something to whoever shows it, and what must hold of output that carries it.

/// A title for the terminal, a colour in one byte, text from right to left, an isolate, an invisible blank, a tag.
pub(crate) const MARKS: &str = "\u{1b}]0;title\u{7}\u{9b}31m\u{202e}gnp\u{2066}\u{200b}\u{e0041}";

/// What a reader of HTML, JSON or a spreadsheet would take for its own.
pub(crate) const MARKUP: &str =
    "<img src=x onerror=alert(1)>\",\"kind\":\"other\",\"x\":\"\\u001b =cmd|'/c calc'!A1";

/// A character that a terminal obeys or that deceives a reader. Line ends are the output's own.
fn is_hostile(c: char) -> bool {
    c.is_control() && c != '\n' || "\u{202e}\u{2066}\u{200b}\u{e0041}".contains(c)
}

/// Holds the output of one command, in this format, against what is true of any.
pub(crate) fn assert_harmless(what: &str, format: &str, text: &str) {
    let shown = match format {
        "csv" => text.replace("\r\n", "\n"),
        _ => text.to_owned(),
    };
    assert!(!shown.contains(is_hostile), "{what}, {format}: {text:?}");
    match format {
        "csv" => {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(text.as_bytes());
            // A reader that is not flexible refuses rows of another length.
            for row in reader.records() {
                let row = row.unwrap_or_else(|e| panic!("{what}: {e}: {text}"));
                assert!(
                    !row.iter()
                        .any(|c| c.starts_with(['=', '+', '-', '@', '\t'])),
                    "{what}: {row:?}"
                );
            }
        }
        "json" | "jsonl" => {
            for object in serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>()
            {
                let object = object.unwrap_or_else(|e| panic!("{what}: {e}: {text}"));
                assert!(
                    object["x"].is_null(),
                    "{what}: a key that mail made: {object}"
                );
            }
        }
        _ => {}
    }
}
