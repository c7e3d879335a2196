//! What a run shows while it works, and how it is told to end.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::desk::Handled;
use super::metrics::{Failure, Metrics};
use crate::args::Format;
use crate::clock;
use crate::output::rows::Rows;

/// Columns of a dry run: name and width.
const COLUMNS: &[(&str, usize)] = &[
    ("account", 20),
    ("folder", 12),
    ("uid", 10),
    ("kind", 12),
    ("would", 0),
];

/// How often the log tells of a long backlog.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// Eyes on a run.
pub(crate) struct Watch {
    stop: watch::Receiver<bool>,
    bar: ProgressBar,
    /// `Some` lists what would become of each message.
    rows: Option<Rows>,
    broken: Mutex<Option<anyhow::Error>>,
    /// When the log was last told how far a long backlog is, and since when it is worked at.
    told: Mutex<(Instant, Instant)>,
    metrics: Option<Arc<Metrics>>,
}

impl Watch {
    /// `listing`: the format in which a dry run lists messages on stdout.
    pub fn new(
        stop: watch::Receiver<bool>,
        listing: Option<Format>,
        metrics: Option<Arc<Metrics>>,
    ) -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:30} {human_pos}/{human_len} messages, {per_sec}, {eta} left",
        ) {
            bar.set_style(style);
        }
        let watch = Watch {
            stop,
            bar,
            rows: listing.map(|f| Rows::new(f, COLUMNS)),
            broken: Mutex::new(None),
            told: Mutex::new((Instant::now(), Instant::now())),
            metrics,
        };
        if let Some(rows) = watch.rows {
            watch.write(|out| rows.head(out));
        }
        watch
    }

    /// Whether somebody wants the run to end.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Ready when somebody wants the run to end.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stop = self.stop.clone();
        async move {
            // A sender that is gone can tell nothing any more.
            if stop.wait_for(|s| *s).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits, unless the run is to end.
    pub async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.stopped() => {}
        }
    }

    /// So many messages wait in a folder; the oldest came at this second since 1970.
    pub fn backlog(&self, account: &str, folder: &str, messages: u64, oldest: Option<i64>) {
        self.bar.inc_length(messages);
        if let Some(metrics) = &self.metrics {
            metrics.backlog(account, folder, messages, oldest);
        }
    }

    /// A pass over all folders of an account ended well.
    pub fn success(&self, account: &str) {
        if let Some(metrics) = &self.metrics {
            metrics.success(account, clock::now());
        }
    }

    /// Something went wrong with an account.
    pub fn failure(&self, account: &str, failure: Failure) {
        if let Some(metrics) = &self.metrics {
            metrics.failure(account, failure);
        }
    }

    /// These messages are done with.
    pub fn handled(&self, account: &str, folder: &str, handled: &[Handled]) {
        self.bar.inc(handled.len() as u64);
        self.tell_progress();
        if let Some(metrics) = &self.metrics {
            for h in handled {
                metrics.handled(account, folder, h.kind, &h.verdicts);
            }
        }
        let Some(rows) = self.rows else { return };
        self.write(|out| {
            for h in handled {
                let kind = h.kind.map(|k| k.as_str());
                rows.row(
                    out,
                    vec![
                        account.into(),
                        folder.into(),
                        h.uid.clone().into(),
                        kind.into(),
                        h.fate.words().into(),
                    ],
                )?;
            }
            Ok(())
        });
    }

    /// Takes the bar away. Gives the error that stdout had.
    pub fn end(&self) -> Option<anyhow::Error> {
        self.bar.finish_and_clear();
        self.broken.lock().ok()?.take()
    }

    /// Where nobody sees the bar, the log says now and then how far a long backlog is.
    fn tell_progress(&self) {
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let Ok(mut told) = self.told.lock() else {
            return;
        };
        let (last, since) = *told;
        if done >= all {
            *told = (Instant::now(), Instant::now());
        } else if self.bar.is_hidden() && last.elapsed() >= TELL_EVERY {
            *told = (Instant::now(), since);
            let seconds = since.elapsed().as_secs_f64() / done.max(1) as f64 * (all - done) as f64;
            tracing::info!(done, of = all, seconds_left = seconds.round(), "working");
        }
    }

    fn write(&self, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) {
        let done = self.bar.suspend(|| {
            let mut out = io::stdout().lock();
            write(&mut out).and_then(|()| Ok(out.flush()?))
        });
        if let (Err(e), Ok(mut broken)) = (done, self.broken.lock()) {
            broken.get_or_insert(e);
        }
    }
}
