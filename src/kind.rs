//! Which sort of message is this: the order of evidence, in one place.
//!
//! Structure first, then header fields that settle it, then words. A failure needs more than words: a sender that is
//! a mail system, a null return path, or subject and words together. Everything is read from the outer message.

use crate::knowledge::{Knowledge, Means, SignHits, Strength};
use crate::notice::Notice;
use crate::report::{DeliveryStatus, Disposition};
use crate::words::{Action, Kind, Signal};

/// What the structure of the message gives.
#[derive(Debug, Default)]
pub(crate) struct Structure<'r> {
    pub status: Option<&'r DeliveryStatus>,
    pub feedback_type: Option<&'r str>,
    pub disposition: Option<&'r Disposition>,
}

/// What words and header fields say.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    subject: Vec<Found>,
    body: Vec<Found>,
    header: Vec<Found>,
    /// Texts of dialect marks in subject and words.
    pub marks: Vec<usize>,
    /// Where a quoted original begins in the normalised words.
    pub quote_at: Option<usize>,
    /// Where a returned message begins in the normalised words.
    pub returned_at: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    means: Means,
    strength: Strength,
    signal: Option<Signal>,
    at: usize,
    /// Index of the sign, to count each once.
    sign: usize,
}

impl Signs {
    /// Looks for every sign once.
    pub fn find(knowledge: &Knowledge, notice: &Notice<'_, '_>) -> Self {
        let mut marks = Vec::new();
        let mut found = |hits: SignHits| -> Vec<Found> {
            marks.extend(hits.marks);
            hits.hits
                .iter()
                .map(|&(i, at, _)| {
                    let s = knowledge.sign(i);
                    Found {
                        means: s.means,
                        strength: s.strength,
                        signal: s.signal,
                        at,
                        sign: i,
                    }
                })
                .collect()
        };
        let mut signs = Signs {
            subject: found(knowledge.signs_in_subject(&notice.subject)),
            body: found(knowledge.signs_in_body(&notice.normal)),
            ..Signs::default()
        };
        signs.marks = marks;
        for (i, field) in notice.message.header.fields.iter().enumerate() {
            let mut value = None;
            for sign in knowledge.header_signs_of(field.name) {
                let value =
                    value.get_or_insert_with(|| crate::message::field_text(field.value, None));
                if sign.fits(value) {
                    signs.header.push(Found {
                        means: sign.means,
                        strength: sign.strength,
                        signal: sign.signal,
                        at: i,
                        sign: i,
                    });
                }
            }
        }
        let first = |m: Means| {
            signs
                .body
                .iter()
                .filter(|f| f.means == m)
                .map(|f| f.at)
                .min()
        };
        signs.quote_at = first(Means::Quote).filter(|a| *a > 0);
        signs.returned_at = first(Means::Returned).filter(|a| *a > 0);
        signs
    }

    fn subject(&self, means: Means) -> Option<Strength> {
        self.subject
            .iter()
            .filter(|f| f.means == means)
            .map(|f| f.strength)
            .max()
    }

    fn header(&self, means: Means) -> Option<Strength> {
        self.header
            .iter()
            .filter(|f| f.means == means)
            .map(|f| f.strength)
            .max()
    }

    /// The strongest sign in the words before `end`.
    fn body(&self, means: Means, end: Option<usize>) -> Option<Strength> {
        self.body
            .iter()
            .filter(|f| f.means == means && end.is_none_or(|e| f.at < e))
            .map(|f| f.strength)
            .max()
    }

    /// Points for a meaning, each sign once.
    fn points(&self, means: Means) -> u32 {
        let header: u32 = self
            .header
            .iter()
            .filter(|f| f.means == means)
            .map(|f| match f.strength {
                Strength::Decisive => 10,
                Strength::Strong => 4,
                Strength::Medium => 2,
                _ => 1,
            })
            .max()
            .unwrap_or(0);
        let subject = match self.subject(means) {
            Some(Strength::Strong | Strength::Decisive) => 5,
            Some(Strength::Medium) => 4,
            Some(Strength::Weak) => 2,
            None => 0,
        };
        header + subject + self.body_points(means)
    }

    fn body_points(&self, means: Means) -> u32 {
        let mut seen = std::collections::BTreeSet::new();
        self.body
            .iter()
            .filter(|f| f.means == means && self.quote_at.is_none_or(|q| f.at < q))
            .filter(|f| seen.insert(f.sign))
            .map(|f| match f.strength {
                Strength::Strong | Strength::Decisive => 3,
                Strength::Medium => 2,
                Strength::Weak => 1,
            })
            .sum()
    }

    /// What an auto-reply tells, as far as it says so before the quoted original; strong signs first.
    pub fn signals(&self) -> Vec<Signal> {
        let own =
            |f: &&Found| f.means == Means::AutoReply && self.quote_at.is_none_or(|q| f.at < q);
        let mut said: Vec<Signal> = self
            .body
            .iter()
            .filter(own)
            .filter(|f| f.strength > Strength::Weak)
            .chain(&self.subject)
            .chain(&self.header)
            .filter(|f| f.means == Means::AutoReply)
            .filter_map(|f| f.signal)
            .collect();
        if said.is_empty() {
            said.extend(self.body.iter().filter(own).filter_map(|f| f.signal));
        }
        said.sort();
        said.dedup();
        said
    }
}

/// The kind of the message.
pub(crate) fn decide(
    notice: &Notice<'_, '_>,
    structure: &Structure<'_>,
    signs: &Signs,
    names_failure: bool,
) -> Kind {
    let daemon = notice.is_from_daemon();
    let human = signs.subject(Means::Human).is_some();
    if let Some(status) = structure.status
        && (!human || daemon || notice.message.parts[0].media.is("multipart/report"))
    {
        return of_status(status);
    }
    if let Some(kind) = structure.feedback_type.map(of_feedback) {
        return kind;
    }
    if let Some(d) = structure.disposition {
        return of_disposition(d, notice, signs);
    }
    if signs.header(Means::Report) == Some(Strength::Decisive)
        || signs.subject(Means::Report) == Some(Strength::Strong)
    {
        return Kind::Report;
    }
    by_words(notice, signs, daemon, human, names_failure)
}

/// Action beats Status; the worst counts.
fn of_status(status: &DeliveryStatus) -> Kind {
    if status.recipients.iter().any(|r| {
        r.diagnostic_type == "x-boxbe-notice"
            || r.diagnostic
                .as_deref()
                .is_some_and(|d| d.to_ascii_lowercase().contains("x-boxbe-notice"))
    }) {
        return Kind::Challenge;
    }
    let action = |r: &crate::report::RecipientFields| {
        r.action.or_else(|| {
            let class = r
                .status
                .as_deref()
                .and_then(|s| s.trim_start().chars().next());
            match class {
                Some('2') => Some(Action::Delivered),
                _ => Some(Action::Failed),
            }
        })
    };
    let has = |a: Action| status.recipients.iter().any(|r| action(r) == Some(a));
    if has(Action::Failed) {
        Kind::Bounce
    } else if has(Action::Delayed) {
        Kind::Delay
    } else {
        Kind::Delivered
    }
}

fn of_feedback(feedback_type: &str) -> Kind {
    match feedback_type {
        "auth-failure" | "not-spam" | "dmarc" | "tls" => Kind::Report,
        _ => Kind::Complaint,
    }
}

/// A notification that says displayed or deleted is a receipt; one by which a filter refuses the message is a bounce.
fn of_disposition(d: &Disposition, notice: &Notice<'_, '_>, signs: &Signs) -> Kind {
    let refused = signs.body(Means::Bounce, None) >= Some(Strength::Medium)
        || matches!(d.kind.as_str(), "denied" | "failed")
        || [
            "automatically rejected",
            "automatically refused",
            "quota exceeded",
            "was rejected",
            "has been rejected",
        ]
        .iter()
        .any(|w| notice.normal.contains(w));
    if refused
        && matches!(
            d.kind.as_str(),
            "deleted" | "denied" | "failed" | "processed" | ""
        )
        && signs.subject(Means::Receipt).is_none()
    {
        Kind::Bounce
    } else {
        Kind::Receipt
    }
}

fn by_words(
    notice: &Notice<'_, '_>,
    signs: &Signs,
    daemon: bool,
    human: bool,
    names_failure: bool,
) -> Kind {
    let cut = signs.returned_at;
    let null_path = notice.has_null_path();
    let decisive = |m| signs.header(m) == Some(Strength::Decisive);
    let newsletter = notice.message.header.get("List-Unsubscribe").is_some();

    let fail_subject = signs
        .subject(Means::Bounce)
        .max(signs.subject(Means::Notice));
    let delay_subject = signs.subject(Means::Delay);
    let fail_words = signs.body(Means::Bounce, cut);
    let any_words = fail_words.max(signs.body(Means::Notice, cut));
    let delay_words = signs.body(Means::Delay, cut);
    let challenge = signs.points(Means::Challenge);

    // A challenge may begin with a bounce's sentence.
    if decisive(Means::Challenge)
        || challenge >= 5
        || challenge >= 3 && signs.body(Means::Challenge, None) >= Some(Strength::Strong) && !daemon
    {
        return Kind::Challenge;
    }
    if decisive(Means::AutoReply) && !daemon {
        return Kind::AutoReply;
    }
    let by_system = daemon || null_path || decisive(Means::Bounce);
    let vetoed = newsletter && !daemon || human && !daemon;
    if !vetoed {
        let is_delay = (delay_words >= Some(Strength::Strong) || delay_subject.is_some())
            && (by_system || delay_subject.is_some() || fail_subject.is_some())
            && !(fail_words >= Some(Strength::Strong) && delay_subject.is_none());
        if is_delay {
            return Kind::Delay;
        }
        let strong_words = any_words >= Some(Strength::Strong);
        let claims = fail_subject.is_some() || strong_words;
        if decisive(Means::Bounce) && (claims || names_failure) {
            return Kind::Bounce;
        }
        if claims && daemon {
            return Kind::Bounce;
        }
        if claims && null_path && signs.points(Means::AutoReply) < 4 {
            return Kind::Bounce;
        }
        if fail_subject.is_some()
            && (any_words >= Some(Strength::Medium) || names_failure)
            && signs.quote_at.is_none()
        {
            return Kind::Bounce;
        }
        if (daemon || notice.returns_to_sender()) && names_failure {
            return Kind::Bounce;
        }
    }
    if signs.subject(Means::Delivered).is_some() && by_system {
        return Kind::Delivered;
    }
    if signs.subject(Means::Receipt) >= Some(Strength::Medium) && !human {
        return Kind::Receipt;
    }
    if daemon {
        return Kind::Other;
    }
    if decisive(Means::List) || decisive(Means::Other) {
        return Kind::Other;
    }
    if is_auto_reply(signs, human) {
        Kind::AutoReply
    } else {
        Kind::Other
    }
}

/// Four points, not all of them from words that people type as well.
fn is_auto_reply(signs: &Signs, human: bool) -> bool {
    let mut points = signs.points(Means::AutoReply) as i32;
    if human {
        points -= 2;
    }
    if signs.quote_at.is_some() {
        points -= 2;
    }
    let outside = signs
        .header(Means::AutoReply)
        .is_some_and(|s| s >= Strength::Strong)
        || signs.subject(Means::AutoReply).is_some();
    let typed = signs.body.iter().any(|f| {
        f.means == Means::AutoReply
            && matches!(
                f.signal,
                Some(Signal::OutOfOffice | Signal::TicketReceived | Signal::MailboxUnmonitored)
                    | None
            )
            && f.strength >= Strength::Medium
            && signs.quote_at.is_none_or(|q| f.at < q)
    });
    points >= 4 && (outside || typed)
}
