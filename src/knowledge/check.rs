//! Are the rules sound? Each rule is held against all others by the very judgement that mail gets.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::file::{At, Says};
use super::{Knowledge, Rule};
use crate::contract::Verdict;
use crate::words::Category;

/// Stands in the gaps of a pattern; no rule is about it.
const FILLER: &str = "zzz";

/// What sort of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FindingKind {
    /// An id, a source, an example or a name is missing or wrong.
    Form,
    /// A line is judged otherwise than the file says: an example, a `not`, a text on its own.
    Line,
    /// The rule can never win.
    Dead,
    /// Two rules have the same text and codes.
    Duplicate,
}

/// Something wrong with an entry of a rule file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The file, as it was named when it was loaded.
    pub file: String,
    /// The line the entry starts in, from 1; 0 where the entry has none.
    pub line: usize,
    /// The id of the entry.
    pub rule: String,
    /// What sort of thing is wrong.
    pub kind: FindingKind,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.file, self.line, self.rule, self.message
        )
    }
}

/// Holds every rule against all others. `classify` judges a line, with the id of the provider where one is given; it is
/// handed in because the judgement is a later stage than the knowledge.
///
/// A rule is sound if
/// * its id is `FILE-STEM/kebab-words` and it names a source or says that it is unverified;
/// * it has an example, and wins each: the heaviest voice of the winning category is this rule, or another rule of
///   the same category and the same provider (or of none, as this one), so that two wordings of one
///   thing may share a line; a rule of no provider may leave it to a provider that the line itself names;
/// * each of its texts on its own, after the rule's first code, leads to its category;
/// * it wins at least one line, an example or a text of its own, itself: else it is dead, others cover it;
/// * it does not win a line it has under `not`;
/// * no other rule of the same provider has one of its texts with the same codes;
/// * the blocklist it names exists.
///
/// Every text of a blocklist must lead to what the list lists, every example of an aside must show
/// what it says, and every category needs its text for people.
pub fn check(
    knowledge: &Knowledge,
    classify: &dyn Fn(&str, Option<&str>) -> Verdict,
) -> Vec<Finding> {
    let mut checker = Checker {
        knowledge,
        classify,
        findings: Vec::new(),
    };
    for rule in knowledge.rules().iter().filter(|r| !r.is_off()) {
        checker.words(rule);
        checker.lines(rule);
    }
    checker.duplicates();
    checker.blocklists();
    checker.asides();
    checker.categories();
    let mut findings = checker.findings;
    findings.sort();
    findings.dedup();
    findings
}

impl Rule {
    /// Whether a file of the user switched it off.
    pub fn is_off(&self) -> bool {
        self.text.is_empty() && self.codes.is_empty()
    }

    /// The part of the file's name before `.toml`, which ids begin with.
    fn file_stem(&self) -> &str {
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or_default();
        name.strip_suffix(".toml").unwrap_or(name)
    }
}

struct Checker<'k> {
    knowledge: &'k Knowledge,
    classify: &'k dyn Fn(&str, Option<&str>) -> Verdict,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn found(&mut self, rule: &Rule, kind: FindingKind, message: String) {
        let (file, line, rule) = (rule.file.clone(), rule.line, rule.id.to_string());
        self.findings.push(Finding {
            file,
            line,
            rule,
            kind,
            message,
        });
    }

    /// What needs no judging.
    fn words(&mut self, rule: &Rule) {
        let kebab = |w: &str| {
            !w.is_empty()
                && w.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !w.starts_with('-')
                && !w.ends_with('-')
        };
        let stem = rule.file_stem();
        let fits = match rule.id.split_once('/') {
            // A file of the user may replace a rule of another file, so only the form counts there.
            Some((head, name)) => {
                kebab(name) && kebab(head) && (!rule.file.starts_with("rules/") || head == stem)
            }
            None => false,
        };
        if !fits {
            self.found(
                rule,
                FindingKind::Form,
                format!("the id must be like {stem}/some-words"),
            );
        }
        if rule.source.is_none() && !rule.unverified {
            self.found(
                rule,
                FindingKind::Form,
                "names no source; give `source` or `unverified = true`".into(),
            );
        }
        if rule.examples.is_empty() {
            self.found(
                rule,
                FindingKind::Form,
                "has no example; give at least one reply line under `examples`".into(),
            );
        }
        if let Some(list) = &rule.details.blocklist
            && self.knowledge.blocklist(list).is_none()
        {
            self.found(
                rule,
                FindingKind::Form,
                format!("details: there is no blocklist {list:?}"),
            );
        }
    }

    /// What the judgement says about its lines.
    fn lines(&mut self, rule: &Rule) {
        let provider = self.knowledge.provider_of(rule).map(|p| &*p.id);
        let mut wins_itself = false;
        for example in &rule.examples {
            let verdict = (self.classify)(example, provider);
            match winner(&verdict) {
                _ if rule.category == Category::Unknown => {
                    // Such a rule has no voice, it only tells how long a failure lasts.
                    wins_itself = true;
                    let lasts = rule.permanence.is_none_or(|p| p == verdict.permanence);
                    if verdict.category != Category::Unknown || !lasts {
                        self.found(
                            rule,
                            FindingKind::Line,
                            format!(
                                "example {example:?} must be unknown and {:?}, but is {} and {}",
                                rule.permanence, verdict.category, verdict.permanence
                            ),
                        );
                    }
                }
                Some(won) if won == rule.id => wins_itself = true,
                Some(won) if self.shares(rule, won) => {}
                won => {
                    let won = won.unwrap_or("no rule");
                    self.found(
                        rule,
                        FindingKind::Line,
                        format!(
                            "example {example:?} is taken by {won} ({}), expected {}",
                            verdict.category, rule.category
                        ),
                    );
                }
            }
        }
        for line in &rule.not {
            let verdict = (self.classify)(line, provider);
            if winner(&verdict) == Some(&rule.id) {
                self.found(
                    rule,
                    FindingKind::Line,
                    format!("claims {line:?}, which stands under `not`"),
                );
            }
        }
        if rule.category == Category::Unknown {
            return;
        }
        let code = rule
            .codes
            .first()
            .map(|c| concrete(c, rule))
            .unwrap_or_default();
        let texts: Vec<String> = match rule.text.is_empty() {
            true => vec![String::new()],
            false => rule.text.iter().map(|t| filled(t)).collect(),
        };
        for text in texts {
            let line = format!("{code} {text}");
            let line = line.trim();
            let verdict = (self.classify)(line, provider);
            wins_itself |= winner(&verdict) == Some(&rule.id);
            if verdict.category != rule.category {
                let won = winner(&verdict).unwrap_or("no rule");
                self.found(
                    rule,
                    FindingKind::Line,
                    format!(
                        "the line {line:?} alone is taken by {won} ({}), expected {}",
                        verdict.category, rule.category
                    ),
                );
            }
        }
        if !wins_itself {
            self.found(
                rule,
                FindingKind::Dead,
                "is dead: it wins neither an example nor one of its own texts, others cover it"
                    .into(),
            );
        }
    }

    /// Whether rule `won` may take an example of `rule`.
    fn shares(&self, rule: &Rule, won: &str) -> bool {
        self.knowledge.rule(won).is_some_and(|w| {
            w.category == rule.category && (w.provider == rule.provider || rule.provider.is_none())
        })
    }

    fn duplicates(&mut self) {
        let mut seen: HashMap<(Option<usize>, &str, Vec<&str>), &Rule> = HashMap::new();
        for rule in self.knowledge.rules() {
            let mut codes: Vec<&str> = rule.codes.iter().map(String::as_str).collect();
            codes.sort_unstable();
            let texts: Vec<&str> = match (rule.text.is_empty(), codes.is_empty()) {
                (true, true) => continue,
                (true, false) => vec![""],
                _ => rule.text.iter().map(String::as_str).collect(),
            };
            for text in texts {
                // Kindred languages share words.
                let kindred =
                    |r: &Rule| r.file.contains("languages/") && r.category == rule.category;
                if let Some(first) = seen.insert((rule.provider, text, codes.clone()), rule)
                    && !(kindred(first) && kindred(rule))
                {
                    self.found(
                        rule,
                        FindingKind::Duplicate,
                        format!(
                            "text {text:?} with the same codes stands in {} ({}:{}) too",
                            first.id, first.file, first.line
                        ),
                    );
                }
            }
        }
    }

    fn asides(&mut self) {
        for (file, At { line, entry: aside }) in self.knowledge.asides() {
            let name = aside.name.as_deref().unwrap_or_default();
            for example in &aside.examples {
                let verdict = (self.classify)(example, None);
                let d = &verdict.details;
                let shows = match aside.says {
                    Says::Command => d.command.as_deref() == Some(name),
                    Says::Scope => d.scope.as_deref() == Some(name),
                    Says::Again => d.retry_after.is_some(),
                    Says::AtConnect => verdict.category == Category::SenderBlocked,
                };
                if !shows {
                    self.findings.push(Finding {
                        file: file.clone(),
                        line: *line,
                        rule: format!("aside {name}").trim_end().to_owned(),
                        kind: FindingKind::Line,
                        message: format!("example {example:?} does not show it"),
                    });
                }
            }
        }
    }

    fn categories(&mut self) {
        for category in Category::ALL
            .iter()
            .filter(|c| self.knowledge.category(**c).is_none())
        {
            self.findings.push(Finding {
                file: "rules/categories.toml".to_owned(),
                line: 0,
                rule: category.as_str().to_owned(),
                kind: FindingKind::Form,
                message: "has no text for people".to_owned(),
            });
        }
    }

    fn blocklists(&mut self) {
        let mut ids = HashSet::new();
        for list in self.knowledge.blocklists() {
            let mut found = |kind: FindingKind, message: String| {
                let (file, rule) = ("rules/blocklists.toml".to_owned(), list.id.to_string());
                self.findings.push(Finding {
                    file,
                    line: 0,
                    rule,
                    kind,
                    message,
                });
            };
            if !ids.insert(&list.id) {
                found(FindingKind::Form, "this id is taken".into());
            }
            for text in &list.text {
                let verdict = (self.classify)(&filled(text), None);
                // A service that scores senders is both a list and a reputation.
                if verdict.category != list.category()
                    && verdict.category != Category::LowReputation
                {
                    found(
                        FindingKind::Line,
                        format!(
                            "the text {text:?} alone is taken by {} ({}), expected {}",
                            winner(&verdict).unwrap_or("no rule"),
                            verdict.category,
                            list.category()
                        ),
                    );
                }
            }
        }
    }
}

/// The rule that speaks loudest for the category that won.
fn winner(verdict: &Verdict) -> Option<&str> {
    verdict
        .evidence
        .iter()
        .find(|e| e.says == verdict.category)
        .map(|e| &*e.rule)
}

/// A text that fits `pattern`: a word in each gap, nothing where a star is glued to a word.
fn filled(pattern: &str) -> String {
    let words: Vec<&str> = pattern
        .split(' ')
        .map(|w| if w == "*" { FILLER } else { w })
        .collect();
    words.join(" ").replace('*', "")
}

/// A code that fits the pattern of a rule.
fn concrete(pattern: &str, rule: &Rule) -> String {
    let temporary = rule.permanence.unwrap_or(rule.category.own_permanence())
        == crate::words::Permanence::Temporary;
    let mut reply = String::new();
    let mut enhanced = String::new();
    for word in pattern.split(' ') {
        if word.contains('.') {
            let parts: Vec<&str> = word.split('.').collect();
            let class = if parts[0] != "x" {
                parts[0]
            } else if temporary {
                "4"
            } else {
                "5"
            };
            let number = |p: &str| {
                if p == "x" {
                    "0".to_owned()
                } else {
                    p.split('-').next().unwrap_or("0").to_owned()
                }
            };
            enhanced = format!(
                "{class}.{}.{}",
                number(parts.get(1).unwrap_or(&"0")),
                number(parts.get(2).unwrap_or(&"0"))
            );
        } else {
            reply = word.replace("xx", "50");
        }
    }
    if reply.is_empty() {
        reply = format!("{}50", &enhanced[..enhanced.len().min(1)]);
    }
    format!("{reply} {enhanced}").trim().to_owned()
}

#[cfg(test)]
mod tests;
