//! Tokens, the sent log, and what a forger can reach.

use std::collections::HashMap;

use undeliverable::policy::{Context, Event, Policy, Standing, decide};
use undeliverable::trust::{Proof, SentLog, Token, TokenKey, events, judge};
use undeliverable::{Engine, Trust};

const TODAY: i64 = 20_410; // 18 November 2025
const NOW: i64 = TODAY * 86_400 + 50_000;

struct Log(HashMap<String, Vec<String>>);

impl SentLog for Log {
    fn recipients(&self, id: &str) -> Option<&[String]> {
        self.0.get(id).map(Vec::as_slice)
    }
    fn begins(&self) -> Option<i64> {
        Some((TODAY - 30) * 86_400)
    }
}

fn keys() -> Vec<TokenKey> {
    vec![
        TokenKey::new("new", b"the secret of this winter").unwrap(),
        TokenKey::new("old", b"the secret of last summer").unwrap(),
    ]
}

fn proof<'a>(keys: &'a [TokenKey], sent: Option<&'a dyn SentLog>) -> Proof<'a> {
    Proof {
        keys,
        sent,
        own_domains: &[],
        routes: &[],
        today: TODAY,
        max_age: 30,
    }
}

fn dsn(to: &str, victim: &str, extra: &str) -> Vec<u8> {
    format!(
        "From: MAILER-DAEMON@mx.example.net\r\nTo: <{to}>\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Date: Tue, 18 Nov 2025 10:00:00 +0000\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\n\r\nYour mail failed.\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\nArrival-Date: Tue, 18 Nov 2025 09:59:00 +0000\r\n\r\n\
         Final-Recipient: rfc822; {victim}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <{victim}>: user unknown\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\nFrom: news@example.org\r\nTo: {victim}\r\nDate: Tue, 18 Nov 2025 09:58:00 +0000\r\n{extra}\r\nHello\r\n--b--\r\n"
    )
    .into_bytes()
}

fn read(mail: &[u8], proof: &Proof<'_>) -> Vec<Event> {
    let mut report = Engine::new().parse(mail);
    events(&mut report, NOW, proof)
}

fn standing(events: &[Event]) -> Standing {
    decide(
        &Policy::built_in("default").unwrap(),
        events,
        &[],
        &Context::default(),
        NOW,
    )
    .standing
}

#[test]
fn tokens_survive_what_mail_systems_do_to_them() {
    let keys = keys();
    let path = keys[0]
        .return_path("Bob@Example.com", "bounces.example.org", TODAY - 3)
        .unwrap();
    let valid = Token::Valid {
        recipient: "bob@example.com".into(),
        day: TODAY - 3,
    };
    let (local, domain) = path.split_once('@').unwrap();
    for form in [
        path.clone(),
        path.to_uppercase(),
        format!("<{path}>"),
        format!("prvs=0123abcdef={path}"),
        format!("SRS0=ab12=XY={domain}={local}@fwd.example"),
    ] {
        assert_eq!(Token::read(&form, &keys, TODAY, 30), valid, "{form}");
    }
    let header = keys[1].header("bob@example.com", TODAY - 3).unwrap();
    assert_eq!(Token::read(&header, &keys, TODAY, 30), valid);
    assert!(matches!(
        Token::read(&path, &keys, TODAY + 40, 30),
        Token::Expired { .. }
    ));
    assert!(matches!(
        Token::read(&path, &keys, TODAY - 10, 30),
        Token::Expired { .. }
    ));
    assert_eq!(
        Token::read(&path.replace("ob=", "ab="), &keys, TODAY, 30),
        Token::Forged
    );
    assert_eq!(
        Token::read(
            "list-bounces+bob=example.com@lists.example",
            &keys,
            TODAY,
            30
        ),
        Token::None
    );
    assert_eq!(Token::read("", &keys, TODAY, 30), Token::None);
    assert!(TokenKey::new("short", b"too short").is_none());
    assert!(
        keys[0]
            .return_path(
                &format!("{}@example.com", "x".repeat(40)),
                "b.example",
                TODAY
            )
            .is_none()
    );
}

#[test]
fn a_token_proves_its_own_recipient() {
    let keys = keys();
    let p = proof(&keys, None);
    let path = keys[0]
        .return_path("bob@example.com", "bounces.example.org", TODAY - 1)
        .unwrap();
    let e = read(&dsn(&path, "bob@example.com", ""), &p);
    assert_eq!(
        (e[0].trust, e[0].address.as_str()),
        (Trust::Verified, "bob@example.com")
    );
    assert_eq!(standing(&e), Standing::Suppress);
    let header = format!(
        "X-Undeliverable-Token: {}\r\n",
        keys[0].header("bob@example.com", TODAY - 1).unwrap()
    );
    let e = read(&dsn("news@example.org", "bob@example.com", &header), &p);
    assert_eq!(e[0].trust, Trust::Verified);
}

#[test]
fn forged_reports_do_not_suppress_their_victim() {
    let keys = keys();
    let p = proof(&keys, None);
    // Without a token.
    let e = read(&dsn("news@example.org", "victim@example.com", ""), &p);
    assert_eq!(
        (e[0].trust, standing(&e)),
        (Trust::Unverified, Standing::Hold)
    );
    // Many of them, about different sends, are no better.
    let many: Vec<Event> = (0..50)
        .map(|i| {
            let mut x = e[0].clone();
            x.event_id = format!("f{i}");
            x.at -= i * 86_400;
            x.send = Some(format!("s{i}"));
            x
        })
        .collect();
    assert_eq!(standing(&many), Standing::Hold);
    // With a token somebody made up.
    let made_up = "b-aaaabbbbccccddddeeee+victim=example.com@bounces.example.org";
    let e = read(&dsn(made_up, "victim@example.com", ""), &p);
    assert_eq!(
        (e[0].trust, standing(&e)),
        (Trust::Suspicious, Standing::Clear)
    );
    // With the forger's own token: it speaks for the forger's own address.
    let own = keys[0]
        .return_path("mallory@example.net", "bounces.example.org", TODAY - 1)
        .unwrap();
    let e = read(&dsn(&own, "victim@example.com", ""), &p);
    assert!(e.iter().all(|e| e.address != "victim@example.com"), "{e:?}");
    // The same, naming himself and the victim.
    let mail = String::from_utf8(dsn(&own, "victim@example.com", "")).unwrap();
    let block =
        "Final-Recipient: rfc822; mallory@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n";
    let e = read(
        mail.replace(
            "--b\r\nContent-Type: message/rfc822",
            &format!("{block}--b\r\nContent-Type: message/rfc822"),
        )
        .as_bytes(),
        &p,
    );
    let victim: Vec<Event> = e
        .iter()
        .filter(|e| e.address == "victim@example.com")
        .cloned()
        .collect();
    assert_eq!((victim.len(), standing(&victim)), (1, Standing::Clear));
}

#[test]
fn the_sent_log_matches() {
    let log = Log(HashMap::from([
        (
            "known@example.org".to_owned(),
            vec!["bob@example.com".to_owned()],
        ),
        ("bulk@example.org".to_owned(), Vec::new()),
    ]));
    let p = proof(&[], Some(&log));
    let with = |id: &str, who: &str| {
        read(
            &dsn("news@example.org", who, &format!("Message-ID: <{id}>\r\n")),
            &p,
        )[0]
        .clone()
    };
    assert_eq!(
        with("known@example.org", "bob@example.com").trust,
        Trust::Matched
    );
    assert_eq!(
        with("bulk@example.org", "anybody@example.com").trust,
        Trust::Matched
    );
    // Forwarded: the event is about the address that was written to.
    assert_eq!(
        with("known@example.org", "bob@elsewhere.example").address,
        "bob@example.com"
    );
    let never = with("never-sent@example.org", "bob@example.com");
    assert_eq!(
        (never.trust, standing(&[never])),
        (Trust::Suspicious, Standing::Clear)
    );
}

#[test]
fn what_cannot_be_is_suspicious() {
    let engine = Engine::new();
    let mail = String::from_utf8(dsn("news@example.org", "bob@example.com", "")).unwrap();
    let trust = |mail: &str, p: &Proof<'_>| judge(&engine.parse(mail.as_bytes()), p).trust;
    let none = Proof {
        today: TODAY,
        ..Proof::NONE
    };
    assert_eq!(trust(&mail, &none), Trust::Unverified);
    assert_eq!(
        trust(
            &mail.replace("Arrival-Date: Tue, 18 Nov", "Arrival-Date: Fri, 14 Nov"),
            &none
        ),
        Trust::Suspicious
    );
    let (own, other) = (
        vec!["example.org".to_owned()],
        vec!["example.edu".to_owned()],
    );
    assert_eq!(
        trust(
            &mail,
            &Proof {
                own_domains: &own,
                ..none
            }
        ),
        Trust::Unverified
    );
    assert_eq!(
        trust(
            &mail,
            &Proof {
                own_domains: &other,
                ..none
            }
        ),
        Trust::Suspicious
    );
    let (near, far) = (
        vec!["example.net".to_owned()],
        vec!["relay.example.edu".to_owned()],
    );
    assert_eq!(
        trust(
            &mail,
            &Proof {
                routes: &near,
                ..none
            }
        ),
        Trust::Unverified
    );
    assert_eq!(
        trust(
            &mail,
            &Proof {
                routes: &far,
                ..none
            }
        ),
        Trust::Suspicious
    );
}
