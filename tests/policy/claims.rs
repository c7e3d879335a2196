//! `claims.toml`: histories and what each profile decides.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use undeliverable::policy::{Act, ActKind, Context, Event, Policy, decide};
use undeliverable::{Category, Kind, Permanence, Signal, Trust};

const START: i64 = 1_700_000_000;

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    says: String,
    #[serde(default)]
    from: Vec<String>,
    history: Vec<String>,
    at: Option<String>,
    want: BTreeMap<String, String>,
}

fn seconds(word: &str) -> Option<i64> {
    let (number, unit) = word.split_at(word.len().checked_sub(1)?);
    let number: i64 = number.parse().ok()?;
    match unit {
        "h" => Some(number * 3600),
        "d" => Some(number * 86400),
        _ => None,
    }
}

fn history(lines: &[String]) -> (Vec<Event>, Vec<Act>, i64) {
    let (mut events, mut acts, mut last) = (Vec::new(), Vec::new(), 0);
    for (n, line) in lines.iter().enumerate() {
        let mut e = Event::new(format!("e{n}"), "bob@example.com", START, Kind::Bounce);
        e.trust = Trust::Verified;
        let mut act = None;
        for word in line.split(' ') {
            if let Some(s) = seconds(word) {
                e.at = START + s;
                last = last.max(s);
            } else if let Some(kind) =
                ActKind::from_word(if word == "add" { "suppress" } else { word })
            {
                act = Some(kind);
            } else if let Some(c) = Category::from_word(word).filter(|_| e.category.is_none()) {
                e.category = Some(c);
            } else if let Some(p) = Permanence::from_word(word) {
                e.permanence = Some(p);
            } else if let Some(k) = Kind::from_word(word) {
                e.kind = k;
            } else if let Some(p) = word.strip_prefix('@') {
                e.provider = Some(p.to_owned());
            } else if let Some((key, value)) = word.split_once('=') {
                match key {
                    "send" => e.send = Some(value.to_owned()),
                    "trust" => e.trust = Trust::from_word(value).unwrap(),
                    "signal" => e.signals.push(Signal::from_word(value).unwrap()),
                    "feedback" => e.feedback = Some(value.to_owned()),
                    _ => panic!("{word}"),
                }
            } else if word == "proof" {
                e.proof_in_use = true;
            } else if word.contains('.') {
                e.status = Some(word.to_owned());
            } else if word.len() == 3 && word.parse::<u16>().is_ok() {
                e.reply_code = Some(word.to_owned());
            } else {
                panic!("{word} in {line}");
            }
        }
        match act {
            Some(kind) => acts.push(Act::new(e.at, kind, "bob@example.com", "al", "", None)),
            None => events.push(e),
        }
    }
    (events, acts, last)
}

#[test]
fn every_claim_holds() {
    let table: Table = toml::from_str(include_str!("claims.toml")).unwrap();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in &table.case {
        let (events, acts, last) = history(&case.history);
        let now = START
            + case
                .at
                .as_deref()
                .map_or(last + 3600, |a| seconds(a).unwrap());
        for (profile, want) in &case.want {
            checked += 1;
            let policy = Policy::built_in(profile).unwrap();
            let d = decide(&policy, &events, &acts, &Context::default(), now);
            let mut words = want.split(' ');
            let mut ok = words.next() == Some(d.standing.as_str());
            for word in words {
                ok &= match word {
                    "final" => !d.provisional && d.until.is_none(),
                    "provisional" => d.provisional && d.until.is_some(),
                    "warns" => d.warning.is_some(),
                    _ => panic!("{word}"),
                };
            }
            if !ok {
                wrong.push(format!("{profile}: {}: want {want}, got {d:?}", case.says));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 100, "{checked}");
}

/// The claims in the table of a section of `docs/claims.md`.
fn documented(heading: &str) -> BTreeSet<String> {
    let text = include_str!("../../docs/claims.md");
    let (_, section) = text.split_once(heading).unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|l| l.strip_prefix("| guide "));
    rows.map(|r| format!("guide {}", r.split(" | ").next().unwrap()))
        .collect()
}

#[test]
fn every_claim_has_one_place() {
    let table: Table = toml::from_str(include_str!("claims.toml")).unwrap();
    let held: Vec<&String> = table.case.iter().flat_map(|c| &c.from).collect();
    let overruled = documented("### Overruled in the policy");
    let outside = documented("### Out of scope of the policy");
    let mut seen = BTreeSet::new();
    for claim in held.iter().copied().chain(&overruled).chain(&outside) {
        assert!(claim.starts_with("guide 00"), "{claim}");
        assert!(seen.insert(claim), "{claim} stands twice");
    }
    let doc = include_str!("../../docs/claims.md");
    for (label, n) in [
        (
            "held by rows of `tests/policy/claims.toml` (`from`)",
            held.len(),
        ),
        ("overruled", overruled.len()),
        ("out of scope of the policy", outside.len()),
    ] {
        let row = format!("| {label} | {n} |");
        assert!(doc.contains(&row), "docs/claims.md: expected {row}");
    }
}

#[test]
fn holds_name_what_to_fix() {
    let policy = Policy::built_in("default").unwrap();
    for c in Category::ALL {
        let mut e = Event::new("e", "bob@example.com", START, Kind::Bounce);
        e.category = Some(*c);
        e.permanence = Some(Permanence::Permanent);
        let d = decide(&policy, &[e], &[], &Context::default(), START + 1);
        if d.standing.as_str() == "hold" && *c != Category::RelayDenied {
            assert_ne!(d.sender_action.as_str(), "none", "{c}");
        }
        assert!(d.why.is_some(), "{c}");
    }
}
