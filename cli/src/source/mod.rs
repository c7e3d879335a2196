//! Where mail lies: Maildirs, mbox files, single messages, folders of messages, stdin. Told apart by looking.
//!
//! * A folder that holds the folders `cur` and `new` is a Maildir: its messages are the files in these two, one each;
//!   `tmp` holds mail that is still being written and is never read. Folders beside them are read like any folder.
//! * Any other folder is read recursively, each folder once, whatever its files are called.
//! * A file that begins with an envelope line (`From bob@example.com Mon Jan  5 10:00:00 2026`) is an mbox.
//! * A file met in a folder that begins like JSON, an archive, a picture or a program is no mail and is left out.
//! * Any other file is one message.
//!
//! The order is that of the arguments, and of the bytes of the names inside a folder.

mod envelope;
mod file;
mod mbox;
mod names;
mod walk;

pub(crate) use file::{Content, Heavy, Stream, open};
pub(crate) use mbox::Mbox;
pub(crate) use walk::{Found, Walk};

use std::path::PathBuf;

/// A file or stream that holds one message or an mbox.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it is; `None` is stdin.
    pub path: Option<PathBuf>,
    /// Lies in a Maildir, so it is one message whatever it begins with.
    pub in_maildir: bool,
    /// Was named by the user, and not met in a folder: it is read whatever it looks like.
    pub named: bool,
}

impl Entry {
    /// The `source` of the output: the path as it was reached, or `-`.
    pub fn source(&self) -> String {
        self.path
            .as_ref()
            .map_or_else(|| "-".to_owned(), |p| p.to_string_lossy().into_owned())
    }
}
