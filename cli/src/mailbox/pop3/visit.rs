//! One visit to a mailbox: list, fetch, store, and only then delete.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::connect;
use super::session::{Entry, Session, is_for_ever};
use crate::clock;
use crate::ledger::marks::{Mark, MarkState, Place};
use crate::mailbox::config::Account;
use crate::mailbox::desk::{Handled, Hold, Mail};
use crate::mailbox::moving::Ended;
use crate::mailbox::plan::{Fate, Plan};
use crate::mailbox::trouble::Trouble;
use crate::mailbox::work::{Passed, Round};

/// The one folder.
const INBOX: &str = "INBOX";
/// Bytes and messages of one batch: with the one that is processed meanwhile, twice this is in memory.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_MESSAGES: usize = 250;
/// A message of more bytes is looked at by its first lines before all of it is fetched.
const LARGE: usize = 1 << 20;
/// Lines behind the header that are looked at then: what a report says, and the header of the message that it returns.
const FIRST_LINES: u32 = 4000;
/// A message during which the connection broke so many times is taken for the cause. Fewer than end a run with `--once`.
const BREAKS: u32 = 3;
/// Deletions, and the time since the first of them, after which a session is ended so that they count: what is deleted in a
/// session that breaks is not deleted.
const DELETIONS: usize = 1000;
const DELETION_TIME: Duration = Duration::from_secs(120);
/// Messages of one listing that are held in memory; the others come with the next visit.
const MOST_LISTED: usize = 100_000;
/// Seconds after which a message that could not be processed is tried again.
const TRY_AGAIN: i64 = 3600;

/// What is remembered of a mailbox between visits of one process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// How often the connection broke while a message was fetched.
    breaks: BTreeMap<String, u32>,
}

/// Goes over a mailbox until nothing is left to do, or the end is wanted. Gives the time for which the server wants us to
/// stay away.
///
/// # Errors
/// Where the server or the ledger is lost; what was done until then is done, and `passed` says what.
pub(crate) async fn visit(
    round: &Round<'_>,
    account: &Account,
    memory: &mut Memory,
    passed: &mut Passed,
) -> Result<Duration, Ended> {
    passed.more = false;
    passed.busy = false;
    let session = tokio::select! {
        session = connect(&account.address, &account.signin) => session?,
        () = round.watch.stopped() => return Ok(Duration::ZERO),
    };
    let delay = session.login_delay();
    let visit = Visit {
        round,
        plan: without_folders(round.plan),
        place: Place {
            account: round.key.to_owned(),
            folder: INBOX.to_owned(),
            era: String::new(),
        },
    };
    if round.dry {
        visit.work(session, memory, None, passed).await?;
        return Ok(delay);
    }
    let name = format!("{} {INBOX}", round.key);
    let Some(hold) = round.desk.hold(name).await.map_err(Ended::Store)? else {
        passed.busy = true;
        return Ok(delay);
    };
    let done = visit.work(session, memory, Some(&hold), passed).await;
    round.desk.let_go(hold).await;
    done.map(|()| delay)
}

/// POP3 has no folders: what would be moved stays.
fn without_folders(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for kind in undeliverable::Kind::ALL {
        if let Fate::Move(_) = plan.fate(*kind) {
            plan.set(*kind, Fate::Keep);
        }
    }
    plan
}

struct Visit<'a> {
    round: &'a Round<'a>,
    plan: Plan,
    place: Place,
}

impl Visit<'_> {
    async fn work(
        &self,
        mut session: Session,
        memory: &mut Memory,
        hold: Option<&Hold>,
        passed: &mut Passed,
    ) -> Result<(), Ended> {
        let (todo, failed_before) = self.todo(&mut session, passed).await?;
        self.round
            .watch
            .backlog(self.round.account, INBOX, todo.len() as u64, None);
        let mut waiting = batches(todo, &memory.breaks);
        let mut come: Option<(Vec<Entry>, Vec<Mail>)> = None;
        let (mut deleted, mut since) = (0, None);
        loop {
            if come.is_none() {
                match waiting
                    .pop_front()
                    .filter(|_| !self.round.watch.is_stopping())
                {
                    Some(batch) => {
                        come = Some(self.fetch(&mut session, batch, memory, passed).await?)
                    }
                    None => break,
                }
            }
            let Some((entries, mail)) = come.take() else {
                continue;
            };
            let stored = self.round.desk.process(hold, &self.place, mail, &self.plan);
            let is_enough = deleted >= DELETIONS
                || since.is_some_and(|s: Instant| s.elapsed() >= DELETION_TIME);
            let batch = if is_enough || self.round.watch.is_stopping() {
                None
            } else {
                waiting.pop_front()
            };
            // While one batch is stored, the next comes in.
            let (stored, next) = match batch {
                None => (stored.await, None),
                Some(batch) => {
                    let fetch = self.fetch(&mut session, batch, memory, passed);
                    let (stored, next) = tokio::join!(stored, fetch);
                    (stored, Some(next))
                }
            };
            let (mut handled, recorded) = stored.map_err(Ended::Store)?;
            passed.recorded.add(recorded);
            for h in &mut handled {
                if let Fate::Move(_) = h.fate {
                    h.fate = Fate::Keep;
                }
            }
            come = match next.transpose() {
                Ok(next) => next,
                Err(e) => {
                    // What stays is done with; what was to go comes again.
                    handled.retain(|h| h.fate != Fate::Delete);
                    self.tell(&handled, passed);
                    return Err(e);
                }
            };
            if !self.round.dry {
                deleted += self
                    .delete(&mut session, &entries, &handled, passed)
                    .await?;
                if deleted > 0 {
                    since.get_or_insert_with(Instant::now);
                }
                self.forget(&handled, &failed_before).await?;
            }
            self.tell(&handled, passed);
            if come.is_none() && is_enough && !waiting.is_empty() {
                passed.more = true;
                break;
            }
        }
        match session.quit().await {
            Ok(()) => Ok(()),
            Err(e @ Trouble::Refused { .. }) if deleted > 0 => {
                warn!(
                    account = self.round.account,
                    "some messages were not deleted: {e}"
                );
                passed.left += deleted as u64;
                Ok(())
            }
            // Nobody waits for a farewell that changes nothing.
            Err(_) if deleted == 0 => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// The messages that are still to be processed, and those of them that could not be before. What the ledger need not know
    /// any more is forgotten.
    async fn todo(
        &self,
        session: &mut Session,
        passed: &mut Passed,
    ) -> Result<(VecDeque<Entry>, HashSet<String>), Ended> {
        let marks = if self.round.dry {
            Vec::new()
        } else {
            self.marks().await?
        };
        let of = |state: MarkState| marks.iter().filter(move |m| m.state == state);
        let mut gone: HashSet<&str> = of(MarkState::Done).map(|m| m.uid.as_str()).collect();
        let now = clock::now();
        let known: HashSet<&str> = of(MarkState::Failed)
            .filter(|m| now - m.at < TRY_AGAIN)
            .map(|m| m.uid.as_str())
            .chain(gone.iter().copied())
            .collect();
        // Two messages may have one name where they are the same in every byte: then the second comes with the next visit.
        let mut seen = HashSet::new();
        let (entries, is_whole) = session
            .list(MOST_LISTED, |uid| {
                gone.remove(uid);
                !known.contains(uid) && (seen.len() > MOST_LISTED || seen.insert(uid.to_owned()))
            })
            .await?;
        passed.more = !is_whole;
        let gone = gone.into_iter().map(str::to_owned).collect();
        if !self.round.dry {
            self.drop_marks(gone).await?;
        }
        if !entries.is_empty() {
            debug!(
                account = self.round.account,
                messages = entries.len(),
                "new mail"
            );
        }
        let failed = of(MarkState::Failed).map(|m| m.uid.clone()).collect();
        Ok((entries.into(), failed))
    }

    async fn marks(&self) -> Result<Vec<Mark>, Ended> {
        let place = self.place.clone();
        self.round
            .desk
            .with_ledger(move |l| {
                l.tidy_marks(&place, clock::now())?;
                l.marks(&place)
            })
            .await
            .map_err(Ended::Store)
    }

    async fn drop_marks(&self, uids: Vec<String>) -> Result<(), Ended> {
        if uids.is_empty() {
            return Ok(());
        }
        let place = self.place.clone();
        self.round
            .desk
            .with_ledger(move |l| l.drop_marks(&place, &uids))
            .await
            .map_err(Ended::Store)
    }

    /// What failed before and goes now has not failed; of what stays the ledger knows already.
    async fn forget(
        &self,
        handled: &[Handled],
        failed_before: &HashSet<String>,
    ) -> Result<(), Ended> {
        let mended = handled
            .iter()
            .filter(|h| h.fate == Fate::Delete && failed_before.contains(&h.uid))
            .map(|h| h.uid.clone())
            .collect();
        self.drop_marks(mended).await
    }

    /// Fetches a batch; counts the breaks of the message that is on the way when the connection breaks.
    async fn fetch(
        &self,
        session: &mut Session,
        batch: Vec<Entry>,
        memory: &mut Memory,
        passed: &mut Passed,
    ) -> Result<(Vec<Entry>, Vec<Mail>), Ended> {
        let mut mail = Vec::with_capacity(batch.len());
        let (given_up, wanted): (Vec<&Entry>, Vec<&Entry>) = batch
            .iter()
            .partition(|e| memory.breaks.get(&e.uid).is_some_and(|n| *n >= BREAKS));
        for e in given_up {
            memory.breaks.remove(&e.uid);
            let why = format!("the connection broke {BREAKS} times while it was fetched");
            mail.push(content(e, Err(why)));
        }
        let wanted: Vec<Entry> = wanted.into_iter().cloned().collect();
        let at_once = if session.can("PIPELINING") {
            wanted.len()
        } else {
            1
        };
        for some in wanted.chunks(at_once.max(1)) {
            if let [one] = some
                && one.size > LARGE
                && let Some(found) = self.beginning(session, one).await?
            {
                mail.push(content(one, Ok(found)));
                continue;
            }
            session.ask_for(some).await?;
            for e in some {
                match session.message(e, self.round.max).await {
                    Ok(bytes) => {
                        memory.breaks.remove(&e.uid);
                        mail.push(content(e, Ok(bytes)));
                    }
                    Err(Trouble::Refused { code, text, .. }) if is_for_ever(&code) => {
                        mail.push(content(e, Err(format!("cannot be fetched: {text}"))));
                    }
                    Err(Trouble::Refused { .. }) => passed.left += 1,
                    Err(trouble) => {
                        *memory.breaks.entry(e.uid.clone()).or_default() += 1;
                        return Err(trouble.into());
                    }
                }
            }
        }
        Ok((batch, mail))
    }

    /// The first lines of a large message, where they tell all that the whole would.
    async fn beginning(&self, session: &mut Session, e: &Entry) -> Result<Option<Vec<u8>>, Ended> {
        if !session.can("TOP") {
            return Ok(None);
        }
        let bytes = match session.top(e, FIRST_LINES, self.round.max).await {
            Ok(bytes) => bytes,
            Err(Trouble::Refused { .. }) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let (suffices, bytes) = self
            .round
            .desk
            .suffices(bytes)
            .await
            .map_err(Ended::Store)?;
        Ok(suffices.then_some(bytes))
    }

    /// Marks for deletion what is to go; its events are stored. Gives how many.
    async fn delete(
        &self,
        session: &mut Session,
        entries: &[Entry],
        handled: &[Handled],
        passed: &mut Passed,
    ) -> Result<usize, Ended> {
        let mut deleted = 0;
        for h in handled.iter().filter(|h| h.fate == Fate::Delete) {
            let Some(entry) = entries.iter().find(|e| e.uid == h.uid) else {
                continue;
            };
            match session.delete(entry).await {
                Ok(()) => deleted += 1,
                Err(e @ Trouble::Refused { .. }) => {
                    warn!(
                        account = self.round.account,
                        uid = h.uid,
                        "left where it is: {e}"
                    );
                    passed.left += 1;
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(deleted)
    }

    fn tell(&self, handled: &[Handled], passed: &mut Passed) {
        passed.messages += handled.len() as u64;
        for h in handled {
            if let Some(why) = &h.trouble {
                passed.failed += 1;
                warn!(
                    account = self.round.account,
                    uid = h.uid,
                    "could not be processed and stays: {why}"
                );
            }
        }
        self.round.watch.handled(self.round.account, INBOX, handled);
    }
}

fn content(entry: &Entry, content: Result<Vec<u8>, String>) -> Mail {
    Mail {
        uid: entry.uid.clone(),
        content,
    }
}

/// Cuts a list into batches; large messages are alone. So are those during which the connection broke, and they come last:
/// what ends the connection must not keep the others.
fn batches(list: VecDeque<Entry>, breaks: &BTreeMap<String, u32>) -> VecDeque<Vec<Entry>> {
    let mut all = VecDeque::new();
    let (mut open, mut bytes) = (Vec::new(), 0);
    let (last, first): (Vec<Entry>, Vec<Entry>) =
        list.into_iter().partition(|e| breaks.contains_key(&e.uid));
    for e in first {
        let is_full = open.len() == BATCH_MESSAGES || bytes + e.size > BATCH_BYTES;
        if !open.is_empty() && (is_full || e.size > LARGE) {
            all.push_back(std::mem::take(&mut open));
            bytes = 0;
        }
        bytes += e.size;
        let is_alone = e.size > LARGE;
        open.push(e);
        if is_alone {
            all.push_back(std::mem::take(&mut open));
            bytes = 0;
        }
    }
    if !open.is_empty() {
        all.push_back(open);
    }
    all.extend(last.into_iter().map(|e| vec![e]));
    all
}

#[cfg(test)]
mod tests {
    use undeliverable::Kind;

    use super::*;

    #[test]
    fn batches_are_bounded() {
        let list = |sizes: &[usize]| -> VecDeque<Entry> {
            let entry = |(n, size): (usize, &usize)| Entry {
                number: n as u32 + 1,
                uid: n.to_string(),
                size: *size,
            };
            sizes.iter().enumerate().map(entry).collect()
        };
        for (sizes, expected) in [
            (vec![], vec![]),
            (vec![1; 600], vec![250, 250, 100]),
            (vec![1, LARGE + 1, 1, 1], vec![1, 1, 2]),
            (vec![LARGE + 1, LARGE + 1], vec![1, 1]),
            (vec![LARGE; 9], vec![4, 4, 1]),
        ] {
            let got = batches(list(&sizes), &BTreeMap::new());
            let numbers: Vec<u32> = got.iter().flatten().map(|e| e.number).collect();
            assert!(numbers.is_sorted() && numbers.len() == sizes.len());
            assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        }
        let broke = BTreeMap::from([("1".to_owned(), 1)]);
        let got = batches(list(&[1; 4]), &broke);
        let numbers: Vec<Vec<u32>> = got
            .iter()
            .map(|b| b.iter().map(|e| e.number).collect())
            .collect();
        assert_eq!(numbers, [vec![1, 3, 4], vec![2]]);
    }

    #[test]
    fn without_folders_nothing_is_moved() {
        let mut plan = Plan::default();
        plan.set(Kind::Bounce, Fate::Delete);
        let plan = without_folders(&plan);
        assert_eq!(plan.fate(Kind::Bounce), Fate::Delete);
        assert_eq!(plan.fate(Kind::AutoReply), Fate::Keep);
        assert_eq!(plan.fate(Kind::Other), Fate::Keep);
    }
}
