//! Type, address_action and sender_action over every category and permanence: the tables of the design, written out.

use undeliverable::{AddressAction, BounceType, Category, Fault, Permanence, SenderAction};

/// category, fault, type when permanent, address action when permanent, sender action.
const TABLE: &[(&str, &str, &str, &str, &str)] = &[
    ("user_unknown", "recipient", "hard", "suppress", "none"),
    ("address_invalid", "recipient", "hard", "suppress", "none"),
    ("mailbox_disabled", "recipient", "hard", "suppress", "none"),
    ("mailbox_full", "recipient", "soft", "retry", "none"),
    (
        "mailbox_moved",
        "recipient",
        "hard",
        "suppress",
        "update_address",
    ),
    ("mailbox_unavailable", "recipient", "soft", "retry", "none"),
    (
        "recipient_refused",
        "recipient",
        "block",
        "hold",
        "contact_receiver",
    ),
    ("suppressed", "recipient", "hard", "suppress", "none"),
    (
        "domain_unknown",
        "domain",
        "hard",
        "suppress_domain",
        "none",
    ),
    (
        "domain_not_accepting",
        "domain",
        "hard",
        "suppress_domain",
        "none",
    ),
    ("relay_denied", "domain", "technical", "hold", "none"),
    ("server_error", "receiver", "soft", "retry", "none"),
    ("system_full", "receiver", "soft", "retry", "none"),
    ("greylisted", "receiver", "soft", "retry", "slow_down"),
    ("dns_failure", "network", "soft", "retry", "none"),
    ("connection_failed", "network", "soft", "retry", "none"),
    ("routing_error", "network", "soft", "retry", "none"),
    (
        "tls_failed",
        "network",
        "technical",
        "retry",
        "fix_configuration",
    ),
    ("expired", "network", "soft", "retry", "none"),
    ("rate_limited", "sender", "block", "hold", "slow_down"),
    (
        "too_many_recipients",
        "sender",
        "technical",
        "hold",
        "split_recipients",
    ),
    ("auth_spf", "sender", "block", "hold", "fix_authentication"),
    ("auth_dkim", "sender", "block", "hold", "fix_authentication"),
    (
        "auth_dmarc",
        "sender",
        "block",
        "hold",
        "fix_authentication",
    ),
    (
        "auth_missing",
        "sender",
        "block",
        "hold",
        "fix_authentication",
    ),
    ("host_identity", "sender", "block", "hold", "fix_dns"),
    (
        "sender_invalid",
        "sender",
        "technical",
        "hold",
        "fix_configuration",
    ),
    (
        "sender_blocked",
        "sender",
        "block",
        "hold",
        "contact_receiver",
    ),
    (
        "smtp_auth",
        "sender",
        "technical",
        "hold",
        "fix_configuration",
    ),
    (
        "protocol_error",
        "sender",
        "technical",
        "hold",
        "fix_configuration",
    ),
    ("ip_blocklisted", "sender", "block", "hold", "delist"),
    ("domain_blocklisted", "sender", "block", "hold", "delist"),
    ("low_reputation", "sender", "block", "hold", "slow_down"),
    ("spam_content", "content", "block", "hold", "fix_content"),
    ("malware", "content", "block", "hold", "fix_content"),
    (
        "attachment_rejected",
        "content",
        "block",
        "hold",
        "fix_content",
    ),
    (
        "message_too_large",
        "content",
        "block",
        "hold",
        "fix_content",
    ),
    (
        "message_malformed",
        "content",
        "technical",
        "hold",
        "fix_content",
    ),
    (
        "policy_rejected",
        "policy",
        "block",
        "hold",
        "contact_receiver",
    ),
    ("unknown", "unknown", "soft", "retry", "none"),
];

#[test]
fn every_category_stands_in_the_table() {
    let listed: Vec<_> = TABLE
        .iter()
        .filter_map(|r| Category::from_word(r.0))
        .collect();
    assert_eq!(listed, Category::ALL);
}

#[test]
fn type_and_actions_follow_category_and_permanence() {
    for (word, fault, bounce_type, address_action, sender_action) in TABLE {
        let c = Category::from_word(word).unwrap();
        assert_eq!(c.fault(), Fault::from_word(fault).unwrap(), "{word}");
        assert_eq!(
            c.sender_action(),
            SenderAction::from_word(sender_action).unwrap(),
            "{word}"
        );
        let permanent = Permanence::Permanent;
        assert_eq!(
            c.bounce_type(permanent),
            BounceType::from_word(bounce_type).unwrap(),
            "{word}"
        );
        assert_eq!(
            c.address_action(permanent),
            AddressAction::from_word(address_action).unwrap(),
            "{word}"
        );
        for p in [Permanence::Temporary, Permanence::Unknown] {
            assert_eq!(c.bounce_type(p), BounceType::Soft, "{word} {p}");
            assert_eq!(c.address_action(p), AddressAction::Retry, "{word} {p}");
        }
    }
}

#[test]
fn where_nothing_says_the_category_decides_how_long_it_lasts() {
    for c in Category::ALL {
        let hard = c.bounce_type(Permanence::Permanent) == BounceType::Hard;
        let want = if hard || matches!(c.fault(), Fault::Content | Fault::Policy) {
            Permanence::Permanent
        } else if *c == Category::Unknown {
            Permanence::Unknown
        } else {
            Permanence::Temporary
        };
        assert_eq!(c.own_permanence(), want, "{c}");
    }
}

/// A delay never asks for anything: the MTA is still trying.
#[test]
fn a_delay_has_no_address_action() {
    let engine = undeliverable::Engine::new();
    let mail = b"From: MAILER-DAEMON@mx.example.org\nTo: a@example.org\nSubject: Delayed Mail\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nStill trying.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; bob@example.com\nAction: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 450 4.4.1 no answer\n--b--\n";
    let report = engine.parse(mail);
    assert_eq!(report.kind.as_str(), "delay");
    assert_eq!(
        report.recipients[0].verdict.address_action,
        Some(AddressAction::None)
    );
}
