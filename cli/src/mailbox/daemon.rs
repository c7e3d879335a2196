//! The life of an account: connect, go over its folders, wait for news, and begin again when the connection is lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use super::config::{Account, Pace, Protocol};
use super::imap::connect::connect;
use super::imap::idle::IdleEnd;
use super::imap::session::Session;
use super::metrics::Failure;
use super::moving::Ended;
use super::notify;
use super::pop3;
use super::trouble::Trouble;
use super::work::{Memory, Passed, Round};
use crate::commands::incidents;

/// With `--once`, so many failures in a row, without a message done between them, end the run.
const TRIES: u32 = 8;
/// The first wait after a failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait of a run with `--once`: cron comes again.
const LONGEST_ONCE: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How long a run with `--once` waits for another process that works on the same folder.
const BUSY_WAIT: Duration = Duration::from_secs(20);

/// Runs an account until all is done (`once`) or the end is wanted. True where everything went well.
pub(crate) async fn run(
    round: &Round<'_>,
    account: &Account,
    pace: Pace,
    once: bool,
) -> (bool, Passed) {
    let mut life = Life {
        round,
        account,
        pace,
        once,
        memories: BTreeMap::new(),
        pop3_memory: pop3::Memory::default(),
        passed: Passed::default(),
        failures: 0,
    };
    let well = life.live().await;
    (well, life.passed)
}

struct Life<'a> {
    round: &'a Round<'a>,
    account: &'a Account,
    pace: Pace,
    once: bool,
    memories: BTreeMap<String, Memory>,
    pop3_memory: pop3::Memory,
    passed: Passed,
    failures: u32,
}

impl Life<'_> {
    async fn live(&mut self) -> bool {
        let name = self.account.name.as_str();
        loop {
            let before = self.passed.messages;
            let ended = self.session().await;
            if self.passed.messages > before {
                self.failures = 0;
            }
            let Err(e) = ended else {
                return !self.once || self.passed.left == 0;
            };
            self.failures += 1;
            let words = match &e {
                Ended::Server(e) => e.to_string(),
                Ended::Store(e) => format!("the ledger cannot be used, so nothing is moved: {e:#}"),
            };
            let is_closed = matches!(e, Ended::Server(Trouble::NoEntry(_)));
            self.round.watch.failure(name, failure(&e));
            if self.round.watch.is_stopping() {
                warn!(account = name, "{words}");
                return !self.once;
            }
            if self.once && (is_closed || self.failures >= TRIES) {
                error!(account = name, "{words}");
                return false;
            }
            let mut wait = wait(self.failures, is_closed);
            if self.once {
                wait = wait.min(LONGEST_ONCE);
            }
            warn!(account = name, again_in = ?wait, "{words}");
            notify::status(&format!("{name}: {words}"));
            self.round.watch.sleep(wait).await;
            if self.round.watch.is_stopping() {
                return true;
            }
        }
    }

    /// One connection. `Ok` where all is done or the end is wanted.
    async fn session(&mut self) -> Result<(), Ended> {
        if self.account.protocol == Protocol::Pop3 {
            return self.visits().await;
        }
        let watch = self.round.watch;
        let mut session = tokio::select! {
            session = connect(&self.account.address, &self.account.signin) => session?,
            () = watch.stopped() => return Ok(()),
        };
        debug!(account = self.account.name, "signed in");
        if !self.round.dry {
            self.make_folders(&mut session).await?;
        }
        // The first folder comes last: it is the one that is open when waiting begins.
        let folders: Vec<&String> = self.account.folders.iter().rev().collect();
        let mut looked = None;
        loop {
            let is_due = looked.is_none_or(|at: Instant| at.elapsed() >= self.pace.poll);
            for (n, folder) in folders.iter().enumerate() {
                if is_due || n + 1 == folders.len() {
                    self.pass(&mut session, folder).await?;
                }
                if watch.is_stopping() {
                    session.log_out().await;
                    return Ok(());
                }
            }
            self.failures = 0;
            self.succeed();
            if is_due {
                looked = Some(Instant::now());
            }
            if self.once {
                session.log_out().await;
                return Ok(());
            }
            self.wait_for_news(&mut session).await?;
            if watch.is_stopping() {
                session.log_out().await;
                return Ok(());
            }
        }
    }

    /// POP3 shows new mail only to who signs in anew: visit by visit.
    async fn visits(&mut self) -> Result<(), Ended> {
        let watch = self.round.watch;
        let started = Instant::now();
        loop {
            let before = (self.passed.messages, self.passed.recorded.new);
            let delay = pop3::visit(
                self.round,
                self.account,
                &mut self.pop3_memory,
                &mut self.passed,
            )
            .await?;
            self.settle_incidents(before.1).await?;
            let done = self.passed.messages - before.0;
            if done > 0 {
                let new_events = self.passed.recorded.new - before.1;
                info!(
                    account = self.account.name,
                    messages = done,
                    new_events,
                    "done"
                );
            }
            if watch.is_stopping() {
                return Ok(());
            }
            if self.passed.busy && (!self.once || started.elapsed() < BUSY_WAIT) {
                info!(account = self.account.name, "another process works on it");
                watch.sleep(BUSY_WAIT / 10).await;
                continue;
            }
            self.failures = 0;
            if self.passed.more {
                continue;
            }
            self.succeed();
            if self.once {
                return Ok(());
            }
            watch.sleep(self.pace.poll.max(delay)).await;
            if watch.is_stopping() {
                return Ok(());
            }
        }
    }

    async fn pass(&mut self, session: &mut Session, folder: &str) -> Result<(), Ended> {
        let memory = self.memories.entry(folder.to_owned()).or_default();
        let before = (self.passed.messages, self.passed.recorded.new);
        let started = Instant::now();
        loop {
            self.passed.busy = false;
            let done = self
                .round
                .pass(session, folder, memory, &mut self.passed)
                .await;
            let is_missing = matches!(&done, Err(Ended::Server(Trouble::Refused { .. })));
            if is_missing && let Err(Ended::Server(e)) = done {
                // One folder that cannot be opened keeps nobody from the others.
                warn!(account = self.account.name, folder, "{e}");
                self.passed.left += 1;
                return Ok(());
            }
            done?;
            if self.passed.more && !self.round.watch.is_stopping() {
                continue;
            }
            if !self.passed.busy || !self.once || started.elapsed() > BUSY_WAIT {
                break;
            }
            self.round.watch.sleep(Duration::from_millis(200)).await;
        }
        if self.passed.busy {
            info!(
                account = self.account.name,
                folder, "another process works on it"
            );
        }
        let done = self.passed.messages - before.0;
        if done > 0 {
            let new_events = self.passed.recorded.new - before.1;
            info!(
                account = self.account.name,
                folder,
                messages = done,
                new_events,
                seconds = started.elapsed().as_secs_f32(),
                "done"
            );
        }
        self.settle_incidents(before.1).await
    }

    /// Looks for outages of providers, if there are more events than before.
    async fn settle_incidents(&self, events_before: u64) -> Result<(), Ended> {
        if self.passed.recorded.new > events_before {
            for i in self.round.desk.settle().await.map_err(Ended::Store)? {
                warn!(
                    incident = incidents::id(&i),
                    failures = i.seen,
                    expected = i.expected.round(),
                    "suppressions there are provisional until you settle it"
                );
            }
        }
        Ok(())
    }

    fn succeed(&self) {
        self.round.watch.success(&self.account.name);
        notify::status(&format!("{}: up to date", self.account.name));
    }

    async fn wait_for_news(&mut self, session: &mut Session) -> Result<(), Trouble> {
        let watch = self.round.watch;
        let others = self.account.folders.len() > 1;
        if !session.can("IDLE") {
            watch.sleep(self.pace.poll).await;
            return session.noop().await;
        }
        // Folders beside the open one tell nothing: they are looked at when it is time.
        let longest = if others {
            self.pace.idle.min(self.pace.poll)
        } else {
            self.pace.idle
        };
        let end = session.idle(longest, watch.stopped()).await?;
        if end == IdleEnd::News {
            debug!(account = self.account.name, "news");
        }
        Ok(())
    }

    async fn make_folders(&self, session: &mut Session) -> Result<(), Trouble> {
        for folder in self.round.plan.targets() {
            if session.has_folder(folder).await? {
                continue;
            }
            match session.create(folder).await {
                Ok(()) => info!(account = self.account.name, folder, "folder made"),
                // Who moves nothing there needs it not.
                Err(e @ Trouble::Refused { .. }) => {
                    warn!(account = self.account.name, folder, "{e}");
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// What went wrong, for counters.
fn failure(ended: &Ended) -> Failure {
    match ended {
        Ended::Store(_) => Failure::Ledger,
        Ended::Server(Trouble::Lost(_)) => Failure::Connection,
        Ended::Server(Trouble::NoEntry(_)) => Failure::SignIn,
        Ended::Server(Trouble::Broken(_) | Trouble::Refused { .. }) => Failure::Server,
    }
}

/// How long to wait after so many failures: longer each time, and never in step with others.
fn wait(failures: u32, is_closed: bool) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(12));
    let least = if is_closed {
        Duration::from_secs(30)
    } else {
        Duration::ZERO
    };
    let longest = doubled.max(least).min(LONGEST_WAIT);
    let mut byte = [0];
    // Without randomness the wait is the longest: later, but right.
    let part = getrandom::fill(&mut byte).map_or(255, |()| u32::from(byte[0]));
    longest / 2 + longest / 2 * part / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        for n in 1..60 {
            let w = wait(n, false);
            let full = FIRST_WAIT
                .saturating_mul(1 << (n - 1).min(12))
                .min(LONGEST_WAIT);
            assert!(w >= full / 2 && w <= full, "{n}: {w:?}");
        }
        assert!(wait(1, true) >= Duration::from_secs(15));
    }
}
