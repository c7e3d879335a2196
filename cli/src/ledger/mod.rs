//! The ledger: events, acts and decisions that are only ever added, and the states they fold to.
//!
//! [`Ledger`] holds what is the same for every [`Store`]: what belongs into one transaction, which states a change
//! touches, how the incident guard settles. A transaction either stores its events and the states they lead to, or nothing; a
//! run that was cut off is made whole by running it again.

pub(crate) mod args;
pub(crate) mod marks;
#[cfg(test)]
mod memory;
mod postgres;
mod private;
pub(crate) mod settle;
mod sqlite;
pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use undeliverable::policy::{
    Act, AddressState, Context, Event, HourCount, Incident, Policy, Scope, Settlement, Standing,
    address_domain, fold,
};
use undeliverable::{BounceType, Kind, Trust};

pub(crate) use private::PrivateKey;
use store::{DecisionRow, History, NewEvent, StateRow, Store};

/// How many events go into one transaction.
pub(crate) const BATCH: usize = 2000;

/// A ledger that is open.
pub(crate) struct Ledger {
    store: Box<dyn Store>,
    policy: Policy,
    private: Option<PrivateKey>,
}

/// What recording did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Events that are new.
    pub new: u64,
    /// Events that were known: seen before, by another worker, in another folder.
    pub known: u64,
}

impl Recorded {
    /// Adds what another transaction did.
    pub fn add(&mut self, other: Recorded) {
        self.new += other.new;
        self.known += other.known;
    }
}

/// Where the ledger lies when nobody says: under the XDG state folder.
pub(crate) fn default_path() -> anyhow::Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute());
    let state =
        state.or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".local/state")));
    Ok(state
        .context("neither XDG_STATE_HOME nor HOME is set: name the ledger with --db")?
        .join("undeliverable/ledger.sqlite"))
}

/// Opens a store: `postgres://...`, `sqlite:PATH` or a path.
pub(crate) fn open_store(
    url: Option<&str>,
    password: Option<&str>,
    patience: u16,
) -> anyhow::Result<Box<dyn Store>> {
    match url {
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(Box::new(postgres::Postgres::open(url, password, patience)?))
        }
        Some(url) => Ok(Box::new(sqlite::Sqlite::open(
            Path::new(url.strip_prefix("sqlite:").unwrap_or(url)),
            patience,
        )?)),
        None => Ok(Box::new(sqlite::Sqlite::open(&default_path()?, patience)?)),
    }
}

pub(crate) fn short_hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text)
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect()
}

impl Ledger {
    /// Puts a ledger upon a store. `policy` is the name and text of the policy that the caller wants; a new ledger takes
    /// it, an old one must have it already.
    ///
    /// # Errors
    /// Where the ledger runs under another policy or another private key, or the store fails.
    pub fn new(
        mut store: Box<dyn Store>,
        policy: Option<(&str, &str)>,
        private: Option<PrivateKey>,
    ) -> anyhow::Result<Self> {
        let mut have = store.setting("policy")?;
        let mark = private
            .as_ref()
            .map_or_else(|| "no".to_owned(), |k| k.hash("mark", ""));
        let mut mark_there = store.setting("private")?;
        if have.is_none() || mark_there.is_none() {
            store.begin()?;
            // Another process may have been faster.
            have = store.setting("policy")?;
            mark_there = store.setting("private")?;
            if have.is_none() {
                let text = policy.map_or(undeliverable::policy::PROFILES[0].1, |p| p.1);
                Policy::parse(policy.map_or("default", |p| p.0), text)?;
                store.set_setting("policy", text)?;
                have = Some(text.to_owned());
            }
            if mark_there.is_none() {
                store.set_setting("private", &mark)?;
                mark_there = Some(mark.clone());
            }
            store.commit()?;
        }
        match mark_there.as_deref() {
            Some(there) if there == mark => {}
            Some("no") => bail!(
                "ledger {} holds addresses in clear: --private is for a new ledger",
                store.name()
            ),
            _ if private.is_none() => bail!(
                "ledger {} is private: name its key with --private FILE",
                store.name()
            ),
            _ => bail!("ledger {} was made with another private key", store.name()),
        }
        let stored = Policy::parse("policy of the ledger", have.as_deref().unwrap_or_default())?;
        if let Some((name, text)) = policy {
            let wanted = Policy::parse(name, text)?;
            if wanted.version != stored.version {
                bail!(
                    "ledger {} runs under policy {}, not {}: see what would change with `undeliverable replay --policy {name}`, then add --apply",
                    store.name(),
                    stored.version,
                    wanted.version
                );
            }
        }
        Ok(Ledger {
            store,
            policy: stored,
            private,
        })
    }

    /// The policy it runs under.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether it holds hashes in the place of addresses.
    pub fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// The key of an address, or of a domain written `@example.com`, as this ledger keeps it.
    pub fn key(&self, address: &str) -> String {
        let plain = plain_key(address);
        match &self.private {
            Some(k) if !is_hash(&plain) => k.key(&plain),
            _ => plain,
        }
    }

    /// The key of the domain of an address.
    pub fn domain_key(&self, address: &str) -> Option<String> {
        let plain = plain_key(address);
        let domain = address_domain(&plain)?;
        Some(self.key(&format!("@{domain}")))
    }

    fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.store.begin()?;
        match work(self).and_then(|t| self.store.commit().map(|()| t)) {
            Ok(t) => Ok(t),
            Err(e) => {
                self.store.rollback();
                Err(e)
            }
        }
    }

    /// Stores events and the states they lead to, in one transaction.
    ///
    /// # Errors
    /// Where the store fails; nothing is stored then.
    pub fn record(&mut self, events: Vec<Event>) -> anyhow::Result<Recorded> {
        if events.is_empty() {
            return Ok(Recorded::default());
        }
        let events: Vec<NewEvent> = events.into_iter().map(|e| self.prepare(e)).collect();
        self.locked(|l| l.insert(events))
    }

    /// Adds events and folds what they touch again. Inside a transaction.
    fn insert(&mut self, events: Vec<NewEvent>) -> anyhow::Result<Recorded> {
        let new = self.store.insert_events(&events)?;
        let mut recorded = Recorded::default();
        let mut keys = BTreeSet::new();
        let mut counts: BTreeMap<(String, i64), HourCount> = BTreeMap::new();
        for (n, is_new) in events.iter().zip(new) {
            if !is_new {
                recorded.known += 1;
                continue;
            }
            recorded.new += 1;
            keys.insert(n.event.address.clone());
            if let Some(domain) = n
                .domain
                .as_ref()
                .filter(|_| n.is_domain || self.policy.life.kinds.contains(&n.event.kind))
            {
                keys.insert(format!("@{domain}"));
            }
            count(&n.event, &mut counts);
        }
        self.add_counts(counts)?;
        self.refold(keys.into_iter().collect())?;
        Ok(recorded)
    }

    fn prepare(&self, mut event: Event) -> NewEvent {
        event.address = plain_key(&event.address);
        let is_domain = suppresses_domain(&self.policy, &event);
        let domain = address_domain(&event.address).map(str::to_owned);
        match &self.private {
            None => NewEvent {
                event,
                domain,
                is_domain,
            },
            Some(k) => NewEvent {
                domain: domain.map(|d| k.domain(&d)),
                event: k.event(event),
                is_domain,
            },
        }
    }

    fn add_counts(&mut self, counts: BTreeMap<(String, i64), HourCount>) -> anyhow::Result<()> {
        let Some(first) = counts.values().map(|c| c.hour).min() else {
            return Ok(());
        };
        let counts: Vec<(String, HourCount)> =
            counts.into_iter().map(|((p, _), c)| (p, c)).collect();
        self.store.add_counts(&counts)?;
        let dirty = self.store.setting("guard_dirty")?;
        if dirty
            .as_deref()
            .and_then(|d| d.parse::<i64>().ok())
            .is_none_or(|d| first < d)
        {
            self.store.set_setting("guard_dirty", &first.to_string())?;
        }
        Ok(())
    }

    /// Stores acts and the states they lead to, in one transaction.
    ///
    /// # Errors
    /// Where the store fails; nothing is stored then.
    pub fn act(&mut self, acts: &[Act]) -> anyhow::Result<()> {
        let acts: Vec<Act> = acts
            .iter()
            .map(|a| {
                Act::new(
                    a.at,
                    a.kind,
                    self.key(&a.target),
                    a.who.clone(),
                    a.why.clone(),
                    a.until,
                )
            })
            .collect();
        for chunk in acts.chunks(BATCH) {
            self.locked(|l| {
                l.store.insert_acts(chunk)?;
                let keys: BTreeSet<String> = chunk.iter().map(|a| a.target.clone()).collect();
                l.refold(keys.into_iter().collect())
            })?;
        }
        Ok(())
    }

    /// Folds the histories of keys again and stores what comes of them. Inside a transaction.
    fn refold(&mut self, keys: Vec<String>) -> anyhow::Result<()> {
        self.refold_all(keys, false)
    }

    /// `domains_too`: also domains that have no events any more, because a new policy sees none.
    fn refold_all(&mut self, keys: Vec<String>, domains_too: bool) -> anyhow::Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let incidents = self.store.incidents()?;
        let settlements = self.store.settlements()?;
        let context = Context {
            incidents: &incidents,
            settlements: &settlements,
        };
        for chunk in keys.chunks(BATCH) {
            let mut histories = self.store.histories(chunk)?;
            let mut states = Vec::with_capacity(chunk.len());
            let mut decisions = Vec::new();
            for key in chunk {
                let history = histories.remove(key).unwrap_or_default();
                let is_bare =
                    key.starts_with('@') && history.events.is_empty() && history.acts.is_empty();
                if is_bare && !domains_too {
                    continue;
                }
                let (state, decided) = folded(&self.policy, key, &history, &context);
                decisions.extend(decided);
                states.push(row(key, state));
            }
            self.store.put_states(&states)?;
            self.store.insert_decisions(&decisions)?;
        }
        Ok(())
    }

    /// Puts another policy into force and folds everything again, in one transaction.
    ///
    /// # Errors
    /// Where the text is no policy or the store fails; the old policy is in force then.
    pub fn change_policy(&mut self, name: &str, text: &str) -> anyhow::Result<()> {
        let policy = Policy::parse(name, text)?;
        let old = std::mem::replace(&mut self.policy, policy);
        let done = self.locked(|l| {
            l.store.set_setting("policy", text)?;
            l.store.set_setting("guard_dirty", "0")?;
            let mut keys = BTreeSet::new();
            let mut flags = Vec::new();
            let policy = l.policy.clone();
            l.store.each_event(&mut |n| {
                let is_domain = suppresses_domain(&policy, &n.event);
                if is_domain != n.is_domain {
                    flags.push((n.event.address.clone(), n.event.event_id, is_domain));
                }
                if is_domain || n.is_domain {
                    keys.extend(n.domain.map(|d| format!("@{d}")));
                }
                keys.insert(n.event.address);
                Ok(())
            })?;
            keys.extend(l.store.acts()?.into_iter().map(|a| a.target));
            l.store.set_domain_events(&flags)?;
            l.refold_all(keys.into_iter().collect(), true)
        });
        if done.is_err() {
            self.policy = old;
        } else {
            self.settle()?;
        }
        done
    }

    /// How an address and its domain stand: the states of both.
    pub fn states_of(
        &mut self,
        address: &str,
    ) -> anyhow::Result<(Option<AddressState>, Option<AddressState>)> {
        let (key, domain) = (self.key(address), self.domain_key(address));
        let mut keys = vec![key.clone()];
        keys.extend(domain.clone());
        let mut states = self.store.states(&keys)?;
        let own = states.remove(&key);
        Ok((own, domain.and_then(|d| states.remove(&d))))
    }

    /// Everything known about a key.
    pub fn history(&mut self, key: &str) -> anyhow::Result<History> {
        let mut history = self
            .store
            .histories(&[key.to_owned()])?
            .remove(key)
            .unwrap_or_default();
        history
            .events
            .sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
        history
            .acts
            .sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(history)
    }

    /// The log of decisions about a key.
    pub fn decisions(&mut self, key: &str) -> anyhow::Result<Vec<DecisionRow>> {
        self.store.decisions(key)
    }

    /// The store, for reading.
    pub fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut()
    }

    /// Forgets a person: events, acts, states and decisions about the address.
    pub fn erase(&mut self, address: &str) -> anyhow::Result<u64> {
        let key = self.key(address);
        self.locked(|l| l.store.erase(&key))
    }

    /// Incidents and what people said of them.
    pub fn incidents(&mut self) -> anyhow::Result<(Vec<Incident>, Vec<Settlement>)> {
        Ok((self.store.incidents()?, self.store.settlements()?))
    }
}

/// The key of an address in clear: lower case, the domain in Punycode.
pub(crate) fn plain_key(address: &str) -> String {
    let lower = address.trim().trim_matches(['<', '>']).to_lowercase();
    match lower.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => match idna::domain_to_ascii(domain) {
            Ok(ascii) => format!("{local}@{ascii}"),
            Err(_) => lower,
        },
        _ => lower,
    }
}

fn is_hash(key: &str) -> bool {
    key.starts_with('~') || key.starts_with("@~")
}

/// Whether the rule that takes the event may suppress its domain.
pub(crate) fn suppresses_domain(policy: &Policy, event: &Event) -> bool {
    let rule = policy.rules.iter().find(|r| r.when.fits(event));
    rule.is_some_and(|r| r.steps.iter().any(|s| s.then == Standing::SuppressDomain))
}

pub(crate) fn count(e: &Event, counts: &mut BTreeMap<(String, i64), HourCount>) {
    let Some(provider) = e
        .provider
        .as_ref()
        .filter(|_| e.kind == Kind::Bounce && e.trust != Trust::Suspicious)
    else {
        return;
    };
    let hour = e.at.div_euclid(3600);
    let c = counts.entry((provider.clone(), hour)).or_insert(HourCount {
        hour,
        failed: 0,
        dead: 0,
    });
    c.failed += 1;
    c.dead += u32::from(e.bounce_type() == Some(BounceType::Hard));
}

pub(crate) fn folded(
    policy: &Policy,
    key: &str,
    history: &History,
    context: &Context<'_>,
) -> (AddressState, Vec<DecisionRow>) {
    let scope = if key.starts_with('@') {
        Scope::Domain
    } else {
        Scope::Address
    };
    let f = fold(policy, &history.events, &history.acts, context, scope);
    let rows = f
        .decided
        .into_iter()
        .map(|outcome| DecisionRow {
            key: key.to_owned(),
            policy: policy.version.clone(),
            outcome,
        })
        .collect();
    (f.state, rows)
}

fn row(key: &str, state: AddressState) -> StateRow {
    let first = state.outcomes.first();
    StateRow {
        key: key.to_owned(),
        standing: first.map_or(Standing::Clear, |o| o.standing),
        until: first.and_then(|o| o.until),
        state: Some(state),
    }
}
