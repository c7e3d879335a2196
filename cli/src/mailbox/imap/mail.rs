//! Messages of the open folder: fetching, flagging, moving.

use imap_proto::{AttributeValue, Response};

use super::names::{mailbox, set};
use super::session::{SMALL, Session};
use crate::mailbox::trouble::Trouble;

impl Session {
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
}
