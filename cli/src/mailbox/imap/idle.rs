//! Waiting for news (RFC 2177).

use std::time::Duration;

use tokio::time::Instant;

use super::answer::{is_news, tagged};
use super::session::{SMALL, Session};
use crate::mailbox::trouble::Trouble;

/// Why IDLE ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdleEnd {
    /// The server told of something new.
    News,
    /// Nothing happened for as long as was asked for.
    Quiet,
    /// The caller wanted it to end.
    Stopped,
}

impl Session {
    /// NOOP: is anybody there?
    ///
    /// # Errors
    /// Where nobody is.
    pub async fn noop(&mut self) -> Result<(), Trouble> {
        self.command("NOOP", SMALL, |_| ()).await
    }

    /// Waits for news (RFC 2177), for at most `longest` or until `stop` is ready.
    ///
    /// # Errors
    /// Where the server refuses or is gone.
    pub async fn idle(
        &mut self,
        longest: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<IdleEnd, Trouble> {
        if self.has_news {
            return Ok(IdleEnd::News);
        }
        let tag = self.send("IDLE", SMALL).await?;
        loop {
            let response = self.wire.response().await?;
            self.has_news |= is_news(&response);
            if let Some(done) = tagged(&response, &tag) {
                done.check("IDLE")?;
                return Err(Trouble::Broken("IDLE ends before it began".to_owned()));
            }
            if response.starts_with(b"+") {
                break;
            }
        }
        self.wire.allow_for_ever(SMALL);
        let until = Instant::now() + longest;
        let mut stop = std::pin::pin!(stop);
        let end = loop {
            if self.has_news {
                break IdleEnd::News;
            }
            tokio::select! {
                () = &mut stop => break IdleEnd::Stopped,
                () = tokio::time::sleep_until(until) => break IdleEnd::Quiet,
                response = self.wire.response_until(until + longest) => {
                    let response = response?;
                    if tagged(&response, &tag).is_some() {
                        return Ok(IdleEnd::Quiet);
                    }
                    self.has_news |= is_news(&response);
                }
            }
        };
        self.wire.allow(SMALL);
        self.wire.send(b"DONE").await?;
        loop {
            let response = self.wire.response().await?;
            if let Some(done) = tagged(&response, &tag) {
                done.check("IDLE")?;
                return Ok(end);
            }
        }
    }
}
