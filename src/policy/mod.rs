//! Verdict and history -> decision: what to do about an address, by a policy that people can read.
//!
//! Everything here is pure: no clock, no I/O. [`fold`] turns the events and manual acts of one address into its
//! [`AddressState`]; the order and the multiplicity of the events make no difference. [`AddressState::at`] reads the
//! state at a moment, which the caller names. [`decide`] does both.
//!
//! ```
//! use undeliverable::policy::{Context, Event, Policy, Standing, decide};
//! let policy = Policy::built_in("default").unwrap();
//! let engine = undeliverable::Engine::new();
//! let verdict = engine.classify("550 5.1.1 <bob@example.com>: user unknown");
//! let event = Event::from_verdict("m1", "bob@example.com", 1_700_000_000, &verdict);
//! let decision = decide(&policy, &[event], &[], &Context::default(), 1_700_000_100);
//! assert_eq!(decision.standing, Standing::Suppress);
//! assert!(decision.provisional, "nothing proves that the report is real, so it is for a week");
//! ```

mod event;
mod file;
mod fold;
pub mod guard;
mod rule;
mod state;

pub use event::{Act, ActKind, Event, address_domain};
pub use file::Policy;
pub use fold::{Context, Folded, Scope, fold};
pub use guard::{Guard, HourCount, Incident, IncidentKind, Settlement};
pub use rule::{Life, Match, Rule, Score, Sends, Step, TrustRules};
pub use state::{AddressState, Decision, Outcome, Standing};

/// The policies that come with the library: name and text, `default` first.
pub const PROFILES: &[(&str, &str)] = &[
    ("default", include_str!("../../policies/default.toml")),
    ("cold", include_str!("../../policies/cold.toml")),
    ("opted_in", include_str!("../../policies/opted_in.toml")),
    ("strict_5xx", include_str!("../../policies/strict_5xx.toml")),
    ("mailman", include_str!("../../policies/mailman.toml")),
    ("discourse", include_str!("../../policies/discourse.toml")),
    ("magnews", include_str!("../../policies/magnews.toml")),
];

/// What to do about one address at the moment `now` (seconds since 1970, UTC).
///
/// The same as [`fold`] and then [`AddressState::at`].
pub fn decide(
    policy: &Policy,
    events: &[Event],
    acts: &[Act],
    context: &Context<'_>,
    now: i64,
) -> Decision {
    fold(policy, events, acts, context, Scope::Address)
        .state
        .at(now)
}
