//! The desk: one thread that judges messages and stores what they say, beside the one that speaks with servers.
//!
//! The ledger blocks and judging takes time, so both happen here while the next messages come in. All accounts share one
//! desk: a ledger has one writer at a time anyway.

use std::sync::mpsc;
use std::thread;

use anyhow::Context;
use tokio::sync::oneshot;
use tracing::{info, warn};
use undeliverable::policy::{Event, Incident};
use undeliverable::{Category, Engine, Kind, trust};

use super::plan::{Fate, Plan};
use super::trouble::words_of;
use crate::clock;
use crate::ledger::args::{LedgerArgs, Proofs};
use crate::ledger::marks::{Mark, MarkState, Place};
use crate::ledger::{Ledger, Recorded};

/// The desk, as others see it.
#[derive(Clone)]
pub(crate) struct Desk {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Clerk) + Send>;

/// Who works at the desk.
pub(crate) struct Clerk {
    engine: Engine,
    proofs: Proofs,
    /// `None` records nothing.
    ledger_args: Option<LedgerArgs>,
    ledger: Option<Ledger>,
    /// How often the ledger was opened: what was held before is not held any more.
    generation: u64,
}

/// A message as it came from its server.
pub(crate) struct Mail {
    pub uid: String,
    /// Its bytes, or why there are none.
    pub content: Result<Vec<u8>, String>,
}

/// A message whose events are stored.
pub(crate) struct Handled {
    pub uid: String,
    /// What it is; `None` where it could not be processed.
    pub kind: Option<Kind>,
    pub fate: Fate,
    /// Why it could not be processed.
    pub trouble: Option<String>,
    /// Provider and category of each recipient, for counters.
    pub verdicts: Vec<(Option<String>, Category)>,
}

/// A folder that nobody else works on meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    name: String,
    generation: u64,
}

impl Desk {
    /// Opens the ledger, and the desk. Without `ledger_args` nothing is recorded.
    ///
    /// # Errors
    /// Where the ledger cannot be opened.
    pub fn open(
        engine: Engine,
        proofs: Proofs,
        ledger_args: Option<LedgerArgs>,
    ) -> anyhow::Result<Self> {
        let mut clerk = Clerk {
            engine,
            proofs,
            ledger_args,
            ledger: None,
            generation: 0,
        };
        if clerk.ledger_args.is_some() {
            clerk.ledger()?;
        }
        let (jobs, queue) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name("desk".to_owned())
            .spawn(move || {
                for job in queue {
                    job(&mut clerk);
                }
            })
            .context("a thread for the ledger")?;
        Ok(Desk { jobs })
    }

    /// Judges messages and stores what they say, and what is known of those that stay. Nothing is moved before this is done.
    ///
    /// # Errors
    /// Where the store is down: nothing is stored then, and nothing may be moved.
    pub async fn process(
        &self,
        hold: Option<&Hold>,
        place: &Place,
        mail: Vec<Mail>,
        plan: &Plan,
    ) -> anyhow::Result<(Vec<Handled>, Recorded)> {
        let (hold, place, plan) = (hold.cloned(), place.clone(), plan.clone());
        self.ask(move |c| c.process(hold.as_ref(), &place, mail, &plan))
            .await
    }

    /// Whether these first bytes of a message tell the same as all of it would, as far as that can be known: a delivery report
    /// that names its recipients, and whose identity does not hang on the last bytes that are there.
    pub async fn suffices(&self, bytes: Vec<u8>) -> anyhow::Result<(bool, Vec<u8>)> {
        self.ask(move |c| Ok((suffices(&c.engine, &bytes), bytes)))
            .await
    }

    /// How the ledger names an account.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn account_key(&self, user: &str, host: &str) -> anyhow::Result<String> {
        let (user, host) = (user.to_owned(), host.to_owned());
        self.ask(move |c| match c.ledger_args {
            Some(_) => Ok(c.ledger()?.account_key(&user, &host)),
            None => Ok(format!("{user}@{host}")),
        })
        .await
    }

    /// Takes a folder for one pass; `None` where another process works on it.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn hold(&self, name: String) -> anyhow::Result<Option<Hold>> {
        self.ask(move |c| {
            let held = c.with_ledger(|l| l.store().try_hold(&name))?;
            let generation = c.generation;
            Ok(held.then_some(Hold { name, generation }))
        })
        .await
    }

    /// Gives a folder back.
    pub async fn let_go(&self, hold: Hold) {
        let done = self
            .ask(move |c| {
                if let Some(ledger) = &mut c.ledger {
                    ledger.store().let_go(&hold.name);
                }
                Ok(())
            })
            .await;
        // A desk that is closed holds nothing.
        drop(done);
    }

    /// Runs something with the ledger.
    ///
    /// # Errors
    /// Where the store is down, or `work` fails.
    pub async fn with_ledger<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.ask(move |c| c.with_ledger(work)).await
    }

    /// Looks for outages of providers in what was recorded; gives the new ones.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn settle(&self) -> anyhow::Result<Vec<Incident>> {
        self.with_ledger(Ledger::settle).await
    }

    /// Whether the desk works: ready when it has come to this question.
    pub async fn answers(&self) -> bool {
        self.ask(|_| Ok(())).await.is_ok()
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Clerk) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (answer, wait) = oneshot::channel();
        let job: Job = Box::new(move |clerk| {
            // Who asked may have gone.
            drop(answer.send(work(clerk)));
        });
        self.jobs.send(job).ok().context("the desk is closed")?;
        wait.await.context("the desk is closed")?
    }
}

impl Clerk {
    fn ledger(&mut self) -> anyhow::Result<&mut Ledger> {
        if self.ledger.is_none() {
            let args = self.ledger_args.as_ref().context("nothing is recorded")?;
            self.ledger = Some(args.open()?);
            self.generation += 1;
        }
        self.ledger.as_mut().context("no ledger")
    }

    /// Works with the ledger. After an error that is the store's it is opened anew the next time.
    fn with_ledger<T>(
        &mut self,
        work: impl FnOnce(&mut Ledger) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let ledger = self.ledger()?;
        match work(ledger) {
            Ok(t) => Ok(t),
            Err(e) => {
                if ledger.is_writable().is_err() {
                    self.ledger = None;
                }
                Err(e)
            }
        }
    }

    fn process(
        &mut self,
        hold: Option<&Hold>,
        place: &Place,
        mail: Vec<Mail>,
        plan: &Plan,
    ) -> anyhow::Result<(Vec<Handled>, Recorded)> {
        let now = clock::now();
        // A daemon lives long, and mail is sent meanwhile.
        match self.proofs.renew() {
            Ok(false) => {}
            Ok(true) => info!("keys of tokens and sent log were read again"),
            Err(e) => warn!("{e:#}: what was known before is used"),
        }
        let proof = self.proofs.proof();
        let mut judged: Vec<(Handled, Vec<Event>)> = mail
            .into_iter()
            .map(|m| {
                judge(&self.engine, m, plan, |report| {
                    report.source = Some(format!(
                        "{}#{}",
                        place.folder,
                        report.source.take().unwrap_or_default()
                    ));
                    trust::events(report, now, &proof)
                })
            })
            .collect();
        if self.ledger_args.is_none() {
            return Ok((
                judged.into_iter().map(|(h, _)| h).collect(),
                Recorded::default(),
            ));
        }
        self.ledger()?;
        anyhow::ensure!(
            hold.is_none_or(|h| h.generation == self.generation),
            "the ledger was lost for a moment, and with it the right to work on this folder alone"
        );
        let marks: Vec<Mark> = judged.iter().filter_map(|(h, _)| mark(h, now)).collect();
        let events: Vec<Event> = judged.iter().flat_map(|(_, e)| e.clone()).collect();
        let mut recorded = Recorded::default();
        match self.with_ledger(|l| l.record_from(place, events, &marks)) {
            Ok(r) => recorded.add(r),
            Err(e) if self.ledger.is_none() => return Err(e),
            // The store works, so it is one of the messages.
            Err(_) => {
                for (handled, events) in &mut judged {
                    let events = std::mem::take(events);
                    let marks: Vec<Mark> = mark(handled, now).into_iter().collect();
                    match self.with_ledger(|l| l.record_from(place, events, &marks)) {
                        Ok(r) => recorded.add(r),
                        Err(e) if self.ledger.is_none() => return Err(e),
                        Err(e) => {
                            *handled =
                                failed(&handled.uid, plan, format!("cannot be recorded: {e:#}"));
                            let marks: Vec<Mark> = mark(handled, now).into_iter().collect();
                            self.with_ledger(|l| l.put_marks(place, &marks))?;
                        }
                    }
                }
            }
        }
        Ok((judged.into_iter().map(|(h, _)| h).collect(), recorded))
    }
}

fn judge(
    engine: &Engine,
    mail: Mail,
    plan: &Plan,
    events: impl FnOnce(&mut undeliverable::Report) -> Vec<Event>,
) -> (Handled, Vec<Event>) {
    let bytes = match mail.content {
        Ok(bytes) => bytes,
        Err(why) => return (failed(&mail.uid, plan, why), Vec::new()),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return (
            failed(&mail.uid, plan, "it is empty".to_owned()),
            Vec::new(),
        );
    }
    let mut report = engine.parse(&bytes);
    report.source = Some(mail.uid.clone());
    let events = events(&mut report);
    let verdicts = report
        .recipients
        .iter()
        .map(|r| &r.verdict)
        .filter_map(|v| Some((v.provider.as_deref().map(str::to_owned), v.category?)))
        .collect();
    let handled = Handled {
        uid: mail.uid,
        kind: Some(report.kind),
        fate: plan.fate(report.kind),
        trouble: None,
        verdicts,
    };
    (handled, events)
}

fn failed(uid: &str, plan: &Plan, why: String) -> Handled {
    Handled {
        uid: uid.to_owned(),
        kind: None,
        fate: Fate::Move(plan.could_not_process.clone()),
        // What a store or a server says may quote the message.
        trouble: Some(words_of(&why)),
        verdicts: Vec::new(),
    }
}

/// What the ledger is to know of a message besides its events: that it stays, or that it failed.
fn mark(handled: &Handled, at: i64) -> Option<Mark> {
    let (state, detail) = match (&handled.trouble, &handled.fate) {
        (Some(why), _) => (MarkState::Failed, why.clone()),
        (None, Fate::Keep | Fate::Seen) => (MarkState::Done, String::new()),
        (None, Fate::Delete | Fate::Move(_)) => return None,
    };
    Some(Mark {
        uid: handled.uid.clone(),
        state,
        detail,
        at,
    })
}

fn suffices(engine: &Engine, bytes: &[u8]) -> bool {
    /// Bytes left out for the second look.
    const LESS: usize = 4 << 10;
    let Some(shorter) = bytes.len().checked_sub(LESS) else {
        return false;
    };
    let all = engine.parse(bytes);
    let is_report = all.kind.is_failure_notice() || matches!(all.kind, Kind::Delivered);
    let is_named = |r: &undeliverable::Recipient| {
        r.final_recipient.is_some()
            && r.address_from
                .is_some_and(|from| from != undeliverable::AddressSource::ReturnedHeaders)
    };
    // The identity of a mail ends with the header of the message that it returns, if it returns one: then less of its
    // body changes nothing.
    is_report
        && !all.recipients.is_empty()
        && all.recipients.iter().all(is_named)
        && engine.parse(&bytes[..shorter]).event_id == all.event_id
}
