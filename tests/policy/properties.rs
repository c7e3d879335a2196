//! The fold gives one state for one set of facts, in whatever order and number they come.

use proptest::prelude::*;
use undeliverable::policy::{
    Act, ActKind, Context, Event, Guard, HourCount, Policy, Scope, fold, guard::incidents,
};
use undeliverable::{Category, Kind, Permanence, Signal, Trust};

fn event() -> impl Strategy<Value = Event> {
    let fields = (
        (0u32..60, 0i64..120, 0usize..Kind::ALL.len()),
        (
            0usize..Category::ALL.len(),
            0usize..Permanence::ALL.len(),
            0usize..Trust::ALL.len(),
        ),
        (
            proptest::option::of(0u8..4),
            any::<bool>(),
            proptest::option::of(0usize..Signal::ALL.len()),
        ),
        (0usize..6, 0usize..3),
    );
    fields.prop_map(
        |((id, hours, kind), (c, p, t), (send, proof, signal), (code, provider))| {
            let mut e = Event::new(
                format!("m{id}"),
                "bob@example.com",
                1_700_000_000 + hours * 5000,
                Kind::ALL[kind],
            );
            e.category = Some(Category::ALL[c]);
            e.permanence = Some(Permanence::ALL[p]);
            e.trust = Trust::ALL[t];
            e.send = send.map(|s| format!("s{s}"));
            e.proof_in_use = proof;
            e.signals = signal.map(|s| Signal::ALL[s]).into_iter().collect();
            e.reply_code = Some(["421", "450", "550", "552", "503", "554"][code].to_owned());
            e.provider = Some(["google", "microsoft365", "yahoo"][provider].to_owned());
            e
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    (0i64..120, 0usize..ActKind::ALL.len(), any::<bool>()).prop_map(|(hours, kind, ends)| {
        let at = 1_700_000_000 + hours * 5000;
        Act::new(
            at,
            ActKind::ALL[kind],
            "bob@example.com",
            "al",
            "",
            ends.then_some(at + 40_000),
        )
    })
}

/// One mail has one content: the first of each id stands for all.
fn one_each(events: Vec<Event>) -> Vec<Event> {
    let mut seen = std::collections::BTreeSet::new();
    events
        .into_iter()
        .filter(|e| seen.insert(e.event_id.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_multiplicity_do_not_matter(
        events in proptest::collection::vec(event(), 0..20),
        acts in proptest::collection::vec(act(), 0..4),
        profile in 0usize..7,
        shuffle in any::<prop::sample::Index>(),
        twice in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let events = one_each(events);
        let policy = Policy::built_in(undeliverable::policy::PROFILES[profile].0).unwrap();
        let context = Context::default();
        let once = fold(&policy, &events, &acts, &context, Scope::Address);
        let mut other: Vec<Event> = events.iter().rev().cloned().collect();
        let mut other_acts: Vec<Act> = acts.iter().rev().cloned().collect();
        if !events.is_empty() {
            for i in &twice {
                other.push(i.get(&events).clone());
            }
            let n = other.len();
            other.rotate_left(shuffle.index(n));
            other_acts.extend(acts.first().cloned());
        }
        prop_assert_eq!(fold(&policy, &other, &other_acts, &context, Scope::Address), once);
    }

    #[test]
    fn a_release_forgives_what_was_before(events in proptest::collection::vec(event(), 0..20)) {
        let events = one_each(events);
        let policy = Policy::built_in("default").unwrap();
        let last = events.iter().map(|e| e.at).max().unwrap_or(0);
        let release = [Act::new(last, ActKind::Release, "bob@example.com", "al", "", None)];
        let state = fold(&policy, &events, &release, &Context::default(), Scope::Address).state;
        prop_assert!(state.outcomes.is_empty());
    }

    #[test]
    fn suspicious_mail_changes_nothing(events in proptest::collection::vec(event(), 0..20), forged in proptest::collection::vec(event(), 1..5)) {
        let events = one_each(events);
        let policy = Policy::built_in("default").unwrap();
        let honest = fold(&policy, &events, &[], &Context::default(), Scope::Address);
        let mut all = events;
        all.extend(forged.into_iter().enumerate().map(|(i, mut e)| {
            e.event_id = format!("forged{i}");
            e.trust = Trust::Suspicious;
            e
        }));
        prop_assert_eq!(fold(&policy, &all, &[], &Context::default(), Scope::Address).state.outcomes, honest.state.outcomes);
    }

    #[test]
    fn incidents_lie_in_order_and_apart(hours in proptest::collection::btree_map(0i64..600, (0u32..200, 0u32..200), 0..100)) {
        let own: Vec<HourCount> = hours.into_iter().map(|(hour, (a, b))| HourCount { hour, failed: a.max(b), dead: a.min(b) }).collect();
        let found = incidents(&Guard::default(), "google", &own, &own);
        prop_assert!(found.iter().all(|i| i.from < i.until));
        prop_assert!(found.windows(2).all(|w| w[0].until < w[1].from));
    }
}
