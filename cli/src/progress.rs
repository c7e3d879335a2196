//! The bar on stderr, only where stderr is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::safe;

/// How far a scan is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    messages: u64,
}

impl Progress {
    /// A bar, or nothing where nobody would see it.
    pub fn new() -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:30} {human_pos}/{human_len} files, {msg} [{elapsed}]",
        ) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar, messages: 0 }
    }

    /// So many files and messages more are done; `listed` files are known.
    pub fn advance(&mut self, files: u64, messages: u64, listed: u64) {
        self.messages += messages;
        if !self.bar.is_hidden() {
            self.bar.set_length(listed);
            self.bar.inc(files);
            self.bar.set_message(format!("{} messages", self.messages));
        }
    }

    /// Writes something above the bar.
    pub fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        if self.bar.is_hidden() {
            write()
        } else {
            self.bar.suspend(write)
        }
    }

    /// Says a line on stderr.
    pub fn say(&self, words: &str) {
        // Nothing can be said about a stderr that cannot be written.
        self.above(|| {
            drop(writeln!(
                io::stderr(),
                "undeliverable: {}",
                safe::text(words)
            ))
        });
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
