//! The fold: events and acts of one address, in any order and multiplicity, to its state.

use std::collections::BTreeMap;

use crate::words::{BounceType, Category, Kind, SenderAction, Trust};

use super::event::{Act, ActKind, Event};
use super::file::Policy;
use super::guard::{Incident, Settlement, standing_of_incident};
use super::rule::{Rule, Score, Step, Weight};
use super::state::{AddressState, Outcome, Standing};

/// How many events an outcome names as its reasons.
const MAX_BECAUSE: usize = 10;

/// What the fold must know beside the history of the address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The incidents of providers.
    pub incidents: &'a [Incident],
    /// What people said of them.
    pub settlements: &'a [Settlement],
}

/// Whether a history is that of an address or of all addresses of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every rule counts.
    Address,
    /// Only steps that suppress a domain count.
    Domain,
}

/// What a history comes to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Folded {
    /// The state at the end of it.
    pub state: AddressState,
    /// Every outcome that was decided on the way, oldest first.
    pub decided: Vec<Outcome>,
}

/// Reads a history. See the [module](super).
pub fn fold(
    policy: &Policy,
    events: &[Event],
    acts: &[Act],
    context: &Context<'_>,
    scope: Scope,
) -> Folded {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by(|a, b| a.order().cmp(&b.order()));
    // One mail counts once for an address, whatever two readers of it disagree about.
    events.sort_by(|a, b| (&a.event_id, &a.address).cmp(&(&b.event_id, &b.address)));
    events.dedup_by(|b, a| a.event_id == b.event_id && a.address == b.address);
    events.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut acts: Vec<&Act> = acts.iter().collect();
    acts.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    acts.dedup_by(|b, a| a.id == b.id);

    let mut run = Run {
        policy,
        context,
        scope,
        groups: BTreeMap::new(),
        delivered: false,
        score: None,
        state: AddressState::default(),
        decided: Vec::new(),
        sends: Group::default(),
    };
    let mut acts = acts.into_iter().peekable();
    for event in events {
        // At the same second the act stands behind the event: people act on what they saw.
        while let Some(act) = acts.next_if(|a| a.at < event.at) {
            run.act(act);
        }
        run.event(event);
    }
    for act in acts {
        run.act(act);
    }
    run.state.failed_sends = run.sends.0.len().try_into().unwrap_or(u32::MAX);
    run.state
        .outcomes
        .sort_by_key(|o| std::cmp::Reverse(o.strength()));
    Folded {
        state: run.state,
        decided: run.decided,
    }
}

struct Run<'a> {
    policy: &'a Policy,
    context: &'a Context<'a>,
    scope: Scope,
    groups: BTreeMap<&'a str, Group>,
    sends: Group,
    delivered: bool,
    score: Option<(f64, i64, Vec<String>)>,
    state: AddressState,
    decided: Vec<Outcome>,
}

/// One send that failed.
struct Send {
    at: i64,
    keys: Vec<String>,
    weight: Weight,
    event_id: String,
}

#[derive(Default)]
struct Group(Vec<Send>);

impl Group {
    /// Adds an event to the send it belongs to, or begins a new one.
    fn add(&mut self, e: &Event, weight: Weight, apart: i64) {
        let by_key = e
            .send
            .as_ref()
            .and_then(|k| self.0.iter().position(|s| s.keys.contains(k)));
        let by_time = || self.0.iter().rposition(|s| e.at - s.at < apart);
        match by_key.or_else(by_time) {
            Some(i) => {
                let send = &mut self.0[i];
                send.weight = send.weight.max(weight);
                if let Some(k) = &e.send
                    && !send.keys.contains(k)
                {
                    send.keys.push(k.clone());
                }
            }
            None => self.0.push(Send {
                at: e.at,
                keys: e.send.iter().cloned().collect(),
                weight,
                event_id: e.event_id.clone(),
            }),
        }
    }
}

impl<'a> Run<'a> {
    fn act(&mut self, act: &Act) {
        match act.kind {
            ActKind::Release => {
                self.reset();
                self.state.outcomes.clear();
            }
            ActKind::Alive => self.alive(act.at),
            ActKind::Suppress => self.put(Outcome {
                standing: if act.target.starts_with('@') {
                    Standing::SuppressDomain
                } else {
                    Standing::Suppress
                },
                since: act.at,
                until: act.until,
                provisional: false,
                rule: "by-hand".to_owned(),
                why: if act.why.is_empty() {
                    format!("added by {}", act.who)
                } else {
                    format!("added by {}: {}", act.who, act.why)
                },
                only_by_hand: true,
                category: None,
                sender_action: SenderAction::None,
                warning: None,
                because: vec![act.id.clone()],
            }),
        }
    }

    fn reset(&mut self) {
        self.groups.clear();
        self.sends.0.clear();
        self.score = None;
    }

    fn alive(&mut self, at: i64) {
        self.delivered = true;
        self.state.alive_at = Some(at);
        self.reset();
        self.state.outcomes.retain(|o| o.only_by_hand);
    }

    fn event(&mut self, e: &'a Event) {
        if self.policy.life.kinds.contains(&e.kind) {
            let forged =
                e.trust == Trust::Suspicious || (e.trust == Trust::Unverified && e.proof_in_use);
            if !forged {
                self.alive(e.at);
            }
            return;
        }
        let incident = standing_of_incident(self.context, e);
        if incident == Some(false) {
            return;
        }
        let Some(weight) = Weight::of(e, incident == Some(true)) else {
            return;
        };
        let Some(rule) = self.policy.rules.iter().find(|r| r.when.fits(e)) else {
            return;
        };
        let steps: Vec<&Step> = rule
            .steps
            .iter()
            .filter(|s| self.scope == Scope::Address || s.then == Standing::SuppressDomain)
            .collect();
        if e.kind == Kind::Bounce && self.scope == Scope::Address {
            self.sends.add(e, weight, self.policy.sends.apart);
            self.add_score(e, weight);
        }
        self.state.last_at = Some(e.at);
        if steps.is_empty() {
            return;
        }
        let group = self.groups.entry(&rule.group).or_default();
        group.add(e, weight, self.policy.sends.apart);
        let best = [Weight::Plain, Weight::Incident, Weight::Unproved]
            .into_iter()
            .filter_map(|at_least| {
                evaluate(
                    self.policy,
                    rule,
                    &steps,
                    group,
                    e,
                    at_least,
                    self.delivered,
                )
            })
            .max_by_key(Outcome::strength);
        if let Some(outcome) = best {
            self.put(outcome);
        }
    }

    fn add_score(&mut self, e: &Event, weight: Weight) {
        let Some(score) = &self.policy.score else {
            return;
        };
        let (mut sum, last, mut because) = self.score.take().unwrap_or((0.0, i64::MIN, Vec::new()));
        if last != i64::MIN && e.at - last < score.once_per {
            self.score = Some((sum, last, because));
            return;
        }
        if last != i64::MIN && score.stale.is_some_and(|s| e.at - last >= s) {
            sum = 0.0;
            because.clear();
        }
        sum += if e.bounce_type() == Some(BounceType::Hard) {
            score.hard
        } else {
            score.soft
        };
        because.push(e.event_id.clone());
        if sum >= score.threshold {
            let outcome = of_score(self.policy, score, sum, e, weight, &because);
            self.put(outcome);
        }
        self.score = Some((sum, e.at, because));
    }

    /// Takes an outcome into the state and drops what it makes pointless.
    fn put(&mut self, o: Outcome) {
        let all = &mut self.state.outcomes;
        all.retain(|x| x.holds_at(o.since));
        if all.iter().any(|x| covers(x, &o)) {
            return;
        }
        all.retain(|x| !covers(&o, x));
        all.push(o.clone());
        self.decided.push(o);
    }
}

/// Whether `a` says all that `b` says, for as long.
fn covers(a: &Outcome, b: &Outcome) -> bool {
    a.standing >= b.standing
        && a.until.is_none_or(|a| b.until.is_some_and(|b| b <= a))
        && (a.only_by_hand || !b.only_by_hand)
        && (b.warning.is_none() || a.warning == b.warning)
}

/// The strongest step that the sends of at least this weight reach.
fn evaluate(
    policy: &Policy,
    rule: &Rule,
    steps: &[&Step],
    group: &Group,
    e: &Event,
    at_least: Weight,
    delivered: bool,
) -> Option<Outcome> {
    let mut best: Option<Outcome> = None;
    for step in steps {
        if step.never_delivered && delivered {
            continue;
        }
        let counted: Vec<&Send> = group
            .0
            .iter()
            .filter(|s| s.weight >= at_least && step.within.is_none_or(|w| e.at - s.at <= w))
            .collect();
        let n = u32::try_from(counted.len()).unwrap_or(u32::MAX);
        if n < step.sends {
            continue;
        }
        let mut standing = step.then;
        let mut lasts = step.lasts;
        let is_final = standing.is_suppressed() && lasts.is_none();
        let proved = counted.iter().any(|s| s.weight == Weight::Proved);
        match at_least {
            Weight::Unproved if standing > policy.trust.unproved_at_most => {
                standing = policy.trust.unproved_at_most;
                lasts = if rule.only_by_hand {
                    None
                } else {
                    Some(policy.trust.unverified_lasts)
                };
            }
            Weight::Incident if is_final && !rule.only_by_hand => {
                lasts = Some(policy.guard.provisional)
            }
            Weight::Plain
                if is_final
                    && !proved
                    && !rule.single_is_final
                    && n < policy.trust.unverified_final_sends =>
            {
                lasts = Some(policy.trust.unverified_lasts);
            }
            _ => {}
        }
        let outcome = Outcome {
            standing,
            since: e.at,
            until: lasts.map(|l| e.at.saturating_add(l)),
            provisional: standing.is_suppressed() && lasts.is_some(),
            rule: rule.id.clone(),
            why: rule.why.clone(),
            only_by_hand: rule.only_by_hand,
            category: e.category,
            sender_action: e.sender_action(),
            warning: step.warn.clone(),
            because: counted
                .iter()
                .rev()
                .take(MAX_BECAUSE)
                .rev()
                .map(|s| s.event_id.clone())
                .collect(),
        };
        if best
            .as_ref()
            .is_none_or(|b| outcome.strength() > b.strength())
        {
            best = Some(outcome);
        }
    }
    best
}

fn of_score(
    policy: &Policy,
    score: &Score,
    sum: f64,
    e: &Event,
    weight: Weight,
    because: &[String],
) -> Outcome {
    let capped = weight == Weight::Unproved && score.then > policy.trust.unproved_at_most;
    let lasts = match weight {
        Weight::Unproved if capped => Some(policy.trust.unverified_lasts),
        Weight::Incident => Some(score.lasts.unwrap_or(policy.guard.provisional)),
        _ => score.lasts,
    };
    let standing = if capped {
        policy.trust.unproved_at_most
    } else {
        score.then
    };
    Outcome {
        standing,
        since: e.at,
        until: lasts.map(|l| e.at.saturating_add(l)),
        provisional: standing.is_suppressed() && lasts.is_some(),
        rule: "score".to_owned(),
        why: format!("{} (score {sum:.1} of {:.1})", score.why, score.threshold),
        only_by_hand: false,
        category: e.category,
        sender_action: e
            .category
            .map_or(SenderAction::None, Category::sender_action),
        warning: None,
        because: because
            .iter()
            .rev()
            .take(MAX_BECAUSE)
            .rev()
            .cloned()
            .collect(),
    }
}
