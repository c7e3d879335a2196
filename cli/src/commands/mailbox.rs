//! `undeliverable mailbox`: a mailbox of bounces on a server, into the ledger.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::LocalSet;

use undeliverable::Engine;

use super::Outcome;
use crate::args::{EngineArgs, FormatArgs, LimitArgs};
use crate::clock;
use crate::ledger::args::{LedgerArgs, ProofArgs};
use crate::mailbox::check::{self, Grade};
use crate::mailbox::config::{AccountConfig, Config, Protocol};
use crate::mailbox::daemon;
use crate::mailbox::desk::Desk;
use crate::mailbox::health;
use crate::mailbox::log::{self, LogFormat, LogLevel};
use crate::mailbox::metrics::Metrics;
use crate::mailbox::notify;
use crate::mailbox::plan::Plan;
use crate::mailbox::signin::config::SigninConfig;
use crate::mailbox::signin::oauth::login::login;
use crate::mailbox::tls::TlsMode;
use crate::mailbox::watch::Watch;
use crate::mailbox::work::Round;
use crate::output::rows::Rows;

/// Fetch a bounce mailbox over IMAP or POP3 and record what it says
///
/// What a message says is stored before the message is moved, and only then is it moved, by what kind of message it is.
/// Mail of people is left as it is, unread. Without --once it waits for new mail until it is told to end (SIGTERM).
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  undeliverable mailbox check --config mailbox.toml
  undeliverable mailbox login --config mailbox.toml         once, where a person must sign in (Google, Outlook)
  undeliverable mailbox --config mailbox.toml --once        from cron
  undeliverable mailbox --config mailbox.toml               as a daemon
  undeliverable mailbox --host imap.example.com --user bounces@example.com --password-file pw --once --dry-run

docs/mailbox.md describes the file, and the set-up at providers. Exit code 1: something stands in the way; the log says what."
)]
pub(crate) struct MailboxArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    source: SourceArgs,
    /// Do what there is to do and end
    #[arg(long)]
    once: bool,
    /// Serve /metrics for Prometheus and /health at this address; a port alone is one of this machine only
    #[arg(long, value_name = "ADDR", value_parser = health::address)]
    metrics: Option<SocketAddr>,
    /// Change nothing, not even what counts as read; list what would become of each message
    #[arg(long, requires = "once")]
    dry_run: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    proof: ProofArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sign in once, in a browser, where a provider wants that, and keep the token it gives
    ///
    /// For accounts with `[account.signin.oauth2]` and a refresh_token_file. What to do in the browser is written to stdout.
    Login(LoginArgs),
    /// Say what stands in the way: sign-in, TLS, folders, permissions, the ledger
    ///
    /// Nothing that stays is changed. Exit code 1: something stands in the way.
    Check(Box<CheckArgs>),
}

/// Who signs in once.
#[derive(Args, Debug)]
struct LoginArgs {
    /// The file that describes the accounts
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Which of them [default: the only one that signs in like this]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

/// What is looked at.
#[derive(Args, Debug)]
struct CheckArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Which mailboxes.
#[derive(Args, Clone, Debug)]
pub(crate) struct SourceArgs {
    /// The file that describes accounts, folders and what becomes of messages
    #[arg(long, value_name = "FILE", required_unless_present = "host")]
    config: Option<PathBuf>,
    /// One account without a file: its server
    #[arg(
        long,
        value_name = "HOST",
        conflicts_with = "config",
        requires = "user"
    )]
    host: Option<String>,
    /// Its port [default: 993]
    #[arg(long, value_name = "N", requires = "host")]
    port: Option<u16>,
    /// Who signs in
    #[arg(long, value_name = "NAME", requires = "host")]
    user: Option<String>,
    /// A file with the password in its first line
    #[arg(long, value_name = "FILE", requires = "host")]
    password_file: Option<PathBuf>,
    /// The folders that are read; repeat it for more [default: INBOX]
    #[arg(long, value_name = "NAME", requires = "host")]
    folder: Vec<String>,
    /// STARTTLS in the place of TLS from the first byte
    #[arg(long, requires = "host")]
    starttls: bool,
    /// Certificates to trust in the place of those this machine trusts
    #[arg(long, value_name = "FILE", requires = "host")]
    ca_file: Option<PathBuf>,
}

/// What is logged on stderr.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct LogArgs {
    /// How log lines are written
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// How much is logged
    #[arg(long, value_enum, default_value_t = LogLevel::Info)]
    log_level: LogLevel,
}

impl SourceArgs {
    /// Reads the file, or makes one account of the flags.
    ///
    /// # Errors
    /// Where they cannot be used.
    pub fn open(&self) -> anyhow::Result<Config> {
        if let Some(path) = &self.config {
            return Config::read(path);
        }
        let (Some(host), Some(user)) = (&self.host, &self.user) else {
            bail!("--config FILE, or --host and --user, are expected");
        };
        let account = AccountConfig {
            name: None,
            protocol: Protocol::Imap,
            host: host.clone(),
            port: self.port,
            tls: if self.starttls {
                TlsMode::Starttls
            } else {
                TlsMode::Implicit
            },
            insecure_plaintext: false,
            ca_file: self.ca_file.clone(),
            user: user.clone(),
            folders: if self.folder.is_empty() {
                vec!["INBOX".to_owned()]
            } else {
                self.folder.clone()
            },
            signin: SigninConfig {
                password_file: self.password_file.clone(),
                ..SigninConfig::default()
            },
        };
        Config::of_account(account, Plan::default())
    }
}

/// Runs until all is done, or for ever.
pub(crate) fn run(args: &MailboxArgs) -> anyhow::Result<Outcome> {
    log::begin(args.log.log_format, args.log.log_level);
    match &args.what {
        None => {}
        Some(What::Login(args)) => return log_in(&args.config, args.account.as_deref()),
        Some(What::Check(args)) => return look(args),
    }
    let config = args.source.open()?;
    let engine = args.limits.apply(args.engine.builder()?).build()?;
    let ledger = (!args.dry_run).then(|| args.ledger.clone());
    let metrics = match args.metrics {
        Some(address) => Some(serve_metrics(address, &config, &engine)?),
        None => None,
    };
    let desk = Desk::open(engine, args.proof.read()?, ledger)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = watch::channel(false);
    let listing = args.dry_run.then(|| args.format.pick());
    let watch = Arc::new(Watch::new(stopped, listing, metrics));
    let well = LocalSet::new().block_on(&runtime, async {
        listen_for_signals(stop)?;
        notify::ready();
        let answers = desk.clone();
        tokio::task::spawn_local(notify::stay_alive(async move || answers.answers().await));
        accounts(args, Arc::new(config), &desk, &watch).await
    })?;
    if let Some(e) = watch.end() {
        return Err(e);
    }
    Ok(if well { Outcome::Done } else { Outcome::Failed })
}

/// Counts, and shows the counts to whoever asks.
fn serve_metrics(
    address: SocketAddr,
    config: &Config,
    engine: &Engine,
) -> anyhow::Result<Arc<Metrics>> {
    let accounts = config.accounts.iter().map(|a| a.name.as_str());
    let providers = engine.knowledge().providers().iter().map(|p| &*p.id);
    // IDLE and polling both come back within this time, so whoever does not is in trouble.
    let patience = 2 * config.pace.idle.max(config.pace.poll).as_secs();
    let patience = i64::try_from(patience).unwrap_or(i64::MAX);
    let metrics = Arc::new(Metrics::new(accounts, providers, patience, clock::now()));
    let bound = health::serve(address, Arc::clone(&metrics))?;
    tracing::info!(address = %bound, "metrics are served");
    Ok(metrics)
}

/// Gets a refresh token for an account.
fn log_in(file: &Path, name: Option<&str>) -> anyhow::Result<Outcome> {
    let config = Config::read(file)?;
    let candidates = config
        .accounts
        .iter()
        .filter(|a| name.is_none_or(|n| a.name == n))
        .filter_map(|a| Some((a, a.oauth2.as_ref()?)));
    let candidates: Vec<_> = candidates.collect();
    let [(account, oauth2)] = candidates.as_slice() else {
        let names: Vec<&str> = candidates.iter().map(|(a, _)| a.name.as_str()).collect();
        match (names.as_slice(), name) {
            ([], Some(name)) => bail!(
                "{}: no account {name} with [account.signin.oauth2]",
                file.display()
            ),
            ([], None) => bail!(
                "{}: no account with [account.signin.oauth2]",
                file.display()
            ),
            (names, _) => bail!("--account is expected, one of {}", names.join(", ")),
        }
    };
    login(oauth2, &account.user, &mut io::stdout())?;
    Ok(Outcome::Done)
}

/// Lists what stands in the way.
fn look(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let config = args.source.open()?;
    let desk = Desk::open(
        Engine::new(),
        ProofArgs::default().read()?,
        Some(args.ledger.clone()),
    )?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(check::check(&config, &desk));
    let rows = Rows::new(args.format.pick(), check::COLUMNS);
    let mut out = io::stdout().lock();
    rows.head(&mut out)?;
    for finding in &findings {
        rows.row(&mut out, finding.cells())?;
    }
    let is_bad = findings.iter().any(|f| f.grade == Grade::Bad);
    Ok(if is_bad {
        Outcome::Failed
    } else {
        Outcome::Done
    })
}

/// All accounts at the same time.
async fn accounts(
    args: &MailboxArgs,
    config: Arc<Config>,
    desk: &Desk,
    watch: &Arc<Watch>,
) -> anyhow::Result<bool> {
    let mut running = tokio::task::JoinSet::new();
    for n in 0..config.accounts.len() {
        let (config, desk, watch) = (Arc::clone(&config), desk.clone(), Arc::clone(watch));
        let (once, dry, max) = (args.once, args.dry_run, args.limits.max_bytes());
        running.spawn_local(async move {
            let account = &config.accounts[n];
            let key = desk
                .account_key(&account.user, &account.address.host)
                .await?;
            let round = Round {
                desk: &desk,
                plan: &config.plan,
                account: &account.name,
                key: &key,
                max,
                dry,
                watch: &watch,
            };
            let (well, passed) = daemon::run(&round, account, config.pace, once).await;
            if once {
                tracing::info!(
                    account = account.name,
                    messages = passed.messages,
                    new_events = passed.recorded.new,
                    known_events = passed.recorded.known,
                    could_not_process = passed.failed,
                    left = passed.left,
                    "end"
                );
            }
            anyhow::Ok(well)
        });
    }
    let mut well = true;
    while let Some(ended) = running.join_next().await {
        well &= ended.context("an account")??;
    }
    Ok(well)
}

/// SIGTERM and SIGINT end the run after what is at hand.
#[cfg(unix)]
fn listen_for_signals(stop: watch::Sender<bool>) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::task::spawn_local(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Whoever asks twice means it: what is on the way is safe to lose.
            if stop.send_replace(true) {
                std::process::exit(1);
            }
            notify::stopping();
            tracing::info!("ending after what is at hand");
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn listen_for_signals(stop: watch::Sender<bool>) -> anyhow::Result<()> {
    tokio::task::spawn_local(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        }
    });
    Ok(())
}
