//! Suppression lists as other services export them: CSV, JSON, JSON Lines, bare addresses.
//!
//! A pure function of the text, so that a fuzz target can take the module in by its path.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::clock;

/// One address that must not be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub address: String,
    /// Why, in the words of the service.
    pub reason: Option<String>,
    /// Since when, in seconds since 1970.
    pub since: Option<i64>,
}

/// What such a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub listed: Vec<Listed>,
    /// Entries that name no address, or one that may be mailed.
    pub skipped: usize,
}

/// Reads a list; what it is, is told by looking.
///
/// # Errors
/// Where the text is none of these shapes, or names not a single address.
pub(crate) fn read(text: &str) -> anyhow::Result<List> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let entries = if text.starts_with(['{', '[']) {
        json(text)?
    } else {
        csv(text)?
    };
    let mut list = List::default();
    for entry in &entries {
        match listed(entry) {
            Some(l) => list.listed.push(l),
            None => list.skipped += 1,
        }
    }
    if list.listed.is_empty() && list.skipped > 0 {
        bail!(
            "no addresses in it; expected a field named one of {}",
            ADDRESS.join(", ")
        );
    }
    Ok(list)
}

/// What one line or object of such a list says.
type Fields = BTreeMap<String, String>;

const ADDRESS: &[&str] = &[
    "email",
    "emailaddress",
    "email_address",
    "address",
    "recipient",
];
const REASON: &[&str] = &[
    "reason",
    "suppressionreason",
    "error",
    "standing",
    "type",
    "code",
];
const TIME: &[&str] = &[
    "created_at",
    "createdat",
    "created",
    "lastupdatetime",
    "since",
    "updated_at",
    "date",
];

/// What an entry lists; `None` for one without an address, or whose owner may be mailed.
fn listed(entry: &Fields) -> Option<Listed> {
    let get = |names: &[&str]| names.iter().find_map(|n| entry.get(*n)).map(String::as_str);
    let listmonk_free =
        entry.contains_key("uuid") && entry.get("status").is_some_and(|s| s != "blocklisted");
    let own_free = entry
        .get("standing")
        .is_some_and(|s| !s.starts_with("suppress"));
    // The quote is what our own CSV puts before what a spreadsheet would take for a formula.
    let address = get(ADDRESS)?.trim().trim_start_matches('\'');
    let ok = address.contains('@') && !address.contains(char::is_control);
    (ok && !listmonk_free && !own_free).then(|| Listed {
        address: address.to_owned(),
        reason: get(REASON).filter(|r| !r.is_empty()).map(str::to_owned),
        since: get(TIME).and_then(time),
    })
}

/// A time as services write it: a date, a date and time, seconds, or Mailgun's RFC 2822.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() < 8 {
        return None;
    }
    text.parse::<i64>()
        .ok()
        .map(|n| if n > 100_000_000_000 { n / 1000 } else { n })
        .or_else(|| clock::parse(text).ok())
        .or_else(|| clock::parse(text.trim_end_matches(" UTC")).ok())
        .or_else(|| {
            jiff::fmt::rfc2822::DateTimeParser::new()
                .relaxed_weekday(true)
                .parse_timestamp(text)
                .ok()
                .map(|t| t.as_second())
        })
        // SES writes seconds with a fraction.
        .or_else(|| text.split_once('.').and_then(|(s, _)| s.parse().ok()))
}

fn csv(text: &str) -> anyhow::Result<Vec<Fields>> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let names: Vec<String> = reader
        .headers()?
        .iter()
        .map(|h| h.to_lowercase().replace(' ', "_"))
        .collect();
    if !names.iter().any(|n| ADDRESS.contains(&n.as_str())) {
        // A bare list has no header: its first line is an address.
        if names.len() == 1 && names[0].contains('@') {
            return Ok(text
                .lines()
                .map(|l| Fields::from([("email".to_owned(), l.trim().to_owned())]))
                .collect());
        }
        bail!("no column named one of {}", ADDRESS.join(", "));
    }
    let mut all = Vec::new();
    for record in reader.records() {
        let record = record?;
        all.push(
            names
                .iter()
                .cloned()
                .zip(record.iter().map(str::to_owned))
                .collect(),
        );
    }
    Ok(all)
}

fn json(text: &str) -> anyhow::Result<Vec<Fields>> {
    let mut all = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        take(&value.context("JSON")?, &mut all);
    }
    Ok(all)
}

/// Objects with an address are entries; lists and envelopes around them are opened.
fn take(value: &Value, all: &mut Vec<Fields>) {
    match value {
        Value::Array(a) => a.iter().for_each(|v| take(v, all)),
        Value::Object(o) => {
            let has_address = o
                .iter()
                .any(|(k, v)| ADDRESS.contains(&k.to_lowercase().as_str()) && v.is_string());
            if has_address {
                let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                all.push(
                    o.iter()
                        .filter(|(_, v)| !v.is_null())
                        .map(|(k, v)| (k.to_lowercase(), text(v)))
                        .collect(),
                );
            } else {
                o.values()
                    .filter(|v| v.is_array() || v.is_object())
                    .for_each(|v| take(v, all));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_services() {
        for (service, text, reason) in [
            (
                "Mailgun, CSV",
                "address,code,error,created_at\nbob@example.com,550,no such user,\"Tue, 14 Nov 2023 22:13:20 UTC\"\n",
                Some("no such user"),
            ),
            (
                "Mailgun, JSON",
                r#"{"items":[{"address":"bob@example.com","code":"550","error":"no such user","created_at":"Tue, 14 Nov 2023 22:13:20 UTC"}]}"#,
                Some("no such user"),
            ),
            (
                "SendGrid, CSV",
                "status,reason,email,created\n5.1.1,550 unknown,bob@example.com,1700000000\n",
                Some("550 unknown"),
            ),
            (
                "SendGrid, JSON",
                r#"[{"created":1700000000,"email":"bob@example.com","reason":"550 unknown","status":"5.1.1"}]"#,
                Some("550 unknown"),
            ),
            (
                "Amazon SES",
                r#"{"SuppressedDestinationSummaries":[{"EmailAddress":"bob@example.com","Reason":"BOUNCE","LastUpdateTime":1700000000.5}]}"#,
                Some("BOUNCE"),
            ),
            (
                "Postmark",
                r#"{"Suppressions":[{"EmailAddress":"bob@example.com","SuppressionReason":"HardBounce","Origin":"Recipient","CreatedAt":"2023-11-14T22:13:20+00:00"}]}"#,
                Some("HardBounce"),
            ),
            (
                "listmonk",
                "uuid,email,name,attributes,status,created_at\nx,bob@example.com,Bob,{},blocklisted,2023-11-14T22:13:20Z\n",
                None,
            ),
        ] {
            let want = Listed {
                address: "bob@example.com".to_owned(),
                reason: reason.map(str::to_owned),
                since: Some(1_700_000_000),
            };
            assert_eq!(read(text).unwrap().listed, [want], "{service}");
        }
    }

    #[test]
    fn a_bare_list_has_no_header() {
        let list = read("\u{feff}bob@example.com\nal@example.com\n\n").unwrap();
        let addresses: Vec<_> = list.listed.iter().map(|l| l.address.as_str()).collect();
        assert_eq!(addresses, ["bob@example.com", "al@example.com"]);
        assert_eq!(list.skipped, 1);
    }

    #[test]
    fn who_may_be_mailed_is_skipped_and_so_is_what_is_no_address() {
        for text in [
            "uuid,email,status\nx,bob@example.com,enabled\ny,al@example.com,blocklisted\n",
            "address,standing\nbob@example.com,allowed\nal@example.com,suppressed\n",
            "email\nbob\nal@example.com\n",
            "email\nbob\0@example.com\nal@example.com\n",
            "[{\"email\":\"b\\u0000@example.com\"},{\"email\":\"al@example.com\"}]",
            "[{\"email\":\"b\\nc@example.com\"},{\"email\":\"al@example.com\"}]",
        ] {
            let list = read(text).unwrap();
            let addresses: Vec<_> = list.listed.iter().map(|l| l.address.as_str()).collect();
            assert_eq!(
                (addresses.as_slice(), list.skipped),
                (["al@example.com"].as_slice(), 1),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_list_says_what_was_expected() {
        for (text, says) in [
            ("", "no column named one of email, "),
            ("name,phone\nBob,5\n", "no column named one of email, "),
            ("email\nbob\n", "expected a field named one of email, "),
            ("{\"email\":", "JSON"),
        ] {
            let e = read(text).unwrap_err();
            assert!(format!("{e:#}").contains(says), "{text:?}: {e:#}");
        }
    }
}
