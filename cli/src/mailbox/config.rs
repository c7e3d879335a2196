//! The configuration file of `undeliverable mailbox`, and the same from flags.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use toml::Spanned;
use undeliverable::Kind;

use super::dial::Address;
use super::plan::{Fate, Plan};
use super::signin::Signin;
use super::signin::config::SigninConfig;
use super::signin::oauth::OauthConfig;
use super::tls::{self, TlsMode};

/// Everything that a file or flags say.
pub(crate) struct Config {
    pub accounts: Vec<Account>,
    pub plan: Plan,
    pub pace: Pace,
}

/// How often, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How long to wait before folders are looked at again that nobody tells about.
    pub poll: Duration,
    /// How long one IDLE lasts.
    pub idle: Duration,
    /// How long a server may take for one answer.
    pub patience: Duration,
}

/// One mailbox on one server.
pub(crate) struct Account {
    /// What it is called in logs and metrics.
    pub name: String,
    pub protocol: Protocol,
    pub address: Address,
    pub user: String,
    pub signin: Arc<Signin>,
    /// Where a person who signs in gets a token from.
    pub oauth2: Option<OauthConfig>,
    pub folders: Vec<String>,
}

/// The language of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    #[default]
    Imap,
    Pop3,
}

/// One account, as flags or a table of the file give it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountConfig {
    pub name: Option<String>,
    #[serde(default)]
    pub protocol: Protocol,
    pub host: String,
    pub port: Option<u16>,
    #[serde(default)]
    pub tls: TlsMode,
    #[serde(default)]
    pub insecure_plaintext: bool,
    pub ca_file: Option<PathBuf>,
    pub user: String,
    #[serde(default = "inbox")]
    pub folders: Vec<String>,
    #[serde(default)]
    pub signin: SigninConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    account: Vec<Spanned<AccountConfig>>,
    #[serde(default)]
    after: std::collections::BTreeMap<Spanned<String>, Spanned<String>>,
    could_not_process: Option<Spanned<String>>,
    poll_seconds: Option<Spanned<u32>>,
    idle_minutes: Option<Spanned<u32>>,
    timeout_seconds: Option<Spanned<u32>>,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            poll: Duration::from_secs(60),
            idle: Duration::from_secs(10 * 60),
            patience: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read or used; the error names the file, the line, and what was expected.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("configuration {shown}"))?;
        parse(&shown, &text)
    }

    /// One account, as flags give it.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub fn of_account(account: AccountConfig, plan: Plan) -> anyhow::Result<Self> {
        let pace = Pace::default();
        let account = open(account, pace)?;
        let config = Config {
            accounts: vec![account],
            plan,
            pace,
        };
        config.check_folders()?;
        Ok(config)
    }

    /// A folder that is read and also written to would be read for ever.
    fn check_folders(&self) -> anyhow::Result<()> {
        let targets = self.plan.targets();
        for account in self
            .accounts
            .iter()
            .filter(|a| a.protocol == Protocol::Imap)
        {
            for folder in &account.folders {
                if let Some(target) = targets.iter().find(|t| is_same(t, folder)) {
                    bail!(
                        "account {}: messages would be moved to {target}, which is one of the folders that are read; \
                         name another folder under [after] or could_not_process",
                        account.name
                    );
                }
            }
        }
        Ok(())
    }
}

fn parse(file: &str, text: &str) -> anyhow::Result<Config> {
    let at = |span: Range<usize>, words: String| {
        anyhow::anyhow!("{file}:{}: {words}", line(text, span.start))
    };
    let parsed: File = toml::from_str(text).map_err(|e| {
        let words = e.message().to_owned();
        match e.span() {
            Some(span) => at(span, words),
            None => anyhow::anyhow!("{file}: {words}"),
        }
    })?;
    let seconds =
        |value: &Option<Spanned<u32>>, range: Range<u32>, unit: &str, factor: u64| match value {
            None => Ok(None),
            Some(v) if range.contains(v.get_ref()) => {
                Ok(Some(Duration::from_secs(u64::from(*v.get_ref()) * factor)))
            }
            Some(v) => Err(at(
                v.span(),
                format!(
                    "{} {unit}, expected {} to {}",
                    v.get_ref(),
                    range.start,
                    range.end - 1
                ),
            )),
        };
    let default = Pace::default();
    let pace = Pace {
        poll: seconds(&parsed.poll_seconds, 1..86_401, "seconds", 1)?.unwrap_or(default.poll),
        // RFC 2177 asks to end an IDLE before 29 minutes.
        idle: seconds(&parsed.idle_minutes, 1..29, "minutes", 60)?.unwrap_or(default.idle),
        patience: seconds(&parsed.timeout_seconds, 1..3601, "seconds", 1)?
            .unwrap_or(default.patience),
    };
    let mut plan = Plan::default();
    for (kind, what) in &parsed.after {
        let known = Kind::from_word(kind.get_ref()).ok_or_else(|| {
            let all: Vec<&str> = Kind::ALL.iter().map(|k| k.as_str()).collect();
            at(
                kind.span(),
                format!(
                    "`{}` is no kind of message, expected one of {}",
                    kind.get_ref(),
                    all.join(", ")
                ),
            )
        })?;
        check_name(what.get_ref()).map_err(|e| at(what.span(), e))?;
        plan.set(known, Fate::from_word(what.get_ref()));
    }
    if let Some(folder) = &parsed.could_not_process {
        check_name(folder.get_ref()).map_err(|e| at(folder.span(), e))?;
        if !matches!(Fate::from_word(folder.get_ref()), Fate::Move(_)) {
            return Err(at(
                folder.span(),
                "the name of a folder is expected: what failed is never lost".to_owned(),
            ));
        }
        plan.could_not_process.clone_from(folder.get_ref());
    }
    if parsed.account.is_empty() {
        bail!("{file}: no account, expected [[account]] with host, user and [account.signin]");
    }
    let mut accounts: Vec<Account> = Vec::new();
    for given in parsed.account {
        let span = given.span();
        let account =
            open(given.into_inner(), pace).map_err(|e| at(span.clone(), format!("{e:#}")))?;
        if accounts.iter().any(|a| a.name == account.name) {
            return Err(at(
                span,
                format!(
                    "two accounts are called {}: give each a name of its own",
                    account.name
                ),
            ));
        }
        accounts.push(account);
    }
    let config = Config {
        accounts,
        plan,
        pace,
    };
    config
        .check_folders()
        .map_err(|e| anyhow::anyhow!("{file}: {e}"))?;
    Ok(config)
}

fn open(given: AccountConfig, pace: Pace) -> anyhow::Result<Account> {
    let name = given.name.unwrap_or_else(|| given.host.clone());
    let shown = || format!("account {name}");
    tls::server_name(&given.host).with_context(shown)?;
    let port = given.port.unwrap_or(match (given.protocol, given.tls) {
        (Protocol::Imap, TlsMode::Implicit) => 993,
        (Protocol::Imap, _) => 143,
        (Protocol::Pop3, TlsMode::Implicit) => 995,
        (Protocol::Pop3, _) => 110,
    });
    if given.folders.is_empty() {
        bail!(
            "{}: no folder, expected one or more, such as [\"INBOX\", \"Junk\"]",
            shown()
        );
    }
    for (n, folder) in given.folders.iter().enumerate() {
        check_name(folder).map_err(|e| anyhow::anyhow!("{}: {e}", shown()))?;
        if given.folders[..n].iter().any(|f| is_same(f, folder)) {
            bail!("{}: folder {folder} is named twice", shown());
        }
    }
    if given.protocol == Protocol::Pop3
        && (given.folders.len() > 1 || !is_same(&given.folders[0], "INBOX"))
    {
        bail!("{}: POP3 has one folder, INBOX", shown());
    }
    let signin = given.signin.open(&given.user).with_context(shown)?;
    Ok(Account {
        address: Address {
            host: given.host,
            port,
            mode: given.tls,
            insecure_plaintext: given.insecure_plaintext,
            tls: tls::client_config(given.ca_file.as_deref()).with_context(shown)?,
            patience: pace.patience,
        },
        protocol: given.protocol,
        user: given.user,
        signin: Arc::new(signin),
        oauth2: given.signin.oauth2,
        folders: given.folders,
        name,
    })
}

fn inbox() -> Vec<String> {
    vec!["INBOX".to_owned()]
}

fn check_name(folder: &str) -> Result<(), String> {
    if folder.is_empty() || folder.chars().any(char::is_control) || folder.contains(['*', '%']) {
        return Err(format!("{folder:?} is no name of a folder"));
    }
    Ok(())
}

/// Whether two names are one folder: INBOX is the only one without upper and lower case.
fn is_same(a: &str, b: &str) -> bool {
    a == b || (a.eq_ignore_ascii_case("INBOX") && b.eq_ignore_ascii_case("INBOX"))
}

fn line(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "poll_seconds = 30\n[after]\nauto_reply = \"keep\"\ncomplaint = \"Spam/Reports\"\n\
        [[account]]\nhost = \"imap.example.com\"\nuser = \"bounces@example.com\"\nfolders = [\"INBOX\", \"Junk\"]\n\
        [account.signin]\npassword_file = \"/etc/undeliverable/password\"\n";

    fn error(text: &str) -> String {
        match parse("m.toml", text) {
            Ok(_) => panic!("accepted: {text}"),
            Err(e) => format!("{e:#}"),
        }
    }

    #[test]
    fn a_file() {
        let c = parse("m.toml", GOOD).unwrap();
        assert_eq!(c.pace.poll, Duration::from_secs(30));
        assert_eq!(c.accounts[0].address.port, 993);
        assert_eq!(c.accounts[0].name, "imap.example.com");
        assert_eq!(c.plan.fate(Kind::AutoReply), Fate::Keep);
        assert_eq!(
            c.plan.fate(Kind::Complaint),
            Fate::Move("Spam/Reports".to_owned())
        );
        assert_eq!(c.plan.fate(Kind::Bounce), Fate::Move("Bounces".to_owned()));
    }

    #[test]
    fn errors_name_line_and_what_was_expected() {
        for (from, to, expected) in [
            (
                "poll_seconds = 30",
                "poll_seconds = 0",
                "m.toml:1: 0 seconds, expected 1 to 86400",
            ),
            (
                "poll_seconds = 30",
                "idle_minutes = 40",
                "m.toml:1: 40 minutes, expected 1 to 28",
            ),
            (
                "poll_seconds = 30",
                "pol = 1",
                "m.toml:1: unknown field `pol`, expected one of",
            ),
            (
                "auto_reply = \"keep\"",
                "autoreply = \"keep\"",
                "m.toml:3: `autoreply` is no kind of message, expected one of bounce,",
            ),
            (
                "auto_reply = \"keep\"",
                "bounce = \"\"",
                "m.toml:3: \"\" is no name of a folder",
            ),
            (
                "auto_reply = \"keep\"",
                "bounce = \"Junk\"",
                "moved to Junk, which is one of the folders that are read",
            ),
            (
                "auto_reply = \"keep\"",
                "bounce = \"inbox\"",
                "moved to inbox, which is one of the folders",
            ),
            (
                "\"imap.example.com\"",
                "\"https://imap\"",
                "is no host name",
            ),
            (
                "password_file",
                "pasword_file",
                "unknown field `pasword_file`",
            ),
            ("\"Junk\"", "\"INBOX\"", "folder INBOX is named twice"),
            (
                "[\"INBOX\", \"Junk\"]",
                "[]",
                "no folder, expected one or more",
            ),
            (
                "user = \"bounces@example.com\"\n",
                "",
                "missing field `user`",
            ),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{from}");
            let e = error(&text);
            assert!(e.contains(expected), "{to}: {e}");
        }
        assert!(error("").contains("no account"));
        let two = GOOD.to_owned() + &GOOD[GOOD.find("[[account]]").unwrap()..];
        assert!(error(&two).contains("two accounts are called imap.example.com"));
        let failed = format!("could_not_process = \"delete\"\n{GOOD}");
        assert!(error(&failed).contains("m.toml:1: the name of a folder is expected"));
    }
}
