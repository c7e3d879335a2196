//! What the program reads of a mail server's bytes by itself, taken in by its path, with a server that sends what the
//! fuzzer wants, in pieces of any size.

pub mod imap;
pub mod pop3;

#[path = "../../../cli/src/mailbox/stream.rs"]
mod stream;
#[path = "../../../cli/src/mailbox/trouble.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod trouble;

use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;

/// A server that has sent everything already; it arrives in pieces, then the connection ends.
struct Server {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Server {
    fn new(bytes: &[u8], piece: usize) -> Box<Self> {
        Box::new(Server { bytes: bytes.to_vec(), at: 0, piece: piece.max(1) })
    }
}

impl AsyncRead for Server {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let end = (self.at + self.piece.min(into.remaining())).min(self.bytes.len());
        into.put_slice(&self.bytes[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"))
}

/// A server's words as they may be shown and logged.
fn check_words(bytes: &[u8]) {
    let words = trouble::words_of(&String::from_utf8_lossy(bytes));
    assert!(!words.contains(crate::output::safe::is_hostile), "{words:?} may be logged");
    assert!(!words.contains('@'), "{words:?} names an address");
}
