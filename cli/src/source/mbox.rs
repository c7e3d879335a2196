//! One message after the other from an mbox: mboxo, mboxrd, mboxcl and mboxcl2, with LF or CRLF.
//!
//! A line is a separator where it is an envelope line ([`is_envelope`]) and the first of the file or after a blank
//! line. `Content-Length` is believed only where it leads to a separator or to the end, at most
//! [`MAX_LOOKAHEAD`] bytes ahead: it is often wrong. Quoting (`>From `) is undone, one `>` each, except in a message
//! that shows by an unquoted "From " inside its Content-Length that its writer does not quote (mboxcl2).

use std::io::{self, Read};

use memchr::{memchr, memmem};

use super::envelope::{MAX_LINE, is_envelope};
use super::file::Heavy;

/// Bytes read from the stream at once.
const CHUNK: usize = 256 << 10;
/// How far ahead of a doubtful separator a `Content-Length` is followed.
const MAX_LOOKAHEAD: usize = 4 << 20;
/// Bytes at the end of a chunk that wait for the next one: a separator may begin there.
const KEPT: usize = 16;

const SEPARATOR: &[u8] = b"\nFrom ";

/// Reads the messages of one mbox; holds a chunk of it.
#[derive(Debug)]
pub(crate) struct Mbox<R> {
    window: Window<R>,
    /// Number of the last message read, from 1.
    number: u64,
    ended: bool,
}

/// A message being collected.
struct Collected<'a> {
    out: &'a mut Vec<u8>,
    base: usize,
    max: usize,
    /// Its length so far, also of what is not kept.
    len: usize,
}

impl Mbox<()> {
    /// Where the first envelope line stands if this is the beginning of an mbox. Blank lines before it, and a
    /// byte order mark, do not matter.
    fn start(first: &[u8]) -> Option<usize> {
        let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
        let blank = text
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        is_envelope(line(&text[blank..])).then_some(first.len() - text.len() + blank)
    }
}

impl<R: Read> Mbox<R> {
    /// Where the first envelope line stands if `first` is the beginning of an mbox.
    pub fn starts_at(first: &[u8]) -> Option<usize> {
        Mbox::start(first)
    }

    /// An mbox of the bytes `first`, which begin with an envelope line, and the stream after them.
    pub fn new(first: Vec<u8>, stream: R) -> Self {
        let ended = first.is_empty();
        Mbox {
            window: Window {
                stream,
                buffer: first,
                start: 0,
                ended: false,
            },
            number: 0,
            ended,
        }
    }

    /// The number of the message last read, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether all messages have been read.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Appends the next message, at most `max` bytes of it, to `out`, without its separator.
    ///
    /// # Errors
    /// Where the stream fails; nothing more can be read then.
    pub fn read(&mut self, max: usize, out: &mut Vec<u8>, heavy: &mut Heavy<'_>) -> io::Result<()> {
        self.number += 1;
        let base = out.len();
        let done = self.collect(
            &mut Collected {
                out: &mut *out,
                base,
                max,
                len: 0,
            },
            heavy,
        );
        if !matches!(done, Ok(true)) {
            self.ended = true;
        }
        done.map(drop)
    }

    /// Collects one message; true where a separator follows it.
    fn collect(&mut self, message: &mut Collected<'_>, heavy: &mut Heavy<'_>) -> io::Result<bool> {
        self.skip_line()?;
        let mut scanned = 0;
        let mut by_length = false;
        let followed = loop {
            let Some(at) =
                memmem::find(&self.window.live()[scanned..], SEPARATOR).map(|i| scanned + i + 1)
            else {
                let live = self.window.live().len();
                if self.window.ended {
                    self.window.take(live, message, heavy);
                    break false;
                }
                // What was looked through without its last bytes, which may be the beginning of a separator.
                let done = live.saturating_sub(KEPT);
                self.window.take(done, message, heavy);
                scanned = (live - done).saturating_sub(SEPARATOR.len() - 1);
                self.window.fill(live - done + CHUNK)?;
                continue;
            };
            scanned = at;
            if !message.is_blank_before(&self.window.live()[..at]) || !self.is_envelope_at(at)? {
                continue;
            }
            self.window.take(at, message, heavy);
            if let Some(ahead) = self.length_ahead(message)? {
                self.window.take(ahead, message, heavy);
                self.window.start += line_ends(self.window.live(), 2);
                by_length = true;
                break !self.window.live().is_empty();
            }
            break true;
        };
        message.finish(by_length);
        Ok(followed)
    }

    /// Skips the separator line.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(i) = memchr(b'\n', self.window.live()) {
                self.window.start += i + 1;
                return Ok(());
            }
            if self.window.ended {
                self.window.start = self.window.buffer.len();
                return Ok(());
            }
            self.window.fill(self.window.live().len() + CHUNK)?;
        }
    }

    fn is_envelope_at(&mut self, at: usize) -> io::Result<bool> {
        self.window.fill(at + MAX_LINE)?;
        let rest = &self.window.live()[at..];
        Ok(is_envelope(line(&rest[..rest.len().min(MAX_LINE)])))
    }

    /// How many bytes the message goes on behind this separator, if its `Content-Length` leads to another one.
    fn length_ahead(&mut self, message: &Collected<'_>) -> io::Result<Option<usize>> {
        let Some(end) = message.length_says() else {
            return Ok(None);
        };
        let Some(ahead) = end
            .checked_sub(message.len)
            .filter(|n| (1..=MAX_LOOKAHEAD).contains(n))
        else {
            return Ok(None);
        };
        self.window.fill(ahead + MAX_LINE)?;
        let live = self.window.live();
        if ahead > live.len() {
            return Ok(None);
        }
        let next = ahead + line_ends(&live[ahead..], 2);
        let at_line_start = live[..next].last() == Some(&b'\n');
        let rest = &live[next..];
        let lands = rest.is_empty() || is_envelope(line(&rest[..rest.len().min(MAX_LINE)]));
        Ok((at_line_start && lands).then_some(ahead))
    }
}

impl Collected<'_> {
    fn push(&mut self, bytes: &[u8], heavy: &mut Heavy<'_>) {
        self.len = self.len.saturating_add(bytes.len());
        let kept = self.out.len() - self.base;
        let fits = bytes.len().min(self.max.saturating_sub(kept));
        heavy.admit(kept + fits);
        self.out.extend_from_slice(&bytes[..fits]);
    }

    fn text(&self) -> &[u8] {
        &self.out[self.base..]
    }

    /// Whether the line before is blank; `before` are the last bytes before it, which are not collected yet.
    fn is_blank_before(&self, before: &[u8]) -> bool {
        // `before` holds at least three bytes, unless it is all there is of the message.
        before.ends_with(b"\n\n")
            || before.ends_with(b"\n\r\n")
            || (self.len == 0 && (before == b"\n" || before == b"\r\n"))
    }

    /// Where the message ends by its `Content-Length`.
    fn length_says(&self) -> Option<usize> {
        let header = header_len(self.text())?;
        let mut lines = self.text()[..header].split(|b| *b == b'\n');
        let value = lines.find_map(|l| {
            let (name, value) = l.split_at_checked(15)?;
            name.eq_ignore_ascii_case(b"Content-Length:")
                .then(|| value.trim_ascii())
        })?;
        let length: usize = std::str::from_utf8(value).ok()?.parse().ok()?;
        header.checked_add(length)
    }

    /// Takes off the blank line that belongs to the separator, and the quoting.
    fn finish(&mut self, by_length: bool) {
        if self.text().ends_with(b"\n\n") {
            self.out.pop();
        } else if self.text().ends_with(b"\n\r\n") {
            self.out.truncate(self.out.len() - 2);
        }
        let Some(header) = header_len(self.text()) else {
            return;
        };
        let body = self.base + header;
        let unquoted = by_length && memmem::find(&self.out[body - 1..], SEPARATOR).is_some();
        if !unquoted && memmem::find(&self.out[body..], b">From ").is_some() {
            unquote(self.out, body);
        }
    }
}

/// Takes one `>` from every line of `out`, from `body` on, that is `From ` behind some of them.
fn unquote(out: &mut Vec<u8>, body: usize) {
    let (mut from, mut to) = (body, body);
    while from < out.len() {
        let end = memchr(b'\n', &out[from..]).map_or(out.len(), |i| from + i + 1);
        let line = &out[from..end];
        let quotes = line.iter().take_while(|b| **b == b'>').count();
        if quotes > 0 && line[quotes..].starts_with(b"From ") {
            from += 1;
        }
        out.copy_within(from..end, to);
        to += end - from;
        from = end;
    }
    out.truncate(to);
}

/// The length of the header with its blank line.
fn header_len(text: &[u8]) -> Option<usize> {
    let lf = memmem::find(text, b"\n\n").map(|i| i + 2);
    let crlf = memmem::find(&text[..lf.unwrap_or(text.len())], b"\n\r\n").map(|i| i + 3);
    crlf.or(lf)
}

/// The first line, without its end.
fn line(text: &[u8]) -> &[u8] {
    &text[..memchr(b'\n', text).unwrap_or(text.len())]
}

/// The length of the line ends at the beginning, `max` of them at most.
fn line_ends(text: &[u8], max: usize) -> usize {
    let mut at = 0;
    for _ in 0..max {
        match &text[at..] {
            [b'\n', ..] => at += 1,
            [b'\r', b'\n', ..] => at += 2,
            _ => break,
        }
    }
    at
}

/// The part of the stream that is being looked at.
#[derive(Debug)]
struct Window<R> {
    stream: R,
    buffer: Vec<u8>,
    /// What stands before has been taken.
    start: usize,
    ended: bool,
}

impl<R> Window<R> {
    fn live(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn take(&mut self, count: usize, message: &mut Collected<'_>, heavy: &mut Heavy<'_>) {
        message.push(&self.buffer[self.start..self.start + count], heavy);
        self.start += count;
    }
}

impl<R: Read> Window<R> {
    /// Reads on until `want` bytes are live or the stream ends.
    fn fill(&mut self, want: usize) -> io::Result<()> {
        while !self.ended && self.live().len() < want {
            // Moving is paid for by what was taken since: linear over the file.
            if self.start > self.buffer.len() / 2 {
                self.buffer.drain(..self.start);
                self.start = 0;
                if self.buffer.capacity() > 4 * (self.buffer.len() + CHUNK) {
                    self.buffer.shrink_to(2 * (self.buffer.len() + CHUNK));
                }
            }
            let read = self
                .stream
                .by_ref()
                .take(CHUNK as u64)
                .read_to_end(&mut self.buffer)?;
            self.ended = read < CHUNK;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const FROM: &str = "From a@example.com Mon Jan  5 10:00:00 2026\n";

    /// A stream that gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let (Some(first), Some(to)) = (self.0.first(), buffer.first_mut()) else {
                return Ok(0);
            };
            *to = *first;
            self.0 = &self.0[1..];
            Ok(1)
        }
    }

    fn split(text: &str, max: usize) -> Vec<String> {
        let gate = Mutex::new(());
        let start = Mbox::start(text.as_bytes()).unwrap();
        let mut mbox = Mbox::new(
            text.as_bytes()[start..start + 5].to_vec(),
            Slow(&text.as_bytes()[start + 5..]),
        );
        let mut messages = Vec::new();
        while !mbox.ended() {
            let mut out = b"kept".to_vec();
            mbox.read(max, &mut out, &mut Heavy::new(&gate)).unwrap();
            messages.push(String::from_utf8(out.split_off(4)).unwrap());
            assert_eq!(out, b"kept");
        }
        assert_eq!(mbox.number(), messages.len() as u64);
        messages
    }

    #[test]
    fn separators_stand_after_blank_lines_and_have_a_date() {
        let text = format!(
            "\n{FROM}A: 1\n\nFrom now on\n{FROM}x\n\nFrom here\n\n{FROM}A: 2\n\nyy\n\n{FROM}\n{FROM}A: 4\n"
        );
        let expected = [
            &format!("A: 1\n\nFrom now on\n{FROM}x\n\nFrom here\n"),
            "A: 2\n\nyy\n",
            "\n",
            "A: 4\n",
        ];
        assert_eq!(split(&text, 1000), expected);
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(
            split(&crlf, 1000),
            expected.map(|m| m.replace('\n', "\r\n"))
        );
        assert_eq!(split(&text, 7), ["A: 1\n\nF", "A: 2\n\ny", "\n", "A: 4\n"]);
    }

    #[test]
    fn quoting_is_undone_once() {
        let text = format!("{FROM}A: 1\n>From x\n\n>From b\n>>From c\n >From d\n> From e\n>From\n");
        assert_eq!(
            split(&text, 1000),
            ["A: 1\n>From x\n\nFrom b\n>From c\n >From d\n> From e\n>From\n"]
        );
    }

    #[test]
    fn content_length_counts_where_it_leads_to_a_separator() {
        let body = format!("one\n\n{FROM}B: 1\n\n>From kept\n");
        let right = format!(
            "{FROM}content-length: {}\n\n{body}\n{FROM}A: 2\n\nx\n",
            body.len()
        );
        let header = format!("content-length: {}\n\n", body.len());
        assert_eq!(
            split(&right, 1000),
            [&format!("{header}{body}"), "A: 2\n\nx\n"]
        );
        let last = format!("{FROM}content-length: {}\n\n{body}", body.len());
        assert_eq!(split(&last, 1000), [format!("{header}{body}")]);
        let wrong = format!(
            "{FROM}content-length: {}\n\n{body}\n{FROM}A: 2\n\nx\n",
            body.len() - 3
        );
        assert_eq!(split(&wrong, 1000).len(), 3);
        for length in [
            "99999999999999999999999",
            "18446744073709551615",
            "3000000",
            "-1",
            "x",
        ] {
            let wrong = format!("{FROM}content-length: {length}\n\none\n\n{FROM}A: 2\n\nx\n");
            assert_eq!(split(&wrong, 1000).len(), 2, "{length}");
        }
    }

    #[test]
    fn an_end_anywhere_is_an_end() {
        let text = format!("{FROM}A: 1\n\nx\n\n{FROM}A: 2\n\ny\n");
        for end in FROM.len()..text.len() {
            let messages = split(&text[..end], 1000);
            assert!((1..=2).contains(&messages.len()), "{end}");
        }
        assert_eq!(split(FROM.trim_end(), 1000), [""]);
    }
}
