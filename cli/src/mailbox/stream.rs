//! The bytes between us and a mail server, whatever it speaks: in a buffer, and never waited for without end.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::{Instant, timeout_at};

use crate::mailbox::trouble::Trouble;

/// A connection, encrypted or not.
pub(crate) trait Link: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Link for T {}

/// One connection.
pub(crate) struct Stream {
    inner: BufReader<Box<dyn Link>>,
    /// How long one read or write may take.
    pub patience: Duration,
}

impl Stream {
    /// `patience`: how long one read or write may take.
    pub fn new(link: Box<dyn Link>, patience: Duration) -> Self {
        Stream {
            inner: BufReader::with_capacity(64 << 10, link),
            patience,
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// Where the connection is gone, or the server takes nothing.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let link = self.inner.get_mut();
        let sent = timeout_at(Instant::now() + self.patience, async {
            link.write_all(bytes).await?;
            link.flush().await
        });
        match sent.await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Trouble::Lost("the server takes nothing".to_owned())),
        }
    }

    /// What is there and not taken yet; waits for it until then. Nothing is lost where the caller stops waiting.
    ///
    /// # Errors
    /// Where the connection is gone, or silent until then.
    pub async fn fill(&mut self, until: Instant) -> Result<&[u8], Trouble> {
        let there = timeout_at(until, self.inner.fill_buf())
            .await
            .map_err(|_| silent(self.patience))??;
        if there.is_empty() {
            return Err(Trouble::Lost("the server closed the connection".to_owned()));
        }
        Ok(there)
    }

    /// Takes so many bytes of what [`fill`](Self::fill) gave.
    pub fn take(&mut self, bytes: usize) {
        self.inner.consume(bytes);
    }

    /// Whether bytes of the server wait that nobody has taken.
    pub fn has_more(&self) -> bool {
        !self.inner.buffer().is_empty()
    }

    /// Gives the connection back, for TLS to take it over. What was read and not taken is thrown away.
    pub fn into_link(self) -> Box<dyn Link> {
        self.inner.into_inner()
    }
}

/// Nothing came in time.
pub(crate) fn silent(patience: Duration) -> Trouble {
    let seconds = patience.as_secs_f32().ceil();
    Trouble::Lost(format!("no answer within {seconds} s"))
}
