//! Postfix and Exim are refused in every way that a list owner meets; their notices get the right verdicts.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::dovecot;
use crate::kit::{lines, ok, text_of};
use crate::mta::{Mta, Setup, Software};
use crate::rejecter::{self, Answer, Manners};

/// Why a message comes back, and what must be said of it.
struct Cause {
    name: &'static str,
    domain: &'static str,
    /// `None`: no answer of the recipient's own; the server as a whole is the cause.
    answer: Option<Answer>,
    category: &'static str,
    permanence: &'static str,
    address_action: &'static str,
}

impl Cause {
    /// Where no server said a word, Exim's notice only says that time ran out.
    fn category(&self, software: Software) -> &'static str {
        match (software, self.category) {
            (Software::Exim, "connection_failed") => "expired",
            (_, category) => category,
        }
    }
}

const fn cause(
    name: &'static str,
    domain: &'static str,
    answer: Option<Answer>,
    category: &'static str,
    permanence: &'static str,
    address_action: &'static str,
) -> Cause {
    Cause {
        name,
        domain,
        answer,
        category,
        permanence,
        address_action,
    }
}

use Answer::{AfterData, AtRcpt, Hangup};

#[rustfmt::skip]
const CAUSES: &[Cause] = &[
    cause("unknown", "a.example", Some(AtRcpt("550 5.1.1 Recipient address rejected: User unknown")), "user_unknown", "permanent", "suppress"),
    cause("full", "a.example", Some(AtRcpt("552 5.2.2 The mailbox is full")), "mailbox_full", "permanent", "retry"),
    cause("full-for-now", "a.example", Some(AtRcpt("452 4.2.2 The mailbox is over its quota")), "mailbox_full", "temporary", "retry"),
    cause("greylisted", "a.example", Some(AtRcpt("450 4.7.1 Greylisted, please try again in 300 seconds")), "greylisted", "temporary", "retry"),
    cause("policy", "a.example", Some(AtRcpt("550 5.7.1 Message refused by local policy")), "policy_rejected", "permanent", "hold"),
    cause("content", "a.example", Some(AfterData("554 5.7.1 Message rejected as spam by content scanning")), "spam_content", "permanent", "hold"),
    cause("too-big-after-all", "a.example", Some(AfterData("552 5.3.4 Message size exceeds fixed limit")), "message_too_large", "permanent", "hold"),
    cause("too-big", "small.example", None, "message_too_large", "permanent", "hold"),
    cause("no-tls", "tls.example", None, "tls_failed", "permanent", "retry"),
    cause("hangup", "drop.example", Some(Hangup), "connection_failed", "temporary", "retry"),
    cause("no-server", "closed.example", None, "connection_failed", "temporary", "retry"),
];

#[test]
fn notices_of_postfix() {
    notices(Software::Postfix);
}

#[test]
fn notices_of_exim() {
    notices(Software::Exim);
}

fn notices(software: Software) {
    let Some(imap) = dovecot::Server::start() else {
        return;
    };
    imap.make_folder("bounce", "INBOX");
    let maildir = imap.maildir("bounce", "INBOX");
    let Some(mta) = start(software, &maildir) else {
        return;
    };
    for cause in CAUSES {
        let to = format!("{}@{}", cause.name, cause.domain);
        mta.send(
            "news@local.test",
            &[&format!("<{to}>")],
            &mail(cause.name, &to),
        );
    }
    mta.send(
        "news@local.test",
        &["<fine@a.example> NOTIFY=SUCCESS"],
        &mail("fine", "fine@a.example"),
    );
    mta.until_empty(Duration::from_secs(20));

    let reports = scan(&maildir);
    for report in &reports {
        assert_eq!(report["dialect"], software.name(), "{report}");
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
    }
    let bounces = by_recipient(&reports, "bounce");
    let mut wrong = Vec::new();
    for cause in CAUSES {
        let to = format!("{}@{}", cause.name, cause.domain);
        let all = bounces.get(&to).map_or(&[][..], Vec::as_slice);
        assert_eq!(all.len(), 1, "bounces of {to}: {all:?}\n{}", mta.log());
        let keys = ["category", "permanence", "address_action"];
        let got = keys.map(|k| all[0][k].as_str().unwrap_or("-"));
        let expected = [
            cause.category(software),
            cause.permanence,
            cause.address_action,
        ];
        if got != expected {
            wrong.push(format!(
                "{to}: {got:?}, not {expected:?}, for {}",
                all[0]["diagnostic_code"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(bounces.len(), CAUSES.len());

    let mut waited: Vec<String> = by_recipient(&reports, "delay").into_keys().collect();
    waited.sort();
    assert_eq!(
        waited,
        [
            "full-for-now@a.example",
            "greylisted@a.example",
            "hangup@drop.example",
            "no-server@closed.example"
        ]
    );
    let fine: Vec<String> = by_recipient(&reports, "delivered").into_keys().collect();
    assert_eq!(fine, ["fine@a.example"]);

    mailbox_tells_the_same(&imap, &maildir);
    assert_eq!(imap.mail("bounce", "INBOX"), []);
    assert_eq!(imap.mail("bounce", "Bounces").len(), reports.len());
}

/// Fetched over IMAP, the notices lead to the ledger that a scan of their folder leads to.
fn mailbox_tells_the_same(imap: &dovecot::Server, maildir: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text_of(&folder.path().join(name));
    let (scanned, fetched) = (path("scanned.sqlite"), path("fetched.sqlite"));
    ok(
        &scanned,
        &["scan", "--record", "--summary", &text_of(maildir)],
    );
    std::fs::write(path("password"), "secret\n").unwrap();
    let port = imap.ports.imaps.to_string();
    let (password, ca) = (path("password"), text_of(&imap.ca_file()));
    #[rustfmt::skip]
    let account = ["mailbox", "--once", "--host", "localhost", "--port", &port, "--user", "bounce", "--password-file", &password, "--ca-file", &ca];
    ok(&fetched, &account);
    for cause in CAUSES {
        let to = format!("{}@{}", cause.name, cause.domain);
        let story = |db: &str| {
            lines(&ok(
                db,
                &["suppressions", "history", &to, "--format", "jsonl"],
            ))
        };
        assert_eq!(story(&fetched), story(&scanned), "{to}");
        assert!(
            story(&fetched).iter().any(|row| row["row"] == "event"),
            "{to}"
        );
    }
}

/// Each domain that fails as a whole has a server of its own: a mail server gives up on all of a server's mail at once.
fn start(software: Software, maildir: &Path) -> Option<Mta> {
    let answers: HashMap<_, _> = CAUSES
        .iter()
        .filter_map(|c| Some((c.name, c.answer?)))
        .collect();
    let usual = Manners {
        answers,
        ..Manners::default()
    };
    let small = Manners {
        size: Some(1000),
        ..Manners::default()
    };
    let strict = Manners {
        at_mail: Some("530 5.7.0 Must issue a STARTTLS command first"),
        ..Manners::default()
    };
    let routes = [
        ("small.example", rejecter::start(small)),
        ("tls.example", rejecter::start(strict)),
        ("drop.example", rejecter::start(usual.clone())),
        // Port 1 is tcpmux, which nobody serves.
        ("closed.example", 1),
        ("*", rejecter::start(usual)),
    ];
    Mta::start(
        software,
        &Setup {
            routes: &routes,
            maildir: Some(maildir),
            extra: &[],
        },
    )
}

/// Longer than the small server takes.
fn mail(name: &str, to: &str) -> String {
    let body = "All that happened in our town this week, in one line.\n".repeat(40);
    format!(
        "From: News <news@local.test>\nTo: {to}\nSubject: News of the week\n\
         Message-ID: <{name}@local.test>\nDate: Fri, 27 Nov 2026 09:00:00 +0000\n\n{body}"
    )
}

fn scan(maildir: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_undeliverable"))
        .args(["scan", "--format", "jsonl"])
        .arg(maildir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// The recipients of all messages of a kind, by their addresses.
fn by_recipient<'a>(reports: &'a [Value], kind: &str) -> HashMap<String, Vec<&'a Value>> {
    let mut all: HashMap<String, Vec<&Value>> = HashMap::new();
    for report in reports.iter().filter(|r| r["kind"] == kind) {
        for recipient in report["recipients"].as_array().unwrap() {
            let address = recipient["final_recipient"].as_str().unwrap().to_owned();
            all.entry(address).or_default().push(recipient);
        }
    }
    all
}
