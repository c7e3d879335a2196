//! What fuzzing and hostile samples have found, each with its own test.

use undeliverable::{Engine, Kind};

/// The mail with CRLF for LF.
fn crlf(mail: &str) -> String {
    mail.replace('\n', "\r\n")
}

/// `dialects` target: a damaged escape of ISO-2022-JP took the line ends behind it for letters, CR and LF two, LF one.
#[test]
fn damaged_shift_reads_alike_with_lf_and_crlf() {
    let lf = "From: MAILER-DAEMON@example.net\nSubject: x\nContent-Type: text/plain; charset=iso-2022-jp\n\n<bob@example.com>\n\n\x1b$BM}M3\x1b(B: 550 5.1.1 \x1b$B08@h$,8+$D\x1b(0B\n";
    let engine = Engine::new();
    assert_eq!(
        engine.parse(lf.as_bytes()),
        engine.parse(crlf(lf).as_bytes())
    );
}

/// `dialects` target: a subject in raw ISO-2022-JP came out with its escapes.
#[test]
fn raw_japanese_subject_is_decoded() {
    let report = Engine::new().parse(b"From: a@example.com\nSubject: \x1b$B%a\x1b(B x\n\nbody\n");
    assert_eq!(report.notice.subject.as_deref(), Some("\u{30e1} x"));
}

/// `examples/bounds.rs`: each address of a notice looked through all the lines behind it, so that 3 MB of them took
/// seconds; one line of many addresses likewise. Bounded work shows in that the words about an address end.
#[test]
fn words_about_an_address_end() {
    let mut mail =
        "From: MAILER-DAEMON@example.net\nSubject: failure notice\n\n<bob@example.com>:\n"
            .to_owned();
    mail.push_str(&"a line that says nothing\n".repeat(1000));
    mail.push_str("550 5.1.1 user unknown\n");
    let report = Engine::new().parse(mail.as_bytes());
    let words = report.recipients[0].verdict.diagnostic_code.as_deref();
    assert!(words.is_none_or(|w| w.len() < 8192));
}

/// `parse` target: a relay broke the JSON of a notification inside a string, and only LF was taken out again.
#[test]
fn broken_json_lines_read_alike_with_lf_and_crlf() {
    let mail = "From: no-reply@sns.amazonaws.com\nSubject: AWS Notification Message\n\n{\"eventType\":\"Bounce\",\"bounce\":{\"bounceType\":\"Permanent\",\"bouncedRecipients\":[{\"emailAddress\":\"bob@example.com\",\"status\":\"5.1.1\",\"diagnosticCode\":\"smtp; 550 5.1.1 user\nunknown\"}]},\"mail\":{\"source\":\"me@example.com\"}}\n";
    let engine = Engine::new();
    let report = engine.parse(mail.as_bytes());
    assert_eq!(report.kind, Kind::Bounce);
    assert_eq!(engine.parse(crlf(mail).as_bytes()), report);
}

/// `differential` target: a mail that is a message inside and nothing else was cut at the delimiters of that one, as if
/// they were its own, wrongly declared.
#[test]
fn a_message_inside_keeps_its_own_frame() {
    let mail = "From: a@example.com\nSubject: Fwd: failure notice\nContent-Type: message/rfc822\n\nFrom: MAILER-DAEMON@example.net\nSubject: failure notice\nContent-Type: multipart/report; report-type=delivery-status; boundary=inner\n\n--inner\nContent-Type: text/plain\n\nIt failed.\n--inner\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\n\n--inner--\n";
    let report = Engine::new().parse(mail.as_bytes());
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.kind, Kind::Other, "mail about a bounce");
}

/// `differential` target: blanks behind a closing delimiter made it the boundary of a report without one.
#[test]
fn a_closing_delimiter_is_not_taken_for_the_boundary() {
    let mail = "From: MAILER-DAEMON@example.net\nSubject: failure notice\nContent-Type: multipart/report; boundary=never\n\n--first-- \nContent-Type: text/plain\n--inner\nContent-Type: text/plain\n\nIt failed.\n--inner\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\n\n--inner--\n";
    let report = Engine::new().parse(mail.as_bytes());
    assert_eq!(report.problems, ["boundary is not the declared one"]);
    let status = report.recipients[0].verdict.status.as_deref();
    assert_eq!(status, Some("5.1.1"));
}

/// `classify` target: a panic. The first 64 bytes behind `@[` were cut out of the text in the middle of a letter.
#[test]
fn brackets_behind_an_at_sign_that_do_not_close_soon() {
    let engine = Engine::new();
    for n in 59..70 {
        let words = "1".repeat(n) + "\u{448}\u{448}] <al@example.com>: 550 5.1.1 user unknown";
        let mail =
            format!("From: MAILER-DAEMON@example.net\nSubject: failure notice\n\nbob@[{words}\n");
        let report = engine.parse(mail.as_bytes());
        let recipient = report.recipients[0].final_recipient.as_deref();
        assert_eq!(recipient, Some("al@example.com"), "{n}");
    }
}

/// `parse` and `dialects` targets: only the start of a date is read, and a fold counted more in CRLF.
#[test]
fn folded_dates_read_alike_with_lf_and_crlf() {
    let engine = Engine::new();
    for n in 80..110 {
        let date = format!(
            "x{}\n\tid 5; Mon, 13 Apr 2026 06:44:02 +0200 (CEST)",
            "y".repeat(n)
        );
        let mail = format!("From: a@example.com\nDate: {date}\nSubject: x\n\nx\n");
        let report = engine.parse(mail.as_bytes());
        assert_eq!(engine.parse(crlf(&mail).as_bytes()), report, "{date}");
    }
}

/// `parse` and `dialects` targets: NUL in an address came out with it, and a ledger in PostgreSQL takes none. What a
/// person cannot see has no place in an address either.
#[test]
fn no_address_has_hidden_characters() {
    let engine = Engine::new();
    for hidden in ["\0", "\u{7f}", "\u{85}", "\u{202e}", "\u{200b}"] {
        let bad = format!("b{hidden}b@example.com");
        let daemon = "From: MAILER-DAEMON@example.net\nSubject: failure notice\n";
        let report = |group: &str| {
            format!(
                "{daemon}Content-Type: multipart/report; boundary=b\n\n--b\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\n{group}\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
            )
        };
        for mail in [
            format!("From: Bob <{bad}>\nTo: {bad}, x@example.com{hidden}\nSubject: x\n\nx\n"),
            format!("{daemon}To: bounces+b{hidden}b=example.com@example.net\n\nIt failed.\n"),
            format!("{daemon}X-Failed-Recipients: {bad}\n\nIt failed.\n"),
            format!("{daemon}\n\"{bad}\"@example.com: 550 5.1.1 user unknown\n"),
            format!("{daemon}\n<{bad}>: 550 5.1.1 user unknown\n"),
            report(&format!("Final-Recipient: rfc822; {bad}")),
            report(&format!("Final-Recipient: x400; /C=de/S={bad}/")),
            report(&format!("Original-Recipient: rfc822; {bad}")),
        ] {
            let report = engine.parse(mail.as_bytes());
            let recipients = report.recipients.iter();
            let of_recipients =
                recipients.flat_map(|r| r.final_recipient.iter().chain(&r.original_recipient));
            let of_notice = report.notice.from.iter().chain(&report.notice.to);
            for address in of_recipients.chain(of_notice) {
                assert!(!address.contains(hidden), "{address:?} in {mail:?}");
            }
        }
    }
}

/// `fields` target: the short way for plain values read some that are not plain otherwise than the long one.
#[test]
fn values_that_are_not_plain_go_the_long_way() {
    let engine = Engine::new();
    for (from, address) in [
        ("Bob Doe <bob@example.com>", Some("bob@example.com")),
        ("\"Bob <bob@example.com>", None),
        ("\u{b}bob@example.com", None),
    ] {
        let mail = format!("From: {from}\nSubject: x\n\nx\n");
        let report = engine.parse(mail.as_bytes());
        assert_eq!(report.notice.from.as_deref(), address, "{from}");
    }
    for boundary in [
        "boundary=\" b\"",
        "boundary=\"b\"; boundary=c",
        "boundary=b;boundary=\"c\"",
    ] {
        let b = if boundary.contains("\" b\"") {
            " b"
        } else {
            "b"
        };
        let mail = format!(
            "From: MAILER-DAEMON@example.net\nContent-Type: multipart/report; {boundary}\n\n--{b}\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nFinal-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\n\n--{b}--\n"
        );
        let report = engine.parse(mail.as_bytes());
        assert_eq!(report.problems, Vec::<String>::new(), "{boundary}");
        assert_eq!(report.recipients.len(), 1, "{boundary}");
    }
}

/// `delivery_status` target: the fold of a line that belongs to no field was taken for the end of a field above it, and a
/// recipient made of pieces that stand apart.
#[test]
fn no_recipient_is_made_of_lines_that_stand_apart() {
    let mail = "From: MAILER-DAEMON@example.net\nContent-Type: multipart/report; boundary=b\n\n--b\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; bob\n\nal@example.com; User (al@example.com\n ) not listed in Domino Directory\n--b--\n";
    let report = Engine::new().parse(mail.as_bytes());
    let recipients: Vec<_> = report
        .recipients
        .iter()
        .map(|r| &r.final_recipient)
        .collect();
    assert!(
        !format!("{recipients:?}").contains("not listed"),
        "{recipients:?}"
    );
}

/// `dialects` target: where the words were decoded, LF and CRLF copies of one mail ended in other places, and had other ids.
#[test]
fn decoded_words_do_not_tell_where_the_returned_header_ends() {
    let notice = "From: MAILER-DAEMON@example.net\nSubject: failure notice\nContent-Type: text/plain; charset=CHARSET\n\nI could not deliver your message to <bob@example.com>:\n550 5.1.1 user unknown\n\nReceived: by mx.example.net; Fri, 27 Nov 2026 10:00:00 GMT\nFrom: news@example.net\nTo: bob@example.com\nMessage-ID: <1@example.net>\nSubject: News\n\nThe news.\n";
    let engine = Engine::new();
    for charset in [
        "unicode-1-1-utf-7",
        "iso-2022-jp",
        "us-ascii",
        "utf-8",
        "windows-1252",
    ] {
        let mail = notice.replace("CHARSET", charset);
        let report = engine.parse(mail.as_bytes());
        assert!(report.original.is_some(), "{charset}");
        assert_eq!(engine.parse(crlf(&mail).as_bytes()), report, "{charset}");
    }
}

/// `dialects` target: whether words stand before a returned header was counted in bytes, of which CRLF has more.
#[test]
fn few_words_before_a_header_are_few_with_crlf() {
    let mail = "From: MAILER-DAEMON@example.net\nSubject: x\n\n--b--\n\n\n--------------------\n\nFrom: deals@example.net\nTo: gwen@example.org\nSubject: Deals\nDate: Sun, 27 Mar 2016 20:15:40 +0000\n\nEverything must go.\n";
    let engine = Engine::new();
    assert_eq!(
        engine.parse(crlf(mail).as_bytes()),
        engine.parse(mail.as_bytes())
    );
}

/// A postmaster who writes himself was taken for a mail system, and his quoting a reply for a failure. He
/// answers or uses a person's program, and returns nothing; a mail system does not.
#[test]
fn a_postmaster_writes_mail_too() {
    let table = [
        (
            "Subject: RE: 550 5.7.1 rejected\nIn-Reply-To: <1@example.net>",
            Kind::Other,
        ),
        (
            "Subject: Your mail to our users\nUser-Agent: Mutt/2.2",
            Kind::Other,
        ),
        // Biglobe's notices have the subject of an answer.
        ("Subject: Re: News", Kind::Bounce),
        (
            "Subject: RE: News\nIn-Reply-To: <1@example.net>\nAuto-Submitted: auto-replied",
            Kind::Bounce,
        ),
        (
            "Return-Path: <>\nSubject: RE: News\nIn-Reply-To: <1@example.net>",
            Kind::Bounce,
        ),
    ];
    let engine = Engine::new();
    for (header, kind) in table {
        let mail = format!(
            "From: postmaster@example.com\nTo: al@example.net\n{header}\n\nYou mail gone@example.com, which answers 550 5.1.1 user unknown.\n"
        );
        assert_eq!(engine.parse(mail.as_bytes()).kind, kind, "{header}");
    }
}

/// Who answers automatically and says so in a header field may quote, and may call his subject `Re:`.
#[test]
fn an_answer_that_says_so_is_automatic() {
    let table = [
        (
            "From: bob@example.com\nSubject: Re: News\nAuto-Submitted: auto-replied",
            Kind::AutoReply,
        ),
        ("From: bob@example.com\nSubject: Re: News", Kind::Other),
        (
            "From: postmaster@example.com\nSubject: Automatic reply: News\nAuto-Submitted: auto-generated",
            Kind::AutoReply,
        ),
        (
            "From: mailer-daemon@example.com\nSubject: Automatic reply: News\nAuto-Submitted: auto-generated",
            Kind::Other,
        ),
    ];
    let engine = Engine::new();
    for (header, kind) in table {
        let mail = format!(
            "{header}\nTo: al@example.net\n\nSee you on Monday.\n\nOn 17/03/2026, Al wrote:\n> The news.\n"
        );
        assert_eq!(engine.parse(mail.as_bytes()).kind, kind, "{header}");
    }
}

/// A complaint of SpamCop's has no report part.
#[test]
fn spamcop_complains_in_its_subject() {
    let mail = "From: 4711@reports.example\nTo: abuse@example.net\nSubject: SUBJECT\n\n[ SpamCop V5.1.0 ]\nEmail from 192.0.2.14\n\n[ Offending message ]\nReceived: from a by b\nFrom: al@example.net\nTo: x\nSubject: News\n";
    let engine = Engine::new();
    let report = engine.parse(
        mail.replace("SUBJECT", "[SpamCop (192.0.2.14) id:4711]News")
            .as_bytes(),
    );
    assert_eq!(report.kind, Kind::Complaint);
    let ip = report.feedback.and_then(|f| f.source_ip);
    assert_eq!(ip.as_deref(), Some("192.0.2.14"));
    let answer = mail.replace("SUBJECT", "Re: [SpamCop (192.0.2.14) id:4711]News");
    assert_eq!(engine.parse(answer.as_bytes()).kind, Kind::Other);
}

/// A ticket system thanks and gives a number, and its confirmation of receipt is no receipt.
#[test]
fn two_sentences_of_a_ticket_system_are_an_answer() {
    let twice = "Thank you for contacting us. Your case number is 4711.";
    let table = [
        ("Your case 4711", twice, Kind::AutoReply),
        ("Re: Your case 4711", twice, Kind::Other),
        (
            "Your case 4711",
            "Thank you for contacting us. Thank you for contacting us.",
            Kind::Other,
        ),
        (
            "Your case 4711",
            "Thank you for contacting us.\n> Your case number is 4711.",
            Kind::Other,
        ),
        (
            "Empfangsbestätigung: Ihre Frage",
            "Ihre Nachricht ist bei uns eingegangen.",
            Kind::AutoReply,
        ),
        (
            "Empfangsbestätigung: Ihre Frage",
            "Ihre Nachricht an Al wurde am 14.07.2026 gelesen.",
            Kind::Receipt,
        ),
    ];
    let engine = Engine::new();
    for (subject, words, kind) in table {
        let mail = format!(
            "From: desk@example.com\nTo: al@example.net\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        );
        assert_eq!(
            engine.parse(mail.as_bytes()).kind,
            kind,
            "{subject}: {words}"
        );
    }
}

/// A recipient without `Diagnostic-Code` got the words and the reply of the one before it.
#[test]
fn each_recipient_has_its_own_line_of_a_transcript() {
    let mail = "From: MAILER-DAEMON@example.net\nSubject: Returned mail: see transcript for details\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n   ----- The following addresses had permanent fatal errors -----\n<bob@example.com>\n    (reason: 550 5.1.1 <bob@example.com>... User unknown)\n\n   ----- The following addresses had transient non-fatal errors -----\n<eve@example.com>\n\n   ----- Transcript of session follows -----\n... while talking to mx.example.com.:\n>>> DATA\n<<< 550 5.1.1 <bob@example.com>... User unknown\n550 5.1.1 <bob@example.com>... User unknown\n<eve@example.com>... Deferred: Connection refused by mx2.example.com.\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 <bob@example.com>... User unknown\n\nFinal-Recipient: rfc822; eve@example.com\nAction: delayed\nStatus: 4.4.1\n\n--b--\n";
    let engine = Engine::new();
    let report = engine.parse(mail.as_bytes());
    let eve = &report.recipients[1].verdict;
    assert_eq!(
        eve.diagnostic_code.as_deref(),
        Some("Deferred: Connection refused by mx2.example.com.")
    );
    assert_eq!(eve.reply_code, None);
    assert_eq!(engine.parse(crlf(mail).as_bytes()), report);
}

/// A delivery status attached as plain text, without the blank line between its groups, was not read.
#[test]
fn a_status_attached_as_text_is_read() {
    let mail = "From: postmaster@example.net\nSubject: Delivery failure\nReturn-Path: <>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nYour message could not be delivered. See the attached report.\n\n--b\nContent-Type: text/plain; name=details.txt\nContent-Disposition: attachment; filename=details.txt\n\nReporting-MTA: dns; mx.example.net\nFinal-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 mailbox not found\n\n--b--\n";
    let engine = Engine::new();
    let report = engine.parse(mail.as_bytes());
    assert_eq!(report.kind, Kind::Bounce);
    assert_eq!(
        report.recipients[0].verdict.status.as_deref(),
        Some("5.1.1")
    );
    let by_person = mail
        .replace("postmaster@", "anna@")
        .replace("Return-Path: <>\n", "");
    assert_eq!(engine.parse(by_person.as_bytes()).kind, Kind::Other);
    assert_eq!(engine.parse(crlf(mail).as_bytes()), report);
}
