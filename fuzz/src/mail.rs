//! Mails built from parts, whole or broken: the fuzzer chooses, so that most inputs reach the inner readers.

use arbitrary::Arbitrary;

use crate::frame::{base64, quoted_printable};

/// What a mail is made of.
#[derive(Arbitrary, Debug, Clone)]
pub struct Plan {
    pub headers: Vec<Field>,
    pub report: bool,
    pub parts: Vec<PartPlan>,
    pub recipients: Vec<Recipient>,
}

/// How a mail is written, where that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way {
    /// Turns the fields of the outer header around by so many places.
    pub turn_header: u8,
    /// Turns the fields of each group of the delivery status.
    pub turn_fields: u8,
    /// The transfer encoding of leaves.
    pub encoding: Encoding,
    /// The words of one more part at the end.
    pub footer: Option<&'static str>,
}

/// A transfer encoding.
#[derive(Arbitrary, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    None,
    Base64,
    QuotedPrintable,
}

/// A field of the outer header.
#[derive(Arbitrary, Debug, Clone)]
pub enum Field {
    From(From),
    To(u8),
    Subject(Subject),
    ReturnPathNull,
    FailedRecipients(u8),
    AutoSubmitted(bool),
    Date,
    Precedence,
    Other(u8, u8),
}

#[derive(Arbitrary, Debug, Clone)]
pub enum From {
    Daemon,
    Postmaster,
    Person(u8),
}

#[derive(Arbitrary, Debug, Clone)]
pub enum Subject {
    Failure,
    Delay,
    OutOfOffice,
    Plain(u8),
}

/// One part of the body.
#[derive(Arbitrary, Debug, Clone)]
pub enum PartPlan {
    Words(Vec<Sentence>),
    Html(Vec<Sentence>),
    Status,
    Returned(u8),
    ReturnedHeaders(u8),
    Nested(Vec<PartPlan>),
    Feedback(u8),
}

#[derive(Arbitrary, Debug, Clone)]
pub enum Sentence {
    Sorry,
    Named(u8),
    Reply(u8, u8),
    Session(u8),
    Signature(u8),
}

/// One group of the delivery status.
#[derive(Arbitrary, Debug, Clone)]
pub struct Recipient {
    pub who: u8,
    pub original: Option<u8>,
    pub action: u8,
    pub status: u8,
    pub reply: u8,
    /// Turns the fields around by so many places.
    pub turn: u8,
}

pub fn address(n: u8) -> String {
    const DOMAINS: [&str; 4] = ["example.com", "example.net", "mail.example.org", "x.test"];
    format!("user{n}@{}", DOMAINS[usize::from(n % 4)])
}

pub fn reply(n: u8) -> &'static str {
    const REPLIES: [&str; 12] = [
        "550 5.1.1 user unknown",
        "552 5.2.2 mailbox full",
        "421 4.7.0 try again later",
        "550 5.7.1 blocked by spam filter",
        "554 5.7.26 unauthenticated",
        "451 4.7.1 greylisted, wait 300 seconds",
        "550",
        "554 4.4.7 Message expired <421 4.4.2 timed out>",
        "552 5.3.4 message too large (10240 kb)",
        "550-5.1.1 one\n 550 5.1.1 two",
        "",
        "no words",
    ];
    REPLIES[usize::from(n) % REPLIES.len()]
}

impl Field {
    /// Its name, by which fields that may change places are told.
    pub fn write(&self) -> (String, String) {
        let (name, value) = match self {
            Field::From(From::Daemon) => ("From", "Mail Delivery System <MAILER-DAEMON@mx.example.net>".into()),
            Field::From(From::Postmaster) => ("From", "postmaster@example.org".into()),
            Field::From(From::Person(n)) => ("From", format!("Kim Doe <{}>", address(*n))),
            Field::To(n) => ("To", format!("<{}>", address(*n))),
            Field::Subject(s) => (
                "Subject",
                match s {
                    Subject::Failure => "Undelivered Mail Returned to Sender".into(),
                    Subject::Delay => "Warning: could not send message for past 4 hours".into(),
                    Subject::OutOfOffice => "Out of office: holiday".into(),
                    Subject::Plain(n) => format!("Order {n}"),
                },
            ),
            Field::ReturnPathNull => ("Return-Path", "<>".into()),
            Field::FailedRecipients(n) => ("X-Failed-Recipients", address(*n)),
            Field::AutoSubmitted(replied) => {
                ("Auto-Submitted", if *replied { "auto-replied" } else { "auto-generated" }.into())
            }
            Field::Date => ("Date", "Fri, 20 Nov 2026 10:11:12 +0000".into()),
            Field::Precedence => ("Precedence", "bulk".into()),
            Field::Other(a, b) => return (format!("X-Field-{a}"), format!("value {b}")),
        };
        (name.to_owned(), value)
    }
}

impl Recipient {
    /// The group, its fields turned by `turn`.
    pub fn write(&self, turn: usize) -> String {
        const ACTIONS: [&str; 5] = ["failed", "delayed", "delivered", "relayed", "expanded"];
        const STATUS: [&str; 5] = ["5.1.1", "4.2.2", "5.0.0", "2.0.0", "5.7.1"];
        let mut fields = vec![
            format!("Final-Recipient: rfc822; {}", address(self.who)),
            format!("Action: {}", ACTIONS[usize::from(self.action) % 5]),
            format!("Status: {}", STATUS[usize::from(self.status) % 5]),
        ];
        if let Some(o) = self.original {
            fields.push(format!("Original-Recipient: rfc822;{}", address(o)));
        }
        if !reply(self.reply).is_empty() {
            fields.push(format!("Diagnostic-Code: smtp; {}", reply(self.reply)));
        }
        let by = turn % fields.len();
        fields.rotate_left(by);
        fields.join("\n") + "\n"
    }
}

impl Plan {
    /// The fields of the header, each name once: which of two counts is left open by the standards.
    pub fn header(&self) -> Vec<(String, String)> {
        let mut out: Vec<(String, String)> = Vec::new();
        for f in self.headers.iter().take(12) {
            let (name, value) = f.write();
            if !out.iter().any(|o| o.0 == name) {
                out.push((name, value));
            }
        }
        out
    }

    /// The mail, written in this way.
    pub fn write(&self, way: &Way) -> Vec<u8> {
        let mut fields = self.header();
        let subtype = if self.report { "report; report-type=delivery-status" } else { "mixed" };
        fields.push(("MIME-Version".into(), "1.0".into()));
        fields.push(("Content-Type".into(), format!("multipart/{subtype};\n boundary=\"b0\"")));
        let by = usize::from(way.turn_header) % fields.len();
        fields.rotate_left(by);
        let mut out = String::new();
        for (name, value) in fields {
            out.push_str(&format!("{name}: {value}\n"));
        }
        out.push('\n');
        self.multipart(&self.parts, 0, way, way.footer, &mut out);
        out.into_bytes()
    }

    fn multipart(&self, parts: &[PartPlan], level: usize, way: &Way, footer: Option<&str>, out: &mut String) {
        for part in parts.iter().take(8) {
            out.push_str(&format!("--b{level}\n"));
            self.part(part, level, way, out);
            out.push('\n');
        }
        if let Some(text) = footer {
            out.push_str(&format!("--b{level}\nContent-Type: text/plain\n\n{text}\n"));
        }
        out.push_str(&format!("--b{level}--\n"));
    }

    fn part(&self, part: &PartPlan, level: usize, way: &Way, out: &mut String) {
        match part {
            PartPlan::Words(s) => {
                let mut text = String::new();
                s.iter().take(12).for_each(|s| s.write("\n", &mut text));
                leaf("text/plain; charset=us-ascii", &text, way, out);
            }
            PartPlan::Html(s) => {
                let mut text = String::from("<html><body>");
                s.iter().take(12).for_each(|s| s.write("<br>\n", &mut text));
                leaf("text/html", &(text + "</body></html>\n"), way, out);
            }
            PartPlan::Status => {
                let mut text = String::from("Reporting-MTA: dns; mx.example.net\n");
                for r in self.recipients.iter().take(8) {
                    text.push('\n');
                    text.push_str(&r.write(usize::from(way.turn_fields) + usize::from(r.turn)));
                }
                leaf("message/delivery-status", &text, way, out);
            }
            PartPlan::Returned(n) => out.push_str(&format!(
                "Content-Type: message/rfc822\n\nFrom: me@example.com\nTo: {}\nSubject: hello\nMessage-ID: <{n}@example.com>\n\nbody {n}\n",
                address(*n)
            )),
            PartPlan::ReturnedHeaders(n) => out.push_str(&format!(
                "Content-Type: text/rfc822-headers\n\nFrom: me@example.com\nTo: {}\nX-Campaign-ID: {n}\n",
                address(*n)
            )),
            PartPlan::Nested(parts) if level < 4 && !parts.is_empty() => {
                out.push_str(&format!("Content-Type: multipart/mixed; boundary=b{}\n\n", level + 1));
                self.multipart(parts, level + 1, way, None, out);
            }
            PartPlan::Nested(_) => out.push('\n'),
            PartPlan::Feedback(n) => leaf(
                "message/feedback-report",
                &format!("Feedback-Type: abuse\nVersion: 1\nUser-Agent: x/1\nOriginal-Rcpt-To: {}\n", address(*n)),
                way,
                out,
            ),
        }
    }
}

/// A leaf in the transfer encoding of this way.
fn leaf(media: &str, text: &str, way: &Way, out: &mut String) {
    out.push_str(&format!("Content-Type: {media}\n"));
    match way.encoding {
        Encoding::None => out.push_str(&format!("\n{text}")),
        Encoding::Base64 => out.push_str(&format!("Content-Transfer-Encoding: base64\n\n{}\n", base64(text.as_bytes()))),
        Encoding::QuotedPrintable => {
            out.push_str(&format!("Content-Transfer-Encoding: quoted-printable\n\n{}", quoted_printable(text)));
        }
    }
}

impl Sentence {
    fn write(&self, end: &str, out: &mut String) {
        match self {
            Sentence::Sorry => out.push_str("I'm sorry to have to inform you that your message could not be delivered."),
            Sentence::Named(n) => out.push_str(&format!("{}:", address(*n))),
            Sentence::Reply(a, r) => out.push_str(&format!("{}: {}", address(*a), reply(*r).replace('\n', " "))),
            Sentence::Session(r) => out.push_str(&format!("host mx.example.com[192.0.2.1] said: {}", reply(*r).replace('\n', " "))),
            Sentence::Signature(n) => out.push_str(&format!("Please contact {}", address(*n))),
        }
        out.push_str(end);
    }
}
