//! Mails as trees of MIME entities, right by RFC 2045 and 2046 but written in every way these allow.

use std::fmt::Write as _;

use arbitrary::Arbitrary;

/// A mail: the outer header, one entity, line ends.
#[derive(Arbitrary, Debug, Clone)]
pub struct Frame {
    pub crlf: bool,
    /// The last line has no line end.
    pub cut_last: bool,
    /// The closing delimiters do not come: the mail was cut.
    pub open_ended: bool,
    pub entity: Entity,
}

#[derive(Arbitrary, Debug, Clone)]
pub enum Entity {
    Leaf(Leaf),
    Message(Box<Entity>),
    Multi(Multi),
}

#[derive(Arbitrary, Debug, Clone)]
pub struct Leaf {
    pub media: u8,
    pub encoding: u8,
    pub fields: Vec<Extra>,
    pub lines: Vec<Line>,
}

#[derive(Arbitrary, Debug, Clone)]
pub struct Multi {
    pub subtype: u8,
    pub boundary: u8,
    pub style: u8,
    pub preamble: Vec<Line>,
    pub epilogue: Vec<Line>,
    /// Blanks behind delimiters (transport padding).
    pub padding: u8,
    pub children: Vec<Entity>,
}

/// A field that says nothing about the frame.
#[derive(Arbitrary, Debug, Clone)]
pub enum Extra {
    Id(u8),
    Description(u8),
    Disposition(bool),
    Folded(u8),
    Empty,
}

/// A line of a body.
#[derive(Arbitrary, Debug, Clone)]
pub enum Line {
    Empty,
    Words(u8),
    Blanks(u8),
    Dashes(u8),
    /// Like a delimiter, of a boundary that nobody has declared.
    LikeDelimiter(u8),
    Field(u8),
    Eight,
    Escapes(u8),
    Dot,
}

const MEDIA: [&str; 9] = [
    "",
    "text/plain",
    "TEXT/Plain; charset=us-ascii",
    "text/plain;\n\tcharset=\"utf-8\";\n format=flowed",
    "text/html; charset=utf-8",
    "message/delivery-status",
    "application/octet-stream; name=\"a b.bin\"",
    "text/rfc822-headers",
    "image/png;name=x.png",
];

const SUBTYPES: [&str; 5] = ["mixed", "alternative", "report; report-type=delivery-status", "related; type=\"text/html\"", "MIXED"];

impl Frame {
    /// The bytes of the mail.
    pub fn write(&self) -> Vec<u8> {
        let mut out = String::from("From: a@example.com\nSubject: x\nMIME-Version: 1.0\n");
        let mut writer = Writer { boundaries: 0, open_ended: self.open_ended };
        writer.entity(&self.entity, 0, &mut out);
        if !self.cut_last {
            out.push('\n');
        }
        if self.crlf { out.replace('\n', "\r\n") } else { out }.into_bytes()
    }
}

impl Entity {
    /// Whether `is` holds of this entity or of one inside.
    pub fn any(&self, is: &dyn Fn(&Entity) -> bool) -> bool {
        is(self)
            || match self {
                Entity::Leaf(_) => false,
                Entity::Message(inner) => inner.any(is),
                Entity::Multi(m) => m.children.iter().any(|c| c.any(is)),
            }
    }
}

struct Writer {
    boundaries: usize,
    open_ended: bool,
}

impl Writer {
    /// Header and body; the body ends without a line end of its own.
    fn entity(&mut self, entity: &Entity, level: usize, out: &mut String) {
        match entity {
            Entity::Leaf(leaf) => leaf.write(out),
            Entity::Message(inner) if level < 4 => {
                out.push_str("Content-Type: message/rfc822\n\nFrom: b@example.net\nSubject: inner\n");
                self.entity(inner, level + 1, out);
            }
            Entity::Multi(multi) if level < 4 => self.multi(multi, level, out),
            Entity::Message(_) | Entity::Multi(_) => out.push_str("\ntoo deep"),
        }
    }

    fn multi(&mut self, multi: &Multi, level: usize, out: &mut String) {
        self.boundaries += 1;
        // Each ends in another character than any goes on with: none begins with another.
        let name = format!("{}{}.", ["b", "=_", "----=_Part_", "'()+_,-./:=?", "a b"][usize::from(multi.boundary % 5)], self.boundaries);
        let must_quote = multi.boundary % 5 >= 1;
        let declared = if must_quote || multi.style & 1 == 1 { format!("\"{name}\"") } else { name.clone() };
        let attribute = ["boundary", "BOUNDARY", "Boundary"][usize::from(multi.style / 2 % 3)];
        let between = ["; ", ";", ";\n ", ";\n\t"][usize::from(multi.style / 8 % 4)];
        let subtype = SUBTYPES[usize::from(multi.subtype) % SUBTYPES.len()];
        let _ = write!(out, "Content-Type: multipart/{subtype}{between}{attribute}={declared}\n\n");
        for line in multi.preamble.iter().take(4) {
            line.write(out);
            out.push('\n');
        }
        let padding = [" ", "", "", "\t "][usize::from(multi.padding % 4)];
        let first = Entity::Leaf(Leaf { media: 0, encoding: 0, fields: Vec::new(), lines: Vec::new() });
        let children = if multi.children.is_empty() { std::slice::from_ref(&first) } else { &multi.children };
        for child in children.iter().take(5) {
            let _ = writeln!(out, "--{name}{padding}");
            self.entity(child, level + 1, out);
            out.push('\n');
        }
        if self.open_ended {
            return;
        }
        let _ = write!(out, "--{name}--{padding}");
        for line in multi.epilogue.iter().take(4) {
            out.push('\n');
            line.write(out);
        }
    }
}

impl Leaf {
    fn write(&self, out: &mut String) {
        let media = MEDIA[usize::from(self.media) % MEDIA.len()];
        if !media.is_empty() {
            let _ = writeln!(out, "Content-Type: {media}");
        }
        for f in self.fields.iter().take(4) {
            f.write(out);
        }
        let mut text = String::new();
        for (i, line) in self.lines.iter().take(10).enumerate() {
            if i > 0 {
                text.push('\n');
            }
            line.write(&mut text);
        }
        let encoding = ["", "7bit", "8BIT", "binary", "base64", "Quoted-Printable"][usize::from(self.encoding % 6)];
        if !encoding.is_empty() {
            let _ = writeln!(out, "Content-Transfer-Encoding: {encoding}");
        }
        out.push('\n');
        match self.encoding % 6 {
            4 => out.push_str(&base64(text.as_bytes())),
            5 => out.push_str(&quoted_printable(&text)),
            _ => out.push_str(&text),
        }
    }
}

impl Extra {
    fn write(&self, out: &mut String) {
        let _ = match self {
            Extra::Id(n) => writeln!(out, "Content-ID: <{n}@example.com>"),
            Extra::Description(n) => writeln!(out, "Content-Description: part {n}: of it"),
            Extra::Disposition(inline) => writeln!(out, "Content-Disposition: {}", if *inline { "inline" } else { "attachment; filename=\"x.txt\"" }),
            Extra::Folded(n) => writeln!(out, "X-Folded: a\n {n}\n\tb"),
            Extra::Empty => writeln!(out, "X-Empty:"),
        };
    }
}

impl Line {
    fn write(&self, out: &mut String) {
        let _ = match self {
            Line::Empty => Ok(()),
            Line::Words(n) => write!(out, "some words {n}"),
            Line::Blanks(n) => write!(out, "x{}", " ".repeat(usize::from(n % 5))),
            Line::Dashes(n) => write!(out, "{}", "-".repeat(usize::from(n % 6))),
            Line::LikeDelimiter(n) => write!(out, "--{}", ["x", "b", "=_", "b1", "x--", "----=_Part_", "a b"][usize::from(n % 7)]),
            Line::Field(n) => write!(out, "Content-Type: text/x{n}"),
            Line::Eight => write!(out, "\u{e9}t\u{e9} \u{65e5}"),
            Line::Escapes(n) => write!(out, "{}", ["=", "=3D", "=zz", "a=", "=?utf-8?q?=41?="][usize::from(n % 5)]),
            Line::Dot => write!(out, "."),
        };
    }
}

/// Base64 in lines of 76 (RFC 2045 section 6.8).
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (i, chunk) in bytes.chunks(3).enumerate() {
        if i > 0 && i % 19 == 0 {
            out.push('\n');
        }
        let n = u32::from(chunk[0]) << 16 | u32::from(*chunk.get(1).unwrap_or(&0)) << 8 | u32::from(*chunk.get(2).unwrap_or(&0));
        for k in 0..4 {
            out.push(if k <= chunk.len() { char::from(DIGITS[(n >> (18 - 6 * k)) as usize & 63]) } else { '=' });
        }
    }
    out
}

/// Quoted-printable in lines of at most 76 (RFC 2045 section 6.7).
pub fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let mut width = 0;
        for (at, byte) in line.bytes().enumerate() {
            let last = at + 1 == line.len();
            let plain = (33..=126).contains(&byte) && byte != b'=' || matches!(byte, b' ' | b'\t') && !last;
            let piece = if plain { char::from(byte).to_string() } else { format!("={byte:02X}") };
            if width + piece.len() > 75 {
                out.push_str("=\n");
                width = 0;
            }
            width += piece.len();
            out.push_str(&piece);
        }
    }
    out
}
