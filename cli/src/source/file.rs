//! Opens a file or stream, looks at its first bytes, and reads it where it is one message.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Entry;
use super::mbox::Mbox;

/// Bytes that are read before it is decided what a file is.
const FIRST: usize = 64 << 10;
/// From here on a message is read while no other of this size is in memory.
const HEAVY: usize = 4 << 20;

/// A stream of an archive, to be read in one thread at a time.
pub(crate) type Stream = Box<dyn Read + Send>;

/// What a file turned out to hold.
pub(crate) enum Content {
    /// One message; its bytes stand in the buffer.
    Message,
    /// Messages, to be taken one after the other.
    Mbox(Mbox<Stream>),
    /// Something else that lies among the mail.
    NoMail,
}

/// The right to hold one message of many megabytes: one thread has it at a time, so memory stays bounded
/// whatever the number of threads.
#[derive(Debug)]
pub(crate) struct Heavy<'a> {
    gate: &'a Mutex<()>,
    held: Option<MutexGuard<'a, ()>>,
}

impl<'a> Heavy<'a> {
    /// A right that is not held yet.
    pub fn new(gate: &'a Mutex<()>) -> Self {
        Heavy { gate, held: None }
    }

    /// Waits for the right where a message of `size` bytes needs it.
    pub fn admit(&mut self, size: usize) {
        if size >= HEAVY && self.held.is_none() {
            // The gate guards no data that a panic could leave half done.
            self.held = Some(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Opens an entry; where it is one message, reads at most `max` bytes of it into `buffer`.
///
/// # Errors
/// Where the entry cannot be opened or read.
pub(crate) fn open(
    entry: &Entry,
    max: usize,
    buffer: &mut Vec<u8>,
    heavy: &mut Heavy<'_>,
) -> io::Result<Content> {
    buffer.clear();
    let mut stream: Stream = match &entry.path {
        Some(path) => Box::new(open_file(path, entry.in_maildir)?),
        None => Box::new(io::stdin()),
    };
    let more = read_up_to(&mut stream, buffer, FIRST.min(max))?;
    if !entry.in_maildir
        && let Some(start) = Mbox::<Stream>::starts_at(buffer)
    {
        return Ok(Content::Mbox(Mbox::new(buffer[start..].to_vec(), stream)));
    }
    if !entry.named && !entry.in_maildir && is_no_mail(buffer) {
        return Ok(Content::NoMail);
    }
    let mut more = more;
    while more && buffer.len() < max {
        let size = buffer.len().saturating_mul(2).min(max);
        heavy.admit(size);
        more = read_up_to(&mut stream, buffer, size)?;
    }
    Ok(Content::Message)
}

/// Whether bytes begin as no mail does: JSON, an archive, a document, a picture, a database, a program.
fn is_no_mail(bytes: &[u8]) -> bool {
    const MAGIC: &[&[u8]] = &[
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"%PDF-",
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"\x7fELF",
        b"SQLite format 3\0",
        b"BZh",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
    ];
    let text = bytes.trim_ascii_start();
    let json = match text {
        [b'{' | b'[', rest @ ..] => {
            matches!(rest.trim_ascii_start(), [b'"' | b'{' | b'}' | b']', ..])
        }
        _ => false,
    };
    json || MAGIC.iter().any(|m| bytes.starts_with(m))
}

/// Opens a file. A message of a Maildir may have been moved since its folder was listed: the part of its name
/// before the flags stays the same, and it is in `cur` then.
fn open_file(path: &Path, in_maildir: bool) -> io::Result<File> {
    File::open(path).or_else(|error| {
        let moved = in_maildir && error.kind() == io::ErrorKind::NotFound;
        moved
            .then(|| moved_to(path))
            .flatten()
            .map_or(Err(error), File::open)
    })
}

fn moved_to(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_encoded_bytes();
    let unique = name.split(|b| *b == b':').next()?;
    let cur = path.parent()?.parent()?.join("cur");
    fs::read_dir(cur)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            let rest = path
                .file_name()
                .and_then(|n| n.as_encoded_bytes().strip_prefix(unique));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b":"))
        })
}

/// Reads until the buffer holds `size` bytes; false where the stream ended before.
fn read_up_to(stream: &mut Stream, buffer: &mut Vec<u8>, size: usize) -> io::Result<bool> {
    let missing = size - buffer.len();
    stream.by_ref().take(missing as u64).read_to_end(buffer)?;
    Ok(buffer.len() == size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_among_mail_is_told_by_its_start() {
        for other in [
            &b"{\"file\": 1}"[..],
            b"[\n {\n",
            b"PK\x03\x04x",
            b"%PDF-1.4",
        ] {
            assert!(is_no_mail(other));
        }
        for mail in [
            &b""[..],
            b"Subject: x",
            b"{not json",
            b"\nFrom: a",
            b"[Fwd]: x\n",
            b"\0\0",
        ] {
            assert!(!is_no_mail(mail));
        }
    }

    #[test]
    fn a_message_that_was_moved_meanwhile_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["cur", "new"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("cur/17.M1.host:2,S"), "right").unwrap();
        fs::write(dir.path().join("cur/17.M1.host2:2,S"), "wrong").unwrap();
        for name in ["new/17.M1.host", "cur/17.M1.host:2,"] {
            let mut text = String::new();
            open_file(&dir.path().join(name), true)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, "right");
        }
        assert!(open_file(&dir.path().join("new/17.M1.host"), false).is_err());
        assert!(open_file(&dir.path().join("new/18.M1.host"), true).is_err());
    }
}
