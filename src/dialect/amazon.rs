//! Amazon SES: notifications and events as JSON, which SNS sends as mail.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html>

use serde_json::Value;

use super::{Failure, Reading};
use crate::address;
use crate::contract::{Feedback, Original};
use crate::notice::Notice;
use crate::words::{Action, AddressSource, Kind};

/// What the object at the start of the words says; `None` where there is none or it is about something else.
pub(super) fn read(notice: &Notice<'_, '_>) -> Option<Reading> {
    let text = notice.words.trim_start();
    if !text.starts_with('{') {
        return None;
    }
    // Behind the object stands how to unsubscribe. Some relays break a long line at `!`, others anywhere.
    let first = |t: &str| {
        serde_json::Deserializer::from_str(t)
            .into_iter::<Value>()
            .next()?
            .ok()
    };
    let mut object = first(text).or_else(|| first(&joined(text)))?;
    if let Some(inner) = object["Message"]
        .as_str()
        .and_then(|m| serde_json::from_str(m).ok())
    {
        object = inner;
    }
    let what = object["notificationType"]
        .as_str()
        .or_else(|| object["eventType"].as_str())?;
    let (kind, action, body, list) = match what {
        "Bounce" => (
            Kind::Bounce,
            Action::Failed,
            &object["bounce"],
            "bouncedRecipients",
        ),
        "DeliveryDelay" => (
            Kind::Delay,
            Action::Delayed,
            &object["deliveryDelay"],
            "delayedRecipients",
        ),
        "Complaint" => (
            Kind::Complaint,
            Action::Failed,
            &object["complaint"],
            "complainedRecipients",
        ),
        "Delivery" => (
            Kind::Delivered,
            Action::Delivered,
            &object["delivery"],
            "recipients",
        ),
        _ => return None,
    };
    let recipients = body[list].as_array()?;
    let mail = &object["mail"];
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let mut reading = Reading {
        kind: Some(kind),
        original: Some(original(mail)),
        ..Reading::default()
    };
    if kind == Kind::Complaint {
        reading.feedback = Some(Feedback {
            feedback_type: Some(
                body["complaintFeedbackType"]
                    .as_str()
                    .unwrap_or("other")
                    .to_owned(),
            ),
            source_ip: text(&mail["sourceIp"]),
            original_rcpt_to: recipients
                .iter()
                .filter_map(|r| address::clean(r["emailAddress"].as_str()?))
                .collect(),
            original_mail_from: text(&mail["source"]),
            user_agent: text(&body["userAgent"]),
            ..Feedback::default()
        });
        return Some(reading);
    }
    for r in recipients {
        let Some(address) = r
            .as_str()
            .or_else(|| r["emailAddress"].as_str())
            .and_then(address::clean)
        else {
            continue;
        };
        let diagnostic = r["diagnosticCode"]
            .as_str()
            .map(|d| match address::split_type(d) {
                (t, rest) if t.eq_ignore_ascii_case("smtp") => rest.to_owned(),
                _ => d.to_owned(),
            });
        reading.failures.push(Failure {
            address: Some(address),
            source: Some(AddressSource::FinalRecipient),
            action: Some(action),
            status: text(&r["status"]),
            diagnostic: diagnostic
                .or_else(|| text(&body["smtpResponse"]))
                .or_else(|| kinds(body)),
            remote_mta: None,
            original: None,
        });
    }
    Some(reading)
}

/// The lines as one, whatever their ends were.
fn joined(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace("!\n ", "")
        .replace('\n', " ")
}

/// `Permanent OnAccountSuppressionList`: all there is where the receiver said nothing.
fn kinds(body: &Value) -> Option<String> {
    let kind = body["bounceType"]
        .as_str()
        .or_else(|| body["delayType"].as_str())?;
    Some(match body["bounceSubType"].as_str() {
        Some(sub) => format!("{kind} {sub}"),
        None => kind.to_owned(),
    })
}

/// The message it is about.
fn original(mail: &Value) -> Original {
    let common = &mail["commonHeaders"];
    let list = |v: &Value| -> Vec<String> {
        v.as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter_map(address::clean)
            .collect()
    };
    let id = common["messageId"]
        .as_str()
        .map(|m| m.trim_matches(['<', '>', ' ']).to_owned());
    let mut original = Original {
        message_id: id,
        from: list(&common["from"])
            .into_iter()
            .next()
            .or_else(|| mail["source"].as_str().and_then(address::clean)),
        to: if common["to"].is_array() {
            list(&common["to"])
        } else {
            list(&mail["destination"])
        },
        subject: common["subject"].as_str().map(str::to_owned),
        ..Original::default()
    };
    if let Some(id) = mail["messageId"].as_str() {
        original
            .ids
            .insert("x-ses-message-id".to_owned(), id.to_owned());
    }
    original
}
