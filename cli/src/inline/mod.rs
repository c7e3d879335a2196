//! Delivery failures in the logs of mail servers: one line in, the failures it tells out.
//!
//! Pure functions of the line, so that a fuzz target can take the module in by its path. They stand in the program and
//! not in the library, because a log is one more source that the program reads, like an mbox, and because the
//! library would need a JSON reader for nothing else.

mod csv;
mod exim;
mod kumomta;
mod postfix;
mod powermta;
mod sendmail;

/// One recipient that was not reached, as a log tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The reply, or the server's own words.
    pub reply: String,
    /// The address that was tried.
    pub recipient: Option<String>,
    /// The server's name for the message.
    pub queue_id: Option<String>,
    /// The host that answered.
    pub remote_mta: Option<String>,
    /// The enhanced code that the log names beside the reply.
    pub status: Option<String>,
    /// Still being tried.
    pub delayed: bool,
}

/// A log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Postfix through syslog or its own log file.
    Postfix,
    /// Exim's main log.
    Exim,
    /// Sendmail through syslog.
    Sendmail,
    /// KumoMTA's records, one JSON object a line.
    Kumomta,
    /// PowerMTA's accounting file, CSV with a header.
    Powermta,
}

/// Reads the lines of one log in their order.
#[derive(Debug)]
pub(crate) struct Reader {
    format: LogFormat,
    columns: powermta::Columns,
}

impl Reader {
    /// A reader for one log.
    pub fn new(format: LogFormat) -> Self {
        Reader {
            format,
            columns: powermta::Columns::default(),
        }
    }

    /// The failures that the line tells: none for most lines of a log, several where it names several recipients.
    pub fn read(&mut self, line: &str) -> Vec<Entry> {
        match self.format {
            LogFormat::Postfix => postfix::read(line).into_iter().collect(),
            LogFormat::Exim => exim::read(line).into_iter().collect(),
            LogFormat::Sendmail => sendmail::read(line),
            LogFormat::Kumomta => kumomta::read(line),
            LogFormat::Powermta => self.columns.read(line).into_iter().collect(),
        }
    }
}

/// A value, or nothing where it is empty or says so.
fn some(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty() && value != "none" && value != "-").then(|| value.to_owned())
}

/// The host of `mx.example.com[192.0.2.1]:25` and of `mx.example.com. [192.0.2.1]`; none for a name of a transport.
fn host(relay: &str) -> Option<String> {
    let (name, address) = relay.split_once(['[', ' ']).unwrap_or((relay, ""));
    let name = name.trim().trim_end_matches('.');
    if name.is_empty() {
        // No name was found for it.
        return some(address.split(']').next().unwrap_or_default());
    }
    (!address.is_empty() || name.contains('.')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Entry, LogFormat, Reader};

    const FORMATS: [LogFormat; 5] = [
        LogFormat::Postfix,
        LogFormat::Exim,
        LogFormat::Sendmail,
        LogFormat::Kumomta,
        LogFormat::Powermta,
    ];

    /// Recipient, queue id, remote host, status, whether it is a delay, reply.
    type Row<'a> = (&'a str, &'a str, &'a str, &'a str, bool, &'a str);

    fn entry(row: &Row<'_>) -> Entry {
        let some = |t: &str| (!t.is_empty()).then(|| t.to_owned());
        Entry {
            recipient: some(row.0),
            queue_id: some(row.1),
            remote_mta: some(row.2),
            status: some(row.3),
            delayed: row.4,
            reply: row.5.to_owned(),
        }
    }

    #[test]
    fn failures_are_read_and_the_rest_is_not() {
        let table: &[(LogFormat, &str, &[Row<'_>])] = &[
            (
                LogFormat::Postfix,
                "Nov 20 10:11:12 mail postfix/smtp[4711]: 4F1A2B3C4D: to=<bob@example.com>, orig_to=<b@example.net>, relay=mx.example.com[192.0.2.1]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.1] said: 550 5.1.1 <bob@example.com>: user unknown (in reply to RCPT TO command))",
                &[(
                    "bob@example.com",
                    "4F1A2B3C4D",
                    "mx.example.com",
                    "5.1.1",
                    false,
                    "host mx.example.com[192.0.2.1] said: 550 5.1.1 <bob@example.com>: user unknown (in reply to RCPT TO command)",
                )],
            ),
            (
                LogFormat::Postfix,
                "2026-11-20T10:11:12.345678+00:00 mail postfix-out/error[9]: 3yXzAb12cDz: to=<eve@example.org>, relay=none, delay=7, delays=7/0/0/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to mx.example.org[198.51.100.2]:25: Connection timed out)",
                &[(
                    "eve@example.org",
                    "3yXzAb12cDz",
                    "",
                    "4.4.1",
                    true,
                    "delivery temporarily suspended: connect to mx.example.org[198.51.100.2]:25: Connection timed out",
                )],
            ),
            (
                LogFormat::Postfix,
                "Nov 20 10:11:12 mail postfix/smtp[4711]: 4F1A2B3C4D: to=<\"a, status=sent (x\"@example.com>, relay=local, delay=1, delays=0/0/0/1, dsn=5.2.2, status=bounced (full)",
                &[(
                    "\"a, status=sent (x\"@example.com",
                    "4F1A2B3C4D",
                    "",
                    "5.2.2",
                    false,
                    "full",
                )],
            ),
            (
                LogFormat::Postfix,
                "Nov 20 10:11:12 mail postfix/smtp[1]: AB12: to=<bob@example.com>, relay=mx.example.com[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok, status=bounced (no))",
                &[],
            ),
            (
                LogFormat::Postfix,
                "Nov 20 10:11:12 mail postfix/qmgr[1]: AB12: removed",
                &[],
            ),
            (
                LogFormat::Exim,
                "2026-11-20 10:11:12 1tXyzA-000001-AB ** bob@example.com R=dnslookup T=remote_smtp H=mx.example.com [192.0.2.1] X=TLS1.3:TLS_AES_256_GCM_SHA384:256: SMTP error from remote mail server after RCPT TO:<bob@example.com>: 550 5.1.1 User unknown",
                &[(
                    "bob@example.com",
                    "1tXyzA-000001-AB",
                    "mx.example.com",
                    "",
                    false,
                    "SMTP error from remote mail server after RCPT TO:<bob@example.com>: 550 5.1.1 User unknown",
                )],
            ),
            (
                LogFormat::Exim,
                "2026-11-20 10:11:12 +0100 [77] 1tXyzA-00000000001-ABCD == eve@example.org <e@example.net> R=dnslookup T=remote_smtp defer (-44) H=mx.example.org [2001:db8::1]:25: SMTP error from remote mail server after RCPT TO:<eve@example.org>: 451 4.7.1 greylisted",
                &[(
                    "eve@example.org",
                    "1tXyzA-00000000001-ABCD",
                    "mx.example.org",
                    "",
                    true,
                    "SMTP error from remote mail server after RCPT TO:<eve@example.org>: 451 4.7.1 greylisted",
                )],
            ),
            (
                LogFormat::Exim,
                "2026-11-20 10:11:12 1tXyzA-000001-AB ** kim@example.invalid: Unrouteable address",
                &[(
                    "kim@example.invalid",
                    "1tXyzA-000001-AB",
                    "",
                    "",
                    false,
                    "Unrouteable address",
                )],
            ),
            (
                LogFormat::Exim,
                "2026-11-20 10:11:12 1tXyzA-000001-AB == bob@example.com R=dnslookup T=remote_smtp defer (110): Connection timed out",
                &[(
                    "bob@example.com",
                    "1tXyzA-000001-AB",
                    "",
                    "",
                    true,
                    "Connection timed out",
                )],
            ),
            (
                LogFormat::Exim,
                "2026-11-20 10:11:12 1tXyzA-000001-AB => bob@example.com R=dnslookup T=remote_smtp H=mx.example.com [192.0.2.1] C=\"250 ok\"",
                &[],
            ),
            (
                LogFormat::Exim,
                "2026-11-20 10:11:12 1tXyzA-000001-AB Completed",
                &[],
            ),
            (
                LogFormat::Sendmail,
                "Nov 20 10:11:12 mail sendmail[4711]: wAK9BCde004711: to=<bob@example.com>,<eve@example.com>, ctladdr=<news@example.net> (8/0), delay=00:00:02, xdelay=00:00:01, mailer=esmtp, pri=30321, relay=mx.example.com. [192.0.2.1], dsn=5.1.1, stat=User unknown",
                &[
                    (
                        "bob@example.com",
                        "wAK9BCde004711",
                        "mx.example.com",
                        "5.1.1",
                        false,
                        "User unknown",
                    ),
                    (
                        "eve@example.com",
                        "wAK9BCde004711",
                        "mx.example.com",
                        "5.1.1",
                        false,
                        "User unknown",
                    ),
                ],
            ),
            (
                LogFormat::Sendmail,
                "Nov 20 10:11:12 mail sm-mta[4711]: wAK9BCde004711: to=<bob@example.com>, delay=00:00:02, mailer=esmtp, pri=30321, relay=mx.example.com. [192.0.2.1], dsn=4.7.1, reply=451 4.7.1 Greylisted, stat=Deferred: 451 4.7.1 Greylisted, try in 5 minutes",
                &[(
                    "bob@example.com",
                    "wAK9BCde004711",
                    "mx.example.com",
                    "4.7.1",
                    true,
                    "451 4.7.1 Greylisted, try in 5 minutes",
                )],
            ),
            (
                LogFormat::Sendmail,
                "Nov 20 10:11:12 mail sendmail[1]: wAK: to=<bob@example.com>, relay=mx.example.com. [192.0.2.1], dsn=2.0.0, stat=Sent (ok)",
                &[],
            ),
            (
                LogFormat::Sendmail,
                "Nov 20 10:11:12 mail sendmail[1]: wAK: from=<news@example.net>, size=1",
                &[],
            ),
            (
                LogFormat::Kumomta,
                r#"{"type":"Bounce","id":"d7ef132b5d7711eea8c8000c29c33806","sender":"news@example.net","recipient":"bob@example.com","queue":"example.com","site":"s","size":320,"response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1},"content":"user unknown","command":"RCPT TO:<bob@example.com>"},"peer_address":{"name":"mx.example.com.","addr":"192.0.2.1"},"timestamp":1757000000}"#,
                &[(
                    "bob@example.com",
                    "d7ef132b5d7711eea8c8000c29c33806",
                    "mx.example.com",
                    "",
                    false,
                    "550 5.1.1 user unknown",
                )],
            ),
            (
                LogFormat::Kumomta,
                r#"{"type":"TransientFailure","id":"d7","recipient":["bob@example.com","eve@example.com"],"response":{"code":421,"enhanced_code":null,"content":"4.7.0 busy"},"peer_address":null}"#,
                &[
                    ("bob@example.com", "d7", "", "", true, "421 4.7.0 busy"),
                    ("eve@example.com", "d7", "", "", true, "421 4.7.0 busy"),
                ],
            ),
            (
                LogFormat::Kumomta,
                r#"{"type":"Delivery","id":"d7","recipient":"bob@example.com","response":{"code":250,"content":"ok"}}"#,
                &[],
            ),
            (LogFormat::Kumomta, "no json", &[]),
            (
                LogFormat::Powermta,
                "b,2026-11-20 10:11:12+0000,2026-11-20 10:11:10+0000,news@example.net,bob@example.com,,failed,5.1.1 (bad destination mailbox address),\"smtp;550 5.1.1 <bob@example.com> \"\"unknown\"\", sorry\",mx.example.com (192.0.2.1),bad-mailbox",
                &[(
                    "bob@example.com",
                    "",
                    "mx.example.com",
                    "5.1.1 (bad destination mailbox address)",
                    false,
                    "550 5.1.1 <bob@example.com> \"unknown\", sorry",
                )],
            ),
            (
                LogFormat::Powermta,
                "d,2026-11-20 10:11:12+0000,2026-11-20 10:11:10+0000,news@example.net,bob@example.com,,relayed,2.0.0 (success),smtp;250 ok,mx.example.com (192.0.2.1),",
                &[],
            ),
        ];
        for (format, line, rows) in table {
            let wanted: Vec<Entry> = rows.iter().map(entry).collect();
            assert_eq!(Reader::new(*format).read(line), wanted, "{line}");
        }
    }

    #[test]
    fn powermta_columns_are_found_by_name() {
        let mut reader = Reader::new(LogFormat::Powermta);
        assert!(
            reader
                .read("type,rcpt,jobId,dsnDiag,dsnMta,dsnStatus")
                .is_empty()
        );
        let found = reader.read("t,bob@example.com,job7,smtp;421 busy,mx.example.com (192.0.2.1),4.0.0 (undefined status)");
        assert_eq!(
            found,
            [entry(&(
                "bob@example.com",
                "job7",
                "mx.example.com",
                "4.0.0 (undefined status)",
                true,
                "421 busy"
            ))]
        );
        // A new file begins.
        assert!(reader.read("type,dsnDiag,rcpt").is_empty());
        assert_eq!(
            reader.read("b,smtp;550 no,eve@example.com")[0]
                .recipient
                .as_deref(),
            Some("eve@example.com")
        );
    }

    #[test]
    fn any_line_is_survived() {
        // A walk over pieces that the readers look for, in every order that a small generator comes to.
        const PIECES: &[&str] = &[
            "to=<",
            ">, ",
            ", status=",
            "bounced",
            "deferred",
            " (",
            ")",
            ": ",
            " ** ",
            " == ",
            "H=",
            "[",
            "]",
            "stat=",
            "dsn=",
            "relay=",
            ",",
            "\"",
            "{\"type\":\"Bounce\"",
            "}",
            "smtp;",
            "é",
            "\u{1b}",
            " ",
            "",
            "1tXyzA-000001-AB",
            "bob@example.com",
            "b,",
            "type,",
            "<",
            "Deferred",
        ];
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as usize
        };
        for _ in 0..20_000 {
            let line: String = (0..next() % 14)
                .map(|_| PIECES[next() % PIECES.len()])
                .collect();
            for format in FORMATS {
                let _ = Reader::new(format).read(&line);
            }
        }
    }
}
