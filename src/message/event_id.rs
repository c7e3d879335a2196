//! One mail, one id, on every machine.

use sha2::{Digest, Sha256};

use super::header::{Header, is_envelope};
use super::newline::lines;

/// Header fields that stores add and change while a mail lies there.
const BOOKKEEPING: &[&str] = &[
    "status",
    "x-status",
    "x-uid",
    "x-keywords",
    "x-uidl",
    "x-imapbase",
    "x-imap",
    "content-length",
];

/// SHA-256, in hex and cut to 128 bits, over `bytes` line by line, whatever the line ends were.
///
/// `bytes` go from the first header field to the end of the returned message's header; `fields` are the outer header at their
/// beginning, of which bookkeeping does not count. An mbox separator line does not either.
pub(crate) fn event_id(bytes: &[u8], fields: &Header<'_>) -> String {
    let mut hash = Sha256::new();
    let mut buffer = Buffer::default();
    let (header, rest) = bytes.split_at(fields.len.min(bytes.len()));
    if memchr::memchr(b'\r', header).is_none() {
        // What was read whole shows without another look that each line counts.
        let counts = !fields.cut && !fields.has_envelope;
        if counts && !fields.fields.iter().any(|f| is_bookkeeping_name(f.name)) {
            update_with_lines(&mut hash, header);
        } else {
            update_with_header(&mut hash, header);
        }
    } else {
        let mut skipping = false;
        for line in lines(header) {
            if !is_fold(line) {
                skipping = is_bookkeeping(line);
            }
            if !skipping {
                buffer.push(&mut hash, line);
            }
        }
    }
    if memchr::memchr(b'\r', rest).is_none() {
        let end = rest.iter().rposition(|b| *b != b'\n').map_or(0, |i| i + 1);
        buffer.flush(&mut hash);
        if end > 0 {
            hash.update(&rest[..end]);
            hash.update(b"\n");
        }
        return hex(hash);
    }
    let mut blank = 0;
    for line in lines(rest) {
        // Stores differ in blank lines at the end.
        if line.is_empty() {
            blank += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut blank) {
            buffer.push(&mut hash, b"");
        }
        buffer.push(&mut hash, line);
    }
    buffer.flush(&mut hash);
    hex(hash)
}

/// Hashes the lines of a header that count, in as few pieces as they have.
fn update_with_header(hash: &mut Sha256, header: &[u8]) {
    let (mut at, mut from, mut skipping) = (0, 0, false);
    for line in lines(header) {
        let skip = is_bookkeeping(line);
        if !is_fold(line) && skip != skipping {
            if skip {
                hash.update(&header[from..at]);
            }
            (from, skipping) = (at, skip);
        }
        at += line.len() + 1;
    }
    if !skipping {
        update_with_lines(hash, &header[from..]);
    }
}

/// Hashes lines with LF, the last one too.
fn update_with_lines(hash: &mut Sha256, lines: &[u8]) {
    hash.update(lines);
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        hash.update(b"\n");
    }
}

fn is_fold(line: &[u8]) -> bool {
    line.starts_with(b" ") || line.starts_with(b"\t")
}

/// The first half of the hash.
fn hex(hash: Sha256) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut id = String::with_capacity(32);
    for byte in hash.finalize().iter().take(16) {
        id.push(char::from(DIGITS[usize::from(byte >> 4)]));
        id.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    id
}

/// Lines on their way into the hash: one by one they would cost more than what is hashed.
struct Buffer {
    bytes: [u8; 1024],
    len: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Buffer {
            bytes: [0; 1024],
            len: 0,
        }
    }
}

impl Buffer {
    /// Adds a line, with LF for its end.
    fn push(&mut self, hash: &mut Sha256, line: &[u8]) {
        if self.len + line.len() >= self.bytes.len() {
            self.flush(hash);
        }
        match self.bytes.get_mut(self.len..=self.len + line.len()) {
            Some(room) => {
                room[..line.len()].copy_from_slice(line);
                room[line.len()] = b'\n';
                self.len += room.len();
            }
            None => {
                hash.update(line);
                hash.update(b"\n");
            }
        }
    }

    fn flush(&mut self, hash: &mut Sha256) {
        hash.update(&self.bytes[..self.len]);
        self.len = 0;
    }
}

fn is_bookkeeping(line: &[u8]) -> bool {
    // Most lines are seen to be none by their first letter.
    if !matches!(
        line.first(),
        Some(b's' | b'S' | b'x' | b'X' | b'c' | b'C' | b'F' | b'>')
    ) {
        return false;
    }
    if is_envelope(line) {
        return true;
    }
    let Some(colon) = line.iter().take(16).position(|b| *b == b':') else {
        return false;
    };
    is_bookkeeping_name(line[..colon].trim_ascii_end())
}

fn is_bookkeeping_name(name: &[u8]) -> bool {
    BOOKKEEPING
        .iter()
        .any(|b| name.eq_ignore_ascii_case(b.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(mail: &[u8]) -> String {
        event_id(mail, &Header::read(mail, 1000, 10))
    }

    #[test]
    fn copies_of_one_mail_have_one_id() {
        let id = id_of(b"Subject: x\nStatus: RO\n\nbody\n\n");
        for copy in [
            b"Subject: x\r\n\r\nbody\r\n".as_slice(),
            b"Subject: x\n\nbody\n",
            b"From a@b Sat\nX-UID: 5\n 6\nSubject: x\n\nbody",
            b"From a@b Sat\r\nX-UID: 5\r\n 6\r\nSubject: x\r\nStatus: O\r\n\r\nbody",
            b">From a@b Sat\nSubject: x\n\nbody",
            b"Status: O\nX-Status: A\nSubject: x\nStatus : RO\n\nbody\n",
        ] {
            let text = String::from_utf8_lossy(copy);
            assert_eq!(id_of(copy), id, "{text:?}");
        }
        assert_eq!(id_of(b"Subject: x"), id_of(b"Subject: x\r\n"));
        assert_ne!(id_of(b"Subject: y\n\nbody\n"), id);
        assert_eq!(id.len(), 32);
    }

    /// Bookkeeping beyond what is read of a header does not count either.
    #[test]
    fn a_header_that_was_cut_has_the_same_id() {
        let mail = b"A: 1\nB: 2\nStatus: O\nC: 3\n\nx";
        let cut = Header::read(mail, 1000, 2);
        assert!(cut.cut);
        assert_eq!(event_id(mail, &cut), id_of(b"A: 1\nB: 2\nC: 3\n\nx"));
    }
}
