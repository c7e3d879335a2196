//! Which sort of message is this: the order of evidence, in one place.
//!
//! Structure first, then header fields that settle it, then words. A failure needs more than words: a sender that is
//! a mail system, a null return path, or subject and words together. Everything is read from the outer message.
//!
//! What goes wrong where this is done differently: `Auto-Submitted: auto-replied` stands on a third of all bounces and a null
//! return path on many absence notices, so neither decides; TMDA's challenge begins with Exim's failure sentence, so
//! challenges come before failures; a bounce that passed a list's `-owner` alias carries all list headers, so lists come
//! after failures; people type "no longer works here" as well, so such words alone make no auto-reply.

use crate::dialect;
use crate::knowledge::{Means, Strength};
use crate::notice::Notice;
use crate::report::{self, DeliveryStatus, Disposition};
use crate::signs::Signs;
use crate::words::{Action, Kind};

/// What the structure of the message gives.
#[derive(Debug, Default)]
pub(crate) struct Structure<'r> {
    pub status: Option<&'r DeliveryStatus>,
    pub feedback_type: Option<&'r str>,
    pub disposition: Option<&'r Disposition>,
}

/// The kind of the message.
pub(crate) fn decide(
    notice: &Notice<'_, '_>,
    structure: &Structure<'_>,
    signs: &Signs,
    names_failure: &dyn Fn() -> bool,
) -> Kind {
    let case = Case::new(notice, signs, names_failure);
    case.by_structure(structure)
        .or_else(|| case.by_header())
        .or_else(|| case.as_failure())
        .unwrap_or_else(|| case.rest())
}

/// What is asked again and again of one message.
struct Case<'c, 'm, 'x> {
    notice: &'c Notice<'m, 'x>,
    signs: &'c Signs,
    /// The sender calls itself a mail system, by address or name.
    daemon: bool,
    /// Its address is that of a mail system.
    daemon_address: bool,
    /// The subject says that a person replies or forwards, or the program of a person wrote it.
    human: bool,
    null_path: bool,
    /// Whether the words name an address and a reason. Costs as much as a verdict: asked last.
    names_failure: &'c dyn Fn() -> bool,
}

impl<'c, 'm, 'x> Case<'c, 'm, 'x> {
    fn new(
        notice: &'c Notice<'m, 'x>,
        signs: &'c Signs,
        names_failure: &'c dyn Fn() -> bool,
    ) -> Self {
        let human = signs.subject(Means::Human).is_some()
            || signs.header(Means::Human) >= Some(Strength::Strong);
        let person = is_postmaster_in_person(notice, signs);
        Case {
            notice,
            signs,
            daemon: notice.is_from_daemon && !person,
            daemon_address: notice.has_daemon_address && !person,
            human,
            null_path: notice.has_null_path(),
            names_failure,
        }
    }

    fn decisive(&self, means: Means) -> bool {
        self.signs.header(means) == Some(Strength::Decisive)
    }

    /// Parts that are made for machines. Never from inside a returned message.
    fn by_structure(&self, structure: &Structure<'_>) -> Option<Kind> {
        let is_report = self.notice.message.parts[0].media.is("multipart/report");
        if let Some(status) = structure.status
            && (self.daemon || is_report || self.signs.subject(Means::Human).is_none())
        {
            return Some(of_status(status));
        }
        if let Some(feedback_type) = structure.feedback_type {
            return Some(of_feedback(feedback_type));
        }
        structure
            .disposition
            .map(|d| of_disposition(d, self.notice, self.signs))
    }

    /// Header fields that settle it, and subjects of reports and complaints.
    fn by_header(&self) -> Option<Kind> {
        if self.decisive(Means::Report)
            || self.signs.subject(Means::Report) == Some(Strength::Strong)
            || self.is_aggregate_report()
        {
            return Some(Kind::Report);
        }
        if self.is_complaint() {
            return Some(Kind::Complaint);
        }
        if self.is_challenge() {
            return Some(Kind::Challenge);
        }
        // A mailer daemon does not go on holiday, but a postmaster does.
        if self.decisive(Means::AutoReply)
            && !(self.daemon && (self.claims_failure() || (self.names_failure)()))
        {
            return Some(Kind::AutoReply);
        }
        if self.signs.subject(Means::Human).is_some() && !self.daemon {
            return None;
        }
        let settled = [
            (Means::Bounce, Kind::Bounce),
            (Means::Delay, Kind::Delay),
            (Means::Delivered, Kind::Delivered),
        ];
        settled
            .into_iter()
            .find(|(m, _)| self.decisive(*m))
            .map(|s| s.1)
    }

    /// Aggregate reports come as files; most are named as RFC 7489 section 7.2.1.1 says, whatever the subject.
    fn is_aggregate_report(&self) -> bool {
        let parts = &self.notice.message.parts;
        let announced = self.signs.subject(Means::Report) >= Some(Strength::Medium);
        self.signs.subject(Means::Human).is_none()
            && parts.iter().any(|p| {
                let name = p.name.as_deref().or(p.media.name.as_deref());
                name.is_some_and(report::is_aggregate_name)
                    || announced && report::is_aggregate_media(&p.media.essence)
            })
    }

    /// A complaint without a report that machines read: it says so, and what it is about came with it.
    fn is_complaint(&self) -> bool {
        self.decisive(Means::Complaint)
            || self.signs.points(Means::Complaint) >= 5
                && self.notice.returned.is_some()
                && self.signs.subject(Means::Human).is_none()
                && !self.daemon
    }

    /// A challenge may begin with the sentence of a bounce.
    fn is_challenge(&self) -> bool {
        let points = self.signs.points(Means::Challenge);
        let strong =
            self.signs.body(Means::Challenge, self.signs.quote_at) >= Some(Strength::Strong);
        self.decisive(Means::Challenge) || points >= 5 || points >= 3 && strong && !self.daemon
    }

    fn failure_subject(&self) -> Option<Strength> {
        self.signs
            .subject(Means::Bounce)
            .max(self.signs.subject(Means::Notice))
    }

    /// The strongest words of a failure or of a notice before the returned message.
    fn failure_words(&self) -> Option<Strength> {
        let cut = self.signs.returned_at;
        self.signs
            .body(Means::Bounce, cut)
            .max(self.signs.body(Means::Notice, cut))
    }

    fn claims_failure(&self) -> bool {
        self.failure_subject().is_some() || self.failure_words() >= Some(Strength::Strong)
    }

    /// A delay or a failure in words.
    fn as_failure(&self) -> Option<Kind> {
        let newsletter = self.notice.message.header.get("List-Unsubscribe").is_some();
        if !self.daemon && (newsletter || self.signs.subject(Means::Human).is_some())
            || self.has_other_subject()
            || self.is_personal_answer()
            || self.notice.returned.is_none()
                && (self.signs.body(Means::Other, None) == Some(Strength::Strong)
                    || (self.daemon || self.null_path) && dialect::speaks_to_owner(self.notice))
        {
            return None;
        }
        let by_system = self.daemon || self.null_path || self.decisive(Means::Notice);
        let subject = self.failure_subject();
        if (by_system || subject.is_some() || self.signs.subject(Means::Delay).is_some())
            && self.says_delay()
        {
            return Some(Kind::Delay);
        }
        let claims = self.claims_failure();
        let by_whom = if self.decisive(Means::Notice) || self.daemon_address {
            claims || (self.names_failure)()
        } else if self.daemon {
            // Anybody can write a name: then something has to have failed.
            let supported = self.null_path
                || self.notice.returned.is_some()
                || self.failure_words() >= Some(Strength::Strong);
            claims && supported || (self.names_failure)()
        } else if self.null_path {
            claims && (self.signs.points(Means::AutoReply) < 4 || (self.names_failure)())
        } else {
            false
        };
        let by_words = !self.human
            && self.signs.quote_at.is_none()
            && subject >= Some(Strength::Medium)
            && (subject == Some(Strength::Strong)
                || self.failure_words() >= Some(Strength::Medium));
        let named = by_words || self.notice.returns_to_sender();
        (by_whom || named && (self.names_failure)()).then_some(Kind::Bounce)
    }

    /// Whether the subject is that of other mail. Notices quote the subject of what they return behind their own.
    fn has_other_subject(&self) -> bool {
        let other = self.signs.subject(Means::Other);
        other == Some(Strength::Strong)
            || other == Some(Strength::Medium) && self.failure_subject().is_none()
    }

    /// Whether the answer of a machine says where a person is, under whatever subject. No mail server does.
    fn is_personal_answer(&self) -> bool {
        !self.daemon
            && self.notice.returned.is_none()
            && self.signs.header(Means::AutoReply) >= Some(Strength::Strong)
            && self.signs.tells_of_a_person()
    }

    /// Whether nobody has failed yet. The same sentence may begin both, so words of a final failure win over mere words of a
    /// delay, but not over a subject that says delay.
    fn says_delay(&self) -> bool {
        let cut = self.signs.returned_at;
        let words = self.signs.body(Means::Delay, cut);
        let failed = self.signs.body(Means::Bounce, cut);
        match (self.signs.subject(Means::Delay), words) {
            (Some(_), _) => true,
            (None, Some(Strength::Strong)) => failed < Some(Strength::Strong),
            (None, Some(Strength::Medium)) => {
                failed < Some(Strength::Medium) && self.signs.subject(Means::Bounce).is_none()
            }
            _ => false,
        }
    }

    /// What is neither report nor failure.
    fn rest(&self) -> Kind {
        let by_system = self.daemon || self.null_path;
        if self.signs.subject(Means::Delivered).is_some()
            && by_system
            && !self.decisive(Means::Other)
        {
            return Kind::Delivered;
        }
        // "Confirmation of receipt" heads the answers of ticket systems too.
        let confirms = self.signs.acknowledges()
            && self
                .signs
                .body(Means::Receipt, self.signs.quote_at)
                .is_none();
        let receipt = self.signs.subject(Means::Receipt) >= Some(Strength::Medium)
            && self.signs.subject(Means::Human).is_none();
        if receipt && !confirms {
            return Kind::Receipt;
        }
        let calendar = self
            .notice
            .message
            .parts
            .iter()
            .any(|p| p.media.is("text/calendar"));
        let newsletter = self.notice.message.header.get("List-Unsubscribe").is_some();
        let set_aside = self.decisive(Means::List)
            || self.decisive(Means::Other)
            || calendar
            || newsletter && self.signs.header(Means::AutoReply) < Some(Strength::Strong);
        let answers_for_office = is_postmaster(self.notice)
            && self.signs.subject(Means::AutoReply) >= Some(Strength::Strong);
        let answers = receipt || self.is_auto_reply();
        if self.daemon && !answers_for_office || set_aside || !answers {
            Kind::Other
        } else {
            Kind::AutoReply
        }
    }

    /// Four points, not all of them from words that people type as well.
    fn is_auto_reply(&self) -> bool {
        let header = &self.notice.message.header;
        let submitted = |how: &[u8]| {
            header.get("Auto-Submitted").is_some_and(|v| {
                v.get(..how.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(how))
            })
        };
        let generated = submitted(b"auto-generated");
        let answers = header.get("In-Reply-To").is_some();
        let mut points = self.signs.points(Means::AutoReply) as i32;
        points += i32::from(generated)
            + i32::from(self.null_path)
            + i32::from(answers && (generated || self.null_path));
        let outside = self.signs.header(Means::AutoReply) >= Some(Strength::Strong)
            || self.signs.subject(Means::AutoReply).is_some();
        // Some systems answer as people do, with `Re:` and the message they answer below their words.
        if self.signs.declares_itself() || submitted(b"auto-replied") {
            points += 1;
        } else {
            points -= 2 * i32::from(self.human)
                + 2 * i32::from(self.signs.quote_at.is_some() && !outside);
        }
        points >= 4 && (outside || self.signs.typed_by_system(answers || self.null_path))
    }
}

/// Whether the sender is an address that people read and programs use.
fn is_postmaster(notice: &Notice<'_, '_>) -> bool {
    notice.info.from.as_deref().is_some_and(|a| {
        a.get(..11)
            .is_some_and(|b| b.eq_ignore_ascii_case("postmaster@"))
    })
}

/// Whether a postmaster writes as a person does: a reply, or with a person's mail program; and it returns nothing.
fn is_postmaster_in_person(notice: &Notice<'_, '_>, signs: &Signs) -> bool {
    let header = &notice.message.header;
    let replies = signs.subject(Means::Human).is_some() && header.get("In-Reply-To").is_some();
    is_postmaster(notice)
        && (replies || signs.header(Means::Human) >= Some(Strength::Strong))
        && header.get("Auto-Submitted").is_none()
        && notice.returned.is_none()
        && !notice.has_null_path()
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
