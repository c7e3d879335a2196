//! Replies that say one thing and mean another: each is wrong somewhere in the world's bounce tables.

use undeliverable::Engine;

/// Line, category, and the type where the trap is about it.
fn hold(table: &[(&str, &str, &str)]) {
    let engine = Engine::new();
    for (line, category, bounce_type) in table {
        let v = engine.classify(*line);
        assert_eq!(v.category.as_str(), *category, "{line}: {:#?}", v.evidence);
        if !bounce_type.is_empty() {
            assert_eq!(
                v.bounce_type.as_str(),
                *bounce_type,
                "{line}: {:?}",
                v.permanence
            );
        }
    }
}

#[test]
fn a_blocklist_that_refuses_to_answer_the_receiver_is_the_receivers_fault() {
    hold(&[
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org; Error: open resolver; https://check.spamhaus.org/returnc/pub/192.0.2.53/",
            "server_error",
            "",
        ),
        (
            "550 5.7.1 Client host rejected: 127.255.255.254 returned by zen.spamhaus.org, public resolver",
            "server_error",
            "",
        ),
        (
            "554 5.7.1 blocked using multi.uribl.com; http://uribl.com/refused.shtml",
            "server_error",
            "",
        ),
    ]);
}

#[test]
fn a_list_of_domains_says_nothing_about_an_address() {
    hold(&[
        (
            "550 5.7.1 example.org listed in dbl.spamhaus.org",
            "domain_blocklisted",
            "",
        ),
        (
            "554 5.7.1 Sender domain blocked using dbl.spamhaus.org; https://check.spamhaus.org/query/domain/example.net",
            "domain_blocklisted",
            "",
        ),
        (
            "550 5.7.1 Message contains a URL listed by SURBL: example.com",
            "domain_blocklisted",
            "",
        ),
    ]);
}

#[test]
fn rate_limits_that_speak_of_mailboxes() {
    hold(&[
        (
            "550 Mailbox unavailable or access denied [MEydJ5J2t8CwrLP4E0Nk7Q== IP: 192.0.2.9]. https://service.mail.qq.com/detail/122/1",
            "rate_limited",
            "soft",
        ),
        (
            "550 5.4.6 Mailbox Does Not Exist : Domains Daily Quota Exceeded, please retry later",
            "rate_limited",
            "soft",
        ),
        (
            "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered. https://support.google.com/mail/?p=ReceivingRatePerm x1si - gsmtp",
            "rate_limited",
            "soft",
        ),
        (
            "450 4.2.1 The user you are trying to contact is receiving mail too quickly. https://support.google.com/mail/?p=ReceivingRate x1si - gsmtp",
            "rate_limited",
            "soft",
        ),
    ]);
}

#[test]
fn a_sender_that_cannot_be_verified_is_no_recipient() {
    hold(&[
        (
            "550-Verification failed for <news@example.com> 550-No Such User Here 550 Sender verify failed",
            "sender_invalid",
            "technical",
        ),
        (
            "550 Sender verify failed: no such user",
            "sender_invalid",
            "",
        ),
        (
            "550-Callback setup failed while verifying <news@example.com> 550 Sender verify failed",
            "sender_invalid",
            "",
        ),
        (
            "553 5.1.0 example.com does not exist (in reply to MAIL FROM command)",
            "sender_invalid",
            "",
        ),
    ]);
}

#[test]
fn what_has_expired_may_be_the_account() {
    hold(&[
        ("account expired", "mailbox_disabled", "hard"),
        ("message expired", "expired", "soft"),
        // What qmail writes above every failure, also one that nobody waited for.
        (
            "This is a permanent error; I've given up. Sorry it didn't work out. This address no longer accepts mail.",
            "mailbox_disabled",
            "hard",
        ),
        (
            "This is a permanent error; I've given up. I'm not going to try again; this message has been in the queue too long.",
            "expired",
            "soft",
        ),
    ]);
}

#[test]
fn who_refuses_before_the_sender_is_named_means_our_host() {
    hold(&[
        (
            "host mx.example.net [192.0.2.9] SMTP error from remote mail server after initial connection: 550 Access denied",
            "sender_blocked",
            "block",
        ),
        (
            "host mx.example.net [192.0.2.9] SMTP error from remote mail server after EHLO out.example.org: 550 Rejected",
            "host_identity",
            "block",
        ),
        (
            "host mx.example.net[192.0.2.9] refused to talk to me: 554 Access denied",
            "sender_blocked",
            "block",
        ),
        (
            "host mx.example.net[192.0.2.9] said: 550 Access denied (in reply to RCPT TO command)",
            "policy_rejected",
            "block",
        ),
    ]);
}

#[test]
fn microsoft_says_unknown_user_in_its_own_way() {
    hold(&[
        (
            "550 5.4.1 Recipient address rejected: Access denied. [AM7EUR03FT047.eop-EUR03.prod.protection.outlook.com 2024-03-01T10:00:00.000Z 08DC3]",
            "user_unknown",
            "hard",
        ),
        (
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient kim@example.com not found by SMTP address lookup",
            "user_unknown",
            "hard",
        ),
        (
            "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [DB8EUR05FT001.eop-eur05.prod.protection.outlook.com]",
            "user_unknown",
            "hard",
        ),
    ]);
}

#[test]
fn five_one_one_that_means_something_else() {
    hold(&[
        (
            "552 5.1.1 Boite du destinataire pleine. OFR_417 [417]",
            "mailbox_full",
            "soft",
        ),
        (
            "550 5.1.1 Account quota reached, too many messages. IB607",
            "rate_limited",
            "soft",
        ),
    ]);
}

#[test]
fn a_552_has_four_meanings() {
    hold(&[
        ("552 5.2.2 Mailbox full", "mailbox_full", "soft"),
        (
            "552 5.3.4 Message size exceeds fixed limit",
            "message_too_large",
            "block",
        ),
        ("552 5.5.3 Too many recipients", "too_many_recipients", ""),
        (
            "552-5.7.0 This message was blocked because its content presents a potential security issue. https://support.google.com/mail/?p=BlockedMessage x1si - gsmtp",
            "attachment_rejected",
            "block",
        ),
    ]);
}

#[test]
fn user_unknown_beside_a_policy_code() {
    hold(&[
        (
            "550 5.7.1 <nils@example.com>: Recipient address rejected: user unknown",
            "user_unknown",
            "hard",
        ),
        ("550 5.7.1 No such user!", "user_unknown", "hard"),
        ("554 5.7.1 User unknown", "user_unknown", "hard"),
    ]);
}

#[test]
fn the_innermost_reply_counts() {
    hold(&[
        (
            "550 5.7.350 Remote server returned message detected as spam -> 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Spamhaus",
            "ip_blocklisted",
            "",
        ),
        (
            "550 5.1.1 The mail server rejected the recipient -> 550 5.1.1 <a@example.com>: user unknown",
            "user_unknown",
            "hard",
        ),
        (
            "554 4.4.7 Message expired: unable to deliver in 840 minutes. <421 4.4.2 Connection timed out>",
            "connection_failed",
            "soft",
        ),
    ]);
}

#[test]
fn nothing_said_is_nothing_known() {
    hold(&[
        ("550 5.0.0", "unknown", "soft"),
        ("550", "unknown", "soft"),
        ("554", "unknown", "soft"),
    ]);
}

#[test]
fn words_without_the_marks_of_their_language_are_the_same_words() {
    hold(&[
        (
            "552 5.2.2 La boite du destinataire est saturee",
            "mailbox_full",
            "soft",
        ),
        ("550 Empfaenger existiert nicht", "user_unknown", "hard"),
        ("550 kullanici bulunamadi", "user_unknown", "hard"),
        ("550 Schranka byla zrusena", "mailbox_disabled", "hard"),
        (
            "554 Dateianhaenge sind nicht erlaubt",
            "attachment_rejected",
            "block",
        ),
        ("552 A postafiok megtelt", "mailbox_full", "soft"),
    ]);
}

#[test]
fn a_sender_that_may_send_no_more_is_no_dead_recipient() {
    hold(&[
        (
            "550 5.7.1 Your hosting account has been suspended from sending e-mail",
            "sender_blocked",
            "block",
        ),
        (
            "535 5.7.8 Authentication failed: user account disabled",
            "smtp_auth",
            "technical",
        ),
        (
            "550 The sender domain has neither MX nor A record",
            "sender_invalid",
            "technical",
        ),
    ]);
}
