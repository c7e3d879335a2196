//! The incident guard: sees when a provider's failures leave their own baseline.
//!
//! In December 2020 Gmail answered `550 5.1.1` for living mailboxes for hours. No rule about one address can see that;
//! the counts of the provider can. [`incidents`] is a pure function of hourly counts, so that the order in which mail
//! is read makes no difference. While an incident lasts, a suppression it causes is provisional and proves nothing for
//! a later one; a person then confirms or releases it.

use serde::{Deserialize, Serialize};

use crate::words::{Kind, vocabulary};

use super::event::Event;
use super::fold::Context;

/// A baseline of less than two days knows neither day nor night.
const MIN_BASELINE_HOURS: f64 = 48.0;

/// How many times the busiest window of the baseline a number must be for its share to count.
const MIN_GROWTH: f64 = 1.5;

/// When a provider has an incident.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Guard {
    /// Whether to look at all.
    pub on: bool,
    /// How many hours are looked at together.
    pub window_hours: i64,
    /// How many hours before them are the baseline.
    pub baseline_hours: i64,
    /// Fewer failures than this are never an incident.
    pub at_least: u32,
    /// How many standard deviations a share must leave its baseline.
    pub sigma: f64,
    /// How many times the busiest window of the baseline a count must reach, where shares cannot tell.
    pub times: f64,
    /// For how many seconds a suppression lasts that an incident made provisional.
    pub provisional: i64,
}

impl Default for Guard {
    fn default() -> Self {
        Guard {
            on: true,
            window_hours: 6,
            baseline_hours: 14 * 24,
            at_least: 20,
            sigma: 5.0,
            times: 4.0,
            provisional: 7 * 24 * 3600,
        }
    }
}

/// What one provider answered in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourCount {
    /// Hours since 1970.
    pub hour: i64,
    /// Recipients that failed.
    pub failed: u32,
    /// Those of them whose address was called dead.
    pub dead: u32,
}

vocabulary! {
    /// What left its baseline.
    IncidentKind {
        /// The share of dead addresses among the provider's failures, or their number.
        Dead = "dead",
        /// The provider's share of all failures.
        Failures = "failures",
    }
}

/// A time in which a provider's failures are not to be believed at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incident {
    /// The provider's id or domain.
    pub provider: String,
    /// What was noticed first.
    pub kind: IncidentKind,
    /// Its first second.
    pub from: i64,
    /// The second behind its last.
    pub until: i64,
    /// How many failures of the kind fell into it.
    pub seen: u32,
    /// How many the baseline lets expect in the window in which it was noticed.
    pub expected: f64,
}

/// What a person said of an incident, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settlement {
    /// The provider.
    pub provider: String,
    /// From this second.
    pub from: i64,
    /// Up to the second before this one.
    pub until: i64,
    /// `true`: the failures were real. `false`: they were not, and count for nothing.
    pub confirmed: bool,
    /// When it was said. The latest word counts.
    pub at: i64,
    /// Who said it.
    pub who: String,
    /// Why.
    pub why: String,
}

impl Settlement {
    /// A word about a time at a provider.
    pub fn new(
        provider: impl Into<String>,
        from: i64,
        until: i64,
        confirmed: bool,
        at: i64,
        who: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Settlement {
            provider: provider.into(),
            from,
            until,
            confirmed,
            at,
            who: who.into(),
            why: why.into(),
        }
    }
}

/// How an event stands to incidents: `None`: normal; `Some(true)`: inside an open one; `Some(false)`: it counts for nothing.
pub(crate) fn standing_of_incident(context: &Context<'_>, e: &Event) -> Option<bool> {
    if !matches!(e.kind, Kind::Bounce) {
        return None;
    }
    let provider = e.provider.as_deref()?;
    let settled = context
        .settlements
        .iter()
        .filter(|s| s.provider == provider && (s.from..s.until).contains(&e.at))
        .max_by_key(|s| (s.at, s.confirmed));
    match settled {
        Some(s) if s.confirmed => None,
        Some(_) => Some(false),
        None => context
            .incidents
            .iter()
            .any(|i| i.provider == provider && (i.from..i.until).contains(&e.at))
            .then_some(true),
    }
}

/// Finds the incidents of one provider.
///
/// `own` are its hours, `all` those of all providers together, both in order of time, each hour once; hours without
/// failures may be missing. Three signs count, each against the hours before it that were no incident:
/// the share of dead addresses among its failures, its share of all failures, and, where shares are near 1 already,
/// the bare number of dead addresses.
///
/// ```
/// use undeliverable::policy::{Guard, HourCount, guard::incidents};
/// let normal = |hour| HourCount { hour, failed: 10, dead: 4 };
/// let mut own: Vec<HourCount> = (0..400).map(normal).collect();
/// own[300] = HourCount { hour: 300, failed: 500, dead: 495 };
/// let found = incidents(&Guard::default(), "google", &own, &own);
/// assert_eq!(found.len(), 1);
/// assert!((found[0].from..found[0].until).contains(&(300 * 3600)));
/// ```
pub fn incidents(
    guard: &Guard,
    provider: &str,
    own: &[HourCount],
    all: &[HourCount],
) -> Vec<Incident> {
    let (Some(first), Some(last)) = (own.first(), own.last()) else {
        return Vec::new();
    };
    if !guard.on
        || own
            .iter()
            .map(|c| u64::from(c.dead.max(c.failed)))
            .sum::<u64>()
            < u64::from(guard.at_least)
    {
        return Vec::new();
    }
    let start = first.hour;
    let Ok(len) = usize::try_from(last.hour - start + 1) else {
        return Vec::new();
    };
    // A hundred years of hours: anything beyond is a broken clock.
    if len > 900_000 {
        return Vec::new();
    }
    let mut rows = vec![(0u32, 0u32, 0u32); len];
    for c in own {
        if let Some(r) = usize::try_from(c.hour - start)
            .ok()
            .and_then(|i| rows.get_mut(i))
        {
            (r.0, r.1) = (c.failed, c.dead);
        }
    }
    for c in all {
        if let Some(r) = usize::try_from(c.hour - start)
            .ok()
            .and_then(|i| rows.get_mut(i))
        {
            r.2 = c.failed;
        }
    }
    let window = usize::try_from(guard.window_hours).unwrap_or(1).max(1);
    let baseline = usize::try_from(guard.baseline_hours).unwrap_or(1).max(1);
    let mut inside = vec![false; len];
    let mut found: Vec<(usize, IncidentKind, f64)> = Vec::new();
    for end in 0..len {
        let from = (end + 1).saturating_sub(window);
        let now = Sum::of(&rows[from..=end], None);
        if now.failed < f64::from(guard.at_least) || rows[end].0 == 0 {
            continue;
        }
        let base_from = from.saturating_sub(baseline);
        let base = Sum::of(&rows[base_from..from], Some(&inside[base_from..from]));
        if let Some((kind, expected)) = left_baseline(guard, &now, &base, |kind| {
            busiest(
                &rows[base_from..from],
                &inside[base_from..from],
                window,
                kind,
            )
        }) {
            inside[from..=end].fill(true);
            found.push((end, kind, expected));
        }
    }
    merge(provider, start, &rows, &inside, &found)
}

#[derive(Default)]
struct Sum {
    failed: f64,
    dead: f64,
    all: f64,
    hours: f64,
}

impl Sum {
    fn of(rows: &[(u32, u32, u32)], skip: Option<&[bool]>) -> Sum {
        let mut sum = Sum::default();
        for (i, r) in rows.iter().enumerate() {
            if skip.is_some_and(|s| s[i]) {
                continue;
            }
            sum.failed += f64::from(r.0);
            sum.dead += f64::from(r.1);
            sum.all += f64::from(r.2);
            sum.hours += 1.0;
        }
        sum
    }
}

fn left_baseline(
    guard: &Guard,
    now: &Sum,
    base: &Sum,
    busiest: impl Fn(IncidentKind) -> f64,
) -> Option<(IncidentKind, f64)> {
    let least = f64::from(guard.at_least);
    // Without a baseline nothing can leave it; the trust rules alone hold then.
    if base.failed < least || base.hours < MIN_BASELINE_HOURS {
        return None;
    }
    let leaves = |x: f64, n: f64, share: f64| {
        n > 0.0 && x - n * share > guard.sigma * (n * share * (1.0 - share)).sqrt().max(1.0)
    };
    // Mail comes in campaigns, so that shares scatter more than chance alone would let them: the number must also be
    // larger than it ever was in the baseline.
    let grown = |x: f64, kind: IncidentKind| x >= least && x > MIN_GROWTH * busiest(kind);
    let dead_share = (base.dead + 1.0) / (base.failed + 2.0);
    if leaves(now.dead, now.failed, dead_share) && grown(now.dead, IncidentKind::Dead) {
        return Some((IncidentKind::Dead, now.failed * dead_share));
    }
    let own_share = (base.failed + 1.0) / (base.all + 2.0);
    if leaves(now.failed, now.all, own_share) && grown(now.failed, IncidentKind::Failures) {
        return Some((IncidentKind::Failures, now.all * own_share));
    }
    let most = busiest(IncidentKind::Dead);
    (now.dead >= least && most > 0.0 && now.dead >= guard.times * most)
        .then_some((IncidentKind::Dead, most))
}

/// The most failures of a kind in one window of the baseline.
fn busiest(rows: &[(u32, u32, u32)], inside: &[bool], window: usize, kind: IncidentKind) -> f64 {
    let count = |i: usize| match (inside[i], kind) {
        (true, _) => 0.0,
        (false, IncidentKind::Dead) => f64::from(rows[i].1),
        (false, IncidentKind::Failures) => f64::from(rows[i].0),
    };
    let (mut most, mut sum) = (0.0f64, 0.0f64);
    for i in 0..rows.len() {
        sum += count(i);
        if i >= window {
            sum -= count(i - window);
        }
        most = most.max(sum);
    }
    most
}

fn merge(
    provider: &str,
    start: i64,
    rows: &[(u32, u32, u32)],
    inside: &[bool],
    found: &[(usize, IncidentKind, f64)],
) -> Vec<Incident> {
    let mut all = Vec::new();
    let mut i = 0;
    while i < inside.len() {
        if !inside[i] {
            i += 1;
            continue;
        }
        let from = i;
        while i < inside.len() && inside[i] {
            i += 1;
        }
        let Some((_, kind, expected)) = found.iter().find(|(end, ..)| (from..i).contains(end))
        else {
            continue;
        };
        let seen = rows[from..i]
            .iter()
            .map(|r| {
                if *kind == IncidentKind::Dead {
                    r.1
                } else {
                    r.0
                }
            })
            .fold(0u32, u32::saturating_add);
        let hour = |h: usize| (start + i64::try_from(h).unwrap_or(i64::MAX - start)) * 3600;
        all.push(Incident {
            provider: provider.to_owned(),
            kind: *kind,
            from: hour(from),
            until: hour(i),
            seen,
            expected: *expected,
        });
    }
    all
}
