//! JSON Lines, written straight into a buffer that is used again.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::safe::is_hostile;

/// Appends one value and a line feed.
///
/// # Errors
/// Where a value has no JSON form; the values of the contract all have one.
pub(crate) fn write(value: &impl Serialize, line: &mut Vec<u8>) -> serde_json::Result<()> {
    value_to(value, &mut *line)?;
    line.push(b'\n');
    Ok(())
}

/// Writes one value.
///
/// # Errors
/// Where it has no JSON form, or cannot be written.
pub(crate) fn value_to(value: &impl Serialize, out: impl Write) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Harmless))
}

/// One value in many lines, for people.
///
/// # Errors
/// Where it has no JSON form.
pub(crate) fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut out = Vec::with_capacity(text.len() + 1);
    // What is escaped can stand in strings only: JSON itself is ASCII, and its line ends are none of these.
    for line in text.lines() {
        // Writing to a Vec cannot fail.
        let _ = Harmless.write_string_fragment(&mut out, line);
        out.push(b'\n');
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Compact JSON that also escapes what JSON may hold as it is but a terminal obeys: C1 controls, DEL, bidi marks.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut done = 0;
        if !fragment.is_ascii() || fragment.contains('\x7f') {
            for (at, c) in fragment.char_indices().filter(|(_, c)| is_hostile(*c)) {
                writer.write_all(&fragment.as_bytes()[done..at])?;
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
                done = at + c.len_utf8();
            }
        }
        writer.write_all(&fragment.as_bytes()[done..])
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hostile_marks_are_escaped_and_come_back() {
        let text = "a\u{9b}31m \u{202e}b\x7f é\u{1b}\u{e0041}";
        let mut line = Vec::new();
        super::write(&text, &mut line).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert_eq!(
            line,
            "\"a\\u009b31m \\u202eb\\u007f é\\u001b\\udb40\\udc41\"\n"
        );
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        let many = serde_json::json!({"a": [text, "line\nend"]});
        let pretty = super::pretty(&many).unwrap();
        assert!(pretty.lines().count() == 6 && !pretty.contains(['\u{9b}', '\u{202e}', '\x7f']));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&pretty).unwrap(),
            many
        );
    }
}
