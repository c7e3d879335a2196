//! Header blocks: fields as spans, found without copying.

use memchr::memchr;

/// One field: its name and its raw value, folding and all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'x> {
    pub name: &'x [u8],
    pub value: &'x [u8],
}

/// The fields of one header block, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header<'x> {
    pub fields: Vec<Field<'x>>,
    /// Bytes from the start of the block to the start of the body.
    pub len: usize,
    /// Whether a limit cut the block.
    pub cut: bool,
    /// Whether a line of an mbox stands in it.
    pub has_envelope: bool,
}

impl<'x> Header<'x> {
    /// Reads the block at the start of `bytes`. Lines that are no field are skipped, except that a block ends
    /// where the first line is none.
    pub fn read(bytes: &'x [u8], max_bytes: usize, max_fields: usize) -> Self {
        let mut header = Header {
            fields: Vec::with_capacity(24),
            ..Header::default()
        };
        let mut at = 0;
        // Bytes of the fields so far.
        let mut kept = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let (line, next) = line_at(rest);
            if line.is_empty() {
                header.len = at + next;
                return header;
            }
            if kept == max_bytes || header.fields.len() == max_fields {
                header.cut = true;
                header.len = body_start(bytes, at);
                return header;
            }
            header.has_envelope |= is_envelope(line);
            match split(line) {
                // One endless field does not hide those behind it.
                Some(_) if next > max_bytes - kept => {
                    header.cut = true;
                    at += next;
                }
                Some((name, value_at)) => {
                    let mut end = next;
                    // A line that begins with a blank belongs to the field before it.
                    while let Some(b' ' | b'\t') = rest.get(end) {
                        let (more, len) = line_at(&rest[end..]);
                        if more.iter().all(|b| matches!(b, b' ' | b'\t'))
                            && !continues(&rest[end + len..])
                        {
                            break;
                        }
                        if end + len > max_bytes - kept {
                            header.cut = true;
                            break;
                        }
                        end += len;
                    }
                    let value = trim(&rest[value_at..end]);
                    header.fields.push(Field { name, value });
                    at += end;
                    kept += end;
                }
                None if header.fields.is_empty() && !header.cut && !is_envelope(line) => {
                    header.len = at;
                    return header;
                }
                None => at += next,
            }
        }
        header.len = at;
        header
    }

    /// The raw value of the first field of this name.
    pub fn get(&self, name: &str) -> Option<&'x [u8]> {
        self.all(name).next()
    }

    /// The raw values of every field of this name.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'x [u8]> + 's {
        self.fields
            .iter()
            .filter(move |f| {
                f.name.len() == name.len() && f.name.eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|f| f.value)
    }
}

/// Whether a folded line follows: then a blank line with spaces does not end the block.
fn continues(rest: &[u8]) -> bool {
    matches!(rest.first(), Some(b' ' | b'\t'))
}

/// The first line without its end, and the length with it.
fn line_at(bytes: &[u8]) -> (&[u8], usize) {
    match memchr(b'\n', bytes) {
        Some(i) => (bytes[..i].strip_suffix(b"\r").unwrap_or(&bytes[..i]), i + 1),
        None => (bytes.strip_suffix(b"\r").unwrap_or(bytes), bytes.len()),
    }
}

/// Name and start of the value of a field line. A blank before the colon is tolerated (RFC 5322 section 4.5).
pub(crate) fn split(line: &[u8]) -> Option<(&[u8], usize)> {
    let colon = memchr(b':', &line[..line.len().min(256)])?;
    let name = line[..colon].trim_ascii_end();
    let ok = !name.is_empty() && name.iter().all(|b| (33..=126).contains(b));
    ok.then_some((name, colon + 1))
}

/// The mbox line before the header, also escaped.
pub(super) fn is_envelope(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

fn body_start(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        let (line, next) = line_at(&bytes[at..]);
        at += next;
        if line.is_empty() {
            break;
        }
    }
    at
}

fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_spans() {
        let mail = b"From x@y Sat\nA: 1\n 2\nB : 3\r\nbroken\nC:4\n\nbody";
        let h = Header::read(mail, 1000, 10);
        assert_eq!(h.get("a"), Some(b"1\n 2".as_slice()));
        assert_eq!(h.get("B"), Some(b"3".as_slice()));
        assert_eq!(h.get("c"), Some(b"4".as_slice()));
        assert_eq!(&mail[h.len..], b"body");
        assert_eq!(Header::read(b"no header here\n\nx", 1000, 10).len, 0);
        assert!(Header::read(b"A: 1\nB: 2\nC: 3\n\nx", 1000, 2).cut);
        let long = b"A: 1\nX: long\n and folded\nB: 2\n and more\n\nx";
        let h = Header::read(long, 15, 10);
        assert_eq!(
            (h.get("X"), h.get("B"), h.cut),
            (Some(b"long".as_slice()), None, true)
        );
        assert_eq!(&long[h.len..], b"x");
        let h = Header::read(b"X: loooooooooong\nB: 2\n\nx", 12, 10);
        assert_eq!(
            (h.get("X"), h.get("B"), h.cut),
            (None, Some(b"2".as_slice()), true)
        );
    }
}
