//! The commands of POP3.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::wire::Wire;
use crate::mailbox::signin::sasl::Exchange;
use crate::mailbox::stream::Link;
use crate::mailbox::trouble::{Trouble, words_of};

/// Bytes of a list of capabilities.
const MAX_CAPABILITIES: usize = 64 << 10;

/// A connection to a server.
pub(crate) struct Session {
    wire: Wire,
    capabilities: Vec<String>,
}

/// A message in the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number as long as the connection lasts (RFC 1939 section 4).
    pub number: u32,
    /// What it is called in every session.
    pub uid: String,
    /// Its size as the server tells it, which may be a guess.
    pub size: usize,
}

impl Session {
    /// Waits for the server's greeting.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn greet(link: Box<dyn Link>, patience: Duration) -> Result<Self, Trouble> {
        let mut session = Self::resume(link, patience);
        session.answer("a connection").await?;
        Ok(session)
    }

    /// Goes on with a connection that TLS has taken over: there is no second greeting.
    pub fn resume(link: Box<dyn Link>, patience: Duration) -> Self {
        Session {
            wire: Wire::new(link, patience),
            capabilities: Vec::new(),
        }
    }

    /// Asks what the server can do. One that is too old to say can do what RFC 1939 has.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub async fn learn_capabilities(&mut self) -> Result<(), Trouble> {
        self.capabilities = match self.command("CAPA", "CAPA").await {
            Ok(_) => {
                let list = self
                    .wire
                    .message(MAX_CAPABILITIES, MAX_CAPABILITIES)
                    .await?;
                String::from_utf8_lossy(&list)
                    .lines()
                    .map(|l| l.trim().to_owned())
                    .collect()
            }
            Err(Trouble::Refused { .. }) => vec!["USER".to_owned()],
            Err(e) => return Err(e),
        };
        Ok(())
    }

    /// Whether the server has a capability.
    pub fn can(&self, capability: &str) -> bool {
        self.parameters(capability).is_some()
    }

    /// The SASL mechanisms that the server offers.
    pub fn mechanisms(&self) -> Vec<&str> {
        let words = self.parameters("SASL").unwrap_or_default();
        words.split_ascii_whitespace().collect()
    }

    /// How long the server wants us to stay away between two sign-ins.
    pub fn login_delay(&self) -> Duration {
        let words = self.parameters("LOGIN-DELAY").unwrap_or_default();
        let seconds = words.split_ascii_whitespace().next();
        Duration::from_secs(seconds.and_then(|s| s.parse().ok()).unwrap_or(0))
    }

    /// Asks for TLS and gives the connection for it. What the server sent along in plain text would otherwise be taken for
    /// words under TLS.
    ///
    /// # Errors
    /// Where the server refuses, or sends more than its answer.
    pub async fn start_tls(mut self) -> Result<Box<dyn Link>, Trouble> {
        self.command("STLS", "STLS").await?;
        if self.wire.has_more() {
            return Err(Trouble::Broken(
                "more than one answer before TLS begins: somebody on the way may want that"
                    .to_owned(),
            ));
        }
        Ok(self.wire.into_link())
    }

    /// Signs in by SASL.
    ///
    /// # Errors
    /// Where the server refuses, breaks the protocol, or cannot prove who it is.
    pub async fn authenticate(&mut self, exchange: &mut Exchange) -> Result<(), Trouble> {
        let mechanism = exchange.mechanism();
        // Never with the first answer in the command: it may be longer than a command may be, and Microsoft takes none.
        let command = format!("AUTH {mechanism}\r\n");
        self.wire.send(command.as_bytes()).await?;
        loop {
            let line = self.wire.line().await?;
            let Some(challenge) = line
                .strip_prefix(b"+ ")
                .or((line == b"+").then_some(&b""[..]))
            else {
                status(&line, "AUTH")?;
                return exchange
                    .finish()
                    .map_err(|e| Trouble::NoEntry(format!("{e:#}")));
            };
            let answer = BASE64_STANDARD
                .decode(challenge.trim_ascii())
                .map_err(|_| Trouble::Broken("a challenge that is not base64".to_owned()))
                .and_then(|c| {
                    exchange
                        .step(&c)
                        .map_err(|e| Trouble::NoEntry(format!("{e:#}")))
                });
            match answer {
                Ok(answer) => {
                    let text = Zeroizing::new(BASE64_STANDARD.encode(&*answer) + "\r\n");
                    self.wire.send(text.as_bytes()).await?;
                }
                Err(e) => {
                    // Whether it hears that makes no difference.
                    drop(self.wire.send(b"*\r\n").await);
                    return Err(e);
                }
            }
        }
    }

    /// Signs in by USER and PASS.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn log_in(&mut self, user: &str, password: &str) -> Result<(), Trouble> {
        self.command("USER", &format!("USER {user}")).await?;
        let line = Zeroizing::new(format!("PASS {password}"));
        self.command("PASS", &line).await.map(drop)
    }

    /// The messages that `want` wants by their names, in the server's order, and whether these are all of them: no more than
    /// `most` are held in memory.
    ///
    /// # Errors
    /// Where the connection is lost, or the server has no names for messages.
    pub async fn list(
        &mut self,
        most: usize,
        mut want: impl FnMut(&str) -> bool,
    ) -> Result<(Vec<Entry>, bool), Trouble> {
        match self.command("UIDL", "UIDL").await {
            Ok(_) => {}
            Err(Trouble::Refused { code, text, .. }) if is_for_ever(&code) => {
                return Err(Trouble::NoEntry(format!(
                    "the server has no UIDL ({text}), without which messages that stay cannot be told from new ones"
                )));
            }
            Err(e) => return Err(e),
        }
        let (mut entries, mut is_whole) = (Vec::new(), true);
        self.rows(|number, uid| {
            if !is_uid(uid) {
                return Err(Trouble::Broken(format!("message {number} without a UIDL")));
            }
            if !want(uid) {
                return Ok(());
            }
            if entries.len() == most {
                is_whole = false;
                return Ok(());
            }
            entries.push(Entry {
                number,
                uid: uid.to_owned(),
                size: 0,
            });
            Ok(())
        })
        .await?;
        let places: HashMap<u32, usize> = entries
            .iter()
            .enumerate()
            .map(|(place, e)| (e.number, place))
            .collect();
        self.command("LIST", "LIST").await?;
        self.rows(|number, size| {
            if let Some(place) = places.get(&number) {
                entries[*place].size = size.parse().unwrap_or(0);
            }
            Ok(())
        })
        .await?;
        Ok((entries, is_whole))
    }

    /// Asks for messages; [`message`](Self::message) reads each of them in this order.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub async fn ask_for(&mut self, entries: &[Entry]) -> Result<(), Trouble> {
        let commands: String = entries
            .iter()
            .map(|e| format!("RETR {}\r\n", e.number))
            .collect();
        self.wire.send(commands.as_bytes()).await
    }

    /// A message that was asked for: its first `keep` bytes.
    ///
    /// # Errors
    /// Where the server refuses, the connection is lost, or far more comes than the server told.
    pub async fn message(&mut self, entry: &Entry, keep: usize) -> Result<Vec<u8>, Trouble> {
        self.wire.begin();
        self.answer("RETR").await?;
        self.wire.message(keep, bound(entry)).await
    }

    /// The header and the first lines of a message, at most `keep` bytes.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub async fn top(
        &mut self,
        entry: &Entry,
        lines: u32,
        keep: usize,
    ) -> Result<Vec<u8>, Trouble> {
        let command = format!("TOP {} {lines}", entry.number);
        self.command("TOP", &command).await?;
        self.wire.message(keep, bound(entry)).await
    }

    /// Marks a message for deletion; it goes when the session ends in order.
    ///
    /// # Errors
    /// Where the server refuses or the connection is lost.
    pub async fn delete(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let command = format!("DELE {}", entry.number);
        self.command("DELE", &command).await.map(drop)
    }

    /// Ends the session. What was marked for deletion is gone where this is `Ok`.
    ///
    /// # Errors
    /// Where the server refuses or the connection is lost.
    pub async fn quit(mut self) -> Result<(), Trouble> {
        self.command("QUIT", "QUIT").await.map(drop)
    }

    fn parameters(&self, capability: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            word.eq_ignore_ascii_case(capability).then_some(rest)
        })
    }

    async fn command(&mut self, name: &str, line: &str) -> Result<String, Trouble> {
        if line.contains(['\r', '\n', '\0']) {
            return Err(Trouble::NoEntry(format!(
                "{name}: user or password hold a line end, which POP3 cannot carry"
            )));
        }
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.wire.send(line.as_bytes()).await?;
        self.answer(name).await
    }

    async fn answer(&mut self, command: &str) -> Result<String, Trouble> {
        let line = self.wire.line().await?;
        status(&line, command)
    }

    /// The rows of a list: a number and a word. However long it is, it has the time of one answer.
    async fn rows(
        &mut self,
        mut row: impl FnMut(u32, &str) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        loop {
            let line = self.wire.line().await?;
            if line == b"." {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&line);
            let mut words = text.split_ascii_whitespace();
            let number = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            let (Some(number), Some(word)) = (number, words.next()) else {
                return Err(Trouble::Broken("a list without numbers".to_owned()));
            };
            row(number, word)?;
        }
    }
}

/// How many bytes a message may have: sizes are guesses, but not that bad ones.
fn bound(entry: &Entry) -> usize {
    entry.size.saturating_mul(2).saturating_add(64 << 10)
}

/// `+OK` and its words, or the refusal.
fn status(line: &[u8], command: &str) -> Result<String, Trouble> {
    let text = String::from_utf8_lossy(line);
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    let rest = text
        .trim_start()
        .get(word.len()..)
        .unwrap_or_default()
        .trim();
    match word {
        "+OK" => Ok(rest.to_owned()),
        "-ERR" => {
            let (code, words) = rest
                .strip_prefix('[')
                .and_then(|r| r.split_once(']'))
                .unwrap_or(("", rest));
            Err(Trouble::Refused {
                command: command.to_owned(),
                code: code.to_owned(),
                text: words_of(words.trim()),
            })
        }
        _ => Err(Trouble::Broken(format!(
            "`{}` in answer to {command}, expected +OK or -ERR",
            words_of(&text.chars().take(60).collect::<String>())
        ))),
    }
}

/// Response codes (RFC 2449, RFC 3206) that say: not now, but later.
pub(crate) fn is_for_ever(code: &str) -> bool {
    !["IN-USE", "LOGIN-DELAY", "SYS/TEMP"]
        .iter()
        .any(|later| code.eq_ignore_ascii_case(later))
}

/// RFC 1939 allows 1 to 70 visible characters; some servers have longer ones.
fn is_uid(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        for (line, expected) in [
            ("+OK", Ok("")),
            ("+OK 2 messages", Ok("2 messages")),
            ("-ERR", Err("the server refuses X: ")),
            (
                "-ERR no such message",
                Err("the server refuses X: no such message"),
            ),
            ("-ERR [IN-USE] locked", Err("the server refuses X: locked")),
            (
                "-ERR no mailbox of <bob@example.com>",
                Err("the server refuses X: no mailbox of ***"),
            ),
            ("* OK IMAP4rev1 ready", Err("expected +OK or -ERR")),
            ("+OKAY", Err("expected +OK or -ERR")),
            ("", Err("expected +OK or -ERR")),
        ] {
            match (status(line.as_bytes(), "X"), expected) {
                (Ok(words), Ok(expected)) => assert_eq!(words, expected),
                (Err(e), Err(words)) => assert!(e.to_string().contains(words), "{e}"),
                (got, _) => panic!("{line}: {got:?}"),
            }
        }
        let code = |line: &str| match status(line.as_bytes(), "X") {
            Err(Trouble::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        };
        assert!(!is_for_ever(&code("-ERR [in-use] locked")));
        assert!(is_for_ever(&code("-ERR [AUTH] no")));
        assert!(is_for_ever(&code("-ERR no")));
    }

    #[test]
    fn names_of_messages() {
        for (uid, is_one) in [
            ("whqtswO00WBw418f9t5JxYwZ", true),
            ("!~", true),
            ("", false),
            ("ü", false),
            (&"x".repeat(255), true),
            (&"x".repeat(256), false),
        ] {
            assert_eq!(is_uid(uid), is_one, "{uid}");
        }
    }

    #[test]
    fn capabilities() {
        let (near, _far) = tokio::io::duplex(8);
        let lines = ["TOP", "sasl PLAIN XOAUTH2", "LOGIN-DELAY 900 USER", "USER"];
        let mut session = {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            runtime.block_on(async { Session::resume(Box::new(near), Duration::from_secs(1)) })
        };
        session.capabilities = lines.map(str::to_owned).to_vec();
        assert!(session.can("top") && session.can("USER") && !session.can("STLS"));
        assert_eq!(session.mechanisms(), ["PLAIN", "XOAUTH2"]);
        assert_eq!(session.login_delay(), Duration::from_secs(900));
    }
}
