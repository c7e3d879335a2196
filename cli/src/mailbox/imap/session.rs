//! A session with an IMAP server: a command out, its answers in.
//!
//! Answers are read by `imap-proto`. An answer that it cannot read is passed over: one odd structure of one mail must not
//! end a session. What is said of folders and mail stands in files of their own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imap_proto::Response;

use super::answer::{is_news, tagged, verb};
use super::guard;
use super::names::quoted;
use super::wire::Wire;
use crate::mailbox::signin::sasl::Exchange;
use crate::mailbox::stream::Link;
use crate::mailbox::trouble::{Trouble, words_of};

/// Bytes that the answers to a small command may bring, with whatever the server has to say besides.
pub(super) const SMALL: usize = 4 << 20;

/// A connection to an IMAP server; after the sign-in, a session.
pub(crate) struct Session {
    pub(super) wire: Wire,
    tag: u32,
    capabilities: Vec<String>,
    /// The server told of new mail since the last listing.
    pub(super) has_news: bool,
}

impl Session {
    /// Takes a connection whose greeting has not been read; gives the greeting's word: `OK` or `PREAUTH`.
    ///
    /// # Errors
    /// Where there is no greeting, or it says BYE.
    pub async fn greet(link: Box<dyn Link>, patience: Duration) -> Result<(Self, String), Trouble> {
        let mut session = Session::resume(link, patience);
        session.wire.allow(SMALL);
        let line = session.wire.response().await?;
        let text = String::from_utf8_lossy(&line);
        let mut words = text.split_whitespace();
        let (star, word) = (words.next(), words.next().unwrap_or_default());
        let word = word.to_ascii_uppercase();
        match (star, word.as_str()) {
            (Some("*"), "OK" | "PREAUTH") => Ok((session, word)),
            (Some("*"), "BYE") => Err(Trouble::Lost(format!(
                "the server wants nobody now: {}",
                words_of(&words.collect::<Vec<_>>().join(" "))
            ))),
            _ => Err(Trouble::Broken(format!(
                "it greets with `{}`, expected `* OK`: is this the port of an IMAP server, and the right `tls`?",
                words_of(&text)
            ))),
        }
    }

    /// Takes a connection that was greeted before, behind TLS.
    pub fn resume(link: Box<dyn Link>, patience: Duration) -> Self {
        Session {
            wire: Wire::new(link, patience),
            tag: 0,
            capabilities: Vec::new(),
            has_news: false,
        }
    }

    /// Asks to begin TLS and gives the connection back for it.
    ///
    /// # Errors
    /// Where the server refuses, or sends more than its answer: that would be taken for what it says behind TLS.
    pub async fn start_tls(mut self) -> Result<Box<dyn Link>, Trouble> {
        self.command("STARTTLS", SMALL, |_| ()).await?;
        if self.wire.has_more() {
            return Err(Trouble::NoEntry(
                "somebody on the way sends commands of his own before TLS begins: the connection is not safe"
                    .to_owned(),
            ));
        }
        Ok(self.wire.into_link())
    }

    /// Asks what the server can do.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn learn_capabilities(&mut self) -> Result<(), Trouble> {
        let mut all = Vec::new();
        self.command("CAPABILITY", SMALL, |r| {
            if let Response::Capabilities(list) = r {
                all.clear();
                all.extend(list.iter().map(|c| match c {
                    imap_proto::Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
                    imap_proto::Capability::Auth(a) => format!("AUTH={}", a.to_ascii_uppercase()),
                    imap_proto::Capability::Atom(a) => a.to_ascii_uppercase(),
                }));
            }
        })
        .await?;
        self.capabilities = all;
        Ok(())
    }

    /// Whether the server told that it can do this; in upper case.
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|c| c == capability)
    }

    /// The SASL mechanisms that the server offers.
    pub fn mechanisms(&self) -> Vec<&str> {
        let all = self.capabilities.iter();
        all.filter_map(|c| c.strip_prefix("AUTH=")).collect()
    }

    /// AUTHENTICATE, with the words of `exchange`.
    ///
    /// # Errors
    /// Where the server refuses, or `exchange` does not trust it.
    pub async fn authenticate(&mut self, exchange: &mut Exchange) -> Result<(), Trouble> {
        let distrust = |e: anyhow::Error| Trouble::NoEntry(format!("{e:#}"));
        let mut first = None;
        let mut line = format!("AUTHENTICATE {}", exchange.mechanism());
        if exchange.speaks_first() {
            let said = STANDARD.encode(exchange.step(b"").map_err(distrust)?);
            if self.can("SASL-IR") {
                line = format!("{line} {}", if said.is_empty() { "=" } else { &said });
            } else {
                first = Some(said);
            }
        }
        let tag = self.send(&line, SMALL).await?;
        let mut doubt = None;
        loop {
            let response = self.wire.response().await?;
            if let Some(done) = tagged(&response, &tag) {
                return match (doubt, done.check("AUTHENTICATE")) {
                    (Some(doubt), _) => Err(Trouble::NoEntry(doubt)),
                    (None, Ok(_)) => exchange.finish().map_err(distrust),
                    (None, Err(e)) => Err(e),
                };
            }
            let Some(challenge) = response.strip_prefix(b"+") else {
                continue;
            };
            let answer = match (first.take(), STANDARD.decode(challenge.trim_ascii())) {
                (Some(said), _) => Ok(said),
                (None, Ok(challenge)) => exchange
                    .step(&challenge)
                    .map(|a| STANDARD.encode(a))
                    .map_err(|e| format!("{e:#}")),
                (None, Err(_)) => Err("the server's challenge is not base64".to_owned()),
            };
            // RFC 3501 section 6.2.2: a single `*` ends the exchange.
            let answer = answer.unwrap_or_else(|e| {
                doubt = Some(e);
                "*".to_owned()
            });
            self.wire.send(answer.as_bytes()).await?;
        }
    }

    /// LOGIN, for servers without SASL.
    ///
    /// # Errors
    /// Where the server refuses, or a word cannot be sent like this.
    pub async fn login(&mut self, user: &str, password: &str) -> Result<(), Trouble> {
        let (Ok(user), Ok(password)) = (quoted(user), quoted(password)) else {
            return Err(Trouble::NoEntry(
                "user or password hold a line end or a NUL".to_owned(),
            ));
        };
        self.command(&format!("LOGIN {user} {password}"), SMALL, |_| ())
            .await
    }

    /// Says goodbye. A server that does not answer is left without.
    pub async fn log_out(mut self) {
        let _ = self.command("LOGOUT", SMALL, |_| ()).await;
    }

    /// Sends a command whose answers may bring so many bytes; gives its tag.
    pub(super) async fn send(&mut self, command: &str, bytes: usize) -> Result<String, Trouble> {
        self.tag = self.tag.wrapping_add(1);
        let tag = format!("U{}", self.tag);
        self.wire.allow(bytes);
        self.wire
            .send(format!("{tag} {command}").as_bytes())
            .await?;
        Ok(tag)
    }

    /// Runs a command and shows its untagged answers to `each`.
    pub(super) async fn command(
        &mut self,
        command: &str,
        bytes: usize,
        each: impl FnMut(&mut Response<'_>),
    ) -> Result<(), Trouble> {
        self.run(command, bytes, each).await.map(drop)
    }

    /// As [`command`](Self::command); gives the code in the brackets of the last line.
    pub(super) async fn run(
        &mut self,
        command: &str,
        bytes: usize,
        mut each: impl FnMut(&mut Response<'_>),
    ) -> Result<String, Trouble> {
        let tag = self.send(command, bytes).await?;
        let mut farewell = None;
        loop {
            let mut response = match self.wire.response().await {
                Ok(r) => r,
                Err(e) => return Err(farewell.unwrap_or(e)),
            };
            if let Some(done) = tagged(&response, &tag) {
                return done.check(verb(command));
            }
            self.has_news |= is_news(&response);
            if let Some(mut parsed) = guard::parse(&mut response) {
                if let Response::Data {
                    status: imap_proto::Status::Bye,
                    outcome,
                } = &parsed
                    && command != "LOGOUT"
                {
                    let words = outcome.information.as_deref().unwrap_or_default();
                    farewell = Some(Trouble::Lost(format!(
                        "the server hangs up: {}",
                        words_of(words)
                    )));
                }
                each(&mut parsed);
            }
        }
    }
}
