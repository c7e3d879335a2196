//! Postfix: `QUEUEID: to=<..>, relay=.., dsn=.., status=bounced (..)` (<https://www.postfix.org/DEBUG_README.html>).

use super::{Entry, host, some};

/// The failure that a line tells.
pub(super) fn read(line: &str) -> Option<Entry> {
    let at = line.find(": to=<")?;
    let queue_id = line[..at].rsplit([' ', '\t']).next().and_then(some);
    let rest = &line[at + 6..];
    // An address may hold anything in quotes; the fields begin behind the bracket that Postfix writes.
    let end = match rest.starts_with('"') {
        true => rest
            .find("\"@")
            .and_then(|q| rest[q..].find(">, ").map(|e| q + e))?,
        false => rest.find(">, ")?,
    };
    let recipient = some(&rest[..end]);
    let fields = &rest[end + 3..];
    let (fields, status) = fields.split_once("status=")?;
    let (word, reply) = status.split_once(" (")?;
    let delayed = match word {
        "bounced" | "expired" | "undeliverable" => false,
        "deferred" => true,
        _ => return None,
    };
    let field = |name: &str| {
        fields
            .split(", ")
            .find_map(|f| f.strip_prefix(name)?.strip_prefix('='))
    };
    let reply = reply.trim_end();
    Some(Entry {
        reply: reply.strip_suffix(')').unwrap_or(reply).to_owned(),
        recipient,
        queue_id,
        remote_mta: field("relay").filter(|r| r.contains('[')).and_then(host),
        status: field("dsn").and_then(some),
        delayed,
    })
}
