//! A session with an IMAP server: a command out, its answers in.
//!
//! Answers are read by `imap-proto`. An answer that it cannot read is passed over: one odd structure of one mail must not
//! end a session. The tagged line that ends a command is ours to read, because nothing may depend on guessing whether
//! the server said OK.

use std::time::Duration;

use imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode, StatusAttribute};
use tokio::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::names::{quoted, utf7};
use super::trouble::{Trouble, words_of};
use super::wire::{Link, Wire};
use crate::clock;
use crate::mailbox::signin::sasl::Exchange;

/// Bytes that the answers to a small command may bring, with whatever the server has to say besides.
const SMALL: usize = 4 << 20;
/// Bytes of one line of a list of messages, with room for flags that people invented.
const LISTING_LINE: usize = 512;
/// Messages that are listed at once. A folder with more is worked through in parts.
const MOST_LISTED: usize = 1_000_000;

/// What a message is taken for whose size nobody tells.
const GUESSED_SIZE: u32 = 256 << 10;

/// A connection to an IMAP server; after the sign-in, a session.
pub(crate) struct Session {
    wire: Wire,
    tag: u32,
    capabilities: Vec<String>,
    /// The server told of new mail since the last listing.
    has_news: bool,
}

/// A folder that was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    pub uid_validity: u32,
    pub uid_next: u32,
    pub exists: u32,
    /// Nothing can be changed in it.
    pub is_read_only: bool,
    /// The flags that can be set for good (PERMANENTFLAGS), where the server tells.
    pub flags: Option<Vec<String>>,
}

/// What a listing says of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub uid: u32,
    /// RFC822.SIZE, which some servers only estimate.
    pub size: u32,
    /// Somebody wants it gone.
    pub is_deleted: bool,
    /// INTERNALDATE, in seconds since 1970.
    pub arrived: Option<i64>,
}

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

    /// Opens a folder; `only_look` changes nothing in it, not even \Recent.
    ///
    /// # Errors
    /// Where the server refuses, or does not tell UIDVALIDITY.
    pub async fn open(&mut self, folder: &str, only_look: bool) -> Result<Opened, Trouble> {
        let verb = if only_look { "EXAMINE" } else { "SELECT" };
        let mut opened = Opened::default();
        let command = format!("{verb} {}", mailbox(folder)?);
        let code = self
            .run(&command, SMALL, |r| match r {
                Response::MailboxData(MailboxDatum::Exists(n)) => opened.exists = *n,
                Response::Data { outcome, .. } => match outcome.code {
                    Some(ResponseCode::UidValidity(n)) => opened.uid_validity = n,
                    Some(ResponseCode::UidNext(n)) => opened.uid_next = n,
                    Some(ResponseCode::PermanentFlags(ref flags)) => {
                        opened.flags = Some(flags.iter().map(ToString::to_string).collect());
                    }
                    _ => {}
                },
                _ => {}
            })
            .await?;
        opened.is_read_only = code.eq_ignore_ascii_case("READ-ONLY");
        if opened.uid_validity == 0 {
            return Err(Trouble::Broken(
                "it does not tell UIDVALIDITY of a folder, so no message can be known again"
                    .to_owned(),
            ));
        }
        Ok(opened)
    }

    /// The numbers of a folder that is not opened. Also tells whether it is there.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn status(&mut self, folder: &str) -> Result<Opened, Trouble> {
        let command = format!("STATUS {} (MESSAGES UIDNEXT UIDVALIDITY)", mailbox(folder)?);
        let mut found = Opened::default();
        self.command(&command, SMALL, |r| {
            if let Response::MailboxData(MailboxDatum::Status { status, .. }) = r {
                for s in status {
                    match s {
                        StatusAttribute::Messages(n) => found.exists = *n,
                        StatusAttribute::UidNext(n) => found.uid_next = *n,
                        StatusAttribute::UidValidity(n) => found.uid_validity = *n,
                        _ => {}
                    }
                }
            }
        })
        .await?;
        Ok(found)
    }

    /// Whether a folder is there, and mail can lie in it.
    ///
    /// # Errors
    /// Where the server refuses to tell.
    pub async fn has_folder(&mut self, folder: &str) -> Result<bool, Trouble> {
        let mut there = false;
        let command = format!("LIST \"\" {}", mailbox(folder)?);
        self.command(&command, SMALL, |r| {
            if let Response::MailboxData(MailboxDatum::List(list)) = r {
                let attributes = &list.name_attributes;
                there |= !attributes.iter().any(|a| {
                    matches!(a, imap_proto::NameAttribute::NoSelect)
                        || matches!(a, imap_proto::NameAttribute::Extension(e) if e.eq_ignore_ascii_case("\\nonexistent"))
                });
            }
        })
        .await?;
        Ok(there)
    }

    /// What we may do in a folder (RFC 4314), as its letters; `None` where the server does not tell.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub async fn my_rights(&mut self, folder: &str) -> Result<Option<String>, Trouble> {
        if !self.can("ACL") {
            return Ok(None);
        }
        let mut rights = None;
        let command = format!("MYRIGHTS {}", mailbox(folder)?);
        let asked = self
            .command(&command, SMALL, |r| {
                if let Response::MyRights(mine) = r {
                    rights = Some(mine.rights.iter().map(|r| char::from(*r)).collect());
                }
            })
            .await;
        match asked {
            Ok(()) => Ok(rights),
            Err(Trouble::Refused { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn create(&mut self, folder: &str) -> Result<(), Trouble> {
        let command = format!("CREATE {}", mailbox(folder)?);
        self.command(&command, SMALL, |_| ()).await
    }

    /// Takes a folder away, with what is in it.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn delete_folder(&mut self, folder: &str) -> Result<(), Trouble> {
        let command = format!("DELETE {}", mailbox(folder)?);
        self.command(&command, SMALL, |_| ()).await
    }

    /// The messages of the open folder from `first` on, in the order of their numbers, and whether these are all. `exists` is
    /// how many there are in the folder. Without `sizes` the server need not look into messages for it, and each counts as
    /// [`GUESSED_SIZE`].
    ///
    /// # Errors
    /// Where the server refuses, or tells of far more.
    pub async fn list(
        &mut self,
        first: u32,
        exists: u32,
        sizes: bool,
    ) -> Result<(Vec<Listed>, bool), Trouble> {
        let size = if sizes { " RFC822.SIZE" } else { "" };
        let command = format!("UID FETCH {first}:* (UID FLAGS{size} INTERNALDATE)");
        let bytes = SMALL.saturating_add(LISTING_LINE.saturating_mul(exists as usize));
        let mut is_whole = true;
        let mut all: Vec<Listed> = Vec::new();
        self.has_news = false;
        self.command(&command, bytes, |r| {
            let Response::Fetch(_, attributes) = r else {
                return;
            };
            let (mut uid, mut size, mut is_deleted, mut has_flags) =
                (0, GUESSED_SIZE, false, false);
            let mut arrived = None;
            for a in attributes {
                match a {
                    AttributeValue::Uid(n) => uid = *n,
                    AttributeValue::Rfc822Size(n) => size = *n,
                    AttributeValue::InternalDate(text) => {
                        arrived = clock::parse_internal_date(text)
                    }
                    AttributeValue::Flags(flags) => {
                        has_flags = true;
                        is_deleted = flags.iter().any(|f| f.eq_ignore_ascii_case("\\Deleted"));
                    }
                    _ => {}
                }
            }
            // Without these it is news about flags that nobody asked for. `n:*` names the last message also where its
            // number is below n.
            if uid < first.max(1) || !has_flags {
                return;
            }
            if all.len() == MOST_LISTED {
                is_whole = false;
            } else {
                all.push(Listed {
                    uid,
                    size,
                    is_deleted,
                    arrived,
                });
            }
        })
        .await?;
        all.sort_unstable_by_key(|l| l.uid);
        all.dedup_by_key(|l| l.uid);
        Ok((all, is_whole))
    }

    /// Of these messages, those that are still in the open folder.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn still_there(&mut self, uids: &[u32]) -> Result<Vec<u32>, Trouble> {
        let mut there = Vec::new();
        self.command(&format!("UID FETCH {} (UID)", set(uids)), SMALL, |r| {
            if let Response::Fetch(_, attributes) = r {
                there.extend(attributes.iter().find_map(|a| match a {
                    AttributeValue::Uid(n) if uids.contains(n) => Some(*n),
                    _ => None,
                }));
            }
        })
        .await?;
        there.sort_unstable();
        there.dedup();
        Ok(there)
    }

    /// A piece of each of these messages, from `start` on, without setting \Seen. `bytes` is what all of them may bring.
    ///
    /// # Errors
    /// Where the server refuses; what has come before is handed over.
    pub async fn fetch(
        &mut self,
        uids: &[u32],
        start: u32,
        length: u32,
        bytes: usize,
        mut take: impl FnMut(u32, Vec<u8>),
    ) -> Result<(), Trouble> {
        let command = format!(
            "UID FETCH {} (UID BODY.PEEK[]<{start}.{length}>)",
            set(uids)
        );
        self.command(&command, bytes.saturating_add(SMALL), |r| {
            let Response::Fetch(_, attributes) = r else {
                return;
            };
            let mut uid = None;
            let mut body = None;
            for a in attributes.iter_mut() {
                match a {
                    AttributeValue::Uid(n) => uid = Some(*n),
                    AttributeValue::BodySection {
                        section: None,
                        data,
                        ..
                    } => body = data.take(),
                    _ => {}
                }
            }
            if let (Some(uid), Some(body)) = (uid, body)
                && uids.contains(&uid)
            {
                take(uid, body.into_owned());
            }
        })
        .await
    }

    /// BODYSTRUCTURE of one message, given to `look`; not called where the server's cannot be read.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn structure(
        &mut self,
        uid: u32,
        mut look: impl FnMut(&imap_proto::BodyStructure<'_>),
    ) -> Result<(), Trouble> {
        self.command(
            &format!("UID FETCH {uid} (UID BODYSTRUCTURE)"),
            SMALL,
            |r| {
                let Response::Fetch(_, attributes) = r else {
                    return;
                };
                let is_it = attributes
                    .iter()
                    .any(|a| matches!(a, AttributeValue::Uid(n) if *n == uid));
                for a in attributes.iter().filter(|_| is_it) {
                    if let AttributeValue::BodyStructure(s) = a {
                        look(s);
                    }
                }
            },
        )
        .await
    }

    /// Adds a flag to messages.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn flag(&mut self, uids: &[u32], flag: &str) -> Result<(), Trouble> {
        let command = format!("UID STORE {} +FLAGS.SILENT ({flag})", set(uids));
        self.command(&command, SMALL, |_| ()).await
    }

    /// MOVE (RFC 6851): to be used where the server can.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<(), Trouble> {
        let command = format!("UID MOVE {} {}", set(uids), mailbox(folder)?);
        self.command(&command, SMALL, |_| ()).await
    }

    /// COPY: all of the messages, or none.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn copy_to(&mut self, uids: &[u32], folder: &str) -> Result<(), Trouble> {
        let command = format!("UID COPY {} {}", set(uids), mailbox(folder)?);
        self.command(&command, SMALL, |_| ()).await
    }

    /// UID EXPUNGE (RFC 4315): these messages and no other that somebody flagged. There is no plain EXPUNGE here.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn expunge(&mut self, uids: &[u32]) -> Result<(), Trouble> {
        let command = format!("UID EXPUNGE {}", set(uids));
        self.command(&command, SMALL, |_| ()).await
    }

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

    /// Says goodbye. A server that does not answer is left without.
    pub async fn log_out(mut self) {
        let _ = self.command("LOGOUT", SMALL, |_| ()).await;
    }

    async fn send(&mut self, command: &str, bytes: usize) -> Result<String, Trouble> {
        self.tag = self.tag.wrapping_add(1);
        let tag = format!("U{}", self.tag);
        self.wire.allow(bytes);
        self.wire
            .send(format!("{tag} {command}").as_bytes())
            .await?;
        Ok(tag)
    }

    /// Runs a command and shows its untagged answers to `each`.
    async fn command(
        &mut self,
        command: &str,
        bytes: usize,
        each: impl FnMut(&mut Response<'_>),
    ) -> Result<(), Trouble> {
        self.run(command, bytes, each).await.map(drop)
    }

    /// As [`command`](Self::command); gives the code in the brackets of the last line.
    async fn run(
        &mut self,
        command: &str,
        bytes: usize,
        mut each: impl FnMut(&mut Response<'_>),
    ) -> Result<String, Trouble> {
        let tag = self.send(command, bytes).await?;
        let mut farewell = None;
        loop {
            let response = match self.wire.response().await {
                Ok(r) => r,
                Err(e) => return Err(farewell.unwrap_or(e)),
            };
            if let Some(done) = tagged(&response, &tag) {
                return done.check(verb(command));
            }
            self.has_news |= is_news(&response);
            if let Ok((_, mut parsed)) = Response::parse(&response) {
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

/// A set of numbers, as short as it can be written.
pub(crate) fn set(uids: &[u32]) -> String {
    use std::fmt::Write as _;
    let mut sorted = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut out = String::new();
    let mut rest = sorted.as_slice();
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            // There is a number behind the last UID, and a server may name that one.
            .zip(u64::from(*first)..)
            .take_while(|(uid, expected)| u64::from(**uid) == *expected)
            .count();
        let last = rest[run - 1];
        if !out.is_empty() {
            out.push(',');
        }
        // Writing to a String cannot fail.
        let _ = match run {
            1 => write!(out, "{first}"),
            _ => write!(out, "{first}:{last}"),
        };
        rest = &rest[run..];
    }
    out
}

/// How a command ended.
struct Done<'a> {
    status: &'a str,
    rest: &'a str,
}

impl Done<'_> {
    /// The code in brackets where the command was done.
    fn check(&self, command: &str) -> Result<String, Trouble> {
        let (code, text) = match self.rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((code, text)) => (code.split(' ').next().unwrap_or_default(), text),
            None => ("", self.rest),
        };
        if self.status.eq_ignore_ascii_case("OK") {
            return Ok(code.to_owned());
        }
        if self.status.eq_ignore_ascii_case("NO") || self.status.eq_ignore_ascii_case("BAD") {
            let mut words = words_of(text);
            if !code.is_empty() {
                words = format!("{words} [{}]", words_of(code));
            }
            return Err(Trouble::Refused {
                command: command.to_owned(),
                code: code.to_owned(),
                text: words,
            });
        }
        Err(Trouble::Broken(format!(
            "it ends a command with `{}`, expected OK, NO or BAD",
            words_of(self.status)
        )))
    }
}

/// The end of the command with this tag, if the response is that.
fn tagged<'a>(response: &'a [u8], tag: &str) -> Option<Done<'a>> {
    let rest = response.strip_prefix(tag.as_bytes())?.strip_prefix(b" ")?;
    // Words that are no UTF-8 are left out, the status is ASCII.
    let text = match std::str::from_utf8(rest) {
        Ok(t) => t,
        Err(e) => std::str::from_utf8(&rest[..e.valid_up_to()]).unwrap_or_default(),
    };
    let text = text.trim_end();
    let (status, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(Done { status, rest })
}

/// Whether a response tells how many messages there are: servers do so when one has come.
fn is_news(response: &[u8]) -> bool {
    response.ends_with(b" EXISTS\r\n") && response.starts_with(b"* ")
}

fn verb(command: &str) -> &str {
    let end = match command.strip_prefix("UID ") {
        Some(rest) => 4 + rest.find(' ').unwrap_or(rest.len()),
        None => command.find(' ').unwrap_or(command.len()),
    };
    &command[..end]
}

fn mailbox(folder: &str) -> Result<String, Trouble> {
    quoted(&utf7(folder)).map_err(|why| Trouble::Refused {
        command: "folder".to_owned(),
        code: String::new(),
        text: why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_short() {
        for (uids, text) in [
            (&[7][..], "7"),
            (&[1, 2, 3, 5, 9, 8], "1:3,5,8:9"),
            (&[4, 4, 4], "4"),
            (&[u32::MAX, u32::MAX - 1], "4294967294:4294967295"),
        ] {
            assert_eq!(set(uids), text);
        }
    }

    #[test]
    fn ends_of_commands() {
        let end = |line: &str| tagged(line.as_bytes(), "U7").map(|d| d.check("UID MOVE"));
        assert!(end("U7 OK done\r\n").unwrap().is_ok());
        assert!(end("U7 ok\r\n").unwrap().is_ok());
        assert!(end("U71 OK done\r\n").is_none());
        let no = end("U7 NO [TRYCREATE] Mailbox bob@example.com is not there\r\n");
        let no = no.unwrap().unwrap_err();
        assert!(no.has_code("trycreate"));
        assert_eq!(
            no.to_string(),
            "the server refuses UID MOVE: Mailbox *** is not there [TRYCREATE]"
        );
        assert!(end("U7 WHAT\r\n").unwrap().unwrap_err().is_connection());
        assert_eq!(verb("UID STORE 1 +FLAGS (x)"), "UID STORE");
        assert_eq!(verb("IDLE"), "IDLE");
    }
}
