//! The incident guard over a ledger: looks at the counts, and folds again what an incident touches.

use std::collections::{BTreeMap, BTreeSet};

use undeliverable::policy::{HourCount, Incident, Settlement, guard};

use super::Ledger;

/// Seconds between two looks at the counts from processes that live for one message.
const SETTLE_EVERY: i64 = 300;

impl Ledger {
    /// Brings incidents up to the counts, if anything was recorded since the last time. Gives the incidents that are new.
    ///
    /// # Errors
    /// Where the store fails; nothing has changed then, and the next call does it.
    pub fn settle(&mut self) -> anyhow::Result<Vec<Incident>> {
        if self
            .store
            .setting("guard_dirty")?
            .is_none_or(|d| d.is_empty())
        {
            return Ok(Vec::new());
        }
        self.locked(|l| {
            let before = l.store.incidents()?;
            let after = find(&l.policy.guard, l.store.counts()?);
            l.store.set_setting("guard_dirty", "")?;
            if before == after {
                return Ok(Vec::new());
            }
            l.store.replace_incidents(&after)?;
            let mut keys = BTreeSet::new();
            for (provider, from, until) in difference(&before, &after) {
                keys.extend(l.store.keys_of(provider, from, until)?);
            }
            l.refold(keys.into_iter().collect())?;
            let fresh = after.into_iter().filter(|a| {
                !before
                    .iter()
                    .any(|b| b.provider == a.provider && b.from < a.until && a.from < b.until)
            });
            Ok(fresh.collect())
        })
    }

    /// [`settle`](Self::settle) unless that was done in the last minutes: for a process that lives for one message.
    ///
    /// # Errors
    /// As there.
    pub fn settle_if_old(&mut self, now: i64) -> anyhow::Result<()> {
        let last = self
            .store
            .setting("guard_at")?
            .and_then(|t| t.parse::<i64>().ok());
        if last.is_some_and(|t| (t..t + SETTLE_EVERY).contains(&now)) {
            return Ok(());
        }
        self.settle()?;
        self.locked(|l| l.store.set_setting("guard_at", &now.to_string()))
    }

    /// Takes a person's word about a time at a provider and folds again what it touches. Gives the number of addresses.
    pub fn say(&mut self, settlement: &Settlement) -> anyhow::Result<usize> {
        self.locked(|l| {
            l.store.insert_settlement(settlement)?;
            let keys = l
                .store
                .keys_of(&settlement.provider, settlement.from, settlement.until)?;
            let n = keys.len();
            l.refold(keys)?;
            Ok(n)
        })
    }
}

/// The incidents that counts of all providers hold.
pub(crate) fn find(rules: &guard::Guard, counts: Vec<(String, HourCount)>) -> Vec<Incident> {
    let mut all: BTreeMap<i64, HourCount> = BTreeMap::new();
    let mut per: BTreeMap<String, Vec<HourCount>> = BTreeMap::new();
    for (provider, c) in counts {
        let sum = all.entry(c.hour).or_insert(HourCount {
            hour: c.hour,
            failed: 0,
            dead: 0,
        });
        sum.failed = sum.failed.saturating_add(c.failed);
        sum.dead = sum.dead.saturating_add(c.dead);
        per.entry(provider).or_default().push(c);
    }
    let all: Vec<HourCount> = all.into_values().collect();
    per.iter()
        .flat_map(|(provider, own)| guard::incidents(rules, provider, own, &all))
        .collect()
}

/// The times that lie in incidents of one of the two lists only.
fn difference<'a>(before: &'a [Incident], after: &'a [Incident]) -> Vec<(&'a str, i64, i64)> {
    let mut edges: BTreeMap<(&str, i64), (i32, i32)> = BTreeMap::new();
    for i in before {
        edges.entry((&i.provider, i.from)).or_default().0 += 1;
        edges.entry((&i.provider, i.until)).or_default().0 -= 1;
    }
    for i in after {
        edges.entry((&i.provider, i.from)).or_default().1 += 1;
        edges.entry((&i.provider, i.until)).or_default().1 -= 1;
    }
    let mut found = Vec::new();
    let mut now = (0, 0);
    let mut since: Option<(&str, i64)> = None;
    for ((provider, at), (b, a)) in edges {
        if let Some((p, from)) = since.take()
            && p == provider
            && (now.0 > 0) != (now.1 > 0)
        {
            found.push((provider, from, at));
        }
        now = (now.0 + b, now.1 + a);
        since = Some((provider, at));
    }
    found
}
