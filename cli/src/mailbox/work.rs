//! One pass over one folder: list, fetch, store, and only then tidy up.

use std::collections::{BTreeMap, HashSet};

use tracing::{debug, warn};

use super::desk::{Desk, Handled, Hold, Mail};
use super::fetch::{Batch, batches};
use super::imap::folders::Listed;
use super::imap::session::Session;
use super::moving::{Ended, Source};
use super::plan::Plan;
use super::trouble::Trouble;
use super::watch::Watch;
use crate::clock;
use crate::ledger::Recorded;
use crate::ledger::marks::{Mark, MarkState, Place};

/// A message that was alone on the way so many times when the connection broke is taken for the cause.
const BREAKS: u32 = 3;

/// What is remembered of a folder between passes of one process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    uid_validity: u32,
    /// Messages with smaller numbers are done with.
    first: u32,
    /// Listings during which the connection broke.
    listing_breaks: u32,
    /// Batches in a row during which the connection broke.
    breaks: u32,
    /// Messages that were on the way when it broke again and again, and how often it did since they travel alone.
    suspects: BTreeMap<u32, u32>,
}

/// What every pass of an account needs.
pub(crate) struct Round<'a> {
    pub desk: &'a Desk,
    pub plan: &'a Plan,
    pub account: &'a str,
    /// What the ledger calls the account.
    pub key: &'a str,
    /// Bytes of a message that are read.
    pub max: usize,
    /// Changes nothing, anywhere.
    pub dry: bool,
    pub watch: &'a Watch,
}

/// What a pass did.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub messages: u64,
    pub recorded: Recorded,
    /// Messages that could not be processed.
    pub failed: u64,
    /// Messages that the server did not let us touch.
    pub left: u64,
    /// The folder has more messages than one listing holds.
    pub more: bool,
    /// Another process works on the folder.
    pub busy: bool,
}

impl Round<'_> {
    /// Goes over a folder until nothing is left to do, or the end is wanted.
    ///
    /// # Errors
    /// Where the server or the ledger is lost; what was done until then is done, and `passed` says what.
    pub async fn pass(
        &self,
        session: &mut Session,
        folder: &str,
        memory: &mut Memory,
        passed: &mut Passed,
    ) -> Result<(), Ended> {
        if self.dry {
            return self.look(session, folder, memory, None, passed).await;
        }
        let name = format!("{} {folder}", self.key);
        let Some(hold) = self.desk.hold(name).await.map_err(Ended::Store)? else {
            passed.busy = true;
            return Ok(());
        };
        let done = self
            .look(session, folder, memory, Some(&hold), passed)
            .await;
        self.desk.let_go(hold).await;
        done
    }

    async fn look(
        &self,
        session: &mut Session,
        folder: &str,
        memory: &mut Memory,
        hold: Option<&Hold>,
        passed: &mut Passed,
    ) -> Result<(), Ended> {
        let opened = session.open(folder, self.dry).await?;
        if memory.uid_validity != opened.uid_validity {
            *memory = Memory {
                uid_validity: opened.uid_validity,
                first: 1,
                ..Memory::default()
            };
        }
        let place = Place {
            account: self.key.to_owned(),
            folder: folder.to_owned(),
            era: opened.uid_validity.to_string(),
        };
        let (listed, is_whole) = if opened.exists == 0 {
            (Vec::new(), true)
        } else {
            list(session, opened.exists, memory).await?
        };
        passed.more = !is_whole;
        let mut next = listed
            .last()
            .map_or(memory.first, |l| l.uid.saturating_add(1));
        if is_whole {
            next = next.max(opened.uid_next).max(1);
        }
        let marks = if self.dry || (listed.is_empty() && memory.first > 1) {
            Vec::new()
        } else {
            self.marks(&place, is_whole && memory.first == 1, &listed)
                .await?
        };
        let there: Vec<u32> = listed.iter().map(|l| l.uid).collect();
        let mut source = Source {
            session,
            desk: self.desk,
            place: &place,
        };
        let copied = source.finish_copies(&marks, &there).await?;
        let done: HashSet<u32> = marks
            .iter()
            .filter(|m| m.state == MarkState::Done)
            .filter_map(|m| m.uid.parse().ok())
            .chain(copied)
            .collect();
        let todo: Vec<Listed> = listed
            .into_iter()
            .filter(|l| !l.is_deleted && !done.contains(&l.uid))
            .collect();
        let oldest = todo.iter().filter_map(|l| l.arrived).min();
        self.watch
            .backlog(self.account, folder, todo.len() as u64, oldest);
        if !todo.is_empty() {
            debug!(
                account = self.account,
                folder,
                messages = todo.len(),
                "new mail"
            );
        }
        let left_before = passed.left;
        let failed: HashSet<&str> = marks
            .iter()
            .filter(|m| m.state == MarkState::Failed)
            .map(|m| m.uid.as_str())
            .collect();
        let ended = self
            .work(&mut source, &todo, &failed, memory, hold, passed)
            .await?;
        if ended && passed.left == left_before {
            memory.first = next;
            memory.listing_breaks = 0;
        }
        Ok(())
    }

    /// Fetches, stores and settles batch by batch: while one is stored, the next comes in. False where the end was wanted before.
    async fn work(
        &self,
        source: &mut Source<'_>,
        todo: &[Listed],
        failed_before: &HashSet<&str>,
        memory: &mut Memory,
        hold: Option<&Hold>,
        passed: &mut Passed,
    ) -> Result<bool, Ended> {
        let mut waiting = batches(todo, &memory.suspects);
        let mut come = None;
        loop {
            if come.is_none() {
                let Some(batch) = waiting.pop_front() else {
                    return Ok(true);
                };
                if self.watch.is_stopping() {
                    return Ok(false);
                }
                come = Some(self.fetch(source, &batch.uids(), &batch, memory).await?);
            }
            let Some(mail) = come.take() else { continue };
            let stored = self.desk.process(hold, source.place, mail, self.plan);
            // What may break the connection waits until nothing else hangs on it.
            let is_risky = |b: &Batch| b.uids().iter().any(|u| memory.suspects.contains_key(u));
            let batch = if self.watch.is_stopping() || waiting.front().is_some_and(is_risky) {
                None
            } else {
                waiting.pop_front()
            };
            let (stored, next) = match &batch {
                None => (stored.await, None),
                Some(batch) => {
                    let uids = batch.uids();
                    let fetch = self.fetch(source, &uids, batch, memory);
                    let (stored, next) = tokio::join!(stored, fetch);
                    (stored, Some(next))
                }
            };
            let (handled, recorded) = stored.map_err(Ended::Store)?;
            passed.recorded.add(recorded);
            // The connection that should have brought the next batch cannot tidy up this one either; the next pass does.
            come = next.transpose()?;
            let left = if self.dry {
                Vec::new()
            } else {
                source.settle(&handled).await?
            };
            self.tell(source.place, &handled, &left, passed);
            let mended: Vec<String> = handled
                .iter()
                .filter(|h| h.trouble.is_none() && failed_before.contains(h.uid.as_str()))
                .map(|h| h.uid.clone())
                .collect();
            self.forget(source.place, mended).await?;
        }
    }

    /// Fetches a batch. Where the connection breaks, its messages travel alone the next time; where it always breaks at the
    /// same message, that one is given up.
    async fn fetch(
        &self,
        source: &mut Source<'_>,
        uids: &[u32],
        batch: &Batch,
        memory: &mut Memory,
    ) -> Result<Vec<Mail>, Ended> {
        if let [one] = uids
            && memory.suspects.get(one).is_some_and(|n| *n >= BREAKS)
        {
            memory.suspects.remove(one);
            let why = format!("the connection broke {BREAKS} times while it was fetched");
            return Ok(vec![Mail {
                uid: one.to_string(),
                content: Err(why),
            }]);
        }
        match batch.fetch(source.session, self.desk, self.max).await {
            Ok(mail) => {
                memory.breaks = 0;
                for uid in uids {
                    memory.suspects.remove(uid);
                }
                Ok(mail)
            }
            Err(e) => {
                memory.breaks += 1;
                // Once is chance.
                if memory.breaks > 1 {
                    for uid in uids {
                        let breaks = memory.suspects.entry(*uid).or_default();
                        *breaks += u32::from(uids.len() == 1);
                    }
                }
                Err(e.into())
            }
        }
    }

    /// What failed before and is done now has not failed.
    async fn forget(&self, place: &Place, uids: Vec<String>) -> Result<(), Ended> {
        if uids.is_empty() {
            return Ok(());
        }
        let place = place.clone();
        self.desk
            .with_ledger(move |l| l.drop_marks(&place, &uids))
            .await
            .map_err(Ended::Store)
    }

    fn tell(&self, place: &Place, handled: &[Handled], left: &[u32], passed: &mut Passed) {
        let left: HashSet<String> = left.iter().map(u32::to_string).collect();
        passed.messages += handled.len() as u64;
        passed.left += left.len() as u64;
        for h in handled {
            if let Some(why) = &h.trouble {
                passed.failed += 1;
                warn!(
                    account = self.account,
                    folder = place.folder,
                    uid = h.uid,
                    to = h.fate.words(),
                    "could not be processed: {why}"
                );
            }
        }
        self.watch.handled(self.account, &place.folder, handled);
    }

    /// What the ledger knows of the folder; what it need not know any more is forgotten.
    async fn marks(
        &self,
        place: &Place,
        is_whole: bool,
        listed: &[Listed],
    ) -> Result<Vec<Mark>, Ended> {
        let there: HashSet<String> = listed.iter().map(|l| l.uid.to_string()).collect();
        let place = place.clone();
        self.desk
            .with_ledger(move |l| {
                if is_whole {
                    l.tidy_marks(&place, clock::now())?;
                }
                let mut marks = l.marks(&place)?;
                if is_whole {
                    let gone: Vec<String> = marks
                        .iter()
                        .filter(|m| m.state == MarkState::Done && !there.contains(&m.uid))
                        .map(|m| m.uid.clone())
                        .collect();
                    l.drop_marks(&place, &gone)?;
                }
                marks.retain(|m| there.contains(&m.uid) || m.state == MarkState::Copying);
                Ok(marks)
            })
            .await
            .map_err(Ended::Store)
    }
}

/// Lists what is not done with. A message that the server itself cannot read breaks a listing with sizes on some servers; one
/// without them shows it.
async fn list(
    session: &mut Session,
    exists: u32,
    memory: &mut Memory,
) -> Result<(Vec<Listed>, bool), Trouble> {
    let sizes = memory.listing_breaks < 2;
    let listed = session.list(memory.first, exists, sizes).await;
    if listed.as_ref().is_err_and(Trouble::is_connection) {
        memory.listing_breaks += 1;
    }
    listed
}
