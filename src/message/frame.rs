//! The MIME frame: which parts there are and where, in one pass over the lines that begin with `--`.
//!
//! A returned message is a leaf here; it is opened only by who needs its header. That keeps the work linear
//! and the depth bounded whatever the mail nests. Bodies are not decoded.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::header::Header;
use super::limits::Limits;

/// How a body is encoded for transfer (RFC 2045 section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// 7bit, 8bit, binary, or unknown.
    #[default]
    Identity,
    Base64,
    QuotedPrintable,
}

/// The Content-Type, as far as anybody here asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Media<'x> {
    /// `type/subtype` as written.
    pub essence: Cow<'x, str>,
    pub boundary: Option<Cow<'x, str>>,
    pub charset: Option<Cow<'x, str>>,
    pub name: Option<Cow<'x, str>>,
    pub report_type: Option<Cow<'x, str>>,
}

impl Media<'_> {
    /// Whether the type is `essence`, or anything below it if that ends in `/`.
    pub fn is(&self, essence: &str) -> bool {
        if essence.ends_with('/') {
            self.essence
                .get(..essence.len())
                .is_some_and(|e| e.eq_ignore_ascii_case(essence))
        } else {
            self.essence.eq_ignore_ascii_case(essence)
        }
    }
}

/// One part of the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part<'x> {
    pub media: Media<'x>,
    pub encoding: Encoding,
    /// `Content-Disposition: attachment`.
    pub attachment: bool,
    pub name: Option<Cow<'x, str>>,
    /// `Content-Description`, raw.
    pub description: Option<&'x [u8]>,
    pub body: &'x [u8],
    pub depth: usize,
    /// Whether it is inside a `multipart/alternative` behind the first one of its kind.
    pub parent: Option<usize>,
}

impl Part<'_> {
    /// A container, whose body stands in its children.
    pub fn is_multipart(&self) -> bool {
        self.media.is("multipart/")
    }

    /// A message inside: RFC 822 or its international twin (RFC 6533 section 4.4).
    pub fn is_message(&self) -> bool {
        self.media.is("message/rfc822") || self.media.is("message/global")
    }

    /// The header of a message inside.
    pub fn is_header(&self) -> bool {
        [
            "text/rfc822-headers",
            "message/rfc822-headers",
            "message/global-headers",
            "text/rfc822-header",
        ]
        .iter()
        .any(|e| self.media.is(e))
    }
}

/// A multipart whose closing delimiter has not been seen.
struct Open<'x> {
    boundary: Cow<'x, str>,
    part: usize,
}

/// The parts of the entity with this header and body, the entity itself first. Says in `problems` what was cut.
pub(crate) fn walk<'x>(
    header: &Header<'x>,
    body: &'x [u8],
    limits: &Limits,
    problems: &mut Vec<String>,
) -> Vec<Part<'x>> {
    walk_from(part_of(header, body), body, limits, problems)
}

/// [`walk`] from a root that is known.
pub(crate) fn walk_from<'x>(
    root: Part<'x>,
    body: &'x [u8],
    limits: &Limits,
    problems: &mut Vec<String>,
) -> Vec<Part<'x>> {
    let boundary = root.media.boundary.clone().filter(|_| root.is_multipart());
    let Some(boundary) = boundary else {
        return vec![root];
    };
    // A report has three parts below the root.
    let mut parts = Vec::with_capacity(4);
    parts.push(root);
    let mut open = vec![Open { boundary, part: 0 }];
    // The leaf that runs until the next delimiter, and where its body begins.
    let mut leaf: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some((start, text_at)) = next_dashes(body, at) {
        let line_end = memchr::memchr(b'\n', &body[text_at..]).map_or(body.len(), |i| text_at + i);
        let line = body[text_at..line_end].trim_ascii_end();
        let next = (line_end + 1).min(body.len());
        // The line break of this line may introduce the next delimiter.
        at = line_end;
        let Some((level, closing)) = delimiter(&open, line) else {
            continue;
        };
        if let Some((part, from)) = leaf.take() {
            parts[part].body = &body[from..start.max(from)];
        }
        open.truncate(level + 1);
        if closing {
            open.pop();
            if open.is_empty() {
                break;
            }
            continue;
        }
        if parts.len() == limits.max_parts {
            problems.push(format!("only {} parts read", limits.max_parts));
            leaf = None;
            open.clear();
            break;
        }
        let inner = Header::read(&body[next..], limits.max_header_bytes, limits.max_fields);
        if inner.cut {
            problems.push("header of a part cut".to_owned());
        }
        let content = next + inner.len;
        let mut part = part_of(&inner, &body[content..content]);
        part.depth = level + 1;
        part.parent = Some(open[level].part);
        let boundary = part.media.boundary.clone().filter(|_| part.is_multipart());
        parts.push(part);
        let index = parts.len() - 1;
        match boundary {
            Some(_) if open.len() == limits.max_depth => {
                problems.push(format!("only {} levels read", limits.max_depth));
                leaf = Some((index, content));
            }
            Some(boundary) => open.push(Open {
                boundary,
                part: index,
            }),
            None => leaf = Some((index, content)),
        }
        // The blank line before the content may be missing: the next delimiter can follow at once.
        at = content.saturating_sub(1).max(next.saturating_sub(1));
    }
    if let Some((part, from)) = leaf {
        parts[part].body = &body[from..];
    }
    if parts.len() == 1 {
        problems.push("boundary missing".to_owned());
    } else if !open.is_empty() {
        problems.push("closing boundary missing".to_owned());
    }
    parts
}

/// What every delimiter begins with; made once, since making it costs as much as a short search.
static DASHES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n--"));

/// The next line that begins with `--` at or after `at`: where the line break before it begins, and the line.
fn next_dashes(body: &[u8], at: usize) -> Option<(usize, usize)> {
    if at == 0 && body.starts_with(b"--") {
        return Some((0, 0));
    }
    let found = at + DASHES.find(body.get(at..)?)?;
    let start = if found > 0 && body[found - 1] == b'\r' {
        found - 1
    } else {
        found
    };
    Some((start, found + 1))
}

/// Which open multipart this line delimits, the innermost first, and whether it closes it.
fn delimiter(open: &[Open<'_>], line: &[u8]) -> Option<(usize, bool)> {
    let text = &line[2..];
    open.iter().enumerate().rev().find_map(|(i, o)| {
        let rest = text.strip_prefix(o.boundary.as_bytes())?;
        match rest {
            b"" => Some((i, false)),
            b"--" => Some((i, true)),
            // Padding and comments behind the delimiter are tolerated, a longer boundary is another one.
            r if r.starts_with(b"--") && r[2..].iter().all(|b| b.is_ascii_whitespace()) => {
                Some((i, true))
            }
            _ => None,
        }
    })
}

/// A part from its header.
pub(crate) fn part_of<'x>(header: &Header<'x>, body: &'x [u8]) -> Part<'x> {
    let mut part = Part {
        body,
        ..Part::default()
    };
    for f in &header.fields {
        if f.name.len() < 12 || !f.name[..8].eq_ignore_ascii_case(b"content-") {
            continue;
        }
        match &f.name[8..] {
            n if n.eq_ignore_ascii_case(b"type") && part.media.essence.is_empty() => {
                part.media = super::engine::content_type(f.value);
            }
            n if n.eq_ignore_ascii_case(b"transfer-encoding") => part.encoding = encoding(f.value),
            n if n.eq_ignore_ascii_case(b"disposition") => {
                part.attachment =
                    f.value.len() >= 10 && f.value[..10].eq_ignore_ascii_case(b"attachment");
                let media = super::engine::content_type(f.value);
                part.name = media.name.or(part.name.take());
            }
            n if n.eq_ignore_ascii_case(b"description") => part.description = Some(f.value),
            _ => {}
        }
    }
    if part.name.is_none() {
        part.name = part.media.name.clone();
    }
    part
}

fn encoding(value: &[u8]) -> Encoding {
    let value = value.trim_ascii();
    let word = value
        .split(|b| matches!(b, b' ' | b';' | b'(' | b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    if word.eq_ignore_ascii_case(b"base64") {
        Encoding::Base64
    } else if word.eq_ignore_ascii_case(b"quoted-printable") {
        Encoding::QuotedPrintable
    } else {
        Encoding::Identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(mail: &[u8]) -> (Vec<(String, String, usize)>, Vec<String>) {
        let header = Header::read(mail, 10_000, 100);
        let mut problems = Vec::new();
        let parts = walk(
            &header,
            &mail[header.len..],
            &Limits::default(),
            &mut problems,
        );
        let shape = parts
            .iter()
            .map(|p| {
                (
                    p.media.essence.to_string(),
                    String::from_utf8_lossy(p.body).into_owned(),
                    p.depth,
                )
            })
            .skip(1)
            .collect();
        (shape, problems)
    }

    #[test]
    fn parts_and_levels() {
        let mail = b"Content-Type: multipart/mixed; boundary=\"a\"\n\npre\n--a\n\nplain\n--a\r\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\nContent-Type: text/html\n\nh\n--ab--\n--a\nContent-Type: message/rfc822\n\nSubject: x\n\n--other\n--a--\nafter\n";
        let (shape, problems) = shape(mail);
        let want = [
            ("", "plain", 1),
            ("multipart/alternative", "", 1),
            ("text/html", "h", 2),
            ("message/rfc822", "Subject: x\n\n--other", 1),
        ];
        let want: Vec<_> = want
            .iter()
            .map(|(a, b, c)| (a.to_string(), b.to_string(), *c))
            .collect();
        assert_eq!(shape, want);
        assert!(problems.is_empty());
    }

    #[test]
    fn broken_frames() {
        assert_eq!(
            shape(b"Content-Type: multipart/mixed; boundary=a\n\nx\n").1,
            ["boundary missing"]
        );
        let (s, p) = shape(b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n");
        assert_eq!(
            (s[0].1.as_str(), p[0].as_str()),
            ("x\n", "closing boundary missing")
        );
        let (s, _) = shape(b"Content-Type: multipart/mixed; boundary=a\n\n--a\n--a\n\nx\n--a--");
        assert_eq!(s.len(), 2);
    }
}
