//! One mail, one id, on every machine.

use sha2::{Digest, Sha256};

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
/// `bytes` go from the first header field to the end of the returned message's header; `header_len` of them
/// are the outer header, whose bookkeeping fields do not count. An mbox separator line does not either.
pub(crate) fn event_id(bytes: &[u8], header_len: usize) -> String {
    let mut hash = Sha256::new();
    let mut buffer = Buffer::default();
    let header = &bytes[..header_len.min(bytes.len())];
    if memchr::memchr(b'\r', header).is_none() {
        update_with_header(&mut hash, header);
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
    let rest = &bytes[header_len.min(bytes.len())..];
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
        hash.update(&header[from..]);
        if !header.is_empty() && !header.ends_with(b"\n") {
            hash.update(b"\n");
        }
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
    if line.starts_with(b"From ") || line.starts_with(b">From ") {
        return true;
    }
    let Some(colon) = line.iter().take(16).position(|b| *b == b':') else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    BOOKKEEPING
        .iter()
        .any(|b| name.eq_ignore_ascii_case(b.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_one_mail_have_one_id() {
        let mail = b"Subject: x\nStatus: RO\n\nbody\n\n".as_slice();
        let id = event_id(mail, 23);
        for (copy, len) in [
            (b"Subject: x\r\n\r\nbody\r\n".as_slice(), 14),
            (b"From a@b Sat\nX-UID: 5\n 6\nSubject: x\n\nbody", 37),
            (
                b"From a@b Sat\r\nX-UID: 5\r\n 6\r\nSubject: x\r\nStatus: O\r\n\r\nbody",
                53,
            ),
            (
                b"Status: O\nX-Status: A\nSubject: x\nStatus: RO\n\nbody\n",
                45,
            ),
        ] {
            assert_eq!(event_id(copy, len), id);
        }
        assert_eq!(event_id(b"Subject: x", 10), event_id(b"Subject: x\r\n", 12));
        assert_ne!(event_id(b"Subject: y\n\nbody\n", 12), id);
        assert_eq!(id.len(), 32);
    }
}
