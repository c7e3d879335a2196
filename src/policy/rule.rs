//! One rule of a policy: which events it is about, and how many separate sends lead to what.

use crate::words::{BounceType, Category, Fault, Kind, Permanence, Signal, Trust};

use super::event::Event;
use super::state::Standing;

/// Which events a rule is about: every list that is not empty must name the event's own word.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Match {
    /// Sorts of mail; empty means `bounce`.
    pub kind: Vec<Kind>,
    /// Categories.
    pub category: Vec<Category>,
    /// Whose problem.
    pub fault: Vec<Fault>,
    /// Types.
    pub bounce_type: Vec<BounceType>,
    /// Permanence.
    pub permanence: Vec<Permanence>,
    /// Enhanced status codes; `5.7.*` takes every detail.
    pub status: Vec<String>,
    /// Reply codes; `5*` takes every code of the class.
    pub reply_code: Vec<String>,
    /// Ids of providers.
    pub provider: Vec<String>,
    /// Signals of auto-replies: one of them is enough.
    pub signal: Vec<Signal>,
    /// Feedback types of complaints.
    pub feedback: Vec<String>,
}

impl Match {
    /// Whether the rule is about this event.
    pub fn fits(&self, e: &Event) -> bool {
        fn has<T: PartialEq>(list: &[T], word: Option<T>) -> bool {
            list.is_empty() || word.is_some_and(|w| list.contains(&w))
        }
        let kind = if self.kind.is_empty() {
            e.kind == Kind::Bounce
        } else {
            self.kind.contains(&e.kind)
        };
        kind && has(&self.category, e.category)
            && has(&self.fault, e.fault())
            && has(&self.bounce_type, e.bounce_type())
            && has(&self.permanence, e.permanence)
            && (self.status.is_empty()
                || e.status
                    .as_deref()
                    .is_some_and(|s| self.status.iter().any(|p| glob(p, s))))
            && (self.reply_code.is_empty()
                || e.reply_code
                    .as_deref()
                    .is_some_and(|s| self.reply_code.iter().any(|p| glob(p, s))))
            && (self.provider.is_empty()
                || e.provider
                    .as_ref()
                    .is_some_and(|p| self.provider.contains(p)))
            && (self.signal.is_empty() || e.signals.iter().any(|s| self.signal.contains(s)))
            && (self.feedback.is_empty()
                || e.feedback
                    .as_ref()
                    .is_some_and(|f| self.feedback.iter().any(|x| x.eq_ignore_ascii_case(f))))
    }
}

/// `5.7.*` and `5*`: a star at the end takes the rest.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(front) => text.starts_with(front),
        None => pattern == text,
    }
}

/// One step of a rule: so many separate sends lead to this.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// How many separate sends must have failed, counting this one.
    pub sends: u32,
    /// Within how many seconds they must lie; `None` is without limit.
    pub within: Option<i64>,
    /// Only where no message was ever known to arrive.
    pub never_delivered: bool,
    /// What follows.
    pub then: Standing,
    /// For how many seconds; `None` is for good.
    pub lasts: Option<i64>,
    /// A warning that goes beyond the address.
    pub warn: Option<String>,
}

/// One rule. The first that fits an event takes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, lasting.
    pub id: String,
    /// Which events.
    pub when: Match,
    /// Rules of one group count their sends together; the id where none is named.
    pub group: String,
    /// What follows after how many sends. None: the events are kept and nothing follows.
    pub steps: Vec<Step>,
    /// Only a manual release ends what follows.
    pub only_by_hand: bool,
    /// Where no proof is in use, a single report is final at once.
    pub single_is_final: bool,
    /// Why, in words.
    pub why: String,
}

/// What makes two events two separate sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sends {
    /// Events closer than this many seconds are of one send, whatever they name.
    pub apart: i64,
}

/// Which proofs of life end what an address stands under.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Life {
    /// Mail of these kinds proves life.
    pub kinds: Vec<Kind>,
}

/// What events of each trust level may do. `suspicious` never counts; that is not for a file to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustRules {
    /// Without proof in use: how many separate sends make a suppression by unverified reports final.
    pub unverified_final_sends: u32,
    /// And how many seconds it lasts before that.
    pub unverified_lasts: i64,
    /// With proof in use: the most that an unverified report may do.
    pub unproved_at_most: Standing,
}

/// A score beside the rules, as list servers keep it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Score {
    /// Added by a hard failure.
    pub hard: f64,
    /// Added by every other failure.
    pub soft: f64,
    /// The score that leads to `then`.
    pub threshold: f64,
    /// Without a failure for so many seconds the score is zero again.
    pub stale: Option<i64>,
    /// At most one failure in so many seconds counts.
    pub once_per: i64,
    /// What follows.
    pub then: Standing,
    /// For how many seconds; `None` is for good.
    pub lasts: Option<i64>,
    /// Why, in words.
    pub why: String,
}

/// How much an event may do, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// It proves nothing: at most what [`TrustRules::unproved_at_most`] says.
    Unproved,
    /// It happened while the provider had an incident: a suppression is provisional.
    Incident,
    /// Nothing speaks against it.
    Plain,
    /// It is proved to be an answer to mail of ours.
    Proved,
}

impl Weight {
    pub(crate) fn of(e: &Event, in_incident: bool) -> Option<Weight> {
        let own = match e.trust {
            Trust::Suspicious => return None,
            Trust::Verified | Trust::Matched => Weight::Proved,
            Trust::Unverified if e.proof_in_use => Weight::Unproved,
            Trust::Unverified => Weight::Plain,
        };
        Some(if in_incident {
            own.min(Weight::Incident)
        } else {
            own
        })
    }
}
