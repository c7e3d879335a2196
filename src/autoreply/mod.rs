//! Auto-replies: what they tell about their owner.
//!
//! Only the words before the quoted original count; a person named as contact during an absence is not a new address.

mod until;

use crate::address;
use crate::contract::Signals;
use crate::knowledge::Knowledge;
use crate::message::{lossy, timestamp};
use crate::notice::Notice;
use crate::signs::Signs;
use crate::words::Signal;

/// Signals that say that the owner is no longer found at this address: only then another address is the new one.
const GONE: &[Signal] = &[
    Signal::LeftCompany,
    Signal::Retired,
    Signal::Deceased,
    Signal::AddressChanged,
    Signal::MailboxClosed,
];
const DAY: i64 = 86_400;

/// What an auto-reply says.
pub(crate) fn read(knowledge: &Knowledge, notice: &Notice<'_, '_>, signs: &Signs) -> Signals {
    let mut is = signs.signals();
    // In languages of which we know little more than the dates: an end is an end of an absence.
    if is.is_empty() && until_of(knowledge, notice, signs).is_some() {
        is.push(Signal::OutOfOffice);
    }
    let gone = is.iter().any(|s| GONE.contains(s));
    let away = is.contains(&Signal::OutOfOffice);
    Signals {
        new_address: if gone {
            new_address(notice, signs)
        } else {
            None
        },
        until: if away {
            until_of(knowledge, notice, signs)
        } else {
            None
        },
        is,
    }
}

fn until_of(knowledge: &Knowledge, notice: &Notice<'_, '_>, signs: &Signs) -> Option<String> {
    let raw = notice
        .message
        .header
        .get("Date")
        .map(|v| lossy(v).into_owned())
        .unwrap_or_default();
    let zone = raw
        .split_ascii_whitespace()
        .find(|w| w.len() == 5 && w.starts_with(['+', '-']))
        .unwrap_or_default();
    let setting = until::Setting {
        today: timestamp(&raw).map(|t| t.div_euclid(DAY)),
        american: ("-0400"..="-0900").contains(&zone),
        rank: |language: &str| signs.language_points(knowledge, language),
    };
    let words = knowledge.date_words();
    let own = &notice.normal[..signs.quote_at.unwrap_or(notice.normal.len())];
    until::until(words, own, &setting).or_else(|| until::until(words, &notice.subject, &setting))
}

/// The first address in the own words that is neither the sender's nor ours.
fn new_address(notice: &Notice<'_, '_>, signs: &Signs) -> Option<String> {
    let own = &notice.normal[..signs.quote_at.unwrap_or(notice.normal.len())];
    let answers_for = notice
        .message
        .header
        .get("X-MS-Exchange-Inbox-Rules-Loop")
        .map(|v| lossy(v).trim().to_owned());
    let known = |a: &str| {
        notice.is_own_address(a) || answers_for.as_deref().is_some_and(|m| address::same(m, a))
    };
    let found = address::find_in_text(own).find(|a| address::is_plausible(a) && !known(a))?;
    // Normalised text is in lower case; the address is given as it is written.
    let written = address::find_in_text(&notice.words).find(|a| a.eq_ignore_ascii_case(&found));
    Some(written.unwrap_or(found))
}
