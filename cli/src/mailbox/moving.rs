//! Moves, flags and deletes messages whose events are stored, so that a connection that ends at any byte leaves each of them
//! in exactly one place.
//!
//! MOVE does that alone. Without it a copy is made, and a second one would be made by the next run if nobody remembered:
//! so the ledger is told before which messages go where and from which number on their copies can be found there.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tracing::warn;

use super::desk::{Desk, Handled};
use super::imap::session::Session;
use super::plan::Fate;
use super::trouble::Trouble;
use crate::clock;
use crate::ledger::marks::{Mark, MarkState, Place};

/// Response codes (RFC 5530, 3501) that are about the folder and not about a message.
const FOR_ALL: &[&str] = &["OVERQUOTA", "NOPERM", "TRYCREATE", "NONEXISTENT"];
/// Bytes of two messages that are compared to find a copy.
const COMPARED: u32 = 64 << 10;

/// Why a pass over a folder ends before its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The server: connect again.
    Server(Trouble),
    /// The ledger: nothing is moved until it is back.
    Store(anyhow::Error),
}

impl From<Trouble> for Ended {
    fn from(e: Trouble) -> Self {
        Ended::Server(e)
    }
}

/// Where messages are taken from, and what is known of them.
pub(crate) struct Source<'a> {
    pub session: &'a mut Session,
    pub desk: &'a Desk,
    pub place: &'a Place,
}

impl Source<'_> {
    /// Does with each message what is planned for it. Gives the messages that the server did not let us touch.
    ///
    /// # Errors
    /// Where the connection or the ledger is lost. What was done until then is done.
    pub async fn settle(&mut self, handled: &[Handled]) -> Result<Vec<u32>, Ended> {
        let mut seen = Vec::new();
        let mut delete = Vec::new();
        let mut moves: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for h in handled {
            let Ok(uid) = h.uid.parse() else { continue };
            match &h.fate {
                Fate::Keep => {}
                Fate::Seen => seen.push(uid),
                Fate::Delete => delete.push(uid),
                Fate::Move(folder) => moves.entry(folder).or_default().push(uid),
            }
        }
        let mut left = Vec::new();
        if !seen.is_empty() {
            let done = self.session.flag(&seen, "\\Seen").await;
            left.extend(self.unless_refused(done, &seen)?);
        }
        if !delete.is_empty() {
            let done = self.remove(&delete).await;
            left.extend(self.unless_refused(done, &delete)?);
        }
        for (folder, uids) in moves {
            left.extend(self.carry(&uids, folder).await?);
        }
        Ok(left)
    }

    /// What an earlier run has begun and not finished: finds out whether its copies were made. Gives the messages that are
    /// done with it.
    ///
    /// # Errors
    /// Where the connection or the ledger is lost.
    pub async fn finish_copies(
        &mut self,
        marks: &[Mark],
        there: &[u32],
    ) -> Result<Vec<u32>, Ended> {
        let mut begun: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for m in marks.iter().filter(|m| m.state == MarkState::Copying) {
            if let Ok(uid) = m.uid.parse() {
                begun.entry(&m.detail).or_default().push(uid);
            }
        }
        let mut done = Vec::new();
        for (detail, mut uids) in begun {
            let all = uids.clone();
            uids.retain(|u| there.contains(u));
            if !uids.is_empty() && self.is_copied(detail, &uids).await? {
                self.remove(&uids).await?;
                done.extend(uids);
            }
            self.forget(&all).await?;
        }
        Ok(done)
    }

    /// Moves messages; gives those that the server does not let go.
    async fn carry(&mut self, uids: &[u32], folder: &str) -> Result<Vec<u32>, Ended> {
        let mut todo: Vec<Vec<u32>> = vec![uids.to_vec()];
        let mut left = Vec::new();
        let mut made = false;
        while let Some(uids) = todo.pop() {
            match self.carry_all(&uids, folder).await {
                Ok(()) => {}
                Err(Ended::Server(e)) if e.has_code("TRYCREATE") && !made => {
                    made = true;
                    match self.session.create(folder).await {
                        Ok(()) => todo.push(uids),
                        Err(e) => left.extend(self.unless_refused(Err(e), &uids)?),
                    }
                }
                // One message that the server cannot move must not keep the others.
                Err(Ended::Server(Trouble::Refused { code, .. }))
                    if uids.len() > 1 && !FOR_ALL.contains(&code.as_str()) =>
                {
                    todo.extend(uids.iter().map(|u| vec![*u]));
                }
                Err(Ended::Server(e)) => left.extend(self.unless_refused(Err(e), &uids)?),
                Err(e) => return Err(e),
            }
        }
        Ok(left)
    }

    async fn carry_all(&mut self, uids: &[u32], folder: &str) -> Result<(), Ended> {
        if self.session.can("MOVE") {
            return Ok(self.session.move_to(uids, folder).await?);
        }
        let target = self.session.status(folder).await?;
        let detail = format!("{}:{}:{folder}", target.uid_validity, target.uid_next);
        self.remember(uids, detail).await?;
        if let Err(e) = self.session.copy_to(uids, folder).await {
            if matches!(e, Trouble::Refused { .. }) {
                self.forget(uids).await?;
            }
            return Err(e.into());
        }
        self.remove(uids).await?;
        self.forget(uids).await
    }

    /// Deletes these messages and no others. Where the server can delete only everything that anybody has flagged, they are
    /// flagged and stay.
    async fn remove(&mut self, uids: &[u32]) -> Result<(), Trouble> {
        self.session.flag(uids, "\\Deleted").await?;
        if self.session.can("UIDPLUS") {
            self.session.expunge(uids).await?;
        }
        Ok(())
    }

    fn unless_refused(&self, done: Result<(), Trouble>, uids: &[u32]) -> Result<Vec<u32>, Ended> {
        match done {
            Ok(()) => Ok(Vec::new()),
            Err(e @ Trouble::Refused { .. }) => {
                warn!(
                    folder = self.place.folder,
                    messages = uids.len(),
                    "left where they are: {e}"
                );
                Ok(uids.to_vec())
            }
            Err(e) => Err(e.into()),
        }
    }

    async fn remember(&self, uids: &[u32], detail: String) -> Result<(), Ended> {
        let at = clock::now();
        let marks: Vec<Mark> = uids
            .iter()
            .map(|uid| Mark {
                uid: uid.to_string(),
                state: MarkState::Copying,
                detail: detail.clone(),
                at,
            })
            .collect();
        let place = self.place.clone();
        self.desk
            .with_ledger(move |l| l.put_marks(&place, &marks))
            .await
            .map_err(Ended::Store)
    }

    async fn forget(&self, uids: &[u32]) -> Result<(), Ended> {
        let uids: Vec<String> = uids.iter().map(u32::to_string).collect();
        let place = self.place.clone();
        self.desk
            .with_ledger(move |l| l.drop_marks(&place, &uids))
            .await
            .map_err(Ended::Store)
    }

    /// Whether the folder holds copies of all these messages that are newer than when copying began. COPY copies all or none.
    async fn is_copied(&mut self, detail: &str, uids: &[u32]) -> Result<bool, Trouble> {
        let mut parts = detail.splitn(3, ':');
        let mut number = || parts.next().and_then(|p| p.parse::<u32>().ok());
        let (Some(uid_validity), Some(uid_next)) = (number(), number()) else {
            return Ok(false);
        };
        let folder = parts.next().unwrap_or_default();
        let ours = self.starts_of(uids).await?;
        let opened = match self.session.open(folder, true).await {
            Ok(opened) => opened,
            Err(Trouble::Refused { .. }) => return self.back(false).await,
            Err(e) => return Err(e),
        };
        if opened.uid_validity != uid_validity {
            return self.back(false).await;
        }
        let (newer, _) = self
            .session
            .list(uid_next.max(1), opened.exists, false)
            .await?;
        let newer: Vec<u32> = newer.iter().map(|l| l.uid).collect();
        let mut theirs = self.starts_of(&newer).await?;
        let found = ours.iter().all(|mail| {
            let at = theirs.iter().position(|t| t == mail);
            at.map(|n| theirs.swap_remove(n)).is_some()
        });
        self.back(found && ours.len() == uids.len()).await
    }

    /// Opens our folder again.
    async fn back(&mut self, found: bool) -> Result<bool, Trouble> {
        let opened = self.session.open(&self.place.folder, false).await?;
        if opened.uid_validity.to_string() == self.place.era {
            Ok(found)
        } else {
            Err(Trouble::Lost("UIDVALIDITY changed meanwhile".to_owned()))
        }
    }

    async fn starts_of(&mut self, uids: &[u32]) -> Result<Vec<[u8; 32]>, Trouble> {
        let mut all = Vec::with_capacity(uids.len());
        for some in uids.chunks(50) {
            let bytes = some.len() * COMPARED as usize * 2;
            self.session
                .fetch(some, 0, COMPARED, bytes, |_, body| {
                    all.push(Sha256::digest(body).into())
                })
                .await?;
        }
        Ok(all)
    }
}
