//! HTML as words: what a reader sees, blocks as lines. Layout is lost, on purpose.

use super::engine::push_entity;

/// Elements that begin and end a line.
const BLOCKS: &[&str] = &[
    "br",
    "p",
    "div",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "li",
    "ul",
    "ol",
    "hr",
    "title",
    "blockquote",
    "pre",
    "dt",
    "dd",
    "dl",
    "section",
    "article",
    "header",
    "footer",
    "center",
    "body",
    "form",
    "address",
];
/// Elements whose content nobody sees.
const HIDDEN: &[&str] = &["script", "style", "template", "head"];

/// The words of an HTML text. Linear, whatever the markup.
pub(crate) fn words(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        push_text(&mut out, &rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('&') {
            rest = entity(&mut out, rest);
        } else {
            rest = tag(&mut out, rest);
        }
    }
    push_text(&mut out, rest);
    out
}

/// Text with its white space as single blanks, none at the start of a line.
fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_whitespace() && c != '\u{a0}' {
            blank(out);
        } else {
            out.push(c);
        }
    }
}

fn blank(out: &mut String) {
    if !out.is_empty() && !out.ends_with([' ', '\n']) {
        out.push(' ');
    }
}

fn newline(out: &mut String) {
    while out.ends_with(' ') {
        out.pop();
    }
    // One empty line at most: it divides paragraphs.
    if !out.is_empty() && !out.ends_with("\n\n") {
        out.push('\n');
    }
}

/// `&amp;` and its like; a lone ampersand stays.
fn entity<'t>(out: &mut String, rest: &'t str) -> &'t str {
    let end = rest.bytes().take(12).position(|b| b == b';');
    match end {
        Some(end)
            if end > 1
                && rest.as_bytes()[1..end]
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || *b == b'#') =>
        {
            push_entity(out, &rest[..=end]);
            &rest[end + 1..]
        }
        _ => {
            out.push('&');
            &rest[1..]
        }
    }
}

/// Skips a tag, a comment, or an element that is not shown; blocks make lines, cells make blanks.
fn tag<'t>(out: &mut String, rest: &'t str) -> &'t str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return comment.find("-->").map_or("", |i| &comment[i + 3..]);
    }
    let inner = rest[1..].trim_start_matches('/');
    let name_len = inner.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = &inner[..name_len];
    if name.is_empty()
        && !rest.starts_with("<!")
        && !rest.starts_with("<?")
        && !rest.starts_with("</")
    {
        // `<bob@example.com>` begins with a letter, `< 5` does not.
        out.push('<');
        return &rest[1..];
    }
    let Some(end) = rest.find('>') else { return "" };
    let body = &rest[1..end];
    if body.contains('@') && !body.contains(['=', ' ']) {
        // An address somebody forgot to escape.
        out.push_str(&rest[..=end]);
        return &rest[end + 1..];
    }
    let after = &rest[end + 1..];
    let is = |list: &[&str]| list.iter().any(|n| name.eq_ignore_ascii_case(n));
    if is(HIDDEN) && !rest.starts_with("</") && !body.ends_with('/') {
        return skip_element(after, name);
    }
    if is(BLOCKS) {
        newline(out);
    } else if is(&["td", "th"]) {
        blank(out);
    }
    after
}

/// What follows the closing tag of `name`.
fn skip_element<'t>(mut rest: &'t str, name: &str) -> &'t str {
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        if rest
            .get(..name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(name))
        {
            return rest.find('>').map_or("", |i| &rest[i + 1..]);
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees() {
        for (html, want) in [
            ("<p>a &amp; b</p><p>c</p>", "a & b\n\nc\n"),
            (
                "<table><tr><td>To:</td><td>x@example.com</td></tr><tr><td>b</td></tr></table>",
                "To: x@example.com\n\nb\n\n",
            ),
            ("<style>p{}</style>x<!-- no --><script>1<2</script>y", "xy"),
            ("a<br>b<BR/>c", "a\nb\nc"),
            ("1 < 2 && <bob@example.com>", "1 < 2 && <bob@example.com>"),
            ("caf&#233;&nbsp;&eacute;", "caf\u{e9}\u{a0}\u{e9}"),
            ("<a href='x", ""),
        ] {
            assert_eq!(words(html), want, "{html}");
        }
    }
}
