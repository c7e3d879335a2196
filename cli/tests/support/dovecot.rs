//! A Dovecot of its own on loopback, with its own users, folders and certificate, started by the test and killed when
//! it goes out of scope.

#![allow(dead_code, reason = "each user takes what it needs")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};

/// Where it listens on 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Plain text, with STARTTLS.
    pub imap: u16,
    /// Over TLS.
    pub imaps: u16,
    /// Plain text, with STLS.
    pub pop3: u16,
    /// Over TLS.
    pub pop3s: u16,
}

/// The running server. It has a user `bounce` with the password `secret`.
pub struct Server {
    home: tempfile::TempDir,
    pub ports: Ports,
    /// Somebody may have signed in since users were added.
    has_users: AtomicBool,
}

/// A message as it lies in a Maildir.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mail {
    /// Maildir's letters, sorted: `S` seen, `F` flagged, `T` deleted, `R` answered; small ones are keywords.
    pub flags: String,
    pub bytes: Vec<u8>,
}

impl Server {
    /// Starts one. `None`, in words on stderr, where Dovecot is not installed; with `CI=true` that is a failure.
    pub fn start() -> Option<Server> {
        Server::start_with("")
    }

    /// Starts one with more settings, which are read last: `imap_capability = IMAP4rev1` hides MOVE, IDLE and UIDPLUS.
    pub fn start_with(settings: &str) -> Option<Server> {
        let home = tempfile::Builder::new()
            .prefix("undeliverable-imap")
            .tempdir()
            .unwrap();
        std::fs::write(home.path().join("extra.conf"), settings).unwrap();
        // Somebody else may take a port between the look and the start.
        for _ in 0..3 {
            let ports = free_ports();
            let status = start(home.path(), ports);
            if status.code() == Some(3) {
                let words = "Dovecot is not installed (Debian: apt-get install dovecot-imapd dovecot-pop3d)";
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{words}");
                let _ = writeln!(std::io::stderr(), "skipped: {words}");
                return None;
            }
            if status.success() {
                return Some(Server {
                    home,
                    ports,
                    has_users: AtomicBool::new(false),
                });
            }
        }
        panic!("dovecot.sh start: {}", log_of(home.path()));
    }

    /// Adds a user, or changes the password of one. Dovecot looks for changes once a second.
    pub fn user(&self, name: &str, password: &str) {
        self.users([name], password);
    }

    /// Adds users with one password, or changes theirs.
    pub fn users<'a>(&self, names: impl IntoIterator<Item = &'a str>, password: &str) {
        assert!(
            !password.contains([':', '\n']),
            "a line of the file has the form NAME:{{PLAIN}}PASSWORD"
        );
        // Tests on several threads share a server, and it reads the file at any moment.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path("passwd");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: BTreeMap<&str, String> = text
            .lines()
            .filter_map(|l| Some((l.split_once(':')?.0, l.to_owned())))
            .collect();
        let before = lines.clone();
        for name in names {
            lines.insert(name, format!("{name}:{{PLAIN}}{password}"));
        }
        if lines == before {
            return;
        }
        let text: String = lines.values().map(|l| format!("{l}\n")).collect();
        let new = self.path("passwd.new");
        std::fs::write(&new, text).unwrap();
        give(&new, &std::fs::metadata(self.path("mail")).unwrap());
        std::fs::rename(new, path).unwrap();
        if self.has_users.swap(true, Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1100));
        }
    }

    /// The certificate of the authority that signed the server's, which is for `localhost` and 127.0.0.1.
    pub fn ca_file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// An access token for XOAUTH2 and OAUTHBEARER that ends after so many seconds; negative: it has ended.
    pub fn token(&self, user: &str, seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        let claims = serde_json::json!({"sub": user, "iat": now - 60, "nbf": now - 60, "exp": now + seconds});
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let key = std::fs::read(self.path("oauth.key")).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// The Maildir of a folder: `INBOX`, `Junk`, `Lists/Rust`. Names stand as they do on disk (modified UTF-7).
    pub fn maildir(&self, user: &str, folder: &str) -> PathBuf {
        let root = self.path("mail").join(user);
        if folder == "INBOX" {
            root
        } else {
            root.join(format!(".{}", folder.replace('/', ".")))
        }
    }

    /// Makes a folder, if it is not there.
    pub fn make_folder(&self, user: &str, folder: &str) {
        let owner = std::fs::metadata(self.path("mail")).unwrap();
        let mine = |path: &Path| {
            if std::fs::create_dir(path).is_ok() {
                give(path, &owner);
            }
        };
        mine(&self.maildir(user, "INBOX"));
        let maildir = self.maildir(user, folder);
        mine(&maildir);
        for part in ["tmp", "new", "cur"] {
            mine(&maildir.join(part));
        }
        if folder != "INBOX" {
            let mark = maildir.join("maildirfolder");
            std::fs::write(&mark, "").unwrap();
            give(&mark, &owner);
        }
    }

    /// Delivers as a mail server does: unread, into `new`.
    pub fn deliver(&self, user: &str, folder: &str, mail: &[u8]) {
        self.put(user, folder, None, mail);
    }

    /// Puts a message with these Maildir flags into `cur`: `S` is read, the empty text unread but not new.
    pub fn put_with_flags(&self, user: &str, folder: &str, flags: &str, mail: &[u8]) {
        self.put(user, folder, Some(flags), mail);
    }

    /// What lies in a folder, sorted; empty where the folder is not there.
    pub fn mail(&self, user: &str, folder: &str) -> Vec<Mail> {
        // The server renames while we read: from the beginning, then.
        loop {
            if let Ok(mut all) = read_maildir(&self.maildir(user, folder)) {
                all.sort();
                return all;
            }
        }
    }

    /// The folders of a user, `INBOX` first.
    pub fn folders(&self, user: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.maildir(user, "INBOX"))
            .map(|entries| {
                entries
                    .filter_map(|e| e.unwrap().file_name().into_string().ok())
                    .filter_map(|name| Some(name.strip_prefix('.')?.replace('.', "/")))
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        names.insert(0, "INBOX".to_owned());
        names
    }

    /// The folder forgets its numbers: with the next SELECT it has another UIDVALIDITY and gives every message a new UID.
    pub fn change_uid_validity(&self, user: &str, folder: &str) {
        for entry in std::fs::read_dir(self.maildir(user, folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "dovecot-uidlist" || name.starts_with("dovecot.index") {
                std::fs::remove_file(&path).unwrap();
            }
        }
    }

    /// What Dovecot said.
    pub fn log(&self) -> String {
        log_of(self.home.path())
    }

    /// Ends it as a power cut does.
    pub fn kill(&self) {
        assert!(end(self.home.path(), "kill").success());
    }

    /// Ends it in order; takes a second or two.
    pub fn stop(&self) {
        assert!(end(self.home.path(), "stop").success());
    }

    /// Starts it again on the same ports and mail.
    pub fn restart(&self) {
        let status = start(self.home.path(), self.ports);
        assert!(status.success(), "{}", self.log());
    }

    fn put(&self, user: &str, folder: &str, flags: Option<&str>, mail: &[u8]) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        self.make_folder(user, folder);
        let maildir = self.maildir(user, folder);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let name = format!(
            "{}.M{:06}P{}Q{}.test",
            now.as_secs(),
            now.subsec_micros(),
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let temporary = maildir.join("tmp").join(&name);
        std::fs::write(&temporary, mail).unwrap();
        give(&temporary, &std::fs::metadata(self.path("mail")).unwrap());
        let place = match flags {
            None => maildir.join("new").join(&name),
            Some(flags) => maildir.join("cur").join(format!("{name}:2,{flags}")),
        };
        std::fs::rename(temporary, place).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = end(self.home.path(), "kill");
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/servers/dovecot.sh")
}

fn start(home: &Path, ports: Ports) -> ExitStatus {
    Command::new(script())
        .arg("start")
        .arg(home)
        .args([ports.imap, ports.imaps, ports.pop3, ports.pop3s].map(|p| p.to_string()))
        .status()
        .unwrap()
}

fn end(home: &Path, how: &str) -> ExitStatus {
    Command::new(script()).arg(how).arg(home).status().unwrap()
}

fn log_of(home: &Path) -> String {
    std::fs::read_to_string(home.join("log")).unwrap_or_default()
}

/// Four ports at once, so that they differ.
fn free_ports() -> Ports {
    let all: Vec<TcpListener> = (0..4)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let port = |n: usize| all[n].local_addr().unwrap().port();
    Ports {
        imap: port(0),
        imaps: port(1),
        pop3: port(2),
        pop3s: port(3),
    }
}

/// Files of a test that runs as root belong to the server's user like its own.
fn give(path: &Path, owner: &std::fs::Metadata) {
    std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

fn read_maildir(maildir: &Path) -> std::io::Result<Vec<Mail>> {
    let mut all = Vec::new();
    for part in ["new", "cur"] {
        let Ok(entries) = std::fs::read_dir(maildir.join(part)) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap().to_string_lossy();
            let flags = name.rsplit_once(":2,").map_or("", |(_, flags)| flags);
            let mut flags: Vec<char> = flags.chars().collect();
            flags.sort_unstable();
            all.push(Mail {
                flags: flags.into_iter().collect(),
                bytes: std::fs::read(&path)?,
            });
        }
    }
    Ok(all)
}
