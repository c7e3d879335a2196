//! Plain text for people, wrapped.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::safe;

/// Columns of a line: short enough to read, long enough for a URL.
const WIDTH: usize = 88;
/// The most characters of a text from mail that are shown.
const MAX_QUOTE: usize = 600;

/// A page that grows paragraph by paragraph. Every text is made harmless on the way in.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// A heading: a line of its own with an empty one before it.
    pub fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.wrapped("", "", text);
    }

    /// A paragraph, indented by `indent` blanks. Empty lines in the text begin a new one.
    pub fn para(&mut self, indent: usize, text: &str) {
        let blanks = " ".repeat(indent);
        for part in text.trim().split("\n\n") {
            self.wrapped(&blanks, &blanks, part);
        }
    }

    /// `label: text`, with the lines of the text below each other.
    pub fn item(&mut self, indent: usize, label: &str, text: &str) {
        let first = format!("{}{label:<12} ", " ".repeat(indent));
        let rest = " ".repeat(first.width());
        let mut lines = text.trim().lines();
        self.wrapped(&first, &rest, lines.next().unwrap_or_default());
        for line in lines {
            self.wrapped(&rest, &rest, line);
        }
    }

    /// `- text`.
    pub fn point(&mut self, indent: usize, text: &str) {
        let blanks = " ".repeat(indent);
        self.wrapped(&format!("{blanks}- "), &format!("{blanks}  "), text);
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    fn wrapped(&mut self, first: &str, rest: &str, text: &str) {
        self.text.push_str(first);
        let mut column = first.width();
        let mut begin = true;
        for word in text.split_whitespace() {
            let word = safe::text(word);
            let width = word.width();
            if !begin && column + 1 + width > WIDTH {
                self.end_line();
                self.text.push_str(rest);
                column = rest.width();
            } else if !begin {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(&word);
            column += width;
            begin = false;
        }
        self.end_line();
    }

    fn end_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }

    /// Writes the page.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }
}

/// Words from mail in quotes, cut where they are long.
pub(crate) fn quote(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("\u{201c}{} …\u{201d}", &text[..end]),
        None => format!("\u{201c}{text}\u{201d}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, WIDTH, quote};

    #[test]
    fn lines_are_wrapped_and_harmless() {
        let mut page = Page::default();
        page.para(2, &"word ".repeat(60));
        page.item(0, "Label", "first\n\x1b[31msecond\u{202e}");
        page.point(2, "日本 ".repeat(40).as_str());
        assert!(
            page.text
                .lines()
                .all(|l| unicode_width::UnicodeWidthStr::width(l) <= WIDTH)
        );
        assert!(
            page.text
                .contains("\n             \\u{1b}[31msecond\\u{202e}\n"),
            "{}",
            page.text
        );
        assert!(page.text.lines().all(|l| l == l.trim_end()));
        assert!(quote(&"x".repeat(5000)).len() < 700);
    }
}
