//! The samples and their truth: how much of it the library sees, with floors that only rise.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use undeliverable::{Engine, Report};

use crate::corpus;

#[derive(Default)]
struct Share {
    right: usize,
    all: usize,
    wrong: Vec<String>,
}

impl Share {
    fn add(&mut self, ok: bool, what: impl Fn() -> String) {
        self.all += 1;
        self.right += usize::from(ok);
        if !ok {
            self.wrong.push(what());
        }
    }

    fn at_least(&self, floor: f64, name: &str) {
        let share = self.right as f64 / self.all.max(1) as f64;
        assert!(
            share >= floor,
            "{name}: {share:.4} ({}/{}) is below {floor}; wrong: {:#?}",
            self.right,
            self.all,
            self.wrong
        );
    }
}

fn parsed() -> Vec<(String, Value, Report)> {
    let engine = Engine::new();
    corpus::truth()
        .into_iter()
        .map(|(f, t)| (corpus::name(&f), t, engine.parse(&fs::read(f).unwrap())))
        .collect()
}

#[test]
fn kinds() {
    let mut by_kind: BTreeMap<String, Share> = BTreeMap::new();
    let mut false_bounces = Vec::new();
    for (name, truth, report) in parsed() {
        let Some(kind) = truth["kind"].as_str() else {
            continue;
        };
        by_kind
            .entry(kind.to_owned())
            .or_default()
            .add(report.kind.as_str() == kind, || {
                format!("{name}: {}", report.kind)
            });
        if report.kind.is_failure_notice() && !matches!(kind, "bounce" | "delay") {
            false_bounces.push(name);
        }
    }
    assert!(
        false_bounces.is_empty(),
        "counted as a bounce: {false_bounces:?}"
    );
    for (kind, share) in by_kind {
        share.at_least(0.95, &kind);
    }
}

#[test]
fn recipients_and_verdicts() {
    let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
    for (name, truth, report) in parsed() {
        let Some(wanted) = truth["recipients"].as_array() else {
            continue;
        };
        for w in wanted {
            let address = w["address"].as_str().unwrap();
            let found = report.recipients.iter().find(|r| {
                let is = |a: &Option<String>| {
                    a.as_deref()
                        .is_some_and(|a| a.eq_ignore_ascii_case(address))
                };
                is(&r.final_recipient) || is(&r.original_recipient)
            });
            shares
                .entry("recall")
                .or_default()
                .add(found.is_some(), || format!("{name}: {address}"));
            let Some(r) = found else { continue };
            let v = &r.verdict;
            let mut judge = |key: &'static str, got: Option<String>| {
                if let Some(want) = w.get(key).filter(|w| !w.is_null()) {
                    let want = want
                        .as_str()
                        .map_or_else(|| want.to_string(), str::to_owned);
                    let ok = got.as_deref() == Some(want.as_str());
                    shares.entry(key).or_default().add(ok, || {
                        format!("{name}: {address}: want {want}, got {got:?}")
                    });
                }
            };
            judge(
                "hard",
                v.bounce_type.map(|t| (t.as_str() == "hard").to_string()),
            );
            judge("status", v.status.as_deref().map(str::to_owned));
            judge("reply_code", v.reply_code.as_deref().map(str::to_owned));
            judge("category", v.category.map(|c| c.to_string()));
            judge("fault", v.fault.map(|f| f.to_string()));
        }
        if truth["kind"] == "bounce" || truth["kind"] == "delay" {
            for r in &report.recipients {
                let Some(a) = &r.final_recipient else {
                    continue;
                };
                let is = |x: &str| {
                    x.eq_ignore_ascii_case(a)
                        || r.original_recipient
                            .as_deref()
                            .is_some_and(|o| x.eq_ignore_ascii_case(o))
                };
                let fine = wanted
                    .iter()
                    .any(|w| is(w["address"].as_str().unwrap_or_default()))
                    || truth["also"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .any(|w| is(w.as_str().unwrap_or_default()))
                    || !matches!(r.action.map(|a| a.as_str()), Some("failed" | "delayed"));
                shares
                    .entry("precision")
                    .or_default()
                    .add(fine, || format!("{name}: {a}"));
            }
        }
    }
    for (key, floor) in [
        ("precision", 0.99),
        ("recall", 0.985),
        ("hard", 0.985),
        ("status", 0.985),
        ("reply_code", 0.985),
        ("category", 0.97),
        ("fault", 0.97),
    ] {
        shares[key].at_least(floor, key);
    }
}
