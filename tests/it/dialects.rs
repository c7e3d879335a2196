//! Which software wrote the samples, and what the readers of its layouts find.

use std::fs;

use serde_json::Value;
use undeliverable::{Engine, Kind, Report};

use crate::corpus;

#[test]
fn the_software_is_recognised() {
    let engine = Engine::new();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (file, truth) in corpus::truth() {
        let Some(want) = truth.get("dialect") else {
            continue;
        };
        let got = engine.parse(&fs::read(&file).unwrap());
        if !matches!(got.kind, Kind::Bounce | Kind::Delay | Kind::Delivered) {
            continue;
        }
        seen += 1;
        if got.dialect.as_deref() != want.as_str() {
            wrong.push(format!(
                "{}: want {want}, got {:?}",
                corpus::name(&file),
                got.dialect
            ));
        }
    }
    assert!(seen > 350, "{seen}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_truth_names_known_dialects() {
    let engine = Engine::new();
    let known: Vec<&str> = engine
        .knowledge()
        .dialects()
        .iter()
        .map(|d| d.id.as_str())
        .collect();
    for (file, truth) in corpus::truth() {
        if let Some(id) = truth.get("dialect").and_then(Value::as_str) {
            assert!(known.contains(&id), "{}: {id}", corpus::name(&file));
        }
    }
}

fn notice(from: &str, subject: &str, body: &str) -> Report {
    let mail = format!(
        "Return-Path: <>\nFrom: {from}\nTo: al@example.org\nSubject: {subject}\nMessage-ID: <1@mx.example.org>\n\n{body}"
    );
    Engine::new().parse(mail.as_bytes())
}

/// The report in the words of a table: address, original, status, code.
fn told(report: &Report) -> Vec<(String, String, String, String)> {
    let text = |o: Option<&str>| o.unwrap_or_default().to_owned();
    report
        .recipients
        .iter()
        .map(|r| {
            (
                text(r.final_recipient.as_deref()),
                text(r.original_recipient.as_deref()),
                text(r.verdict.status.as_deref()),
                text(r.verdict.reply_code.as_deref()),
            )
        })
        .collect()
}

#[test]
fn layouts() {
    let daemon = "MAILER-DAEMON@mx.example.org";
    type Row<'t> = (
        &'t str,
        &'t str,
        &'t str,
        &'t [(&'t str, &'t str, &'t str, &'t str)],
    );
    let table: &[Row<'_>] = &[
        // Oracle: the address that was tried is another one than the one written.
        (
            "oracle",
            "Delivery Notification: Delivery has failed",
            "This report relates to a message you sent with the following header fields:\n\n  To: bob@example.com\n\n\
             Your message cannot be delivered to the following recipients:\n\n  Original address: bob@example.com\n  \
             Recipient address: b2@mail.example.com\n  Reason: Remote SMTP server has rejected address\n  \
             Diagnostic code: smtp;550 5.1.1 <b2@mail.example.com>... User unknown\n  \
             Remote system: dns;mx.example.com (TCP|192.0.2.1|34321|198.51.100.2|25)\n",
            &[("b2@mail.example.com", "bob@example.com", "5.1.1", "550")],
        ),
        // Sendmail 5: one line a recipient, what the other side said before it.
        (
            "sendmail5",
            "Returned mail: User unknown",
            "   ----- Transcript of session follows -----\nWhile talking to mx.example.com:\n>>> RCPT To:<bob@example.com>\n\
             <<< 553 5.1.1 no such person\n550 <bob@example.com>... User unknown\n\
             554 <eve@example.net>... 550 Host unknown (Authoritative answer from name server)\n\n   \
             ----- Unsent message follows -----\nReceived: from a by b\nFrom: al@example.org\nTo: bob@example.com\nSubject: hi\n",
            &[
                ("bob@example.com", "", "5.1.1", "553"),
                ("eve@example.net", "", "", "550"),
            ],
        ),
        // Advice whom to ask names nobody who failed.
        (
            "qmail",
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.org.\nFor further assistance, please contact <help-desk@example.org>\n\
             \n<\"b@b\"@example.com>:\n192.0.2.9 does not like recipient.\nRemote host said: 550 5.1.1 no such user\n",
            &[("\"b@b\"@example.com", "", "5.1.1", "550")],
        ),
        // Named twice: the part for administrators has the reply.
        (
            "exchange-2007",
            "Undeliverable: hi",
            "Delivery has failed to these recipients or groups:\n\nBob Example<mailto:bob@example.com>\nThe address was not found.\n\n\
             Diagnostic information for administrators:\n\nGenerating server: ex.example.com\n\nbob@example.com\n\
             #550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n",
            &[("bob@example.com", "", "5.1.1", "550")],
        ),
        // A transcript with the time in front of each line.
        (
            "mdaemon",
            "Permanent Delivery Failure",
            "The attached message had PERMANENT fatal delivery errors!\n\nFailed address: bob@example.com\n\n\
             --- Session Transcript ---\n Fri 2026-07-03 10:00:00: --> RCPT To:<bob@example.com>\n \
             Fri 2026-07-03 10:00:01: <-- 550 5.1.1 <bob@example.com>: User unknown\n",
            &[("bob@example.com", "", "5.1.1", "550")],
        ),
        // Two recipients, each with its own words.
        (
            "communigate",
            "Undeliverable mail: hi",
            "Failed to deliver to 'bob@example.com'\nSMTP module(domain example.com) reports:\n example.com: no response\n\n\
             Failed to deliver to '<eve@example.net>'\nSMTP module(domain example.net) reports:\n host mx.example.net says:\n \
             553 5.3.0 <eve@example.net>... No such user here\n",
            &[
                ("bob@example.com", "", "", ""),
                ("eve@example.net", "", "5.3.0", "553"),
            ],
        ),
        // Names without a domain: the returned header has the whole address.
        (
            "groupwise",
            "Message status - undeliverable",
            "The message that you sent was undeliverable to the following:\n\tbob (user not found)\n\t\
             \"Eve\" <eve@example.net> (550 mailbox is full)\n\tnobody (user not found)\n\n\
             Possibly truncated original message follows:\n\nReceived: from a by b\nFrom: al@example.org\n\
             To: bobby@example.com, bob@example.com, eve@example.net\nSubject: hi\n",
            &[
                ("bob@example.com", "", "", ""),
                ("eve@example.net", "", "", "550"),
            ],
        ),
        // What an alias led to, and below it the alias.
        (
            "exim",
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to \
             one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  \
             pipe to |/usr/local/bin/ticket\n    generated by help@example.com\n    Child process returned 127\n\n  \
             eve@example.net\n    mailbox is full\n",
            &[
                ("help@example.com", "", "", ""),
                ("eve@example.net", "", "", ""),
            ],
        ),
        // A reply that begins its line is one, whatever stands before that line.
        (
            "sendmail",
            "Returned mail: Host unknown",
            "   ----- The following addresses had permanent fatal errors -----\n<bob@nohost.example>  (unrecoverable error)\n\n   \
             ----- Transcript of session follows -----\n550 <bob@nohost.example>... Host unknown\n",
            &[("bob@nohost.example", "", "", "550")],
        ),
        // Nobody is named but in the header that came back; the reply stands in the transcript.
        (
            "sendmail",
            "Returned mail: User unknown",
            "   ----- The following addresses had permanent fatal errors -----\nbob\n\n   \
             ----- Transcript of session follows -----\n550 bob... User unknown\n\n   ----- Original message follows -----\n\
             Received: from a by b\nFrom: al@example.org\nTo: bob@example.com\nSubject: hi\n",
            &[("bob@example.com", "", "", "550")],
        ),
    ];
    for (dialect, subject, body, want) in table {
        let report = notice(daemon, subject, body);
        assert_eq!(
            (report.kind, report.dialect.as_deref()),
            (Kind::Bounce, Some(*dialect)),
            "{subject}"
        );
        let got = told(&report);
        let got: Vec<_> = got
            .iter()
            .map(|(a, b, c, d)| (a.as_str(), b.as_str(), c.as_str(), d.as_str()))
            .collect();
        assert_eq!(&got, want, "{dialect}");
    }
}

#[test]
fn notifications_as_json() {
    let json = r#"{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"Bob <bob@example.com>","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},"mail":{"source":"al@example.org","messageId":"0102-x","destination":["bob@example.com"],"commonHeaders":{"messageId":"<m@example.org>","subject":"hi"}}}"#;
    let wrapped = serde_json::json!({ "Type": "Notification", "Message": json }).to_string();
    let split = json.replace("\"bounceSubType\"", "!\n \"bounceSubType\"");
    for body in [json, &wrapped, &split] {
        let body = format!(
            "{body}\n\n--\nIf you wish to stop receiving notifications, write to stop@example.net\n"
        );
        let report = notice(
            "SES <no-reply@sns.amazonaws.com>",
            "AWS Notification Message",
            &body,
        );
        assert_eq!(
            (report.kind, report.dialect.as_deref()),
            (Kind::Bounce, Some("amazon-sns"))
        );
        assert_eq!(
            told(&report),
            [(
                "bob@example.com".into(),
                String::new(),
                "5.1.1".into(),
                "550".into()
            )]
        );
        assert_eq!(
            report.original.unwrap().message_id.as_deref(),
            Some("m@example.org")
        );
    }
    let complaint = r#"{"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"bob@example.com"}],"complaintFeedbackType":"abuse"},"mail":{"source":"al@example.org"}}"#;
    let report = notice(
        "no-reply@sns.amazonaws.com",
        "AWS Notification Message",
        complaint,
    );
    assert_eq!(report.kind, Kind::Complaint);
    assert_eq!(
        report.feedback.unwrap().original_rcpt_to,
        ["bob@example.com"]
    );
    // The same words from anybody else are no notification.
    assert_eq!(
        notice("Al <al@example.net>", "look at this", json).kind,
        Kind::Other
    );
}

/// A transcript in which nobody answers, and lines that tell which message it is about and no reason.
#[test]
fn a_socket_that_fails_is_the_reason() {
    let report = notice(
        "MDaemon@example.org",
        "Warning: Message delivery delayed",
        "The following message is being held in the retry queue\n\n  Message-ID: <1@example.org>\n  Subject: user unknown\n  \
         Recipient: bob@example.com\n\nThe message could not be delivered at this time. It will be retried.\n\n\
         --- Session Transcript ---\n Attempting SMTP connection to [203.0.113.120:25]\n Winsock Error 10060 Connection timed out.\n\
         --- End Transcript ---\n",
    );
    assert_eq!(report.kind, Kind::Delay);
    let verdict = &report.recipients[0].verdict;
    assert_eq!(
        verdict.category.map(|c| c.as_str()),
        Some("connection_failed"),
        "{:?}",
        verdict.diagnostic_code
    );
}

/// An address in a sentence that speaks of no failure: the sentence is the reason all the same.
#[test]
fn a_sentence_that_names_the_recipient_is_read() {
    let report = notice(
        "postmaster@example.org",
        "Virus found in your message",
        "A virus (EICAR-Test) was found in a message that you sent to bob@example.com.\nIt has been removed.\n",
    );
    assert_eq!(report.kind, Kind::Bounce);
    let verdict = &report.recipients[0].verdict;
    assert_eq!(verdict.category.map(|c| c.as_str()), Some("malware"));
}

#[test]
fn whom_a_notice_is_about_and_whom_it_only_mentions() {
    let daemon = "MAILER-DAEMON@mx.example.net";
    let table = [
        (
            "Return-Path: <>\n",
            "Undeliverable: x",
            "Could not be delivered.\n\nAdresse de l'exp\u{e9}diteur : ed@news.example\nAdresse du destinataire : bo@example.com\n550 5.1.1 no such user\n",
        ),
        (
            "Return-Path: <>\n",
            "Undeliverable: x",
            "Could not be delivered.\n\n\u{53d1}\u{4ef6}\u{4eba}\u{ff1a}ed@news.example\n\u{6536}\u{4ef6}\u{4eba}\u{ff1a}bo@example.com\n550 5.1.1 no such user\n",
        ),
        (
            "X-Failed-Recipients: bo@example.com\n",
            "Delivery Status Notification (Failure)",
            "Hello ed@news.example,\n\nyou may not have permission to post messages to the group.\n",
        ),
        (
            "Return-Path: <>\n",
            "Rejected posting to bo@example.com",
            "You are not authorized to send mail to the list. Please contact the list\nowners at bo-request@example.com.\n",
        ),
    ];
    for (field, subject, body) in table {
        let mail = format!(
            "{field}From: {daemon}\nTo: bounce@news.example\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}"
        );
        let report = Engine::new().parse(mail.as_bytes());
        let who: Vec<_> = report
            .recipients
            .iter()
            .map(|r| r.final_recipient.as_deref())
            .collect();
        assert_eq!(report.kind, Kind::Bounce, "{body}");
        assert_eq!(who, [Some("bo@example.com")], "{body}");
    }
}

#[test]
fn what_the_remote_server_said_wins_over_its_rendering() {
    let transcript = |said: &str| {
        format!(
            "   ----- The following addresses had permanent fatal errors -----\n<bo@example.com>\n\n   ----- Transcript of session follows -----\n... while talking to mx.example.com.:\n{said}\n554 <bo@example.com>... Service unavailable\n"
        )
    };
    for (said, code) in [
        (
            ">>> RCPT To:<bo@example.com>\n<<< 552 bo MAILBOX FULL",
            "552",
        ),
        (
            ">>> MAIL From:<al@example.org>\n<<< 571 al@example.org prohibited",
            "571",
        ),
    ] {
        let report = notice(
            "MAILER-DAEMON@mx.example.org",
            "Returned mail: Service unavailable",
            &transcript(said),
        );
        let reply = report.recipients[0].verdict.reply_code.as_deref();
        assert_eq!(reply, Some(code), "{said}");
    }
}

#[test]
fn a_subject_in_utf7_by_its_old_name() {
    let subject =
        "=?unicode-1-1-utf-7?Q?Benachrichtigung_zum_+ANw-bermittlungsstatus_(Fehlgeschlagen)?=";
    let report = notice("postmaster@example.net", subject, "<bo@example.com>\n");
    let read = report.notice.subject.as_deref();
    assert_eq!(
        read,
        Some("Benachrichtigung zum \u{dc}bermittlungsstatus (Fehlgeschlagen)")
    );
}
