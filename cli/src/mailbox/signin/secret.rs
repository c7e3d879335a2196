//! A password or token, and the places it may come from. Never an argument: other users of the machine see those.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use zeroize::Zeroizing;

/// More than any password or token needs; what is longer is the wrong file.
const MAX_BYTES: u64 = 64 << 10;
/// How long a command may take: it may ask a person, or a service on the network.
const COMMAND_TIME: Duration = Duration::from_secs(60);
/// Where systemd puts the credentials of a unit.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Text that is shown to nobody by accident and is wiped from memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is kept. It is read anew each time it is needed, so that a changed password needs no restart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The first line of a file.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
    /// The first line that a command writes to its stdout.
    Command(Vec<String>),
    /// The name of a credential that systemd hands to the unit.
    Credential(String),
}

impl SecretSource {
    /// Picks the one place that the settings `NAME_file`, `NAME_env`, `NAME_command` and `NAME_credential` give.
    ///
    /// # Errors
    /// Where more than one is given.
    pub fn pick(
        name: &str,
        file: Option<&Path>,
        env: Option<&str>,
        command: Option<&[String]>,
        credential: Option<&str>,
    ) -> anyhow::Result<Option<Self>> {
        let mut given = [
            file.map(|f| SecretSource::File(f.to_owned())),
            env.map(|e| SecretSource::Env(e.to_owned())),
            command.map(|c| SecretSource::Command(c.to_owned())),
            credential.map(|c| SecretSource::Credential(c.to_owned())),
        ]
        .into_iter()
        .flatten();
        let first = given.next();
        ensure!(
            given.next().is_none(),
            "one of {name}_file, {name}_env, {name}_command and {name}_credential is expected, not several"
        );
        Ok(first)
    }

    /// Reads it.
    ///
    /// # Errors
    /// Where the place is not there, is empty, or does not answer; the error never holds what was read.
    pub fn read(&self) -> anyhow::Result<Secret> {
        self.read_within(COMMAND_TIME)
    }

    fn read_within(&self, time: Duration) -> anyhow::Result<Secret> {
        let bytes = match self {
            SecretSource::File(path) => read_file(path).with_context(|| self.to_string())?,
            SecretSource::Env(name) => read_env(name)?,
            SecretSource::Command(words) => run(words, time).with_context(|| self.to_string())?,
            SecretSource::Credential(name) => {
                read_credential(name).with_context(|| self.to_string())?
            }
        };
        first_line(&bytes).with_context(|| self.to_string())
    }

    /// Says so where others than the owner can read the secret.
    pub fn exposed(&self) -> Option<String> {
        let SecretSource::File(path) = self else {
            return None;
        };
        is_open_to_others(path).then(|| {
            format!(
                "{} can be read by other users of this machine: chmod 600 it",
                path.display()
            )
        })
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "secret file {}", path.display()),
            SecretSource::Env(name) => write!(f, "environment variable {name}"),
            // Its arguments may be secrets: who writes those is wrong, but not to be punished in a log.
            SecretSource::Command(words) => {
                write!(f, "command {}", words.first().map_or("", String::as_str))
            }
            SecretSource::Credential(name) => write!(f, "systemd credential {name}"),
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({self})")
    }
}

type Bytes = Zeroizing<Vec<u8>>;

/// A file that holds a secret, whole.
///
/// # Errors
/// Where it cannot be read, or is longer than any secret.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    read_all(File::open(path)?)
}

fn read_all(from: impl Read) -> anyhow::Result<Bytes> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= MAX_BYTES,
        "more than {MAX_BYTES} bytes, expected one line"
    );
    Ok(bytes)
}

fn read_env(name: &str) -> anyhow::Result<Bytes> {
    let value = std::env::var_os(name)
        .with_context(|| format!("environment variable {name} is not set"))?;
    Ok(Zeroizing::new(value.into_encoded_bytes()))
}

fn read_credential(name: &str) -> anyhow::Result<Bytes> {
    ensure!(
        !name.is_empty() && !name.contains('/') && name != "." && name != "..",
        "a name without `/` is expected"
    );
    let folder = std::env::var_os(CREDENTIALS).with_context(|| {
        format!(
            "{CREDENTIALS} is not set; systemd sets it for a unit with LoadCredential={name}:/path/to/file"
        )
    })?;
    read_file(&Path::new(&folder).join(name))
}

fn first_line(bytes: &[u8]) -> anyhow::Result<Secret> {
    let end = bytes
        .iter()
        .position(|b| *b == b'\n')
        .unwrap_or(bytes.len());
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    ensure!(
        !line.is_empty(),
        "empty, expected the secret in the first line"
    );
    let Ok(text) = std::str::from_utf8(line) else {
        bail!("the secret is not UTF-8");
    };
    ensure!(!text.contains('\0'), "the secret holds a NUL byte");
    Ok(Secret::new(text))
}

/// What a command writes. Its stderr is the program's: helpers say there why they cannot.
fn run(words: &[String], time: Duration) -> anyhow::Result<Bytes> {
    let (program, arguments) = words.split_first().context(
        "a program and its arguments are expected, such as [\"pass\", \"show\", \"bounces\"]",
    )?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let (send, receive) = mpsc::channel();
    let stdout = child.stdout.take();
    // Not joined: a grandchild may hold the pipe open for as long as it likes.
    thread::spawn(move || send.send(stdout.map(read_all)));
    let started = Instant::now();
    let output = match receive.recv_timeout(time) {
        Ok(output) => output,
        Err(_) => return Err(end(&mut child, time)),
    };
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if started.elapsed() >= time => return Err(end(&mut child, time)),
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    ensure!(status.success(), "it failed: {status}");
    output.context("it has no stdout")?
}

fn end(child: &mut Child, time: Duration) -> anyhow::Error {
    // It may have ended just now.
    drop(child.kill());
    drop(child.wait());
    anyhow::Error::from(std::io::Error::new(
        ErrorKind::TimedOut,
        format!("no answer within {} s", time.as_secs_f32()),
    ))
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn command(script: &str) -> SecretSource {
        SecretSource::Command(vec!["sh".into(), "-c".into(), script.into()])
    }

    #[test]
    fn shows_nothing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "Secret(***) ***");
        let source = SecretSource::Command(vec!["helper".into(), "--key=hunter2".into()]);
        assert_eq!(format!("{source:?}"), "SecretSource(command helper)");
    }

    #[test]
    fn the_first_line_counts() {
        for (bytes, expected) in [
            (&b"secret"[..], Ok("secret")),
            (b"secret\n", Ok("secret")),
            (b"secret\r\n", Ok("secret")),
            (b" two words \nuser: bob\n", Ok(" two words ")),
            ("pässword\n".as_bytes(), Ok("pässword")),
            (b"", Err("empty")),
            (b"\nsecret", Err("empty")),
            (b"\xff\xfe", Err("UTF-8")),
            (b"a\0b", Err("NUL")),
        ] {
            match (first_line(bytes), expected) {
                (Ok(secret), Ok(text)) => assert_eq!(secret.expose(), text),
                (Err(e), Err(word)) => assert!(e.to_string().contains(word), "{e}"),
                (got, expected) => panic!("{bytes:?}: {got:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let source = SecretSource::File(path.clone());
        let error = format!("{:#}", source.read().unwrap_err());
        assert!(error.contains("password"), "{error}");

        fs::write(&path, "hunter2\n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "hunter2");
        fs::write(&path, "changed\n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "changed");

        fs::write(&path, vec![b'x'; MAX_BYTES as usize + 1]).unwrap();
        let error = format!("{:#}", source.read().unwrap_err());
        assert!(error.contains("expected one line"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn open_files_are_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "hunter2\n").unwrap();
        for (mode, open) in [(0o600, false), (0o400, false), (0o644, true), (0o640, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let exposed = SecretSource::File(path.clone()).exposed();
            assert_eq!(exposed.is_some(), open, "{mode:o}");
        }
    }

    #[test]
    fn the_environment() {
        // Whatever runs the tests has this one.
        let path = std::env::var("PATH").unwrap();
        let source = SecretSource::Env("PATH".into());
        assert_eq!(source.read().unwrap().expose(), path);
        let error = SecretSource::Env("UNDELIVERABLE_NO_SUCH".into())
            .read()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable UNDELIVERABLE_NO_SUCH is not set"
        );
    }

    #[test]
    fn credentials_are_names() {
        for name in ["", "..", "../../etc/shadow", "/etc/shadow"] {
            let error = SecretSource::Credential(name.into()).read().unwrap_err();
            assert!(format!("{error:#}").contains("without `/`"), "{error:#}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn commands() {
        let long = format!("head -c {} /dev/zero", MAX_BYTES + 1);
        for (script, expected) in [
            ("echo hunter2; echo user: bob", Ok("hunter2")),
            ("printf hunter2", Ok("hunter2")),
            ("echo hunter2; exit 3", Err("exit status: 3")),
            ("true", Err("empty")),
            (long.as_str(), Err("expected one line")),
        ] {
            match (command(script).read(), expected) {
                (Ok(secret), Ok(text)) => assert_eq!(secret.expose(), text),
                (Err(e), Err(word)) => {
                    let text = format!("{e:#}");
                    assert!(text.contains(word), "{script}: {text}");
                    assert!(!text.contains("hunter2"), "{text}");
                }
                (got, expected) => panic!("{script}: {got:?}, expected {expected:?}"),
            }
        }
        for words in [vec![], vec!["/no/such/program".to_owned()]] {
            assert!(SecretSource::Command(words).read().is_err());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_hangs_is_ended() {
        let started = Instant::now();
        for script in [
            "exec sleep 30",
            "exec >&-; exec sleep 30",
            "sleep 30 & wait",
        ] {
            let error = command(script)
                .read_within(Duration::from_millis(200))
                .unwrap_err();
            assert!(
                format!("{error:#}").contains("no answer within"),
                "{error:#}"
            );
        }
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn one_place_only() {
        let error = SecretSource::pick("password", Some(Path::new("a")), Some("B"), None, None)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "one of password_file, password_env, password_command and password_credential is expected, not several"
        );
        assert_eq!(
            SecretSource::pick("password", None, None, None, None).unwrap(),
            None
        );
    }
}
