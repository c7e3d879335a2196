//! A ledger that is gone with the process: what the others are compared with in tests.

use std::collections::{BTreeMap, HashMap};

use undeliverable::policy::{Act, AddressState, HourCount, Incident, Settlement};

use super::marks::{Mark, Place};
use super::store::{DecisionRow, Each, History, NewEvent, StateRow, Store};

#[derive(Clone, Default)]
pub(super) struct Data {
    settings: BTreeMap<String, String>,
    events: BTreeMap<(String, String), NewEvent>,
    acts: BTreeMap<String, Act>,
    states: BTreeMap<String, StateRow>,
    decisions: BTreeMap<(String, i64, String, String), DecisionRow>,
    counts: BTreeMap<(String, i64), HourCount>,
    incidents: Vec<Incident>,
    settlements: Vec<Settlement>,
    pub(super) marks: Vec<(Place, Mark)>,
}

#[derive(Default)]
pub(crate) struct Memory {
    pub(super) data: Data,
    saved: Option<Data>,
}

impl Store for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }
    fn begin(&mut self) -> anyhow::Result<()> {
        self.saved = Some(self.data.clone());
        Ok(())
    }
    fn commit(&mut self) -> anyhow::Result<()> {
        self.saved = None;
        Ok(())
    }
    fn rollback(&mut self) {
        if let Some(saved) = self.saved.take() {
            self.data = saved;
        }
    }
    fn setting(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        Ok(self.data.settings.get(name).cloned())
    }
    fn set_setting(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        self.data.settings.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
    fn insert_events(&mut self, events: &[NewEvent]) -> anyhow::Result<Vec<bool>> {
        let mut new = Vec::new();
        for n in events {
            let key = (n.event.address.clone(), n.event.event_id.clone());
            new.push(!self.data.events.contains_key(&key));
            self.data.events.entry(key).or_insert_with(|| n.clone());
        }
        Ok(new)
    }
    fn insert_acts(&mut self, acts: &[Act]) -> anyhow::Result<()> {
        for a in acts {
            self.data.acts.insert(a.id.clone(), a.clone());
        }
        Ok(())
    }
    fn histories(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, History>> {
        let of = |key: &String| {
            let acts = self
                .data
                .acts
                .values()
                .filter(|a| a.target == *key)
                .cloned()
                .collect();
            let all = self.data.events.values();
            let events: Vec<_> = match key.strip_prefix('@') {
                None => all
                    .filter(|n| n.event.address == *key)
                    .map(|n| n.event.clone())
                    .collect(),
                Some(d) => {
                    let here: Vec<&NewEvent> =
                        all.filter(|n| n.domain.as_deref() == Some(d)).collect();
                    let any = here.iter().any(|n| n.is_domain);
                    let alive = |n: &NewEvent| {
                        matches!(n.event.kind.as_str(), "delivered" | "receipt" | "other")
                    };
                    here.into_iter()
                        .filter(|n| n.is_domain || (any && alive(n)))
                        .map(|n| n.event.clone())
                        .collect()
                }
            };
            History { events, acts }
        };
        Ok(keys.iter().map(|k| (k.clone(), of(k))).collect())
    }
    fn put_states(&mut self, states: &[StateRow]) -> anyhow::Result<()> {
        self.data
            .states
            .extend(states.iter().map(|s| (s.key.clone(), s.clone())));
        Ok(())
    }
    fn states(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, AddressState>> {
        Ok(keys
            .iter()
            .filter_map(|k| Some((k.clone(), self.data.states.get(k)?.state.clone()?)))
            .collect())
    }
    fn each_state(&mut self, each: Each<'_, StateRow>) -> anyhow::Result<()> {
        self.data.states.values().try_for_each(|s| {
            let more = s.state.as_ref().is_some_and(|x| x.outcomes.len() > 1);
            each(StateRow {
                state: s.state.clone().filter(|_| more),
                ..s.clone()
            })
        })
    }
    fn count_states(&mut self) -> anyhow::Result<u64> {
        Ok(self.data.states.len() as u64)
    }
    fn insert_decisions(&mut self, decisions: &[DecisionRow]) -> anyhow::Result<()> {
        for d in decisions {
            let hash = super::short_hash(&serde_json::to_string(&d.outcome)?);
            self.data
                .decisions
                .entry((d.key.clone(), d.outcome.since, d.policy.clone(), hash))
                .or_insert_with(|| d.clone());
        }
        Ok(())
    }
    fn decisions(&mut self, key: &str) -> anyhow::Result<Vec<DecisionRow>> {
        Ok(self
            .data
            .decisions
            .values()
            .filter(|d| d.key == key)
            .cloned()
            .collect())
    }
    fn add_counts(&mut self, counts: &[(String, HourCount)]) -> anyhow::Result<()> {
        for (p, c) in counts {
            let sum = self
                .data
                .counts
                .entry((p.clone(), c.hour))
                .or_insert(HourCount {
                    hour: c.hour,
                    failed: 0,
                    dead: 0,
                });
            sum.failed += c.failed;
            sum.dead += c.dead;
        }
        Ok(())
    }
    fn counts(&mut self) -> anyhow::Result<Vec<(String, HourCount)>> {
        Ok(self
            .data
            .counts
            .iter()
            .map(|((p, _), c)| (p.clone(), *c))
            .collect())
    }
    fn incidents(&mut self) -> anyhow::Result<Vec<Incident>> {
        Ok(self.data.incidents.clone())
    }
    fn replace_incidents(&mut self, incidents: &[Incident]) -> anyhow::Result<()> {
        self.data.incidents = incidents.to_vec();
        Ok(())
    }
    fn settlements(&mut self) -> anyhow::Result<Vec<Settlement>> {
        Ok(self.data.settlements.clone())
    }
    fn insert_settlement(&mut self, s: &Settlement) -> anyhow::Result<()> {
        self.data.settlements.push(s.clone());
        Ok(())
    }
    fn keys_of(&mut self, provider: &str, from: i64, until: i64) -> anyhow::Result<Vec<String>> {
        let here = self.data.events.values().map(|n| &n.event).filter(|e| {
            e.provider.as_deref() == Some(provider)
                && (from..until).contains(&e.at)
                && e.kind.as_str() == "bounce"
        });
        let mut keys: Vec<String> = here.map(|e| e.address.clone()).collect();
        keys.dedup();
        Ok(keys)
    }
    fn each_event(&mut self, each: Each<'_, NewEvent>) -> anyhow::Result<()> {
        let mut all: Vec<NewEvent> = self.data.events.values().cloned().collect();
        all.sort_by(|a, b| {
            (&a.domain, &a.event.address, &a.event.event_id).cmp(&(
                &b.domain,
                &b.event.address,
                &b.event.event_id,
            ))
        });
        all.into_iter().try_for_each(each)
    }
    fn acts(&mut self) -> anyhow::Result<Vec<Act>> {
        let mut all: Vec<Act> = self.data.acts.values().cloned().collect();
        all.sort_by(|a, b| (&a.target, a.at, &a.id).cmp(&(&b.target, b.at, &b.id)));
        Ok(all)
    }
    fn set_domain_events(&mut self, keys: &[(String, String, bool)]) -> anyhow::Result<()> {
        for (address, id, is_domain) in keys {
            if let Some(n) = self.data.events.get_mut(&(address.clone(), id.clone())) {
                n.is_domain = *is_domain;
            }
        }
        Ok(())
    }
    fn erase(&mut self, key: &str) -> anyhow::Result<u64> {
        let before = self.data.events.len();
        self.data.events.retain(|(a, _), _| a != key);
        self.data.acts.retain(|_, a| a.target != key);
        self.data.states.remove(key);
        self.data.decisions.retain(|(k, ..), _| k != key);
        Ok((before - self.data.events.len()) as u64)
    }
}
