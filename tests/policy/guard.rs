//! December 2020 again: a provider calls living mailboxes dead for hours, in the middle of normal traffic.

use std::collections::BTreeMap;

use undeliverable::policy::{
    Context, Event, HourCount, Incident, Policy, Scope, Settlement, Standing, fold,
    guard::incidents,
};
use undeliverable::{Category, Kind, Permanence, Trust};

const START: i64 = 1_606_780_800; // 1 December 2020
const HOUR: i64 = 3600;
/// The hours of the incident, counted from the start: the 14th and 15th, as Google's incident report tells them.
const BAD: std::ops::Range<i64> = 14 * 24 + 8..14 * 24 + 16;

/// A small generator with a fixed seed: the same traffic at each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn bounce(id: &str, address: &str, at: i64, provider: &str, category: Category) -> Event {
    let mut e = Event::new(id, address, at, Kind::Bounce);
    e.category = Some(category);
    e.permanence = Some(category.own_permanence());
    e.provider = Some(provider.to_owned());
    e.trust = Trust::Matched;
    e.proof_in_use = true;
    e.send = Some(id.to_owned());
    e
}

/// Four weeks of a sender with four providers. Returns the events and the addresses that are really dead.
fn traffic() -> (Vec<Event>, Vec<String>) {
    let mut dice = Dice(2020);
    let (mut events, mut dead, mut n) = (Vec::new(), Vec::new(), 0);
    for hour in 0..28 * 24 {
        // Day and night, weekdays and weekends.
        let load = if (6..20).contains(&(hour % 24)) { 4 } else { 1 }
            * if hour / 24 % 7 < 5 { 2 } else { 1 };
        for (provider, share) in [
            ("google", 5),
            ("microsoft365", 3),
            ("yahoo", 1),
            ("example.net", 1),
        ] {
            for _ in 0..dice.below(load * share + 1) {
                n += 1;
                let at = START + hour * HOUR + i64::try_from(dice.below(3600)).unwrap();
                let category = match dice.below(10) {
                    0..=3 => Category::UserUnknown,
                    4 | 5 => Category::MailboxFull,
                    6 | 7 => Category::RateLimited,
                    _ => Category::SpamContent,
                };
                let address = format!("n{n}@{provider}.example");
                if category == Category::UserUnknown {
                    dead.push(address.clone());
                }
                events.push(bounce(&format!("b{n}"), &address, at, provider, category));
            }
        }
        if BAD.contains(&hour) {
            // Every second living address that is written to answers that it is dead; some are written to twice,
            // a day's newsletter and a notification of an order.
            for i in 0..120 {
                n += 1;
                let at = START + hour * HOUR + i64::from(i) * 29;
                events.push(bounce(
                    &format!("b{n}"),
                    &format!("living{}@google.example", (hour * 70 + i64::from(i)) % 700),
                    at,
                    "google",
                    Category::UserUnknown,
                ));
            }
        }
    }
    (events, dead)
}

fn found(events: &[Event], policy: &Policy) -> Vec<Incident> {
    let mut per: BTreeMap<&str, BTreeMap<i64, (u32, u32)>> = BTreeMap::new();
    let mut all: BTreeMap<i64, (u32, u32)> = BTreeMap::new();
    for e in events {
        let hour = e.at.div_euclid(HOUR);
        let is_dead = u32::from(e.bounce_type() == Some(undeliverable::BounceType::Hard));
        for cell in [
            per.entry(e.provider.as_deref().unwrap())
                .or_default()
                .entry(hour)
                .or_default(),
            all.entry(hour).or_default(),
        ] {
            cell.0 += 1;
            cell.1 += is_dead;
        }
    }
    let rows = |m: &BTreeMap<i64, (u32, u32)>| {
        m.iter()
            .map(|(h, (f, d))| HourCount {
                hour: *h,
                failed: *f,
                dead: *d,
            })
            .collect::<Vec<_>>()
    };
    let all = rows(&all);
    per.iter()
        .flat_map(|(p, m)| incidents(&policy.guard, p, &rows(m), &all))
        .collect()
}

#[test]
fn december_2020_suppresses_nobody_for_good() {
    let policy = Policy::built_in("default").unwrap();
    let (events, dead) = traffic();
    let incidents = found(&events, &policy);
    assert!(!incidents.is_empty());
    for i in &incidents {
        assert_eq!(i.provider, "google", "{i:?}");
    }
    let bad = START + BAD.start * HOUR..START + BAD.end * HOUR;
    assert!(
        incidents
            .iter()
            .any(|i| i.from <= bad.start && i.until >= bad.end),
        "{incidents:?}"
    );
    assert!(
        incidents.iter().all(|i| i.until - i.from < 48 * HOUR),
        "{incidents:?}"
    );

    let mut by: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    for e in &events {
        by.entry(&e.address).or_default().push(e.clone());
    }
    let context = Context {
        incidents: &incidents,
        settlements: &[],
    };
    let (mut week, mut missed) = (0, 0);
    for (address, history) in &by {
        let state = fold(&policy, history, &[], &context, Scope::Address).state;
        if address.starts_with("living") {
            let d = state.at(bad.end);
            assert!(
                d.provisional || d.standing == Standing::Clear,
                "{address}: {d:?}"
            );
            week += usize::from(d.provisional);
            assert_eq!(
                state.at(bad.end + 8 * 86400).standing,
                Standing::Clear,
                "{address}"
            );
        } else if dead.iter().any(|d| d == address) {
            missed += usize::from(state.at(START + 40 * 86400).standing != Standing::Suppress);
        }
    }
    assert!(week > 300, "{week}");
    // The really dead that bounced in those hours wait for their next bounce; all others are suppressed.
    assert!(missed * 20 < dead.len(), "{missed} of {}", dead.len());
}

#[test]
fn without_the_incident_there_is_no_alarm() {
    let policy = Policy::built_in("default").unwrap();
    let (mut events, _) = traffic();
    events.retain(|e| !e.address.starts_with("living"));
    assert_eq!(found(&events, &policy), []);
}

#[test]
fn people_settle_it() {
    let policy = Policy::built_in("default").unwrap();
    let mut e = bounce(
        "m",
        "bob@example.com",
        START,
        "google",
        Category::UserUnknown,
    );
    e.permanence = Some(Permanence::Permanent);
    let (mut events, _) = traffic();
    events.push(e.clone());
    let incidents = found(&events, &policy);
    let i = &incidents[0];
    e.at = i.from + 1;
    let state = |s: &[Settlement]| {
        fold(
            &policy,
            &[e.clone()],
            &[],
            &Context {
                incidents: &incidents,
                settlements: s,
            },
            Scope::Address,
        )
        .state
        .at(i.until)
    };
    assert!(state(&[]).provisional);
    let say = |confirmed, at| Settlement::new("google", i.from, i.until, confirmed, at, "al", "");
    assert_eq!(state(&[say(true, 1)]).until, None);
    assert_eq!(
        state(&[say(true, 1), say(false, 2)]).standing,
        Standing::Clear
    );
}
