//! Who failed, with a verdict each: from a delivery status, from the notice's words, or from what names them elsewhere.

use std::collections::HashSet;

use crate::address;
use crate::contract::{Details, Recipient, RecipientVerdict};
use crate::dialect::{self, Failure};
use crate::knowledge::{Knowledge, one_line, written};
use crate::message::{self, date};
use crate::notice::Notice;
use crate::report::{DeliveryStatus, Disposition, RecipientFields};
use crate::verdict::{self, Case, Reply, judge};
use crate::words::{Action, AddressSource, Kind};

/// The problem of a notice that tells nowhere whom it is about.
pub(crate) const NOBODY: &str = "nobody is named";

/// Of how many recipients the words are looked for in a transcript, and in how many lines of it.
const MAX_IN_TRANSCRIPT: usize = 20;
const MAX_LINES_OF_TRANSCRIPT: usize = 400;

/// Gives verdicts on recipients.
#[derive(Debug)]
pub(crate) struct Judge<'e> {
    pub knowledge: &'e Knowledge,
}

impl Judge<'_> {
    /// Whether words sound like a failure: a reply, or a phrase with a category.
    pub fn is_failure(&self, words: &str) -> bool {
        let v = judge(
            self.knowledge,
            &Case::new(self.knowledge, Reply::new(words)),
        );
        v.reply_code.is_some() || v.confidence >= 0.68
    }

    /// The recipients of a notice, each with its verdict.
    pub fn recipients(
        &self,
        notice: &Notice<'_, '_>,
        kind: Kind,
        status: Option<&DeliveryStatus>,
        disposition: Option<&Disposition>,
        failures: Vec<Failure>,
        problems: &mut Vec<String>,
    ) -> Vec<Recipient> {
        let default_action = match kind {
            Kind::Delay => Action::Delayed,
            Kind::Delivered => Action::Delivered,
            _ => Action::Failed,
        };
        if let Some(status) = status {
            return status
                .recipients
                .iter()
                .map(|r| {
                    self.of_fields(
                        notice,
                        r,
                        &failures,
                        status.recipients.len(),
                        default_action,
                    )
                })
                .collect();
        }
        let mut failures = failures;
        if let Some(d) = disposition {
            failures = vec![Failure {
                address: d
                    .final_recipient
                    .clone()
                    .or_else(|| d.original_recipient.clone()),
                original: d.original_recipient.clone(),
                source: Some(AddressSource::FinalRecipient),
                diagnostic: Some(d.error.clone().unwrap_or_else(|| notice.words.clone())),
                ..Failure::default()
            }];
        }
        let lower = |address: &String| address.to_ascii_lowercase();
        let declared: HashSet<String> = declared_failed(notice).iter().map(lower).collect();
        // Words that name others only, and give no reply, name the one who is written to.
        let is_another = |f: &Failure| {
            !f.address
                .as_ref()
                .is_some_and(|a| declared.contains(&lower(a)))
                && !f.diagnostic.as_deref().is_some_and(dialect::has_reply)
        };
        if !declared.is_empty() && disposition.is_none() && failures.iter().all(is_another) {
            failures.iter_mut().for_each(|f| f.address = None);
        }
        if failures.iter().all(|f| f.address.is_none()) {
            let words = failures
                .into_iter()
                .next()
                .and_then(|f| f.diagnostic)
                .or_else(|| dialect::reply(notice))
                .or_else(|| Some(notice.words.clone()));
            failures = named_elsewhere(notice, words);
        }
        if failures.is_empty() {
            problems.push(NOBODY.to_owned());
            failures.push(Failure {
                diagnostic: Some(notice.words.clone()),
                ..Failure::default()
            });
        }
        failures
            .into_iter()
            .map(|f| self.of_failure(f, default_action))
            .collect()
    }

    fn of_failure(&self, f: Failure, default_action: Action) -> Recipient {
        let action = f.action.unwrap_or(default_action);
        let words = f
            .diagnostic
            .as_deref()
            .map(|d| one_line(d).into_owned())
            .unwrap_or_default();
        let verdict = self.verdict(
            &words,
            f.status.as_deref(),
            f.remote_mta.as_deref(),
            f.address.as_deref(),
            action,
            "text",
        );
        Recipient {
            original_recipient: f.original.filter(|o| Some(o) != f.address.as_ref()),
            final_recipient: f.address,
            address_from: f.source,
            action: Some(action),
            remote_mta: f.remote_mta,
            last_attempt_date: None,
            will_retry_until: None,
            verdict,
        }
    }

    fn of_fields(
        &self,
        notice: &Notice<'_, '_>,
        r: &RecipientFields,
        failures: &[Failure],
        count: usize,
        default_action: Action,
    ) -> Recipient {
        let action = r.action.unwrap_or(default_action);
        let (mut address, mut source) = (r.final_recipient.clone(), AddressSource::FinalRecipient);
        let usable = |a: &Option<String>| {
            a.as_deref()
                .is_some_and(|a| a.find('@').is_some_and(|i| i > 0) || a.starts_with('/'))
        };
        if !usable(&address) && usable(&r.original_recipient) {
            (address, source) = (
                r.original_recipient.clone(),
                AddressSource::OriginalRecipient,
            );
        }
        if !usable(&address) {
            let found = failures
                .iter()
                .find(|f| f.address.is_some())
                .cloned()
                .or_else(|| named_elsewhere(notice, None).into_iter().next());
            if let Some(f) = found.filter(|_| count == 1 || address.is_none()) {
                (address, source) = (f.address, f.source.unwrap_or(AddressSource::Text));
            }
        }
        let of_words = || {
            let said = address
                .as_deref()
                .filter(|_| (2..=MAX_IN_TRANSCRIPT).contains(&count));
            if let Some(said) = said.and_then(|a| in_transcript(&notice.words, a)) {
                return Some(said.to_owned());
            }
            let own = failures.iter().find(|f| match (&f.address, &address) {
                (Some(a), Some(b)) => address::same(a, b),
                _ => false,
            });
            let own = own.or(failures
                .first()
                .filter(|_| count == 1 && failures.len() == 1));
            own.and_then(|f| f.diagnostic.clone())
                .or_else(|| (count == 1).then(|| notice.words.clone()))
        };
        // `X-Unix; 77` is the exit status of a program: the words say what it meant.
        let exit_status = r.diagnostic_type == "x-unix"
            && r.diagnostic
                .as_deref()
                .is_some_and(|d| d.trim().bytes().all(|b| b.is_ascii_digit()));
        let (words, from) = match &r.diagnostic {
            Some(d) if exit_status => (of_words().or_else(|| Some(d.clone())), "text"),
            Some(d) => (Some(d.clone()), "diagnostic_code"),
            None if matches!(action, Action::Failed | Action::Delayed) => (of_words(), "text"),
            None => (None, "text"),
        };
        let words = words.map(|w| one_line(&w).into_owned()).unwrap_or_default();
        let verdict = self.verdict(
            &words,
            r.status.as_deref(),
            r.remote_mta.as_deref(),
            address.as_deref(),
            action,
            from,
        );
        Recipient {
            original_recipient: r
                .original_recipient
                .clone()
                .filter(|o| Some(o) != address.as_ref()),
            address_from: address.is_some().then_some(source),
            final_recipient: address,
            action: Some(action),
            remote_mta: r.remote_mta.clone(),
            last_attempt_date: r.last_attempt_date.as_deref().and_then(date),
            will_retry_until: r.will_retry_until.as_deref().and_then(date),
            verdict,
        }
    }

    fn verdict(
        &self,
        words: &str,
        status: Option<&str>,
        remote: Option<&str>,
        address: Option<&str>,
        action: Action,
        from: &'static str,
    ) -> RecipientVerdict {
        if !matches!(action, Action::Failed | Action::Delayed) {
            return RecipientVerdict {
                status: status
                    .and_then(verdict::parse_status)
                    .map(written::enhanced),
                diagnostic_code: Some(words.to_owned()).filter(|w| !w.is_empty()),
                details: Details::default(),
                ..RecipientVerdict::default()
            };
        }
        let reply = Reply {
            text: words,
            status,
            remote_mta: remote,
            recipient: address,
            provider: None,
            delayed: action == Action::Delayed,
        };
        let mut case = Case::new(self.knowledge, reply);
        case.from = from;
        let mut verdict = judge(self.knowledge, &case);
        if from == "text"
            && verdict
                .diagnostic_code
                .as_ref()
                .is_some_and(|d| d.len() > 1500)
        {
            verdict.diagnostic_code = verdict
                .diagnostic_code
                .map(|d| d.chars().take(1000).collect());
        }
        verdict.into()
    }
}

/// What sendmail's transcript says of a recipient behind its address: `<bob@example.com>... Deferred: Connection refused`.
fn in_transcript<'w>(words: &'w str, address: &str) -> Option<&'w str> {
    let lines = words.lines().take(MAX_LINES_OF_TRANSCRIPT);
    lines
        .filter_map(|line| line.split_once("... "))
        .map(|(of, said)| (of.trim().trim_matches(['<', '>']), said.trim()))
        .find(|(of, said)| address::same(of, address) && !said.is_empty())
        .map(|(_, said)| said)
}

/// Whom the notice is about where its words name nobody: header, envelope recipient, returned headers, in that order.
fn named_elsewhere(notice: &Notice<'_, '_>, words: Option<String>) -> Vec<Failure> {
    let make = |address: String, source: AddressSource| Failure {
        address: Some(address),
        source: Some(source),
        diagnostic: words.clone(),
        ..Failure::default()
    };
    let declared = declared_failed(notice);
    if !declared.is_empty() {
        let of_header = |a| make(a, AddressSource::XFailedRecipients);
        return declared.into_iter().map(of_header).collect();
    }
    if let Some((address, source)) = notice.in_return_path() {
        return vec![make(address, source)];
    }
    let Some(returned) = &notice.returned else {
        let of_subject = |a| make(a, AddressSource::Text);
        return notice
            .address_in_subject()
            .map(of_subject)
            .into_iter()
            .collect();
    };
    let own = returned
        .recipients
        .iter()
        .find(|a| !notice.is_own_address(a));
    let to = returned
        .original
        .to
        .iter()
        .find(|_| returned.original.to.len() == 1);
    own.or(to)
        .map(|a| make(a.clone(), AddressSource::ReturnedHeaders))
        .into_iter()
        .collect()
}

/// Whom the header names as failed: `X-Failed-Recipients` of Exim and Gmail.
fn declared_failed(notice: &Notice<'_, '_>) -> Vec<String> {
    let fields = notice.message.header.all("X-Failed-Recipients");
    fields
        .flat_map(|v| message::addresses(v, 100))
        .filter(|a| address::is_plausible(a))
        .collect()
}
