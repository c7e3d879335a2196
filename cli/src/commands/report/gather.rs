//! Counts what a report shows, in one pass over the events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use undeliverable::policy::{Event, Standing, address_domain};
use undeliverable::{BounceType, Category, Kind, SenderAction, Trust};

use crate::clock;
use crate::ledger::Ledger;

/// Bounces of one day, campaign, provider, category or fault.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    pub name: String,
    pub bounces: u64,
    pub hard: u64,
    pub block: u64,
    pub soft: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Percent of what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_rate: Option<f64>,
}

/// A rate beside the figure that people compare it with.
#[derive(Debug, Serialize)]
pub(super) struct Benchmark {
    pub name: &'static str,
    pub rate: f64,
    pub below: f64,
    pub ok: bool,
    pub from: &'static str,
}

/// One thing to fix.
#[derive(Debug, Serialize)]
pub(super) struct Fix {
    pub action: String,
    pub category: String,
    pub provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocklist: Option<String>,
    /// Recipients that could be mailed again.
    pub recipients: u64,
    pub example: String,
}

/// Many soft bounces at one provider on one day.
#[derive(Debug, Serialize)]
pub(super) struct Cluster {
    pub provider: String,
    pub day: String,
    pub soft: u64,
    pub usual: u64,
}

/// Replies nobody could classify that are alike.
#[derive(Debug, Serialize)]
pub(super) struct Unknown {
    pub count: u64,
    pub example: String,
}

/// A domain that takes no mail.
#[derive(Debug, Serialize)]
pub(super) struct Domain {
    pub domain: String,
    pub dead: u64,
    pub why: String,
}

/// Everything a report shows.
#[derive(Debug, Serialize)]
pub(super) struct Gathered {
    pub from: Option<String>,
    pub until: Option<String>,
    pub total: Row,
    pub complaints: u64,
    pub suspicious: u64,
    pub benchmarks: Vec<Benchmark>,
    pub fix_first: Vec<Fix>,
    pub clusters: Vec<Cluster>,
    pub domains: Vec<Domain>,
    pub unclassified: Vec<Unknown>,
    pub by_day: Vec<Row>,
    pub by_category: Vec<Row>,
    pub by_fault: Vec<Row>,
    pub by_provider: Vec<Row>,
    pub by_campaign: Vec<Row>,
}

/// How much was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    total: u64,
    by: HashMap<(&'static str, String), u64>,
}

impl Sent {
    /// Reads the CSV file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = || path.display().to_string();
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_path(path)
            .with_context(shown)?;
        let names: Vec<String> = reader
            .headers()
            .with_context(shown)?
            .iter()
            .map(str::to_lowercase)
            .collect();
        let at = |name: &str| names.iter().position(|n| n == name);
        let number = at("sent").with_context(|| format!("{}: no column `sent`", shown()))?;
        let mut sent = Sent::default();
        for (line, record) in reader.records().enumerate() {
            let record = record.with_context(shown)?;
            let word = record.get(number).unwrap_or_default();
            let n: u64 = word
                .parse()
                .with_context(|| format!("{}:{}: `{word}` is no number", shown(), line + 2))?;
            sent.total += n;
            for name in ["day", "campaign", "provider"] {
                if let Some(value) = at(name)
                    .and_then(|i| record.get(i))
                    .filter(|v| !v.is_empty())
                {
                    *sent.by.entry((name, value.to_lowercase())).or_default() += n;
                }
            }
        }
        Ok(sent)
    }
}

#[derive(Default)]
struct Counts(HashMap<String, Row>);

impl Counts {
    fn add(&mut self, name: &str, kind: BounceType) {
        if !self.0.contains_key(name) {
            self.0.insert(
                name.to_owned(),
                Row {
                    name: name.to_owned(),
                    ..Row::default()
                },
            );
        }
        if let Some(row) = self.0.get_mut(name) {
            row.add(kind);
        }
    }

    fn rows(self, sent: Option<&Sent>, what: &'static str) -> Vec<Row> {
        let mut rows: Vec<Row> = self.0.into_values().collect();
        for row in &mut rows {
            row.measure(
                sent.and_then(|s| s.by.get(&(what, row.name.to_lowercase())))
                    .copied(),
            );
        }
        rows.sort_by(|a, b| b.bounces.cmp(&a.bounces).then_with(|| a.name.cmp(&b.name)));
        rows
    }
}

impl Row {
    fn add(&mut self, kind: BounceType) {
        self.bounces += 1;
        match kind {
            BounceType::Hard => self.hard += 1,
            BounceType::Soft => self.soft += 1,
            _ => self.block += 1,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "percent with two digits")]
    fn measure(&mut self, sent: Option<u64>) {
        self.sent = sent;
        if let Some(sent) = sent.filter(|s| *s > 0) {
            let percent = |n: u64| (n as f64 / sent as f64 * 10_000.0).round() / 100.0;
            (self.rate, self.hard_rate) = (Some(percent(self.bounces)), Some(percent(self.hard)));
        }
    }
}

type Cause = (SenderAction, Category, String, Option<String>);

impl Gathered {
    /// Reads the ledger.
    pub fn of(
        ledger: &mut Ledger,
        since: Option<i64>,
        until: Option<i64>,
        sent: Option<&Sent>,
        top: usize,
    ) -> anyhow::Result<Self> {
        let mut total = Row {
            name: "all".to_owned(),
            ..Row::default()
        };
        let [mut day, mut category, mut fault, mut provider, mut campaign] =
            std::array::from_fn(|_| Counts::default());
        let (mut complaints, mut suspicious) = (0, 0);
        let mut causes: HashMap<Cause, (HashSet<String>, String)> = HashMap::new();
        let mut soft: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut unknown: HashMap<String, (u64, String)> = HashMap::new();
        let mut dead: BTreeMap<String, (HashSet<String>, bool)> = BTreeMap::new();
        ledger.store().each_event(&mut |n| {
            let e: Event = n.event;
            if since.is_some_and(|s| e.at < s) || until.is_some_and(|u| e.at >= u) {
                return Ok(());
            }
            if e.trust == Trust::Suspicious {
                suspicious += 1;
                return Ok(());
            }
            complaints += u64::from(e.kind == Kind::Complaint);
            let (Kind::Bounce, Some(c), Some(t)) = (e.kind, e.category, e.bounce_type()) else {
                return Ok(());
            };
            let at = clock::day(e.at);
            let p = e.provider.clone().unwrap_or_else(|| "unknown".to_owned());
            total.add(t);
            day.add(&at, t);
            category.add(c.as_str(), t);
            fault.add(c.fault().as_str(), t);
            provider.add(&p, t);
            campaign.add(e.send.as_deref().unwrap_or("unknown"), t);
            let text = e.text.clone().unwrap_or_default();
            // A blocklist is one thing to fix, whoever asks it; so is a cause at many small domains.
            let at_whom = match &e.blocklist {
                Some(_) => "any",
                None if p.contains(['.', '~']) => "others",
                None => p.as_str(),
            };
            if e.sender_action() != SenderAction::None
                && e.sender_action() != SenderAction::UpdateAddress
            {
                let cause = causes
                    .entry((
                        e.sender_action(),
                        c,
                        at_whom.to_owned(),
                        e.blocklist.clone(),
                    ))
                    .or_insert_with(|| (HashSet::new(), text.clone()));
                cause.0.insert(e.address.clone());
            }
            if t == BounceType::Soft {
                *soft.entry((p, at)).or_default() += 1;
            }
            if c == Category::Unknown {
                unknown.entry(likeness(&text)).or_insert((0, text)).0 += 1;
            }
            if let Some(domain) = n.domain {
                let d = dead.entry(domain).or_default();
                if t == BounceType::Hard {
                    d.0.insert(e.address);
                } else {
                    d.1 = true;
                }
            }
            Ok(())
        })?;
        total.measure(sent.map(|s| s.total));
        let mut by_day = day.rows(sent, "day");
        by_day.sort_by(|a, b| a.name.cmp(&b.name));
        let cut = |mut rows: Vec<Row>| {
            rows.truncate(top);
            rows
        };
        Ok(Gathered {
            from: since.map(clock::text),
            until: until.map(clock::text),
            benchmarks: benchmarks(&total, complaints),
            total,
            complaints,
            suspicious,
            fix_first: fixes(causes, top),
            clusters: clusters(&soft, top),
            domains: domains(ledger, dead, top)?,
            unclassified: alike(unknown, top),
            by_day,
            by_category: cut(category.rows(sent, "category")),
            by_fault: fault.rows(sent, "fault"),
            by_provider: cut(provider.rows(sent, "provider")),
            by_campaign: cut(campaign.rows(sent, "campaign")),
        })
    }
}

/// The figures that guides to sending name; none has a primary source, so each is labelled.
fn benchmarks(total: &Row, complaints: u64) -> Vec<Benchmark> {
    const FOLKLORE: &str = "common advice of sending guides, no primary source";
    let (Some(rate), Some(hard), Some(sent)) =
        (total.rate, total.hard_rate, total.sent.filter(|s| *s > 0))
    else {
        return Vec::new();
    };
    #[allow(clippy::cast_precision_loss, reason = "percent with three digits")]
    let complained = (complaints as f64 / sent as f64 * 100_000.0).round() / 1000.0;
    vec![
        Benchmark {
            name: "all bounces",
            rate,
            below: 2.0,
            ok: rate < 2.0,
            from: FOLKLORE,
        },
        Benchmark {
            name: "hard bounces",
            rate: hard,
            below: 0.5,
            ok: hard < 0.5,
            from: FOLKLORE,
        },
        Benchmark {
            name: "complaints",
            rate: complained,
            below: 0.1,
            ok: complained < 0.1,
            from: "Google's sender guidelines: stay below 0.10 %, never reach 0.30 % (of mail to Gmail); https://support.google.com/a/answer/81126",
        },
    ]
}

fn fixes(causes: HashMap<Cause, (HashSet<String>, String)>, top: usize) -> Vec<Fix> {
    let mut all: Vec<Fix> = causes
        .into_iter()
        .map(
            |((action, category, provider, blocklist), (who, example))| Fix {
                action: action.to_string(),
                category: category.to_string(),
                provider,
                blocklist,
                recipients: who.len() as u64,
                example,
            },
        )
        .collect();
    all.sort_by(|a, b| {
        b.recipients
            .cmp(&a.recipients)
            .then_with(|| (&a.provider, &a.category).cmp(&(&b.provider, &b.category)))
    });
    all.truncate(top);
    all
}

/// Days with at least ten soft bounces at a provider and three times as many as on its usual day.
fn clusters(soft: &BTreeMap<(String, String), u64>, top: usize) -> Vec<Cluster> {
    let mut days: HashMap<&str, Vec<u64>> = HashMap::new();
    for ((p, _), n) in soft {
        days.entry(p).or_default().push(*n);
    }
    for d in days.values_mut() {
        d.sort_unstable();
    }
    let usual = |p: &str| {
        days.get(p)
            .map_or(0, |d| if d.len() < 3 { 0 } else { d[d.len() / 2] })
    };
    let mut all: Vec<Cluster> = soft
        .iter()
        .filter(|((p, _), n)| **n >= 10 && **n >= 3 * usual(p))
        .map(|((p, d), n)| Cluster {
            provider: p.clone(),
            day: d.clone(),
            soft: *n,
            usual: usual(p),
        })
        .collect();
    all.sort_by(|a, b| {
        b.soft
            .cmp(&a.soft)
            .then_with(|| (&a.provider, &a.day).cmp(&(&b.provider, &b.day)))
    });
    all.truncate(top);
    all
}

/// Domains that are suppressed, and those where three or more addresses are dead and nothing else ever failed.
fn domains(
    ledger: &mut Ledger,
    dead: BTreeMap<String, (HashSet<String>, bool)>,
    top: usize,
) -> anyhow::Result<Vec<Domain>> {
    let mut suppressed = HashSet::new();
    ledger.store().each_state(&mut |row| {
        if row.standing == Standing::SuppressDomain
            && let Some(d) = address_domain(&row.key).filter(|_| row.key.starts_with('@'))
        {
            suppressed.insert(d.to_owned());
        }
        Ok(())
    })?;
    let mut all = Vec::new();
    for (domain, (who, other)) in dead {
        let why = if suppressed.contains(&domain) {
            "is suppressed"
        } else if who.len() >= 3 && !other {
            "only dead addresses: look whether it takes mail"
        } else {
            continue;
        };
        all.push(Domain {
            domain,
            dead: who.len() as u64,
            why: why.to_owned(),
        });
    }
    all.sort_by(|a, b| b.dead.cmp(&a.dead).then_with(|| a.domain.cmp(&b.domain)));
    all.truncate(top);
    Ok(all)
}

fn alike(unknown: HashMap<String, (u64, String)>, top: usize) -> Vec<Unknown> {
    let mut all: Vec<Unknown> = unknown
        .into_values()
        .map(|(count, example)| Unknown { count, example })
        .collect();
    all.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| a.example.cmp(&b.example))
    });
    all.truncate(top);
    all
}

/// What replies share that differ in addresses, hosts, numbers and ids only.
fn likeness(text: &str) -> String {
    let word = |w: &str| {
        let bare = w.trim_matches(|c: char| !c.is_alphanumeric());
        if bare.contains('@')
            || bare.contains('.')
            || bare.bytes().any(|b| b.is_ascii_digit())
            || bare.len() > 24
        {
            "#".to_owned()
        } else {
            bare.to_lowercase()
        }
    };
    text.split_whitespace()
        .map(word)
        .filter(|w| !w.is_empty())
        .take(24)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::likeness;

    #[test]
    fn alike_is_alike() {
        let a = likeness("550 Blorp: <bob@example.com> is odd (id 3f2a1) at mx1.example.com");
        assert_eq!(
            a,
            likeness("554 blorp: <al@example.net> is odd (id 99ee0) at mx7.example.net")
        );
        assert_ne!(a, likeness("550 something else"));
    }
}
