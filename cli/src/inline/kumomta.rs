//! KumoMTA's log records (<https://docs.kumomta.com/reference/log_record/>), one JSON object a line.

use serde::Deserialize;

use super::{Entry, some};

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    recipient: Recipients,
    response: Response,
    peer_address: Option<Peer>,
}

/// One address, or since 2025 a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recipients {
    One(String),
    Many(Vec<String>),
}

impl Default for Recipients {
    fn default() -> Self {
        Recipients::Many(Vec::new())
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    code: u16,
    enhanced_code: Option<EnhancedCode>,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct EnhancedCode {
    class: u16,
    subject: u16,
    detail: u16,
}

#[derive(Deserialize)]
struct Peer {
    #[serde(default)]
    name: String,
}

/// The failures that a record tells, one a recipient.
pub(super) fn read(line: &str) -> Vec<Entry> {
    let Ok(record) = serde_json::from_str::<Record>(line) else {
        return Vec::new();
    };
    let delayed = match record.kind.as_str() {
        "Bounce" | "Expiration" | "OOB" | "AdminBounce" => false,
        "TransientFailure" => true,
        _ => return Vec::new(),
    };
    let response = record.response;
    let mut reply = String::new();
    if response.code != 0 {
        reply = response.code.to_string();
    }
    if let Some(e) = response.enhanced_code {
        reply.push_str(&format!(" {}.{}.{}", e.class, e.subject, e.detail));
    }
    reply.push(' ');
    reply.push_str(&response.content);
    let entry = Entry {
        reply: reply.trim().to_owned(),
        recipient: None,
        queue_id: some(&record.id),
        remote_mta: record
            .peer_address
            .and_then(|p| some(p.name.trim_end_matches('.'))),
        status: None,
        delayed,
    };
    let recipients = match record.recipient {
        Recipients::One(r) => vec![r],
        Recipients::Many(many) => many,
    };
    if recipients.is_empty() {
        return vec![entry];
    }
    let of = |r: String| Entry {
        recipient: some(&r),
        ..entry.clone()
    };
    recipients.into_iter().map(of).collect()
}
