//! What `contrib/` tells an operator to write, run by the real servers: bounces reach the ledger, and whatever stands in
//! the way of the program, the server keeps the message and tries again.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kit::{bounce, is_sound, ok, text_of};
use crate::mta::{Mta, Setup, Software};

const CONTRIB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib");
const PATIENCE: Duration = Duration::from_secs(30);

/// The folder of the ledger and the program, both of the user whom the server runs it as.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::Builder::new()
            .prefix("undeliverable-pipe")
            .tempdir()
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = Place { folder };
        // Where it was built need not be open to every user.
        fs::copy(env!("CARGO_BIN_EXE_undeliverable"), place.program()).unwrap();
        fs::create_dir(place.ledger_folder()).unwrap();
        place.open();
        place
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("undeliverable")
    }

    fn ledger_folder(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn ledger(&self) -> String {
        text_of(&self.ledger_folder().join("ledger.sqlite"))
    }

    /// Lets the user write, and only the user.
    fn open(&self) {
        let user = nobody();
        chown(self.ledger_folder(), Some(user.0), Some(user.1)).unwrap();
        fs::set_permissions(self.ledger_folder(), fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// Locks the user out.
    fn close(&self) {
        chown(self.ledger_folder(), Some(0), Some(0)).unwrap();
    }

    /// What is written for an operator, with the paths and the user of the test.
    fn adapted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in [
            (
                "/usr/bin/undeliverable deliver",
                format!("{} deliver --lock-seconds 1", text_of(&self.program())),
            ),
            ("/var/lib/undeliverable/ledger.sqlite", self.ledger()),
        ] {
            assert!(text.contains(from), "{from:?} expected in: {text}");
            text = text.replace(from, &to);
        }
        // sendmail names its user elsewhere.
        text.replace("user=bounce", "user=nobody")
            .replace("user = bounce", "user = nobody")
    }
}

fn nobody() -> (u32, u32) {
    let id = |option: &str| {
        let output = Command::new("id")
            .args([option, "nobody"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    (id("-u"), id("-g"))
}

/// The indented lines behind the one that begins so.
fn block(text: &str, begin: &str) -> String {
    let mut lines = text.lines().skip_while(|l| !l.starts_with(begin)).skip(1);
    let lines = lines.by_ref().skip_while(|l| l.is_empty());
    let lines: Vec<&str> = lines.map_while(|l| l.strip_prefix("    ")).collect();
    assert!(!lines.is_empty(), "no block behind {begin:?}");
    lines.join("\n") + "\n"
}

/// The lines of a section that begins with `# --- NAME ---`.
fn section(text: &str, name: &str) -> String {
    let begin = format!("# --- {name} ---");
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no {begin}"));
    rest.split("# ---").next().unwrap().to_owned()
}

fn start(software: Software, place: &Place) -> Option<Mta> {
    let extra = match software {
        Software::Postfix => {
            let text = fs::read_to_string(Path::new(CONTRIB).join("postfix.md")).unwrap();
            let transport = place.folder.path().join("transport");
            fs::write(&transport, block(&text, "In `transport`")).unwrap();
            let main = block(&text, "In `main.cf`");
            assert!(main.contains("hash:/etc/postfix/transport"));
            let main = main.replace("/etc/postfix/transport", &text_of(&transport));
            // Days, as a real one has: the tests of notices give up after seconds.
            let days = "bounce_queue_lifetime = 5d\nmaximal_queue_lifetime = 5d\n";
            let master = place.adapted(&block(&text, "In `master.cf`"));
            vec![("main.extra", main + days), ("master.extra", master)]
        }
        Software::Exim => {
            let text = fs::read_to_string(Path::new(CONTRIB).join("exim.conf")).unwrap();
            let transports = place.adapted(&section(&text, "transports"));
            vec![
                ("routers.extra", section(&text, "routers")),
                ("transports.extra", transports),
                ("retry.extra", "* * F,5d,1s\n".to_owned()),
            ]
        }
        Software::Sendmail => {
            let text = fs::read_to_string(Path::new(CONTRIB).join("sendmail.md")).unwrap();
            vec![
                ("mc.extra", block(&text, "In `sendmail.mc`")),
                (
                    "aliases",
                    place.adapted(&block(&text, "In `/etc/mail/aliases`")),
                ),
            ]
        }
    };
    let setup = Setup {
        extra: &extra,
        ..Setup::default()
    };
    let mta = Mta::start(software, &setup)?;
    if software == Software::Postfix {
        mta.postmap(&place.folder.path().join("transport"));
    }
    Some(mta)
}

/// What hinders the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Locked,
    Unwritable,
    Killed,
    KilledWithShell,
    Missing,
}

impl Trouble {
    /// What the server says then.
    const fn said(self, software: Software) -> &'static str {
        match (self, software) {
            (Trouble::Killed, Software::Postfix) => "Command died with signal 9",
            (Trouble::KilledWithShell, Software::Sendmail) => "died with signal 9",
            (_, Software::Sendmail) => "Deferred",
            (Trouble::KilledWithShell, _) => "Frozen",
            (_, Software::Postfix) => "status=deferred",
            (_, Software::Exim) => " defer ",
        }
    }
}

fn bounces_arrive(software: Software, troubles: &[Trouble]) {
    let place = Place::new();
    let Some(mta) = start(software, &place) else {
        return;
    };
    let mut number = 0;
    let mut send = || {
        number += 1;
        let who = format!("person{number}@example.com");
        let mail = bounce(
            &who,
            "550 5.1.1 user unknown",
            number,
            &format!("s{number}"),
        );
        mta.send("", &["<bounces@bounces.example.org>"], &mail);
        who
    };
    let stored = |who: &str| {
        let story = ok(
            &place.ledger(),
            &["suppressions", "history", who, "--format", "jsonl"],
        );
        story.contains("user_unknown")
    };

    let first: Vec<String> = (0..5).map(|_| send()).collect();
    mta.until_empty(PATIENCE);
    for who in &first {
        assert!(stored(who), "{who}\n{}", mta.log());
    }

    let hidden = place.folder.path().join("away");
    for trouble in troubles {
        let lock = rusqlite::Connection::open(place.ledger()).unwrap();
        match trouble {
            Trouble::Unwritable => place.close(),
            Trouble::Missing => fs::rename(place.program(), &hidden).unwrap(),
            // A program that waits for the lock is one that can be killed.
            _ => lock.execute_batch("BEGIN EXCLUSIVE").unwrap(),
        }
        // The queue, and with it what sendmail says, is empty here.
        let seen = mta.log().len();
        let who = send();
        mta.until(&format!("{trouble:?}: tried"), PATIENCE, || {
            match trouble {
                Trouble::Killed => kill_all(|process| is_running(process, &place.program())),
                Trouble::KilledWithShell => kill_all(|process| mentions(process, &place.ledger())),
                _ => {}
            }
            mta.log()
                .get(seen..)
                .is_some_and(|new| new.contains(trouble.said(software)))
        });
        assert_eq!(mta.queued(), 1, "{trouble:?}: {}", mta.log());
        match trouble {
            Trouble::Unwritable => place.open(),
            Trouble::Missing => fs::rename(&hidden, place.program()).unwrap(),
            _ => lock.execute_batch("ROLLBACK").unwrap(),
        }
        // What Exim has frozen is tried on demand only.
        let seconds = if *trouble == Trouble::KilledWithShell {
            0
        } else {
            8
        };
        mta.until_empty(Duration::from_secs(seconds));
        assert!(stored(&who), "{trouble:?}: {who}\n{}", mta.log());
    }
    assert!(is_sound(&place.ledger()));
}

/// SIGKILL for every process that is one of these.
fn kill_all(is_one: impl Fn(&Path) -> bool) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if is_one(&entry.path()) {
            let pid = entry.file_name();
            Command::new("kill")
                .arg("-KILL")
                .arg(&pid)
                .stderr(Stdio::null())
                .status()
                .unwrap();
        }
    }
}

fn is_running(process: &Path, program: &Path) -> bool {
    fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program)
}

fn mentions(process: &Path, word: &str) -> bool {
    fs::read(process.join("cmdline"))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
}

#[test]
fn contrib_postfix() {
    use Trouble::{Killed, Locked, Missing, Unwritable};
    bounces_arrive(Software::Postfix, &[Locked, Unwritable, Killed, Missing]);
}

#[test]
fn contrib_exim() {
    use Trouble::{Killed, KilledWithShell, Locked, Missing, Unwritable};
    let troubles = [Locked, Unwritable, Killed, KilledWithShell, Missing];
    bounces_arrive(Software::Exim, &troubles);
}

#[test]
fn contrib_sendmail() {
    use Trouble::{Killed, KilledWithShell, Locked, Missing, Unwritable};
    let troubles = [Locked, Unwritable, Killed, KilledWithShell, Missing];
    bounces_arrive(Software::Sendmail, &troubles);
}
