//! What a reply says beside its category: waits, limits, mechanisms, lists, the provider's own code, what comes next.

use serde_json::{Value, json};
use undeliverable::Engine;

#[test]
fn details() {
    // Line, and the details it must have; null is one it must not have.
    let table: &[(&str, Value)] = &[
        (
            "421-4.7.26 Your email has been rate limited because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM. - gsmtp",
            json!({"escalates_to": "550 5.7.26"}),
        ),
        (
            "550-5.7.26 Your email has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM. - gsmtp",
            json!({"escalates_to": null}),
        ),
        (
            "450 4.7.1 Greylisted, please try again in 5 minutes",
            json!({"retry_after": 300}),
        ),
        (
            "451 4.7.1 Greylisting in action, please come back in 00:04:59",
            json!({"retry_after": 299}),
        ),
        (
            "450 4.7.0 temporarily rejected, retry after 600 seconds",
            json!({"retry_after": 600}),
        ),
        (
            "450 4.2.1 mailbox is being moved, try again in 2 hours",
            json!({"retry_after": 7200}),
        ),
        (
            "451 4.7.1 please try again later",
            json!({"retry_after": null}),
        ),
        (
            "552 5.3.4 Message size exceeds fixed limit (10485760)",
            json!({"limit_bytes": 10485760}),
        ),
        (
            "552 5.3.4 message larger than 25 MB",
            json!({"limit_bytes": 26214400}),
        ),
        ("552 5.3.4 Message too big", json!({"limit_bytes": null})),
        (
            "550 5.7.23 The message was rejected because of Sender Policy Framework violation",
            json!({"mechanism": "spf"}),
        ),
        (
            "550 5.7.20 No passing DKIM signature found",
            json!({"mechanism": "dkim"}),
        ),
        (
            "550 5.7.1 DMARC evaluation for example.com failed, policy is reject",
            json!({"mechanism": "dmarc"}),
        ),
        (
            "450 4.7.25 Client host rejected: cannot find your reverse hostname, [192.0.2.65]",
            json!({"mechanism": "ptr", "ip": "192.0.2.65"}),
        ),
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.44] blocked using zen.spamhaus.org",
            json!({"blocklist": "spamhaus-zen", "ip": "192.0.2.44", "delist_url": "https://check.spamhaus.org/"}),
        ),
        (
            "550 5.7.1 example.org listed in dbl.spamhaus.org",
            json!({"blocklist": "spamhaus-dbl", "delist_url": "https://check.spamhaus.org/"}),
        ),
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.3 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1",
            json!({"provider_code": "TSS04", "scope": "ip"}),
        ),
        (
            "550 5.1.1 Account quota reached, too many messages. IB607",
            json!({"provider_code": "IB607"}),
        ),
        (
            "551 User not local; please try <ines.new@example.org>",
            json!({"new_address": "ines.new@example.org"}),
        ),
        (
            "554 4.4.7 Message expired: unable to deliver in 840 minutes. <421 4.4.2 Connection timed out>",
            json!({"expired": true, "replies": ["554"]}),
        ),
        (
            "550 5.1.1 <a@example.com>: user unknown (in reply to RCPT TO command)",
            json!({"command": "RCPT"}),
        ),
        ("550 5.0.0", json!({"ambiguous": true})),
        (
            "421 4.7.1 Too many concurrent connections from your IP address",
            json!({"scope": "ip", "limited": "connections"}),
        ),
        (
            "452 4.5.3 Too many recipients in this session",
            json!({"limited": "recipients"}),
        ),
        (
            "450 4.7.1 Too many messages from this IP",
            json!({"scope": "ip", "limited": "messages"}),
        ),
    ];
    let engine = Engine::new();
    for (line, wanted) in table {
        let details = serde_json::to_value(engine.classify(*line).details).unwrap();
        for (key, value) in wanted.as_object().unwrap() {
            assert_eq!(
                details.get(key).unwrap_or(&Value::Null),
                value,
                "{key} of {line}: {details}"
            );
        }
    }
}
