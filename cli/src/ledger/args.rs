//! What the commands around the ledger share on the command line.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};
use clap::Args;
use undeliverable::policy::PROFILES;
use undeliverable::trust::{Proof, SentLog, TokenKey};

use super::{Ledger, PrivateKey, open_store};
use crate::clock;

/// Which ledger.
#[derive(Args, Clone, Debug)]
pub(crate) struct LedgerArgs {
    /// The ledger: a file, or postgres://user@host/database [default: undeliverable/ledger.sqlite in the XDG state folder]
    #[arg(
        long,
        value_name = "URL",
        env = "UNDELIVERABLE_DB",
        hide_env_values = true
    )]
    pub db: Option<String>,
    /// File with the password of the PostgreSQL user [default: PGPASSWORD in the environment]
    #[arg(long, value_name = "FILE")]
    pub db_password_file: Option<PathBuf>,
    /// The policy: the name of a profile, or a file
    #[arg(long, value_name = "NAME|FILE")]
    pub policy: Option<String>,
    /// How long to wait for another writer
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub lock_seconds: u16,
    /// Keep no address in clear: hash each with the key in this file, which is made if it is missing
    #[arg(long, value_name = "KEYFILE")]
    pub private: Option<PathBuf>,
}

impl LedgerArgs {
    /// Opens the ledger.
    ///
    /// # Errors
    /// Where it cannot be opened, or runs under another policy or key.
    pub fn open(&self) -> anyhow::Result<Ledger> {
        let policy = self.policy.as_deref().map(policy_text).transpose()?;
        self.open_with(policy.as_ref().map(|(n, t)| (n.as_str(), t.as_str())))
    }

    /// Opens the ledger under the policy that it has.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_as_it_is(&self) -> anyhow::Result<Ledger> {
        self.open_with(None)
    }

    fn open_with(&self, policy: Option<(&str, &str)>) -> anyhow::Result<Ledger> {
        let password = self.db_password_file.as_deref().map(read).transpose()?;
        let store = open_store(
            self.db.as_deref(),
            password.as_deref().map(str::trim_end),
            self.lock_seconds,
        )?;
        let key = self.private.as_deref().map(PrivateKey::open).transpose()?;
        Ledger::new(store, policy, key)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Name and text of a policy: a profile, or a file.
///
/// # Errors
/// Where it is neither.
pub(crate) fn policy_text(word: &str) -> anyhow::Result<(String, String)> {
    if let Some((name, text)) = PROFILES.iter().find(|(n, _)| *n == word) {
        return Ok(((*name).to_owned(), (*text).to_owned()));
    }
    let names: Vec<&str> = PROFILES.iter().map(|(n, _)| *n).collect();
    let text = fs::read_to_string(word)
        .with_context(|| format!("policy {word}: no file, and none of {}", names.join(", ")))?;
    Ok((word.to_owned(), text))
}

/// What proves a report, and what speaks against it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ProofArgs {
    /// Secrets of signed return-paths and header tokens, one a line, the newest first
    #[arg(long, value_name = "FILE")]
    pub token_key: Option<PathBuf>,
    /// Message-IDs of mail that was sent, one a line, each followed by its recipients where known
    #[arg(long, value_name = "FILE")]
    pub sent_log: Option<PathBuf>,
    /// A domain of ours; a report that returns a message from elsewhere is suspicious. Repeat it for more
    #[arg(long, value_name = "DOMAIN")]
    pub own_domain: Vec<String>,
    /// A host, or the end of its name, that may report to us; others are suspicious. Repeat it for more
    #[arg(long, value_name = "HOST")]
    pub route: Vec<String>,
    /// Days a token is good for
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub token_days: u16,
}

/// The files behind [`ProofArgs`], read.
pub(crate) struct Proofs {
    keys: Vec<TokenKey>,
    sent: Option<SentFile>,
    args: ProofArgs,
    /// When the files were changed last, as they were read.
    changed: [Option<SystemTime>; 2],
}

impl ProofArgs {
    fn changed(&self) -> [Option<SystemTime>; 2] {
        [&self.token_key, &self.sent_log]
            .map(|path| fs::metadata(path.as_deref()?).ok()?.modified().ok())
    }

    /// Reads the files.
    ///
    /// # Errors
    /// Where one cannot be read or used.
    pub fn read(&self) -> anyhow::Result<Proofs> {
        // Looked at first: what changes while it is read is read again.
        let changed = self.changed();
        Ok(Proofs {
            changed,
            keys: self
                .token_key
                .as_deref()
                .map(token_keys)
                .transpose()?
                .unwrap_or_default(),
            sent: self.sent_log.as_deref().map(SentFile::read).transpose()?,
            args: self.clone(),
        })
    }
}

impl Proofs {
    /// Reads the files again if they have changed; true where they had.
    ///
    /// # Errors
    /// Where one cannot be read or used; what was known before stays.
    pub fn renew(&mut self) -> anyhow::Result<bool> {
        if self.args.changed() == self.changed {
            return Ok(false);
        }
        *self = self.args.read()?;
        Ok(true)
    }

    /// What [`undeliverable::trust`] takes.
    pub fn proof(&self) -> Proof<'_> {
        Proof {
            keys: &self.keys,
            sent: self.sent.as_ref().map(|s| s as &dyn SentLog),
            own_domains: &self.args.own_domain,
            routes: &self.args.route,
            today: clock::now().div_euclid(86_400),
            max_age: i64::from(self.args.token_days),
        }
    }
}

/// The keys in a file.
///
/// # Errors
/// Where it cannot be read, has none, or one is too short.
pub(crate) fn token_keys(path: &Path) -> anyhow::Result<Vec<TokenKey>> {
    let text = read(path)?;
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    let keys = lines.enumerate().map(|(n, secret)| {
        TokenKey::new(format!("{}", n + 1), secret.as_bytes()).with_context(|| {
            format!(
                "{}: secret {} is shorter than {} bytes",
                path.display(),
                n + 1,
                undeliverable::trust::MIN_SECRET
            )
        })
    });
    let keys = keys.collect::<anyhow::Result<Vec<_>>>()?;
    if keys.is_empty() {
        bail!("{}: no secret in it, expected one a line", path.display());
    }
    Ok(keys)
}

/// A sent log in memory.
struct SentFile {
    ids: HashMap<String, Vec<String>>,
    begins: Option<i64>,
}

impl SentFile {
    /// Lines `Message-ID [recipient ...]`, separated by blanks or commas; `# since 2026-01-01` says where it begins.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let mut log = SentFile {
            ids: HashMap::new(),
            begins: None,
        };
        for line in read(path)?.lines() {
            if let Some(comment) = line.strip_prefix('#') {
                if let Some(time) = comment.trim().strip_prefix("since ") {
                    log.begins =
                        Some(clock::parse(time).with_context(|| path.display().to_string())?);
                }
                continue;
            }
            let mut words = line.split([' ', '\t', ',', ';']).filter(|w| !w.is_empty());
            if let Some(id) = words.next() {
                let id = id.trim_matches(['<', '>']).to_owned();
                log.ids
                    .entry(id)
                    .or_default()
                    .extend(words.map(|w| w.trim_matches(['<', '>']).to_lowercase()));
            }
        }
        Ok(log)
    }
}

impl SentLog for SentFile {
    fn recipients(&self, message_id: &str) -> Option<&[String]> {
        self.ids.get(message_id).map(Vec::as_slice)
    }

    fn begins(&self) -> Option<i64> {
        self.begins
    }
}
