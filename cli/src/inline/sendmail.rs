//! Sendmail: `QUEUEID: to=<..>,<..>, relay=host. [ip], dsn=5.1.1, stat=User unknown` (its operation guide, section 2.1.1).

use super::{Entry, host, some};

/// The most recipients of a line; Sendmail itself breaks lines before that.
const MAX_RECIPIENTS: usize = 1000;

/// The failures that a line tells, one a recipient.
pub(super) fn read(line: &str) -> Vec<Entry> {
    one(line).unwrap_or_default()
}

fn one(line: &str) -> Option<Vec<Entry>> {
    let at = line.find(": to=")?;
    let queue_id = line[..at].rsplit([' ', '\t']).next().and_then(some);
    let rest = &line[at + 5..];
    let (fields, stat) = rest.split_once(", stat=")?;
    // The words are the last field, except that a quarantine note may follow.
    let (delayed, words) = match stat.strip_prefix("Deferred") {
        Some(words) => (true, words.trim_start_matches(':').trim()),
        None => (false, stat.trim()),
    };
    let field = |name: &str| {
        fields
            .split(", ")
            .find_map(|f| f.strip_prefix(name)?.strip_prefix('='))
    };
    let status = field("dsn").and_then(some);
    let done = status.as_deref().is_some_and(|s| s.starts_with('2'));
    if done || words.starts_with("Sent") || words.starts_with("queued") {
        return None;
    }
    let recipients = fields.split(", ").next().unwrap_or_default();
    let entry = Entry {
        reply: if words.is_empty() {
            "Deferred".to_owned()
        } else {
            words.to_owned()
        },
        recipient: None,
        queue_id,
        remote_mta: field("relay").and_then(host),
        status,
        delayed,
    };
    let of = |r: &str| Entry {
        recipient: some(r.trim_matches(['<', '>'])),
        ..entry.clone()
    };
    Some(recipients.split(',').take(MAX_RECIPIENTS).map(of).collect())
}
