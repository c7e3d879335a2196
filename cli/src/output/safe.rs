//! Text from mail, made harmless for a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal may obey this character, or a reader be deceived by it: control characters, line separators,
/// direction marks, invisible characters and tags (Unicode Technical Report 36, section 3).
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with hostile characters written as `\u{1b}`.
///
/// Line feeds and tabs are hostile too: what is printed stays in its line and column.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hostile(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(text("plain é 日本"), "plain é 日本");
        assert_eq!(
            text("\x1b[2J\r\n\u{202e}x\u{9b}"),
            "\\u{1b}[2J\\u{d}\\u{a}\\u{202e}x\\u{9b}"
        );
    }
}
