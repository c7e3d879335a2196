//! The bytes between us and an IMAP server: one whole response at a time, within bounds.
//!
//! `imap-proto` reads a response that is there as a whole. Where one ends is found here, and here stands how much a
//! server may send: a line, a literal, a nesting, a time. What lies beyond is an error and never memory.

use std::time::Duration;

use tokio::time::Instant;

use crate::mailbox::stream::{Link, Stream, silent};
use crate::mailbox::trouble::Trouble;

/// Bytes of a line, literals aside. The structure of a mail of a thousand parts has some 300,000.
const MAX_LINE: usize = 1 << 20;
/// Bytes of a literal. Mail is fetched in pieces that are smaller.
pub(crate) const MAX_LITERAL: usize = 2 << 20;
/// Bytes of one response, with all its literals.
const MAX_RESPONSE: usize = 4 << 20;
/// Lists inside each other: the reader behind us goes down one step for each.
const MAX_DEPTH: usize = 100;
/// A command may take so many times as long as one read, or a server that sends a byte now and then would keep us for ever.
const COMMAND_PATIENCE: u32 = 5;

/// One connection and what of the next response is there.
pub(crate) struct Wire {
    stream: Stream,
    /// What of the next response has come.
    pending: Vec<u8>,
    /// Where in `pending` the line begins that is being read.
    line: usize,
    /// Bytes of a literal that are still to come.
    literal: usize,
    deadline: Option<Instant>,
    /// Bytes that the command at hand may still bring.
    allowance: usize,
}

impl Wire {
    /// `patience`: how long one read or write may take.
    pub fn new(link: Box<dyn Link>, patience: Duration) -> Self {
        Wire {
            stream: Stream::new(link, patience),
            pending: Vec::new(),
            line: 0,
            literal: 0,
            deadline: None,
            allowance: MAX_RESPONSE,
        }
    }

    /// Begins a command: its answers may bring so many bytes in all, and take their time, but not for ever.
    pub fn allow(&mut self, bytes: usize) {
        self.allowance = bytes;
        self.deadline = Some(Instant::now() + self.stream.patience * COMMAND_PATIENCE);
    }

    /// As [`allow`](Self::allow), for IDLE: it lasts until somebody ends it.
    pub fn allow_for_ever(&mut self, bytes: usize) {
        self.allowance = bytes;
        self.deadline = None;
    }

    /// Sends a line.
    ///
    /// # Errors
    /// Where the connection is gone or takes nothing.
    pub async fn send(&mut self, line: &[u8]) -> Result<(), Trouble> {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
        self.stream.send(&bytes).await
    }

    /// The next response with its literals, ended by CRLF. Nothing is lost where the caller stops waiting.
    ///
    /// # Errors
    /// Where the connection is gone, silent for too long, or brings more than the bounds allow.
    pub async fn response(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut until = Instant::now() + self.stream.patience;
        if let Some(deadline) = self.deadline {
            // Bytes that are there are taken before a clock is looked at: whoever always has some would never be late.
            if deadline < Instant::now() {
                return Err(silent(self.stream.patience * COMMAND_PATIENCE));
            }
            until = until.min(deadline);
        }
        self.response_until(until).await
    }

    /// As [`response`](Self::response), for a server that says something only when there is something to say.
    ///
    /// # Errors
    /// As there; silence until then is [`Trouble::Lost`].
    pub async fn response_until(&mut self, until: Instant) -> Result<Vec<u8>, Trouble> {
        let mut until = until;
        loop {
            let there = self.stream.fill(until).await?;
            let (taken, ended) = if self.literal > 0 {
                let n = there.len().min(self.literal);
                self.pending.extend_from_slice(&there[..n]);
                self.literal -= n;
                if self.literal == 0 {
                    self.line = self.pending.len();
                }
                (n, false)
            } else if let Some(end) = memchr::memchr(b'\n', there) {
                self.pending.extend_from_slice(&there[..=end]);
                (end + 1, true)
            } else {
                self.pending.extend_from_slice(there);
                (there.len(), false)
            };
            self.stream.take(taken);
            self.check(taken)?;
            if ended && self.line_is_last()? {
                self.line = 0;
                return Ok(std::mem::take(&mut self.pending));
            }
            // A response that comes piece by piece has the time of a command, each piece that of a read.
            until = Instant::now() + self.stream.patience;
            if let Some(deadline) = self.deadline {
                until = until.min(deadline);
            }
        }
    }

    /// Whether bytes of the server wait that no response has taken.
    pub fn has_more(&self) -> bool {
        self.stream.has_more() || !self.pending.is_empty()
    }

    /// Gives the connection back, for TLS to take it over. What was read and not used is thrown away.
    pub fn into_link(self) -> Box<dyn Link> {
        self.stream.into_link()
    }

    fn check(&mut self, taken: usize) -> Result<(), Trouble> {
        let line = self.pending.len() - self.line;
        if self.literal == 0 && line > MAX_LINE {
            return Err(Trouble::Broken(format!("a line of over {MAX_LINE} bytes")));
        }
        if self.pending.len() > MAX_RESPONSE {
            return Err(Trouble::Broken(format!(
                "a response of over {MAX_RESPONSE} bytes"
            )));
        }
        self.allowance = self.allowance.checked_sub(taken).ok_or_else(|| {
            Trouble::Broken("far more came than the sizes it told before".to_owned())
        })?;
        Ok(())
    }

    /// A line has come: whether it ends the response, or announces a literal.
    fn line_is_last(&mut self) -> Result<bool, Trouble> {
        // A carriage return at the end of a literal is mail, and none of the line behind it.
        if !self.pending[self.line..].ends_with(b"\r\n") {
            self.pending.pop();
            self.pending.extend_from_slice(b"\r\n");
        }
        let line = &self.pending[self.line..self.pending.len() - 2];
        let Some(size) = literal(line).filter(|_| holds_data(&self.pending)) else {
            if depth(&self.pending) > MAX_DEPTH {
                return Err(Trouble::Broken(format!(
                    "more than {MAX_DEPTH} lists inside each other"
                )));
            }
            return Ok(true);
        };
        if size > MAX_LITERAL as u64 {
            return Err(Trouble::Broken(format!(
                "a literal of {size} bytes, at most {MAX_LITERAL} were asked for"
            )));
        }
        self.literal = usize::try_from(size).unwrap_or(usize::MAX);
        self.line = self.pending.len();
        self.pending.reserve(self.literal.min(64 << 10));
        Ok(false)
    }
}

/// The size in `{123}` at the end of a line.
fn literal(line: &[u8]) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    let digits = std::str::from_utf8(&inner[open + 1..]).ok()?;
    let digits = digits.strip_suffix('+').unwrap_or(digits);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // More digits than a number has are more bytes than anybody has.
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether a response is one that holds strings: not a status, whose free text may end in anything.
fn holds_data(response: &[u8]) -> bool {
    let Some(rest) = response.strip_prefix(b"* ") else {
        return false;
    };
    let end = rest
        .iter()
        .position(|b| matches!(b, b' ' | b'\r'))
        .unwrap_or(rest.len());
    let word = &rest[..end];
    !["OK", "NO", "BAD", "BYE", "PREAUTH"]
        .iter()
        .any(|s| word.eq_ignore_ascii_case(s.as_bytes()))
}

/// How many lists a response opens inside each other.
fn depth(response: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for at in outside_strings(response) {
        match response[at] {
            b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Where the bytes of a response stand that are in no literal and no quoted string: those hold mail, and mail may hold
/// anything.
pub(super) fn outside_strings(response: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let here = at;
        match response.get(here)? {
            b'"' => {
                at += 1;
                while at < response.len() && response[at] != b'"' {
                    at += if response[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' => {
                let end = memchr::memchr(b'\n', &response[at..]).map(|n| at + n);
                let size = end
                    .and_then(|end| response[at..end].strip_suffix(b"\r"))
                    .and_then(literal);
                if let (Some(end), Some(size)) = (end, size) {
                    at = end.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
                }
            }
            _ => {}
        }
        at = at.saturating_add(1);
        Some(here)
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What a server that sends `bytes` and hangs up has said, response by response.
    fn read(bytes: &[u8]) -> Vec<Result<String, String>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(1 << 16);
            let bytes = bytes.to_vec();
            let writer = tokio::spawn(async move {
                let _ = far.write_all(&bytes).await;
            });
            let mut wire = Wire::new(Box::new(near), Duration::from_secs(5));
            let mut all = Vec::new();
            loop {
                match wire.response().await {
                    Ok(r) => all.push(Ok(String::from_utf8_lossy(&r).into_owned())),
                    Err(e) => {
                        all.push(Err(e.to_string()));
                        writer.abort();
                        return all;
                    }
                }
            }
        })
    }

    #[test]
    fn responses_are_cut_where_they_end() {
        for (bytes, expected) in [
            ("* OK hi\r\nA1 OK\r\n", vec!["* OK hi\r\n", "A1 OK\r\n"]),
            ("* OK bare line feed\n", vec!["* OK bare line feed\r\n"]),
            (
                "* OK ends in {3}\r\n* 1 EXISTS\r\n",
                vec!["* OK ends in {3}\r\n", "* 1 EXISTS\r\n"],
            ),
            (
                "* 1 FETCH (BODY[] {5}\r\na\r\nb) UID 7)\r\n* 2 EXISTS\r\n",
                vec![
                    "* 1 FETCH (BODY[] {5}\r\na\r\nb) UID 7)\r\n",
                    "* 2 EXISTS\r\n",
                ],
            ),
            (
                "* LIST () \"/\" {2}\r\nab\r\n",
                vec!["* LIST () \"/\" {2}\r\nab\r\n"],
            ),
            (
                "* 1 FETCH (BODY[] {2}\r\na\r\n* 2 EXISTS\r\n",
                vec!["* 1 FETCH (BODY[] {2}\r\na\r\r\n", "* 2 EXISTS\r\n"],
            ),
            (
                "* 1 FETCH (BODY[] {0}\r\n)\r\n",
                vec!["* 1 FETCH (BODY[] {0}\r\n)\r\n"],
            ),
        ] {
            let got = read(bytes.as_bytes());
            let (end, whole) = got.split_last().unwrap();
            let whole: Vec<&str> = whole.iter().map(|r| r.as_deref().unwrap()).collect();
            assert_eq!(whole, expected);
            assert!(end.as_ref().unwrap_err().contains("closed"), "{end:?}");
        }
    }

    #[test]
    fn bounds_hold() {
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(200));
        let line = format!("* OK {}", "x".repeat(MAX_LINE + 10));
        let many = "* 1 FETCH (BODY[] {2000000}\r\n".to_owned()
            + &"x".repeat(2_000_000)
            + " BODY[] {2000000}\r\n"
            + &"x".repeat(2_000_000)
            + " BODY[] {2000000}\r\n"
            + &"x".repeat(2_000_000);
        for (bytes, expected) in [
            ("* 1 FETCH (BODY[] {4294967295}\r\n", "a literal of"),
            (
                "* 1 FETCH (BODY[] {99999999999999999999999}\r\n",
                "a literal of",
            ),
            (deep.as_str(), "inside each other"),
            (line.as_str(), "a line of over"),
            (many.as_str(), "a response of over"),
        ] {
            let got = read(bytes.as_bytes());
            let error = got.last().unwrap().as_ref().unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert_eq!(got.len(), 1);
        }
    }

    #[test]
    fn brackets_in_mail_are_no_lists() {
        let mail = "(".repeat(500);
        let literal = format!("* 1 FETCH (BODY[] {{500}}\r\n{mail})\r\n");
        let quoted = format!("* 1 FETCH (ENVELOPE (\"{mail}\"))\r\n");
        for text in [literal, quoted] {
            assert!(read(text.as_bytes())[0].is_ok());
        }
    }

    #[test]
    fn a_command_may_bring_what_it_was_allowed() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(1 << 16);
            far.write_all(&b"* 1 EXISTS\r\n".repeat(100)).await.unwrap();
            let mut wire = Wire::new(Box::new(near), Duration::from_millis(50));
            wire.allow(100);
            let mut n = 0;
            let error = loop {
                match wire.response().await {
                    Ok(_) => n += 1,
                    Err(e) => break e.to_string(),
                }
            };
            assert_eq!(n, 8);
            assert!(error.contains("far more came"), "{error}");
        });
    }

    #[test]
    fn a_server_that_drips_is_left() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(64);
            let drip = tokio::spawn(async move {
                while far.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
            let mut wire = Wire::new(Box::new(near), Duration::from_millis(50));
            wire.allow(1 << 20);
            let started = Instant::now();
            let error = wire.response().await.unwrap_err().to_string();
            assert!(error.contains("no answer within"), "{error}");
            assert!(started.elapsed() < Duration::from_secs(3));
            drip.abort();
        });
    }
}
