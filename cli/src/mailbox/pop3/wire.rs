//! The bytes between us and a POP3 server: lines, and messages that end with a dot, within bounds.

use std::time::Duration;

use tokio::time::Instant;

use crate::mailbox::stream::{Link, Stream};
use crate::mailbox::trouble::Trouble;

/// Bytes of an answer's line, and of a line of a list. RFC 2449 allows 512; the challenges of SASL are longer.
const MAX_LINE: usize = 16 << 10;
/// An answer may take so many times as long as one read, or a server that sends a byte now and then would keep us for ever.
const ANSWER_PATIENCE: u32 = 10;

/// One connection.
pub(crate) struct Wire {
    stream: Stream,
    deadline: Instant,
}

/// Where in a message that ends with a dot a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the beginning of a line.
    Start,
    /// Behind a dot at the beginning of a line.
    Dot,
    /// Behind that dot and a carriage return.
    DotCr,
    /// Further on in a line.
    Middle,
}

impl Wire {
    /// `patience`: how long one read or write may take.
    pub fn new(link: Box<dyn Link>, patience: Duration) -> Self {
        Wire {
            stream: Stream::new(link, patience),
            deadline: Instant::now() + patience * ANSWER_PATIENCE,
        }
    }

    /// Sends bytes. The answer may take its time from now on, but not for ever.
    ///
    /// # Errors
    /// Where the connection is gone, or the server takes nothing.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.begin();
        self.stream.send(bytes).await
    }

    /// Gives the next answer its time.
    pub fn begin(&mut self) {
        self.deadline = Instant::now() + self.stream.patience * ANSWER_PATIENCE;
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// Where the connection is gone, silent for too long, or brings a line that is too long.
    pub async fn line(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut line = Vec::new();
        loop {
            let there = self.fill().await?;
            let end = memchr::memchr(b'\n', there);
            let taken = end.map_or(there.len(), |n| n + 1);
            line.extend_from_slice(&there[..taken]);
            self.stream.take(taken);
            if line.len() > MAX_LINE {
                return Err(Trouble::Broken(format!("a line of over {MAX_LINE} bytes")));
            }
            if end.is_some() {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
        }
    }

    /// What follows until a line with nothing but a dot, without the dots that were put in. The first `keep` bytes of it are
    /// kept; more than `most` are more than the server may send.
    ///
    /// # Errors
    /// As [`line`](Self::line), or where it is too long.
    pub async fn message(&mut self, keep: usize, most: usize) -> Result<Vec<u8>, Trouble> {
        let mut kept = Vec::new();
        let (mut at, mut all) = (At::Start, 0);
        loop {
            let there = self.fill().await?;
            let (taken, next) = take(there, at, keep, &mut kept);
            self.stream.take(taken);
            all += taken;
            match next {
                None => return Ok(kept),
                Some(_) if all > most => {
                    return Err(Trouble::Broken(
                        "far more came than the sizes it told before".to_owned(),
                    ));
                }
                Some(next) => at = next,
            }
        }
    }

    /// Whether bytes of the server wait that nobody has asked for.
    pub fn has_more(&self) -> bool {
        self.stream.has_more()
    }

    /// Gives the connection back, for TLS to take it over.
    pub fn into_link(self) -> Box<dyn Link> {
        self.stream.into_link()
    }

    async fn fill(&mut self) -> Result<&[u8], Trouble> {
        let until = self.deadline.min(Instant::now() + self.stream.patience);
        self.stream.fill(until).await
    }
}

/// Takes bytes of a message: how many, and where the next one stands; `None` behind the last.
fn take(bytes: &[u8], mut at: At, keep: usize, kept: &mut Vec<u8>) -> (usize, Option<At>) {
    let mut put = |bytes: &[u8]| {
        let room = keep.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
    };
    let mut n = 0;
    while let Some(byte) = bytes.get(n) {
        let one = std::slice::from_ref(byte);
        at = match (at, byte) {
            (At::Start, b'.') => At::Dot,
            (At::Dot, b'\r') => At::DotCr,
            // Some servers end lines with a line feed alone.
            (At::Dot | At::DotCr, b'\n') => return (n + 1, None),
            (At::DotCr, _) => {
                put(b"\r");
                put(one);
                At::Middle
            }
            _ => {
                let end = memchr::memchr(b'\n', &bytes[n..]);
                let rest = end.map_or(bytes.len(), |end| n + end + 1);
                put(&bytes[n..rest]);
                n = rest;
                at = if end.is_some() { At::Start } else { At::Middle };
                continue;
            }
        };
        n += 1;
    }
    (n, Some(at))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What a message is that comes in pieces of so many bytes, and what is left behind it.
    fn read(bytes: &[u8], piece: usize, keep: usize) -> (Option<Vec<u8>>, usize) {
        let (mut kept, mut at, mut used) = (Vec::new(), At::Start, 0);
        for chunk in bytes.chunks(piece) {
            let (taken, next) = take(chunk, at, keep, &mut kept);
            used += taken;
            match next {
                Some(next) => at = next,
                None => return (Some(kept), bytes.len() - used),
            }
        }
        (None, 0)
    }

    #[test]
    fn messages_end_with_a_dot() {
        for (bytes, message, left) in [
            ("a\r\nb\r\n.\r\n", Some("a\r\nb\r\n"), 0),
            ("a\r\n.\r\n+OK\r\n", Some("a\r\n"), 5),
            ("..\r\n...x\r\n.\r\n", Some(".\r\n..x\r\n"), 0),
            (".a\r\n.\r\n", Some("a\r\n"), 0),
            ("\r\n.\r\n", Some("\r\n"), 0),
            ("\r\n\r\n.\r\n", Some("\r\n\r\n"), 0),
            (".\r\n", Some(""), 0),
            ("a\n.\n", Some("a\n"), 0),
            ("\n\n.b\n.\r\n", Some("\n\nb\n"), 0),
            (".\rx\r\n.\r\n", Some("\rx\r\n"), 0),
            ("no dot.\r\n", None, 0),
            ("a.\r\n. \r\n.\r\n", Some("a.\r\n \r\n"), 0),
        ] {
            for piece in 1..=bytes.len() {
                let got = read(bytes.as_bytes(), piece, usize::MAX);
                let (got, rest) = (got.0.map(|m| String::from_utf8(m).unwrap()), got.1);
                assert_eq!(got.as_deref(), message, "{bytes:?} in pieces of {piece}");
                if piece == bytes.len() {
                    assert_eq!(rest, left, "{bytes:?}");
                }
            }
            if let Some(message) = message {
                let cut = read(bytes.as_bytes(), 2, 3).0.unwrap();
                assert_eq!(cut, &message.as_bytes()[..message.len().min(3)]);
            }
        }
    }

    /// What a server that sends these bytes and then hangs up, or hangs, is told to have done.
    fn trouble(bytes: Vec<u8>, hangs: bool, as_message: bool) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(1 << 12);
            let server = tokio::spawn(async move {
                drop(far.write_all(&bytes).await);
                if hangs {
                    std::future::pending::<()>().await;
                }
            });
            let mut wire = Wire::new(Box::new(near), Duration::from_millis(200));
            let got = if as_message {
                wire.message(10, 100_000).await
            } else {
                wire.line().await
            };
            server.abort();
            got.unwrap_err().to_string()
        })
    }

    #[test]
    fn bounds_hold() {
        let long = || vec![b'x'; 200_000];
        for (bytes, hangs, as_message, expected) in [
            (long(), false, false, "a line of over 16384 bytes"),
            (long(), false, true, "far more came"),
            (b".\r\n".repeat(0), false, true, "closed the connection"),
            (b"a\r\n.".to_vec(), false, true, "closed the connection"),
            (b"+OK".to_vec(), true, false, "no answer within 1 s"),
            (b"a\r\n.".to_vec(), true, true, "no answer within 1 s"),
        ] {
            let error = trouble(bytes, hangs, as_message);
            assert!(error.contains(expected), "{error}");
        }
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
                while far.write_all(b"x\r\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            let mut wire = Wire::new(Box::new(near), Duration::from_millis(50));
            let error = wire.message(10, 1 << 20).await.unwrap_err().to_string();
            assert!(error.contains("no answer within"), "{error}");
            drip.abort();
        });
    }
}
