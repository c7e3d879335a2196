//! Opens a file or stream, looks at its first bytes, and reads it where it is one message.

use std::fs::File;
use std::io::{self, Read};
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
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(io::stdin()),
    };
    let more = read_up_to(&mut stream, buffer, FIRST.min(max))?;
    if !entry.in_maildir
        && let Some(start) = Mbox::<Stream>::starts_at(buffer)
    {
        return Ok(Content::Mbox(Mbox::new(buffer[start..].to_vec(), stream)));
    }
    let mut more = more;
    while more && buffer.len() < max {
        let size = buffer.len().saturating_mul(2).min(max);
        heavy.admit(size);
        more = read_up_to(&mut stream, buffer, size)?;
    }
    Ok(Content::Message)
}

/// Reads until the buffer holds `size` bytes; false where the stream ended before.
fn read_up_to(stream: &mut Stream, buffer: &mut Vec<u8>, size: usize) -> io::Result<bool> {
    let missing = size - buffer.len();
    stream.by_ref().take(missing as u64).read_to_end(buffer)?;
    Ok(buffer.len() == size)
}
