//! Evidence is weighed, not first-match: the heaviest category wins, what lost stays visible and lowers the confidence.

use std::borrow::Cow;

use super::voices::{Heard, Voice};
use super::{Case, confidence, details};
use crate::contract::{Details, Evidence, Verdict};
use crate::knowledge::{Blocklist, Hit, Knowledge, Listed, Rule, written};
use crate::words::{AddressAction, Category, Permanence};

/// How much further evidence for the same category adds.
const AGREEMENT: f64 = 0.25;
/// A word that only hints at a cause weighs no more than this; it does not explain an expiry.
const WEAK: f64 = 0.5;

/// The verdict on a case. A pure function of the case and the knowledge.
pub(crate) fn judge(knowledge: &Knowledge, case: &Case<'_>) -> Verdict {
    let reply = &case.reply;
    let Heard {
        voices,
        provider,
        lists,
        expired,
        stated,
        asides,
    } = Heard::new(knowledge, case);

    let (category, score, expired_only) = weigh(&voices, expired);
    let mut details = Details::default();
    for v in voices.iter().filter(|v| v.says == category && !v.is_code()) {
        if let Some(rule) = v.speaker.rule().filter(|r| r.has_details) {
            rule.details.fill(&mut details);
        }
    }
    name_blocklist(knowledge, category, &lists, &mut details);
    details::fill(&mut details, category, &asides, &reply.text, case.raw);
    if provider.is_some() && details.provider_code.is_none() {
        details.provider_code = details::provider_code(case.raw).map(Cow::Owned);
    }
    details.replies = reply
        .outer
        .iter()
        .copied()
        .map(written::reply_code)
        .collect();
    if expired && !expired_only {
        details.expired = Some(true);
    }
    let top_rule = voices
        .iter()
        .find(|v| v.says == category)
        .and_then(|v| v.speaker.rule());
    let permanence = permanence(case, category, top_rule, stated, expired);
    if permanence == Permanence::Permanent {
        // It has come to that already.
        details.escalates_to = None;
    }
    if category == Category::Unknown {
        details.ambiguous = Some(true);
    }
    let status = match (case.status, reply.best) {
        (Some(s), _) if !s.says_nothing() => Some(s),
        (s, inline) => inline.filter(|i| !i.says_nothing()).or(s).or(inline),
    };
    let address_action = match case.delayed {
        true => AddressAction::None,
        false => category.address_action(permanence),
    };
    let sender_action = top_rule
        .and_then(|r| r.sender_action)
        .unwrap_or_else(|| category.sender_action());
    Verdict {
        status: status.map(written::enhanced),
        reply_code: reply.code.map(written::reply_code),
        diagnostic_code: (!case.raw.trim().is_empty()).then(|| case.raw.to_owned()),
        provider: provider.map(|p| knowledge.providers()[p].id.clone()),
        category,
        fault: category.fault(),
        permanence,
        bounce_type: category.bounce_type(permanence),
        address_action,
        sender_action,
        confidence: (confidence::of_score(score) * 100.0).round() / 100.0,
        details,
        evidence: voices
            .into_iter()
            .take(12)
            .map(|v| evidence(&v, &reply.text))
            .collect(),
    }
}

fn evidence(voice: &Voice<'_>, reply: &str) -> Evidence {
    Evidence {
        rule: voice.speaker.id().clone(),
        says: voice.says,
        weight: (voice.weight * 1000.0).round() / 1000.0,
        from: voice.from.into(),
        text: voice.quote(reply),
    }
}

/// The winning category, how sure, and whether it is a bare expiry.
fn weigh(voices: &[Voice<'_>], expired: bool) -> (Category, f64, bool) {
    let scores = Scores::of(voices);
    let mut winner = scores.best(|_| true);
    // When the last real error is known, that is the category and not the giving up.
    if expired
        && winner.is_some_and(|s| s.0 == Category::Expired)
        && let Some(real) = scores.best(|c| c != Category::Expired)
        && real.1 > WEAK
    {
        winner = Some(real);
    }
    let Some((category, score)) = winner.filter(|s| s.1 >= 0.2) else {
        return (Category::Unknown, 0.2, false);
    };
    let against = scores
        .each()
        .iter()
        .filter(|s| s.0 != category && s.0 != Category::Expired)
        .map(|s| {
            if s.0.fault() == category.fault() {
                0.25 * s.1
            } else {
                0.45 * s.1
            }
        })
        .fold(0.0, f64::max);
    (
        category,
        (score * (1.0 - against)).clamp(0.05, 0.99),
        category == Category::Expired,
    )
}

/// How much speaks for each category that is heard.
struct Scores {
    each: [(Category, f64); Category::ALL.len()],
    len: usize,
}

impl Scores {
    fn of(voices: &[Voice<'_>]) -> Self {
        let mut scores = Scores {
            each: [(Category::Unknown, 0.0); Category::ALL.len()],
            len: 0,
        };
        for v in voices {
            let known = scores.each[..scores.len].iter_mut();
            match known.into_iter().find(|(c, _)| *c == v.says) {
                // Sorted by weight: the first is the heaviest, the others only add.
                Some((_, s)) => *s = 1.0 - (1.0 - *s) * (1.0 - AGREEMENT * v.weight),
                None => {
                    scores.each[scores.len] = (v.says, v.weight);
                    scores.len += 1;
                }
            }
        }
        scores
    }

    fn each(&self) -> &[(Category, f64)] {
        &self.each[..self.len]
    }

    /// The highest score of the categories asked for; of equal ones the first in the order of categories.
    fn best(&self, asked: impl Fn(Category) -> bool) -> Option<(Category, f64)> {
        let asked = self.each().iter().filter(|s| asked(s.0));
        asked
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
            .copied()
    }
}

fn permanence(
    case: &Case<'_>,
    category: Category,
    rule: Option<&Rule>,
    stated: Option<Permanence>,
    expired: bool,
) -> Permanence {
    if let Some(p) = rule.and_then(|r| r.permanence) {
        return p;
    }
    let reply = &case.reply;
    let of_class = |class: u16| match class {
        4 => Some(Permanence::Temporary),
        5 => Some(Permanence::Permanent),
        _ => None,
    };
    // Where reply code and enhanced code disagree the enhanced one was written with more care.
    let inline = reply
        .best
        .and_then(|e| of_class(u16::from(e.class)))
        .or_else(|| reply.code.and_then(|c| of_class(c / 100)));
    if let Some(p) = inline {
        return p;
    }
    if expired || category == Category::Expired {
        return Permanence::Temporary;
    }
    if let Some(p) = stated {
        return p;
    }
    // x.0.0 in a Status field is what software writes that knows nothing.
    if let Some(s) = case
        .status
        .filter(|s| !s.says_nothing())
        .and_then(|s| of_class(s.class.into()))
    {
        return s;
    }
    match category.own_permanence() {
        Permanence::Unknown => case
            .status
            .and_then(|s| of_class(s.class.into()))
            .unwrap_or(Permanence::Unknown),
        own => own,
    }
}

fn name_blocklist(
    knowledge: &Knowledge,
    category: Category,
    lists: &[(&Blocklist, Hit)],
    details: &mut Details,
) {
    let wanted = match category {
        Category::IpBlocklisted => Listed::Ip,
        Category::DomainBlocklisted => Listed::Domain,
        _ => return,
    };
    let longest = lists
        .iter()
        .filter(|(list, _)| list.lists == wanted)
        .max_by_key(|(_, h)| h.weight)
        .map(|(list, _)| *list);
    if let (None, Some(list)) = (&details.blocklist, longest) {
        details.blocklist = Some(list.id.clone());
    }
    if details.delist_url.is_none() {
        details.delist_url = details
            .blocklist
            .as_deref()
            .and_then(|id| knowledge.blocklist(id))
            .and_then(|l| l.delist.clone());
    }
}
