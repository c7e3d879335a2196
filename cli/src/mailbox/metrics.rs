//! What a run has done, in numbers: for Prometheus, and for whoever asks whether all is well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;
use undeliverable::{Category, Kind};

/// The provider of all addresses whose provider is not on the list, so that mail cannot make up series.
const OTHER: &str = "other";
/// The kind of a message that could not be processed.
const FAILED: &str = "could_not_process";

/// Counts for all accounts.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    messages: Family<OfKind, Counter>,
    verdicts: Family<OfProvider, Counter>,
    backlog: Family<OfFolder, Gauge>,
    oldest_age: Family<OfFolder, Gauge>,
    last_success: Family<OfAccount, Gauge>,
    errors: Family<OfError, Counter>,
    providers: BTreeSet<String>,
    state: Mutex<State>,
    /// Seconds without success after which an account is not well.
    patience: i64,
}

#[derive(Debug, Default)]
struct State {
    accounts: BTreeMap<String, Account>,
    /// When the oldest message of a folder that is still to be processed came.
    oldest: BTreeMap<(String, String), i64>,
}

#[derive(Debug)]
struct Account {
    /// The last success; before the first, the start.
    since: i64,
    has_succeeded: bool,
    error: Option<Failure>,
}

/// What can go wrong with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// The server cannot be reached, or the connection was lost.
    Connection,
    /// The server, or the endpoint of tokens, does not let us in.
    SignIn,
    /// The server refuses a command, or says what cannot be.
    Server,
    /// The ledger cannot be used.
    Ledger,
}

/// Whether all is well, as `/health` says it.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    /// `ok`, or `failing` where one account is not well.
    pub status: &'static str,
    accounts: Vec<AccountHealth>,
}

#[derive(Debug, Serialize)]
struct AccountHealth {
    account: String,
    status: &'static str,
    /// Seconds since the last success; `null` where there was none.
    last_success_seconds_ago: Option<i64>,
    /// What went wrong since then.
    error: Option<Failure>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfKind {
    account: String,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfProvider {
    provider: String,
    category: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfFolder {
    account: String,
    folder: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfAccount {
    account: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfError {
    account: String,
    error: &'static str,
}

impl Failure {
    const ALL: [Failure; 4] = [
        Failure::Connection,
        Failure::SignIn,
        Failure::Server,
        Failure::Ledger,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Failure::Connection => "connection",
            Failure::SignIn => "sign_in",
            Failure::Server => "server",
            Failure::Ledger => "ledger",
        }
    }
}

impl Metrics {
    /// Begins to count. `providers` are those that are counted by name; an account is not well after `patience` seconds
    /// without success.
    pub fn new<'a>(
        accounts: impl IntoIterator<Item = &'a str>,
        providers: impl IntoIterator<Item = &'a str>,
        patience: i64,
        now: i64,
    ) -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("undeliverable"),
            messages: Family::default(),
            verdicts: Family::default(),
            backlog: Family::default(),
            oldest_age: Family::default(),
            last_success: Family::default(),
            errors: Family::default(),
            providers: providers.into_iter().map(str::to_owned).collect(),
            state: Mutex::default(),
            patience,
        };
        metrics.register();
        for account in accounts {
            metrics.begin(account, now);
        }
        metrics
    }

    /// A message of the backlog is done with: what it was, `None` where it could not be processed, and the verdicts about
    /// its recipients.
    pub fn handled(
        &self,
        account: &str,
        folder: &str,
        kind: Option<Kind>,
        verdicts: &[(Option<String>, Category)],
    ) {
        self.message(account, kind.map_or(FAILED, Kind::as_str))
            .inc();
        let backlog = self.backlog.get_or_create_owned(&OfFolder {
            account: account.to_owned(),
            folder: folder.to_owned(),
        });
        if backlog.get() > 0 && backlog.dec() == 1 {
            let place = (account.to_owned(), folder.to_owned());
            self.state().oldest.remove(&place);
        }
        for (provider, category) in verdicts {
            let known = provider.as_ref().filter(|p| self.providers.contains(*p));
            self.verdicts
                .get_or_create_owned(&OfProvider {
                    provider: known.map_or(OTHER, String::as_str).to_owned(),
                    category: category.as_str(),
                })
                .inc();
        }
    }

    /// So many messages of a folder are still to be processed; the oldest came at this second since 1970.
    pub fn backlog(&self, account: &str, folder: &str, messages: u64, oldest: Option<i64>) {
        let labels = OfFolder {
            account: account.to_owned(),
            folder: folder.to_owned(),
        };
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.backlog.get_or_create(&labels).set(messages);
        let mut state = self.state();
        let place = (account.to_owned(), folder.to_owned());
        match oldest.filter(|_| messages > 0) {
            Some(at) => state.oldest.insert(place, at),
            None => state.oldest.remove(&place),
        };
    }

    /// A pass over an account ended well.
    pub fn success(&self, account: &str, now: i64) {
        self.last_success
            .get_or_create_owned(&OfAccount {
                account: account.to_owned(),
            })
            .set(now);
        let mut state = self.state();
        if let Some(account) = state.accounts.get_mut(account) {
            account.since = now;
            account.has_succeeded = true;
            account.error = None;
        }
    }

    /// Something went wrong with an account.
    pub fn failure(&self, account: &str, failure: Failure) {
        self.error(account, failure).inc();
        let mut state = self.state();
        if let Some(account) = state.accounts.get_mut(account) {
            account.error = Some(failure);
        }
    }

    /// All numbers in the text format of OpenMetrics.
    pub fn text(&self, now: i64) -> String {
        let state = self.state();
        self.oldest_age.clear();
        for ((account, folder), at) in &state.oldest {
            let labels = OfFolder {
                account: account.clone(),
                folder: folder.clone(),
            };
            let age = now.saturating_sub(*at).max(0);
            self.oldest_age.get_or_create(&labels).set(age);
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Whether all is well.
    pub fn health(&self, now: i64) -> Health {
        let word = |well| if well { "ok" } else { "failing" };
        let state = self.state();
        let of = |(name, a): (&String, &Account)| {
            let ago = now.saturating_sub(a.since).max(0);
            AccountHealth {
                account: name.clone(),
                status: word(ago <= self.patience),
                last_success_seconds_ago: a.has_succeeded.then_some(ago),
                error: a.error,
            }
        };
        let accounts: Vec<AccountHealth> = state.accounts.iter().map(of).collect();
        Health {
            status: word(accounts.iter().all(|a| a.status == "ok")),
            accounts,
        }
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "messages",
            "Messages done with, by kind",
            self.messages.clone(),
        );
        r.register(
            "verdicts",
            "Recipients judged, by provider and category",
            self.verdicts.clone(),
        );
        r.register(
            "backlog_messages",
            "Messages that were found and are still to be processed",
            self.backlog.clone(),
        );
        r.register(
            "oldest_unprocessed_age_seconds",
            "Age of the oldest message that is still to be processed",
            self.oldest_age.clone(),
        );
        r.register(
            "last_success_timestamp_seconds",
            "When a pass over all folders last ended well",
            self.last_success.clone(),
        );
        r.register("errors", "What went wrong", self.errors.clone());
    }

    /// Every series that is known beforehand begins at nought: a rate over what is not there yet is nothing.
    fn begin(&self, account: &str, now: i64) {
        for kind in Kind::ALL.iter().map(|k| k.as_str()).chain([FAILED]) {
            self.message(account, kind);
        }
        for failure in Failure::ALL {
            self.error(account, failure);
        }
        let begun = Account {
            since: now,
            has_succeeded: false,
            error: None,
        };
        self.state().accounts.insert(account.to_owned(), begun);
    }

    fn message(&self, account: &str, kind: &'static str) -> Counter {
        self.messages.get_or_create_owned(&OfKind {
            account: account.to_owned(),
            kind,
        })
    }

    fn error(&self, account: &str, failure: Failure) -> Counter {
        self.errors.get_or_create_owned(&OfError {
            account: account.to_owned(),
            error: failure.as_str(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn metrics() -> Metrics {
        Metrics::new(["bounces"], ["google", "yahoo"], 600, NOW)
    }

    /// The samples that begin like this.
    fn samples(m: &Metrics, now: i64, name: &str) -> Vec<String> {
        m.text(now)
            .lines()
            .filter_map(|l| l.strip_prefix("undeliverable_"))
            .filter(|l| l.starts_with(name) && !l.ends_with(" 0"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn mail_cannot_make_up_series() {
        let m = metrics();
        let verdict = |p: Option<&str>| (p.map(str::to_owned), Category::UserUnknown);
        let verdicts = [Some("google"), Some("evil.example"), None].map(verdict);
        m.handled("bounces", "INBOX", Some(Kind::Bounce), &verdicts);
        m.handled("bounces", "INBOX", Some(Kind::Bounce), &verdicts[..1]);
        m.handled("bounces", "INBOX", None, &[]);
        let mut got = samples(&m, NOW, "verdicts_total");
        got.sort();
        assert_eq!(
            got,
            [
                r#"verdicts_total{provider="google",category="user_unknown"} 2"#,
                r#"verdicts_total{provider="other",category="user_unknown"} 2"#,
            ]
        );
        let mut got = samples(&m, NOW, "messages_total");
        got.sort();
        assert_eq!(
            got,
            [
                r#"messages_total{account="bounces",kind="bounce"} 2"#,
                r#"messages_total{account="bounces",kind="could_not_process"} 1"#,
            ]
        );
    }

    #[test]
    fn series_begin_at_nought() {
        let text = metrics().text(NOW);
        for sample in [
            r#"undeliverable_messages_total{account="bounces",kind="complaint"} 0"#,
            r#"undeliverable_errors_total{account="bounces",error="sign_in"} 0"#,
        ] {
            assert!(text.contains(sample), "{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn the_oldest_message_ages() {
        let m = metrics();
        m.backlog("bounces", "INBOX", 3, Some(NOW - 100));
        m.backlog("bounces", "Junk", 1, Some(NOW + 5));
        let ages = |now| {
            let mut all = samples(&m, now, "oldest_unprocessed");
            all.sort();
            all
        };
        let name = r#"oldest_unprocessed_age_seconds{account="bounces",folder="INBOX"}"#;
        assert_eq!(ages(NOW), [format!("{name} 100")], "no age is negative");
        m.backlog("bounces", "Junk", 0, Some(NOW));
        assert_eq!(ages(NOW + 60), [format!("{name} 160")]);
        for left in ["2", "1"] {
            m.handled("bounces", "INBOX", Some(Kind::Other), &[]);
            let backlog = samples(&m, NOW, "backlog");
            assert_eq!(backlog.len(), 1, "{backlog:?}");
            assert!(backlog[0].ends_with(left), "{backlog:?}");
            assert_eq!(ages(NOW), [format!("{name} 100")]);
        }
        for _ in 0..2 {
            m.handled("bounces", "INBOX", Some(Kind::Other), &[]);
            assert!(ages(NOW + 60).is_empty());
            assert!(samples(&m, NOW, "backlog").is_empty());
        }
    }

    #[test]
    fn health() {
        let m = metrics();
        let at = |seconds: i64| serde_json::to_value(m.health(NOW + seconds)).unwrap();
        assert_eq!(at(600)["status"], "ok", "it has only begun");
        assert_eq!(at(601)["status"], "failing");
        assert_eq!(
            at(0)["accounts"][0]["last_success_seconds_ago"],
            serde_json::Value::Null
        );

        m.failure("bounces", Failure::SignIn);
        assert_eq!(at(0)["accounts"][0]["error"], "sign_in");
        assert_eq!(at(0)["status"], "ok", "one failure is none yet");

        m.success("bounces", NOW + 1000);
        assert_eq!(at(1010)["accounts"][0]["last_success_seconds_ago"], 10);
        assert_eq!(at(1010)["accounts"][0]["error"], serde_json::Value::Null);
        assert_eq!(at(1601)["status"], "failing");
    }
}
