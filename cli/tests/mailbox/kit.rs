//! Writes configurations, runs the program, makes mail, and looks at what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::dovecot::Server;

/// The password of every user.
pub(crate) const PASSWORD: &str = "secret word";

/// The folder for what could not be processed.
pub(crate) const FAILED: &str = "CouldNotProcess";

/// One mailbox, its ledger and the files that the program is given.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    pub user: String,
}

impl Desk {
    pub fn new(server: &Server, user: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        server.user(user, PASSWORD);
        server.make_folder(user, "INBOX");
        fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        Desk {
            folder,
            user: user.to_owned(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn ledger(&self) -> PathBuf {
        self.path("ledger.sqlite")
    }

    /// Writes a configuration: `head` stands before the account, `account` in it.
    pub fn configure(&self, server: &Server, port: u16, head: &str, account: &str) -> PathBuf {
        let text = format!(
            "{head}\n[[account]]\nname = \"test\"\nhost = \"localhost\"\nport = {port}\nca_file = \"{}\"\nuser = \"{}\"\n{account}\n\
             [account.signin]\npassword_file = \"{}\"\n",
            server.ca_file().display(),
            self.user,
            self.path("password").display()
        );
        let path = self.path("mailbox.toml");
        fs::write(&path, text).unwrap();
        path
    }

    /// The program on the configuration that was written last.
    pub fn mailbox(&self, args: &[&str]) -> Command {
        let ledger = self.ledger();
        self.mailbox_on(ledger.to_str().unwrap(), args)
    }

    /// The same with another ledger.
    pub fn mailbox_on(&self, db: &str, args: &[&str]) -> Command {
        let mut command = program();
        command
            .arg("mailbox")
            .args(args)
            .arg("--config")
            .arg(self.path("mailbox.toml"))
            .arg("--db")
            .arg(db);
        command
    }

    /// One run with `--once`, which must end well. Gives stderr.
    pub fn once(&self) -> String {
        let o = self.mailbox(&["--once"]).output().unwrap();
        let err = stderr(&o);
        assert!(o.status.success(), "{}: {err}", o.status);
        err
    }

    /// The events in the ledger, without where and when they were found.
    pub fn events(&self) -> Vec<String> {
        events(&self.ledger())
    }
}

/// The program, with nothing of the caller's surroundings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undeliverable"));
    for name in ["NO_COLOR", "PGPASSWORD", "UNDELIVERABLE_DB"] {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn stderr(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

/// The events in a ledger, sorted, without where and when they were found.
pub(crate) fn events(ledger: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(ledger).unwrap();
    let mut statement = db.prepare("SELECT body FROM events").unwrap();
    let bodies = statement.query_map([], |r| r.get::<_, String>(0)).unwrap();
    let mut all: Vec<String> = bodies
        .map(|b| {
            let mut body: Value = serde_json::from_str(&b.unwrap()).unwrap();
            let fields = body.as_object_mut().unwrap();
            fields.remove("source");
            fields.remove("at");
            body.to_string()
        })
        .collect();
    all.sort();
    all
}

/// What an undisturbed run over files would record.
pub(crate) fn expected_events(mail: &[Vec<u8>]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (n, m) in mail.iter().enumerate() {
        fs::write(folder.path().join(format!("{n:05}.eml")), m).unwrap();
    }
    let ledger = tempfile::tempdir().unwrap();
    let ledger = ledger.path().join("expected.sqlite");
    let o = program()
        .args(["scan", "--record", "--summary", "--db"])
        .arg(&ledger)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
    events(&ledger)
}

/// The folder that a kind goes to; `INBOX` stays.
pub(crate) fn folder_of(kind: &str) -> &'static str {
    match kind {
        "bounce" | "delay" | "delivered" => "Bounces",
        "auto_reply" | "challenge" | "receipt" => "AutoReplies",
        "complaint" | "report" => "Complaints",
        "other" => "INBOX",
        _ => panic!("kind {kind}"),
    }
}

/// The samples, with the folder that each belongs into.
pub(crate) fn samples() -> Vec<(Vec<u8>, &'static str)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let o = program()
        .args(["scan", "--format", "jsonl"])
        .arg(&corpus)
        .output()
        .unwrap();
    let text = String::from_utf8(o.stdout).unwrap();
    let mut all = Vec::new();
    for line in text.lines() {
        let report: Value = serde_json::from_str(line).unwrap();
        let source = report["source"].as_str().unwrap();
        if Path::new(source).extension().is_none_or(|e| e != "eml") {
            continue;
        }
        let bytes = fs::read(source).unwrap();
        // IMAP has no NUL: a server hands such a mail over with another byte in its place, and that is another mail.
        if bytes.contains(&0) {
            continue;
        }
        let folder = if bytes.iter().all(u8::is_ascii_whitespace) {
            FAILED
        } else {
            folder_of(report["kind"].as_str().unwrap())
        };
        all.push((bytes, folder));
    }
    assert!(all.len() > 700, "{}", all.len());
    all
}

/// A bounce for an address, in CRLF as it comes from the network.
pub(crate) fn bounce(address: &str, send: &str) -> Vec<u8> {
    bounce_with(address, send, "Hello\n")
}

/// A bounce that returns this body.
pub(crate) fn bounce_with(address: &str, send: &str, body: &str) -> Vec<u8> {
    let text = format!(
        "From: MAILER-DAEMON@mx.example.org\nTo: news@example.org\nSubject: Undelivered Mail Returned to Sender\n\
         Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <{send}.bounce@mx.example.org>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\n\n\
         --b1\n\nYour message could not be delivered.\n\n\
         --b1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n\
         Final-Recipient: rfc822; {address}\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 user unknown\n\n\
         --b1\nContent-Type: message/rfc822\n\nFrom: news@example.org\nTo: {address}\nMessage-ID: <{send}@example.org>\n\
         Date: Mon, 5 Jan 2026 09:59:00 +0000\nSubject: News\n\n{body}--b1--\n"
    );
    text.replace('\n', "\r\n").into_bytes()
}

/// Mail of a person.
pub(crate) fn letter(n: u32) -> Vec<u8> {
    format!(
        "From: Nadia <nadia{n}@bluefin.example.com>\r\nTo: news@example.org\r\nSubject: lunch {n}\r\n\
         Date: Mon, 5 Jan 2026 10:00:00 +0000\r\nMessage-ID: <letter{n}@bluefin.example.com>\r\n\r\nAt noon?\r\n"
    )
    .into_bytes()
}

/// An auto-reply.
pub(crate) fn vacation(n: u32) -> Vec<u8> {
    format!(
        "From: tomas{n}@sunfield.example.net\r\nTo: news@example.org\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\
         Date: Mon, 5 Jan 2026 10:00:00 +0000\r\nMessage-ID: <vacation{n}@sunfield.example.net>\r\n\r\nI am out of the office.\r\n"
    )
    .into_bytes()
}

/// A message with the line ends of a file: servers store it in one or the other way.
fn unix(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    out.retain(|b| {
        at += 1;
        *b != b'\r' || bytes.get(at) != Some(&b'\n')
    });
    out
}

/// What lies in each folder: sorted bytes.
pub(crate) type Boxes = BTreeMap<String, Vec<Vec<u8>>>;

/// What lies in every folder of a user.
pub(crate) fn boxes(server: &Server, user: &str) -> Boxes {
    let mut all = Boxes::new();
    for folder in server.folders(user) {
        let mut mail: Vec<Vec<u8>> = server
            .mail(user, &folder)
            .into_iter()
            .map(|m| unix(&m.bytes))
            .collect();
        mail.sort();
        if !mail.is_empty() {
            all.insert(folder, mail);
        }
    }
    all
}

/// Boxes of these messages.
pub(crate) fn sorted<'a>(mail: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Boxes {
    let mut all = Boxes::new();
    for (folder, bytes) in mail {
        all.entry(folder.to_owned()).or_default().push(unix(&bytes));
    }
    for mail in all.values_mut() {
        mail.sort();
    }
    all
}

/// What differs between two states of folders, for people.
pub(crate) fn difference(is: &Boxes, should: &Boxes) -> String {
    let mut text = String::new();
    for folder in is
        .keys()
        .chain(should.keys())
        .collect::<std::collections::BTreeSet<_>>()
    {
        let none = Vec::new();
        let (a, b) = (
            is.get(folder).unwrap_or(&none),
            should.get(folder).unwrap_or(&none),
        );
        let _ = writeln!(text, "{folder}: {} there, {} expected", a.len(), b.len());
        for m in a
            .iter()
            .filter(|m| a.iter().filter(|x| x == m).count() > b.iter().filter(|x| x == m).count())
        {
            let _ = writeln!(
                text,
                "  too many: {}",
                String::from_utf8_lossy(&m[..m.len().min(300)])
            );
        }
        for m in b
            .iter()
            .filter(|m| b.iter().filter(|x| x == m).count() > a.iter().filter(|x| x == m).count())
        {
            let _ = writeln!(
                text,
                "  missing: {}",
                String::from_utf8_lossy(&m[..m.len().min(300)])
            );
        }
    }
    text
}

/// Two ledgers must tell the same.
pub(crate) fn assert_same_events(is: &[String], should: &[String], name: &str) {
    let lacks = |all: &[String], of: &[String]| -> String {
        let missing = all.iter().filter(|e| !of.contains(e));
        missing.map(|e| format!("  {e}\n")).collect()
    };
    assert!(
        is == should,
        "{name}: {} events, {} expected; too many:\n{}missing:\n{}",
        is.len(),
        should.len(),
        lacks(is, should),
        lacks(should, is)
    );
}

/// Moves the one message of a folder to another, as a person does with a mail program.
pub(crate) fn move_by_hand(server: &Server, user: &str, from: &str, to: &str) {
    let file = ["new", "cur"]
        .iter()
        .flat_map(|part| fs::read_dir(server.maildir(user, from).join(part)).unwrap())
        .map(|entry| entry.unwrap().path())
        .next()
        .unwrap();
    let name = file.file_name().unwrap();
    fs::rename(&file, server.maildir(user, to).join("cur").join(name)).unwrap();
}
