//! What is known about an address after its history was read, and how it reads at a moment.

use serde::{Deserialize, Serialize};

use crate::words::{Category, SenderAction, vocabulary};

vocabulary! {
    /// How an address stands. In the order of strength: the strongest that is in force decides.
    Standing {
        /// Nothing speaks against it.
        Clear = "clear",
        /// May be mailed again, but not before `until`.
        Retry = "retry",
        /// May be mailed; a person should look.
        Review = "review",
        /// Do not mail before the address was verified by other means.
        Verify = "verify",
        /// Do not mail before the sender has fixed the cause.
        Hold = "hold",
        /// Do not mail.
        Suppress = "suppress",
        /// Do not mail anybody at this domain.
        SuppressDomain = "suppress_domain",
    }
}

impl Standing {
    /// Whether mail may go to the address now.
    pub const fn may_mail(self) -> bool {
        matches!(self, Standing::Clear | Standing::Review)
    }

    /// Whether the address is on the suppression list.
    pub const fn is_suppressed(self) -> bool {
        matches!(self, Standing::Suppress | Standing::SuppressDomain)
    }
}

/// One thing that the policy or a person decided about an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Outcome {
    /// What was decided.
    pub standing: Standing,
    /// Since when, in seconds since 1970: the time of the event or act that decided.
    pub since: i64,
    /// Until when; `None` is for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Whether it is a suppression that ends by itself unless something confirms it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// The rule of the policy, or `by-hand`.
    pub rule: String,
    /// Why, in words.
    pub why: String,
    /// Whether only a manual release ends it: complaints and manual suppressions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_by_hand: bool,
    /// What the last event was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What the sender must do first.
    #[serde(default = "no_action", skip_serializing_if = "is_no_action")]
    pub sender_action: SenderAction,
    /// A warning that goes beyond this address, such as `reputation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The events or the act that led to it, oldest first, at most ten.
    pub because: Vec<String>,
}

fn no_action() -> SenderAction {
    SenderAction::None
}

fn is_no_action(a: &SenderAction) -> bool {
    *a == SenderAction::None
}

impl Outcome {
    /// Whether it is in force at `now`.
    pub fn holds_at(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// The stronger of two: by standing, then by the later end, then by the earlier start.
    pub(crate) fn strength(&self) -> (Standing, i64, std::cmp::Reverse<i64>) {
        (
            self.standing,
            self.until.unwrap_or(i64::MAX),
            std::cmp::Reverse(self.since),
        )
    }
}

/// What an address's history comes to. It does not depend on the time of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AddressState {
    /// What was decided and not taken back, strongest first.
    pub outcomes: Vec<Outcome>,
    /// Separate sends that failed since the last proof of life or release.
    pub failed_sends: u32,
    /// The last proof of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive_at: Option<i64>,
    /// The last event that counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<i64>,
}

/// How an address stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// What to do.
    pub standing: Standing,
    /// Until when; `None` is for good, or no end is known.
    pub until: Option<i64>,
    /// Whether it is a suppression that ends by itself.
    pub provisional: bool,
    /// The rule that decided; `None` where nothing speaks against the address.
    pub rule: Option<String>,
    /// Why, in words.
    pub why: Option<String>,
    /// What the sender must do first.
    pub sender_action: SenderAction,
    /// A warning that goes beyond this address.
    pub warning: Option<String>,
    /// The events or the act behind it.
    pub because: Vec<String>,
}

impl AddressState {
    /// The strongest outcome in force at `now`.
    pub fn outcome_at(&self, now: i64) -> Option<&Outcome> {
        self.outcomes.iter().find(|o| o.holds_at(now))
    }

    /// How the address stands at `now`, in seconds since 1970.
    pub fn at(&self, now: i64) -> Decision {
        let warning = self
            .outcomes
            .iter()
            .filter(|o| o.holds_at(now))
            .find_map(|o| o.warning.clone());
        match self.outcome_at(now) {
            Some(o) => Decision {
                standing: o.standing,
                until: o.until,
                provisional: o.provisional,
                rule: Some(o.rule.clone()),
                why: Some(o.why.clone()),
                sender_action: o.sender_action,
                warning,
                because: o.because.clone(),
            },
            None => Decision {
                standing: Standing::Clear,
                until: None,
                provisional: false,
                rule: None,
                why: None,
                sender_action: SenderAction::None,
                warning: None,
                because: Vec::new(),
            },
        }
    }
}
