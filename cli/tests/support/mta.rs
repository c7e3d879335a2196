//! A Postfix, an Exim or a sendmail of its own on loopback, started by the test and stopped when it goes out of scope.

#![allow(dead_code, reason = "each user takes what it needs")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    Postfix,
    Exim,
    Sendmail,
}

impl Software {
    /// Its name as `dialect` has it, and that of its script.
    pub const fn name(self) -> &'static str {
        match self {
            Software::Postfix => "postfix",
            Software::Exim => "exim",
            Software::Sendmail => "sendmail",
        }
    }
}

/// How it is set up.
#[derive(Default)]
pub struct Setup<'a> {
    /// Domains and the ports of their servers; `*` is every other domain.
    pub routes: &'a [(&'a str, u16)],
    /// Where mail to local.test goes, as the owner of this folder.
    pub maildir: Option<&'a Path>,
    /// More of its configuration: names of files, as the scripts have them, and their text.
    pub extra: &'a [(&'a str, String)],
}

pub struct Mta {
    software: Software,
    home: tempfile::TempDir,
    port: u16,
}

impl Mta {
    /// Starts one. `None`, in words on stderr, where it is not installed or this is not root; with `CI=true` that is a failure.
    pub fn start(software: Software, setup: &Setup<'_>) -> Option<Mta> {
        let name = software.name();
        let home = tempfile::Builder::new()
            .prefix("undeliverable-mta")
            .tempdir()
            .unwrap();
        let routes = setup.routes.iter().fold(String::new(), |mut text, (d, p)| {
            let _ = writeln!(text, "{d} {p}");
            text
        });
        if !routes.is_empty() {
            std::fs::write(home.path().join("routes"), routes).unwrap();
        }
        for (file, text) in setup.extra {
            std::fs::write(home.path().join(file), text).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut start = script(software);
        start.arg("start").arg(home.path()).arg(port.to_string());
        let status = start.args(setup.maildir).status().unwrap();
        let missing = match status.code() {
            Some(3) => format!("{name} is not installed (scripts/install-servers)"),
            Some(4) => format!("{name} is started by root only"),
            _ => {
                assert!(status.success(), "{name}.sh start: {status}");
                let mta = Mta {
                    software,
                    home,
                    port,
                };
                mta.until("it answers", Duration::from_secs(20), || {
                    TcpStream::connect(("127.0.0.1", port)).is_ok()
                });
                return Some(mta);
            }
        };
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
        let _ = writeln!(std::io::stderr(), "skipped: {missing}");
        None
    }

    /// Hands a message over by SMTP. A recipient may bring parameters: `<bob@example.com> NOTIFY=SUCCESS`.
    pub fn send(&self, from: &str, to: &[&str], mail: &str) {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut stream = BufReader::new(stream);
        self.expect(&mut stream, '2');
        self.tell(&mut stream, "EHLO client.local.test", '2');
        self.tell(&mut stream, &format!("MAIL FROM:<{from}>"), '2');
        for to in to {
            self.tell(&mut stream, &format!("RCPT TO:{to}"), '2');
        }
        self.tell(&mut stream, "DATA", '3');
        let lines = mail.lines().fold(String::new(), |text, line| {
            let dot = if line.starts_with('.') { "." } else { "" };
            text + dot + line + "\r\n"
        });
        self.tell(&mut stream, &format!("{lines}."), '2');
        self.tell(&mut stream, "QUIT", '2');
    }

    fn tell(&self, stream: &mut BufReader<TcpStream>, command: &str, class: char) {
        write!(stream.get_mut(), "{command}\r\n").unwrap();
        self.expect(stream, class);
    }

    /// Reads a reply to its last line, which must be of this class.
    fn expect(&self, stream: &mut BufReader<TcpStream>, class: char) {
        loop {
            let mut line = String::new();
            let read = stream.read_line(&mut line);
            assert!(
                read.is_ok() && line.starts_with(class),
                "expected {class}xx, got {line:?} ({read:?})\n{}",
                self.log()
            );
            if line.as_bytes().get(3) != Some(&b'-') {
                return;
            }
        }
    }

    /// How many messages wait.
    pub fn queued(&self) -> usize {
        let output = self.run("queue");
        output.lines().filter(|l| !l.is_empty()).count()
    }

    /// Tries everything that waits now.
    pub fn flush(&self) {
        self.run("flush");
    }

    /// Makes Postfix's table of a text.
    pub fn postmap(&self, text: &Path) {
        let output = Command::new("/usr/sbin/postmap")
            .arg("-c")
            .arg(self.home.path().join("conf"))
            .arg(format!("hash:{}", text.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Waits until this is so; fails with what the server said.
    pub fn until(&self, what: &str, patience: Duration, mut so: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !so() {
            assert!(
                begin.elapsed() < patience,
                "{}: not so after {patience:?}: {what}\n{}",
                self.software.name(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until nothing waits any more; after this time everything is tried on demand. A message at which Postfix looks in
    /// the very moment of its deferral is tried again after minutes only.
    pub fn until_empty(&self, undisturbed: Duration) {
        let begin = Instant::now();
        self.until(
            "the queue is empty",
            undisturbed + Duration::from_secs(40),
            || {
                if begin.elapsed() > undisturbed {
                    self.flush();
                }
                self.queued() == 0
            },
        );
    }

    /// What it said. sendmail has no log of its own: why messages wait.
    pub fn log(&self) -> String {
        let path = match self.software {
            Software::Postfix => "log",
            Software::Exim => "log/mainlog",
            Software::Sendmail => return self.run("said"),
        };
        std::fs::read_to_string(self.home.path().join(path)).unwrap_or_default()
    }

    fn run(&self, action: &str) -> String {
        let output = script(self.software)
            .arg(action)
            .arg(self.home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{action}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Mta {
    fn drop(&mut self) {
        let _ = script(self.software)
            .arg("stop")
            .arg(self.home.path())
            .status();
    }
}

fn script(software: Software) -> Command {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/servers"));
    Command::new(folder.join(format!("{}.sh", software.name())))
}
