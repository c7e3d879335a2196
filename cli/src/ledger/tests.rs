//! One suite, run against each store.

use undeliverable::policy::{Act, ActKind, Event, PROFILES, Settlement, Standing};
use undeliverable::{Category, Kind, Permanence, Signal, Trust};

use super::marks::{Mark, MarkState, Place};
use super::memory::Memory;
use super::sqlite::Sqlite;
use super::store::Store;
use super::{Ledger, PrivateKey, open_store};

#[path = "../../tests/support/postgres.rs"]
mod support;

const DAY: i64 = 86_400;
const START: i64 = 1_700_000_000;

fn event(id: &str, address: &str, at: i64, category: Category) -> Event {
    let mut e = Event::new(id, address, at, Kind::Bounce);
    e.category = Some(category);
    e.permanence = Some(category.own_permanence());
    e.provider = Some(address.rsplit_once('@').unwrap().1.to_owned());
    e.text = Some(format!("550 5.1.1 <{address}>: user unknown"));
    e.send = Some(id.to_owned());
    e
}

fn dead(id: &str, address: &str, at: i64) -> Event {
    let mut e = event(id, address, at, Category::UserUnknown);
    e.trust = Trust::Verified;
    e
}

fn ledger(store: Box<dyn Store>) -> Ledger {
    Ledger::new(store, None, None).unwrap()
}

fn standing(l: &mut Ledger, address: &str, now: i64) -> Standing {
    l.states_of(address)
        .unwrap()
        .0
        .map_or(Standing::Clear, |s| s.at(now).standing)
}

/// Everything a ledger holds, as text.
fn dump(l: &mut Ledger) -> String {
    let mut keys = Vec::new();
    l.store()
        .each_state(&mut |s| {
            keys.push(s.key);
            Ok(())
        })
        .unwrap();
    let mut out = String::new();
    for k in &keys {
        out += &format!(
            "{k} {:?} {:?} {:?}\n",
            l.store().states(std::slice::from_ref(k)).unwrap(),
            l.decisions(k).unwrap(),
            l.history(k).unwrap()
        );
    }
    out += &format!(
        "{:?} {:?}",
        l.store().counts().unwrap(),
        l.incidents().unwrap()
    );
    out
}

type Case = (&'static str, fn(&mut dyn FnMut() -> Box<dyn Store>));

const CASES: &[Case] = &[
    ("idempotent", |new| {
        let mut l = ledger(new());
        let all = vec![
            dead("m1", "Bob@Example.com", START),
            dead("m1", "al@example.com", START),
            dead("m2", "bob@example.com", START + 9 * DAY),
        ];
        let r = l.record(all.clone()).unwrap();
        assert_eq!((r.new, r.known), (3, 0));
        let before = dump(&mut l);
        let mut twice = all.clone();
        twice.extend(all);
        let r = l.record(twice).unwrap();
        assert_eq!((r.new, r.known), (0, 6));
        assert_eq!(dump(&mut l), before);
        assert_eq!(
            standing(&mut l, "BOB@example.com", START + 10 * DAY),
            Standing::Suppress
        );
    }),
    ("order", |new| {
        let categories = [
            Category::UserUnknown,
            Category::MailboxFull,
            Category::DomainNotAccepting,
            Category::RateLimited,
            Category::Unknown,
        ];
        let mut all: Vec<Event> = (0..60i64)
            .map(|i| {
                event(
                    &format!("m{i}"),
                    &format!("u{}@d{}.example", i % 7, i % 3),
                    START + i * 37_000,
                    categories[(i % 5) as usize],
                )
            })
            .collect();
        let mut life = Event::new(
            "life",
            "u1@d1.example",
            START + 20 * 37_000,
            Kind::Delivered,
        );
        life.trust = Trust::Verified;
        all.push(life);
        let (mut a, mut b) = (ledger(new()), ledger(new()));
        a.record(all.clone()).unwrap();
        all.reverse();
        for chunk in all.chunks(7) {
            b.record(chunk.to_vec()).unwrap();
        }
        a.settle().unwrap();
        b.settle().unwrap();
        let states = |l: &mut Ledger| {
            let mut rows = Vec::new();
            l.store()
                .each_state(&mut |s| {
                    rows.push(s.key);
                    Ok(())
                })
                .unwrap();
            let states = l.store().states(&rows).unwrap();
            states
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        assert_eq!(states(&mut a), states(&mut b));
    }),
    ("acts", |new| {
        let mut l = ledger(new());
        l.record(vec![dead("m1", "bob@example.com", START)])
            .unwrap();
        l.act(&[Act::new(
            START + 1,
            ActKind::Release,
            "Bob@example.com",
            "al",
            "a mistake",
            None,
        )])
        .unwrap();
        assert_eq!(
            standing(&mut l, "bob@example.com", START + 2),
            Standing::Clear
        );
        // What comes late but happened before stays forgiven; what happens after counts.
        l.record(vec![dead("m0", "bob@example.com", START - DAY)])
            .unwrap();
        assert_eq!(
            standing(&mut l, "bob@example.com", START + 2),
            Standing::Clear
        );
        l.record(vec![dead("m2", "bob@example.com", START + DAY)])
            .unwrap();
        assert_eq!(
            standing(&mut l, "bob@example.com", START + 2 * DAY),
            Standing::Suppress
        );
        l.act(&[Act::new(
            START,
            ActKind::Suppress,
            "@example.net",
            "al",
            "",
            None,
        )])
        .unwrap();
        assert_eq!(
            l.states_of("x@example.net")
                .unwrap()
                .1
                .unwrap()
                .at(START + 1)
                .standing,
            Standing::SuppressDomain
        );
        assert_eq!(l.history("bob@example.com").unwrap().acts.len(), 1);
        assert!(l.decisions("bob@example.com").unwrap().len() >= 2);
    }),
    ("domains", |new| {
        let mut l = ledger(new());
        let mut e = event(
            "m1",
            "bob@gone.example",
            START,
            Category::DomainNotAccepting,
        );
        e.trust = Trust::Verified;
        l.record(vec![e]).unwrap();
        assert_eq!(
            l.states_of("else@gone.example")
                .unwrap()
                .1
                .unwrap()
                .at(START + 1)
                .standing,
            Standing::SuppressDomain
        );
        let mut life = Event::new("m2", "al@gone.example", START + DAY, Kind::Delivered);
        life.trust = Trust::Verified;
        l.record(vec![life]).unwrap();
        assert_eq!(
            l.states_of("else@gone.example")
                .unwrap()
                .1
                .unwrap()
                .at(START + 2 * DAY)
                .standing,
            Standing::Clear
        );
    }),
    ("incidents", |new| {
        let mut l = ledger(new());
        let hour = |h: i64| START.div_euclid(3600) * 3600 + h * 3600;
        let mut all = Vec::new();
        for h in 0..24 * 20 {
            for i in 0..3 {
                let mut e = dead(
                    &format!("n{h}-{i}"),
                    &format!("n{h}-{i}@example.net"),
                    hour(h) + i,
                );
                if i > 0 {
                    e.category = Some(Category::RateLimited);
                    e.permanence = Some(Permanence::Temporary);
                }
                all.push(e);
            }
        }
        for i in 0..200 {
            all.push(dead(
                &format!("x{i}"),
                &format!("living{i}@example.net"),
                hour(24 * 16) + i * 30,
            ));
        }
        for chunk in all.chunks(500) {
            l.record(chunk.to_vec()).unwrap();
        }
        let now = hour(24 * 16 + 5);
        assert!(
            !l.states_of("living5@example.net")
                .unwrap()
                .0
                .unwrap()
                .at(now)
                .provisional
        );
        let found = l.settle().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            l.states_of("living5@example.net")
                .unwrap()
                .0
                .unwrap()
                .at(now)
                .provisional
        );
        assert_eq!(
            standing(&mut l, "living5@example.net", now + 8 * DAY),
            Standing::Clear
        );
        assert_eq!(l.settle().unwrap(), []);
        let i = found[0].clone();
        let n = l
            .say(&Settlement::new(
                "example.net",
                i.from,
                i.until,
                true,
                now,
                "al",
                "we mailed an old list",
            ))
            .unwrap();
        assert!(n >= 200);
        assert_eq!(
            standing(&mut l, "living5@example.net", now + 80 * DAY),
            Standing::Suppress
        );
        l.say(&Settlement::new(
            "example.net",
            i.from,
            i.until,
            false,
            now + 1,
            "al",
            "no, they live",
        ))
        .unwrap();
        assert_eq!(
            standing(&mut l, "living5@example.net", now),
            Standing::Clear
        );
    }),
    ("private", |new| {
        let key = || PrivateKey::of(b"a secret of sixteen bytes");
        let mut l = Ledger::new(new(), None, Some(key())).unwrap();
        let mut e = dead("m1", "bob.smith@example.com", START);
        e.source = Some("Maildir/new/bob.smith".to_owned());
        e.send = Some("bob.smith=example.com@news.example".to_owned());
        e.signals = vec![Signal::LeftCompany];
        e.new_address = Some("bob.smith@example.org".to_owned());
        l.record(vec![e]).unwrap();
        l.act(&[Act::new(
            START,
            ActKind::Suppress,
            "bob.smith@example.com",
            "al",
            "",
            None,
        )])
        .unwrap();
        assert_eq!(
            standing(&mut l, "Bob.Smith@example.com", START + 1),
            Standing::Suppress
        );
        let all = dump(&mut l);
        for word in ["bob", "smith", "example.com", "example.org"] {
            assert!(!all.to_lowercase().contains(word), "{word}: {all}");
        }
        assert!(l.erase("bob.smith@example.com").unwrap() > 0);
        assert!(l.states_of("bob.smith@example.com").unwrap().0.is_none());
        let k = l.key("bob.smith@example.com");
        assert!(l.history(&k).unwrap().events.is_empty() && l.decisions(&k).unwrap().is_empty());
    }),
    ("marks", |new| {
        let mut l = ledger(new());
        let place = |era: &str| Place {
            account: "bounces@imap.example.com".to_owned(),
            folder: "INBOX".to_owned(),
            era: era.to_owned(),
        };
        let mark = |uid: &str, state: MarkState, at: i64| Mark {
            uid: uid.to_owned(),
            state,
            detail: format!("why {uid}\0"),
            at,
        };
        let uids = |l: &mut Ledger, era: &str| {
            let mut all: Vec<String> = l
                .marks(&place(era))
                .unwrap()
                .into_iter()
                .map(|m| format!("{} {}", m.uid, m.state.as_str()))
                .collect();
            all.sort();
            all
        };
        let all = [
            mark("1", MarkState::Done, START),
            mark("2", MarkState::Failed, START - 100 * DAY),
            mark("3", MarkState::Failed, START),
        ];
        let r = l.record_from(
            &place("7"),
            vec![dead("m1", "bob@example.com", START)],
            &all,
        );
        assert_eq!(r.unwrap().new, 1);
        l.put_marks(
            &place("7"),
            &[
                mark("1", MarkState::Copying, START),
                mark("4", MarkState::Done, START),
            ],
        )
        .unwrap();
        l.put_marks(&place("8"), &[mark("1", MarkState::Done, START)])
            .unwrap();
        assert_eq!(
            uids(&mut l, "7"),
            ["1 copying", "2 failed", "3 failed", "4 done"]
        );
        l.drop_marks(&place("7"), &["4".to_owned(), "9".to_owned()])
            .unwrap();
        assert_eq!(uids(&mut l, "7"), ["1 copying", "2 failed", "3 failed"]);
        let failures = l.store().failures("bounces@imap.example.com", 10).unwrap();
        let failures: Vec<&str> = failures.iter().map(|(_, m)| m.uid.as_str()).collect();
        assert_eq!(failures, ["3", "2"], "the newest first");
        // Another UIDVALIDITY: what was there is forgotten, but not what failed of late.
        l.tidy_marks(&place("8"), START).unwrap();
        assert_eq!(uids(&mut l, "7"), ["3 failed"]);
        assert_eq!(uids(&mut l, "8"), ["1 done"]);
        assert!(l.store().try_hold("x").unwrap());
        assert!(l.store().try_hold("x").unwrap(), "it is ours");
        l.store().let_go("x");
        l.is_writable().unwrap();
    }),
    ("hostile", |new| {
        let mut l = ledger(new());
        let mut e = dead("m'1\\", "o'brien\"; drop--@exa\u{301}mple.com", START);
        e.text = Some("nul \0 and \u{202e} 'quotes' \\ \u{1f600}".to_owned());
        l.record(vec![e.clone()]).unwrap();
        let key = l.key(&e.address);
        assert_eq!(l.history(&key).unwrap().events[0].text, e.text);
    }),
    ("policy", |new| {
        let mut l = Ledger::new(new(), Some(PROFILES[1]), None).unwrap();
        assert_eq!(l.policy().name, "cold");
        l.record(vec![dead("m1", "bob@example.com", START)])
            .unwrap();
    }),
];

fn run(new: &mut dyn FnMut() -> Box<dyn Store>) {
    for (name, case) in CASES {
        eprintln!("case {name}");
        case(new);
    }
}

#[test]
fn memory() {
    run(&mut || Box::new(Memory::default()));
}

#[test]
fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut n = 0;
    run(&mut || {
        n += 1;
        Box::new(Sqlite::open(&folder.path().join(format!("deep/{n}.sqlite")), 20).unwrap())
    });
}

#[test]
fn postgres() {
    let Some(server) = support::Server::start() else {
        return;
    };
    let mut n = 0;
    run(&mut || {
        n += 1;
        open_store(Some(&server.database(&format!("suite{n}"))), None, 20).unwrap()
    });
}

/// Of two that want one folder, one has it, until it lets go or is gone.
fn one_holds(mut open: impl FnMut() -> Box<dyn Store>) {
    let (mut a, mut b) = (open(), open());
    assert!(a.try_hold("INBOX").unwrap());
    assert!(!b.try_hold("INBOX").unwrap());
    assert!(b.try_hold("Junk").unwrap());
    a.let_go("INBOX");
    assert!(b.try_hold("INBOX").unwrap());
    assert!(!a.try_hold("INBOX").unwrap());
    drop(b);
    // PostgreSQL notices in its own time.
    let got = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        a.try_hold("INBOX").unwrap()
    });
    assert!(got);
}

#[test]
fn one_worker_holds_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    one_holds(|| Box::new(Sqlite::open(&folder.path().join("l.sqlite"), 20).unwrap()));
    if let Some(server) = support::Server::start() {
        let url = server.database("holds");
        one_holds(|| open_store(Some(&url), None, 20).unwrap());
    }
}

#[test]
fn a_ledger_keeps_its_policy_and_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Box::new(Sqlite::open(&folder.path().join("l.sqlite"), 20).unwrap());
    drop(Ledger::new(open(), None, None).unwrap());
    let refused = |r: anyhow::Result<Ledger>| r.err().unwrap().to_string();
    assert!(refused(Ledger::new(open(), Some(PROFILES[2]), None)).contains("replay"));
    assert!(Ledger::new(open(), Some(PROFILES[0]), None).is_ok());
    assert!(
        refused(Ledger::new(
            open(),
            None,
            Some(PrivateKey::of(b"0123456789abcdef"))
        ))
        .contains("clear")
    );
}

#[test]
fn errors_do_not_name_the_password() {
    for url in [
        "postgres://al:hunter2@127.0.0.1:1/x",
        "postgres://al:hunter2@:::/x",
    ] {
        let e = format!(
            "{:#}",
            open_store(Some(url), Some("hunter2"), 1).err().unwrap()
        );
        assert!(!e.contains("hunter2"), "{e}");
    }
}
