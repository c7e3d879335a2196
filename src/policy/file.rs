//! The format of `policy.toml`: reads it, checks it, says where it is wrong.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::error::{Error, line_of};
use crate::words::{BounceType, Category, Fault, Kind, Permanence, Signal};

use super::PROFILES;
use super::guard::Guard;
use super::rule::{Life, Match, Rule, Score, Sends, Step, TrustRules};
use super::state::Standing;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A policy: what leads to what. Read-only once it is read, shared by all threads.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Name and a hash over its text: two policies with one version decide alike.
    pub version: String,
    /// What it is for, in words.
    pub about: String,
    /// What separate sends are.
    pub sends: Sends,
    /// What proves life.
    pub life: Life,
    /// What each trust level may do.
    pub trust: TrustRules,
    /// When a provider has an incident.
    pub guard: Guard,
    /// A score beside the rules.
    pub score: Option<Score>,
    /// The rules, in their order.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// One of the policies that come with the library, or `None`. Their names stand in [`PROFILES`].
    pub fn built_in(name: &str) -> Option<Policy> {
        let (_, text) = PROFILES.iter().find(|(n, _)| *n == name)?;
        Policy::parse(&format!("{name}.toml"), text).ok()
    }

    /// Reads a policy file. `file` is its name, for errors.
    ///
    /// # Errors
    /// Where the text is no policy: the line, and what was expected.
    ///
    /// ```
    /// use undeliverable::policy::Policy;
    /// let e = Policy::parse("own.toml", "name = 'own'\nabout = 'x'\n[[rule]]\nid = 'a'\nthen = 'kill'\nwhy = 'x'\n").unwrap_err();
    /// assert_eq!((e.file(), e.line()), ("own.toml", Some(5)));
    /// assert!(e.message().contains("suppress"), "{e}");
    /// ```
    pub fn parse(file: &str, text: &str) -> Result<Policy, Error> {
        parse(file, text, 0)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    about: String,
    based_on: Option<Spanned<String>>,
    #[serde(default)]
    sends: Option<FileSends>,
    #[serde(default)]
    life: Option<FileLife>,
    #[serde(default)]
    trust: Option<FileTrust>,
    #[serde(default)]
    guard: Option<FileGuard>,
    score: Option<FileScore>,
    #[serde(default)]
    rule: Vec<Spanned<FileRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSends {
    apart_hours: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLife {
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTrust {
    unverified_final_sends: Spanned<u32>,
    unverified_days: u32,
    unproved_at_most: Standing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGuard {
    on: Option<bool>,
    window_hours: Option<Spanned<u32>>,
    baseline_days: Option<u32>,
    at_least: Option<u32>,
    sigma: Option<f64>,
    times: Option<f64>,
    provisional_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileScore {
    hard: f64,
    soft: f64,
    threshold: f64,
    stale_days: Option<u32>,
    once_per_hours: u32,
    then: Standing,
    for_days: Option<u32>,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    id: String,
    #[serde(default)]
    when: FileMatch,
    group: Option<String>,
    then: Option<Standing>,
    for_hours: Option<u32>,
    for_days: Option<u32>,
    #[serde(default)]
    step: Vec<FileStep>,
    #[serde(default)]
    only_by_hand: bool,
    #[serde(default)]
    single_is_final: bool,
    why: String,
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(default, rename = "unverified")]
    _unverified: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileMatch {
    kind: Vec<Kind>,
    category: Vec<Category>,
    fault: Vec<Fault>,
    r#type: Vec<BounceType>,
    permanence: Vec<Permanence>,
    status: Vec<String>,
    reply_code: Vec<String>,
    provider: Vec<String>,
    signal: Vec<Signal>,
    feedback: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStep {
    sends: Spanned<u32>,
    within_hours: Option<u32>,
    within_days: Option<u32>,
    #[serde(default)]
    never_delivered: bool,
    then: Standing,
    for_hours: Option<u32>,
    for_days: Option<u32>,
    warn: Option<String>,
}

fn parse(file: &str, text: &str, depth: usize) -> Result<Policy, Error> {
    let raw: File = toml::from_str(text).map_err(|e| Error::from_toml(file, text, &e))?;
    let at = |start: usize| Some(line_of(text, start));
    let base = match &raw.based_on {
        None => None,
        Some(name) => {
            let base = PROFILES
                .iter()
                .find(|(n, _)| *n == name.get_ref())
                .filter(|_| depth < 4);
            let Some((n, t)) = base else {
                let names: Vec<&str> = PROFILES.iter().map(|(n, _)| *n).collect();
                let text = format!(
                    "no policy `{}` to be based on, expected one of {}",
                    name.get_ref(),
                    names.join(", ")
                );
                return Err(Error::new(file, at(name.span().start), text));
            };
            Some(parse(&format!("{n}.toml"), t, depth + 1)?)
        }
    };
    let mut rules: Vec<Rule> = Vec::new();
    for r in raw.rule {
        let line = at(r.span().start);
        let rule = r.into_inner();
        if rules.iter().any(|x| x.id == rule.id) {
            return Err(Error::new(
                file,
                line,
                format!("rule `{}` stands twice, expected each id once", rule.id),
            ));
        }
        rules.push(rule_of(file, text, line, rule)?);
    }
    let base_rules = base.as_ref().map(|b| b.rules.clone()).unwrap_or_default();
    // An own rule with the id of a base rule takes its place; the others come first.
    let fresh: Vec<Rule> = rules
        .iter()
        .filter(|r| !base_rules.iter().any(|b| b.id == r.id))
        .cloned()
        .collect();
    let kept = base_rules
        .into_iter()
        .map(|b| rules.iter().find(|r| r.id == b.id).cloned().unwrap_or(b));
    let rules: Vec<Rule> = fresh.into_iter().chain(kept).collect();
    if let Some(t) = &raw.trust
        && *t.unverified_final_sends.get_ref() == 0
    {
        return Err(Error::new(
            file,
            at(t.unverified_final_sends.span().start),
            "unverified_final_sends is 0, expected 1 or more",
        ));
    }
    let guard_base = base
        .as_ref()
        .map_or_else(Guard::default, |b| b.guard.clone());
    let guard = match raw.guard {
        None => guard_base,
        Some(g) => {
            let mut guard = guard_base;
            if let Some(w) = g.window_hours {
                if *w.get_ref() == 0 || *w.get_ref() > 72 {
                    return Err(Error::new(
                        file,
                        at(w.span().start),
                        "window_hours expected from 1 to 72",
                    ));
                }
                guard.window_hours = i64::from(w.into_inner());
            }
            guard.on = g.on.unwrap_or(guard.on);
            guard.baseline_hours = g
                .baseline_days
                .map_or(guard.baseline_hours, |d| i64::from(d) * 24);
            guard.at_least = g.at_least.unwrap_or(guard.at_least);
            guard.sigma = g.sigma.unwrap_or(guard.sigma);
            guard.times = g.times.unwrap_or(guard.times);
            guard.provisional = g
                .provisional_days
                .map_or(guard.provisional, |d| i64::from(d) * DAY);
            guard
        }
    };
    let digest = Sha256::digest(text.replace("\r\n", "\n"));
    let hash: String = digest.iter().take(4).map(|b| format!("{b:02x}")).collect();
    Ok(Policy {
        version: format!("{}-{hash}", raw.name),
        name: raw.name,
        about: raw.about,
        sends: raw
            .sends
            .map(|s| Sends {
                apart: i64::from(s.apart_hours) * HOUR,
            })
            .or(base.as_ref().map(|b| b.sends))
            .unwrap_or(Sends { apart: 20 * HOUR }),
        life: raw
            .life
            .map(|l| Life { kinds: l.kinds })
            .or(base.as_ref().map(|b| b.life.clone()))
            .unwrap_or(Life {
                kinds: vec![Kind::Delivered, Kind::Receipt, Kind::Other],
            }),
        trust: raw
            .trust
            .map(|t| TrustRules {
                unverified_final_sends: t.unverified_final_sends.into_inner(),
                unverified_lasts: i64::from(t.unverified_days) * DAY,
                unproved_at_most: t.unproved_at_most,
            })
            .or(base.as_ref().map(|b| b.trust))
            .unwrap_or(TrustRules {
                unverified_final_sends: 2,
                unverified_lasts: 7 * DAY,
                unproved_at_most: Standing::Hold,
            }),
        guard,
        score: raw
            .score
            .map(|s| Score {
                hard: s.hard,
                soft: s.soft,
                threshold: s.threshold,
                stale: s.stale_days.map(|d| i64::from(d) * DAY),
                once_per: i64::from(s.once_per_hours) * HOUR,
                then: s.then,
                lasts: s.for_days.map(|d| i64::from(d) * DAY),
                why: s.why,
            })
            .or(base.and_then(|b| b.score)),
        rules,
    })
}

fn span_of(hours: Option<u32>, days: Option<u32>) -> Option<i64> {
    hours
        .map(|h| i64::from(h) * HOUR)
        .or(days.map(|d| i64::from(d) * DAY))
}

fn rule_of(file: &str, text: &str, line: Option<usize>, r: FileRule) -> Result<Rule, Error> {
    let wrong = |m: String| Err(Error::new(file, line, m));
    if r.then.is_some() && !r.step.is_empty() {
        return wrong(format!(
            "rule `{}` has both `then` and `step`, expected one of them",
            r.id
        ));
    }
    if r.then.is_none() && (r.for_hours.is_some() || r.for_days.is_some()) {
        return wrong(format!(
            "rule `{}` has `for_hours` or `for_days` without `then`",
            r.id
        ));
    }
    let mut steps = Vec::new();
    if let Some(then) = r.then {
        steps.push(Step {
            sends: 1,
            within: None,
            never_delivered: false,
            then,
            lasts: span_of(r.for_hours, r.for_days),
            warn: None,
        });
    }
    for s in r.step {
        if *s.sends.get_ref() == 0 {
            return Err(Error::new(
                file,
                Some(line_of(text, s.sends.span().start)),
                "sends = 0, expected 1 or more",
            ));
        }
        steps.push(Step {
            sends: s.sends.into_inner(),
            within: span_of(s.within_hours, s.within_days),
            never_delivered: s.never_delivered,
            then: s.then,
            lasts: span_of(s.for_hours, s.for_days),
            warn: s.warn,
        });
    }
    if steps
        .iter()
        .any(|s| s.then == Standing::Retry && s.lasts.is_none())
    {
        return wrong(format!(
            "rule `{}`: `retry` needs `for_hours` or `for_days`, the time to wait",
            r.id
        ));
    }
    let w = r.when;
    Ok(Rule {
        group: r.group.unwrap_or_else(|| r.id.clone()),
        id: r.id,
        when: Match {
            kind: w.kind,
            category: w.category,
            fault: w.fault,
            bounce_type: w.r#type,
            permanence: w.permanence,
            status: w.status,
            reply_code: w.reply_code,
            provider: w.provider,
            signal: w.signal,
            feedback: w.feedback,
        },
        steps,
        only_by_hand: r.only_by_hand,
        single_is_final: r.single_is_final,
        why: r.why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_loads() {
        for (name, text) in PROFILES {
            let p = Policy::parse(name, text).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(&p.name, name);
            assert!(
                p.rules
                    .iter()
                    .any(|r| r.when.kind.contains(&Kind::Complaint) && r.only_by_hand),
                "{name} honours complaints"
            );
        }
    }

    #[test]
    fn errors_name_the_place() {
        let err = |t: &str| {
            let e = Policy::parse("p.toml", &format!("name = 'x'\nabout = 'x'\n{t}")).unwrap_err();
            (e.line(), e.message().to_owned())
        };
        assert_eq!(err("based_on = 'nobody'\n").0, Some(3));
        assert_eq!(
            err("[[rule]]\nid = 'a'\nwhy = 'b'\nthen = 'retry'\n").0,
            Some(3)
        );
        assert_eq!(
            err("[[rule]]\nid = 'a'\nwhy = 'b'\n[[rule.step]]\nsends = 0\nthen = 'hold'\n").0,
            Some(7)
        );
        assert_eq!(
            err("[[rule]]\nid = 'a'\nwhy = 'b'\nwhen = { category = ['user_unknwon'] }\n").0,
            Some(6)
        );
        assert!(err("colour = 1\n").1.contains("unknown field"));
        assert!(
            err("[[rule]]\nid='a'\nwhy='b'\nthen='hold'\n[[rule]]\nid='a'\nwhy='b'\nthen='hold'\n")
                .1
                .contains("twice")
        );
    }
}
