//! What a place to keep a ledger must be able to do. Everything else is [`Ledger`](super::Ledger)'s and the same for all.

use std::collections::HashMap;

use undeliverable::policy::{
    Act, AddressState, Event, HourCount, Incident, Outcome, Settlement, Standing,
};

use super::marks::Marks;

/// Events and acts of one key: an address, or `@` and a domain.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub events: Vec<Event>,
    pub acts: Vec<Act>,
}

/// A state as it is looked up: the strongest outcome in columns, the whole beside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StateRow {
    pub key: String,
    pub standing: Standing,
    pub until: Option<i64>,
    /// The whole state; [`Store::each_state`] leaves it out where the strongest outcome is the only one.
    pub state: Option<AddressState>,
}

/// A decision in the log of decisions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DecisionRow {
    pub key: String,
    /// Version of the policy that decided.
    pub policy: String,
    pub outcome: Outcome,
}

/// An event with what the store indexes beside it.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub event: Event,
    /// The domain of the address, hashed where the ledger is private.
    pub domain: Option<String>,
    /// Whether the policy may suppress the domain for it.
    pub is_domain: bool,
}

pub(crate) type Each<'a, T> = &'a mut dyn FnMut(T) -> anyhow::Result<()>;

/// A place to keep a ledger. Writes happen between [`begin`](Store::begin) and [`commit`](Store::commit) only; `begin`
/// waits for the one write lock, so that two writers never fold half of each other's events.
pub(crate) trait Store: Marks + Send {
    /// What to call it in messages; never with a password.
    fn name(&self) -> String;
    fn begin(&mut self) -> anyhow::Result<()>;
    fn commit(&mut self) -> anyhow::Result<()>;
    /// After an error. Never fails itself: a lost connection rolls back alone.
    fn rollback(&mut self);
    fn setting(&mut self, name: &str) -> anyhow::Result<Option<String>>;
    fn set_setting(&mut self, name: &str, value: &str) -> anyhow::Result<()>;
    /// Adds events; says for each whether it is new.
    fn insert_events(&mut self, events: &[NewEvent]) -> anyhow::Result<Vec<bool>>;
    fn insert_acts(&mut self, acts: &[Act]) -> anyhow::Result<()>;
    /// The histories of keys. For a domain: the events that may suppress it, and proofs of life there.
    fn histories(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, History>>;
    fn put_states(&mut self, states: &[StateRow]) -> anyhow::Result<()>;
    fn states(&mut self, keys: &[String]) -> anyhow::Result<HashMap<String, AddressState>>;
    fn each_state(&mut self, each: Each<'_, StateRow>) -> anyhow::Result<()>;
    /// How many states there are, roughly: it decides how `check` looks up.
    fn count_states(&mut self) -> anyhow::Result<u64>;
    fn insert_decisions(&mut self, decisions: &[DecisionRow]) -> anyhow::Result<()>;
    fn decisions(&mut self, key: &str) -> anyhow::Result<Vec<DecisionRow>>;
    fn add_counts(&mut self, counts: &[(String, HourCount)]) -> anyhow::Result<()>;
    /// All counts, by provider and hour.
    fn counts(&mut self) -> anyhow::Result<Vec<(String, HourCount)>>;
    fn incidents(&mut self) -> anyhow::Result<Vec<Incident>>;
    /// Puts these in the place of all incidents.
    fn replace_incidents(&mut self, incidents: &[Incident]) -> anyhow::Result<()>;
    fn settlements(&mut self) -> anyhow::Result<Vec<Settlement>>;
    fn insert_settlement(&mut self, settlement: &Settlement) -> anyhow::Result<()>;
    /// The addresses with a bounce of this provider in `from..until`.
    fn keys_of(&mut self, provider: &str, from: i64, until: i64) -> anyhow::Result<Vec<String>>;
    /// Every event, by domain and address, then by event id.
    fn each_event(&mut self, each: Each<'_, NewEvent>) -> anyhow::Result<()>;
    /// Every act, by key and time.
    fn acts(&mut self) -> anyhow::Result<Vec<Act>>;
    /// Marks which events may suppress their domain, after a change of policy.
    fn set_domain_events(&mut self, keys: &[(String, String, bool)]) -> anyhow::Result<()>;
    /// Forgets everything about a key.
    fn erase(&mut self, key: &str) -> anyhow::Result<u64>;
}
