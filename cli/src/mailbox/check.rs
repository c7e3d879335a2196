//! `undeliverable mailbox check`: what stands in the way, in words, and what to do about it.

use serde_json::Value;

use super::config::{Account, Config, Protocol};
use super::desk::Desk;
use super::imap::connect::connect;
use super::imap::session::Session;
use super::plan::Plan;
use super::pop3;
use super::tls::TlsMode;
use super::trouble::Trouble;
use crate::clock;
use crate::ledger::marks::MarkState;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub account: String,
    /// What was looked at: `sign-in`, `folder INBOX`.
    pub what: String,
    pub grade: Grade,
    pub words: String,
}

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    Good,
    /// It works, but somebody should know.
    Note,
    /// It does not work like this.
    Bad,
}

impl Grade {
    const fn word(self) -> &'static str {
        match self {
            Grade::Good => "ok",
            Grade::Note => "note",
            Grade::Bad => "FAILED",
        }
    }
}

/// The columns of a list of findings: name and width.
pub(crate) const COLUMNS: &[(&str, usize)] =
    &[("account", 16), ("what", 24), ("result", 6), ("words", 0)];

impl Finding {
    /// Its cells.
    pub fn cells(&self) -> Vec<Value> {
        vec![
            self.account.clone().into(),
            self.what.clone().into(),
            self.grade.word().into(),
            self.words.clone().into(),
        ]
    }
}

/// Looks at everything that a run would need, and changes nothing that stays.
pub(crate) async fn check(config: &Config, desk: &Desk) -> Vec<Finding> {
    let mut all = Vec::new();
    let (grade, words) = match desk.with_ledger(|l| l.is_writable()).await {
        Ok(()) => (Grade::Good, "can be written".to_owned()),
        Err(e) => (Grade::Bad, format!("{e:#}")),
    };
    all.push(Finding {
        account: String::new(),
        what: "ledger".to_owned(),
        grade,
        words,
    });
    for account in &config.accounts {
        let mut list = List {
            account: &account.name,
            all: &mut all,
        };
        account_of(account, &config.plan, desk, &mut list).await;
    }
    all
}

struct List<'a> {
    account: &'a str,
    all: &'a mut Vec<Finding>,
}

impl List<'_> {
    fn say(&mut self, what: impl Into<String>, grade: Grade, words: impl Into<String>) {
        self.all.push(Finding {
            account: self.account.to_owned(),
            what: what.into(),
            grade,
            words: words.into(),
        });
    }
}

async fn account_of(account: &Account, plan: &Plan, desk: &Desk, list: &mut List<'_>) {
    if let Some(words) = account.signin.exposed() {
        list.say("secret", Grade::Note, words);
    }
    if account.protocol == Protocol::Pop3 {
        pop3_mailbox(account, plan, list).await;
        return failures(account, desk, list).await;
    }
    let mut session = match connect(&account.address, &account.signin).await {
        Ok(session) => session,
        Err(e) => return list.say("sign-in", Grade::Bad, e.to_string()),
    };
    signed_in(account, list);
    abilities(&session, list);
    for folder in &account.folders {
        match source(&mut session, folder, plan).await {
            Ok((grade, words)) => list.say(format!("folder {folder}"), grade, words),
            Err(e) => return list.say(format!("folder {folder}"), Grade::Bad, e.to_string()),
        }
    }
    let mut is_creatable = None;
    for folder in plan.targets() {
        match target(&mut session, folder, &mut is_creatable).await {
            Ok((grade, words)) => list.say(format!("target {folder}"), grade, words),
            Err(e) => return list.say(format!("target {folder}"), Grade::Bad, e.to_string()),
        }
    }
    session.log_out().await;
    failures(account, desk, list).await;
}

fn signed_in(account: &Account, list: &mut List<'_>) {
    let safety = match account.address.mode {
        TlsMode::Implicit => "over TLS",
        TlsMode::Starttls => "over STARTTLS",
        TlsMode::None => "in plain text",
    };
    list.say(
        "sign-in",
        Grade::Good,
        format!(
            "signed in at {}:{} {safety}",
            account.address.host, account.address.port
        ),
    );
}

async fn pop3_mailbox(account: &Account, plan: &Plan, list: &mut List<'_>) {
    let mut session = match pop3::connect(&account.address, &account.signin).await {
        Ok(session) => session,
        Err(e) => return list.say("sign-in", Grade::Bad, e.to_string()),
    };
    signed_in(account, list);
    let mut messages = 0;
    let counted = session.list(0, |_| {
        messages += 1;
        false
    });
    let (grade, words) = match counted.await {
        Ok(_) => (Grade::Good, format!("{messages} messages")),
        Err(e) => (Grade::Bad, e.to_string()),
    };
    list.say("folder INBOX", grade, words);
    // What it says does not change what was found.
    drop(session.quit().await);
    if !plan.deletes() {
        list.say(
            "moving",
            Grade::Note,
            "POP3 has no folders: what is done with stays and is not fetched again; `delete` under [after] lets it go",
        );
    }
}

fn abilities(session: &Session, list: &mut List<'_>) {
    let (grade, words) = match (session.can("MOVE"), session.can("UIDPLUS")) {
        (true, _) => (Grade::Good, "messages are moved in one step (MOVE)"),
        (false, true) => (
            Grade::Good,
            "messages are moved by copy and delete (UIDPLUS)",
        ),
        (false, false) => (
            Grade::Note,
            "the server has neither MOVE nor UIDPLUS: a message that is moved leaves its original behind, flagged as \
             deleted, until somebody expunges the folder",
        ),
    };
    list.say("moving", grade, words);
    if session.can("IDLE") {
        list.say(
            "news",
            Grade::Good,
            "the server tells of new mail at once (IDLE)",
        );
    } else {
        list.say(
            "news",
            Grade::Note,
            "the server has no IDLE: new mail is found when it is looked for (poll_seconds)",
        );
    }
}

/// Whether mail can be read and taken from a folder.
async fn source(
    session: &mut Session,
    folder: &str,
    plan: &Plan,
) -> Result<(Grade, String), Trouble> {
    let opened = match session.open(folder, false).await {
        Ok(opened) => opened,
        Err(e @ Trouble::Refused { .. }) => {
            let words =
                format!("{e}. Is the name right? Folders are named as the server names them");
            return Ok((Grade::Bad, words));
        }
        Err(e) => return Err(e),
    };
    let count = format!("{} messages", opened.exists);
    if opened.is_read_only {
        return Ok((
            Grade::Bad,
            format!("{count}, but it can only be read: nothing can be moved out of it"),
        ));
    }
    let has = |flag: &str| {
        opened
            .flags
            .as_ref()
            .is_none_or(|all| all.iter().any(|f| f.eq_ignore_ascii_case(flag)))
    };
    let rights = session.my_rights(folder).await?;
    // RFC 4314 section 4: a copy needs `r`, its original goes with `t` and `e`; older servers say `d` for both.
    let may = |right: char| {
        rights
            .as_ref()
            .is_none_or(|r| r.contains(right) || (right != 's' && r.contains('d')))
    };
    if !has("\\Deleted") || !may('t') || !may('e') {
        return Ok((
            Grade::Bad,
            format!(
                "{count}, but this user may not delete there, so nothing can be moved out of it"
            ),
        ));
    }
    let sets_seen = undeliverable::Kind::ALL
        .iter()
        .any(|k| plan.fate(*k) == super::plan::Fate::Seen);
    if sets_seen && (!has("\\Seen") || !may('s')) {
        return Ok((
            Grade::Bad,
            format!(
                "{count}, but this user may not mark messages as read there (`seen` under [after])"
            ),
        ));
    }
    Ok((Grade::Good, count))
}

/// Whether mail can be put into a folder, which may have to be made.
async fn target(
    session: &mut Session,
    folder: &str,
    is_creatable: &mut Option<Result<(), String>>,
) -> Result<(Grade, String), Trouble> {
    if session.has_folder(folder).await? {
        let rights = session.my_rights(folder).await?;
        if rights.is_some_and(|r| !r.contains('i')) {
            return Ok((
                Grade::Bad,
                "is there, but this user may not put mail into it".to_owned(),
            ));
        }
        return Ok((Grade::Good, "is there".to_owned()));
    }
    // One folder of another name tells for all, and does not come between those who use the real one.
    let can = match is_creatable {
        Some(known) => known.clone(),
        None => {
            let name = format!("undeliverable-check-{}", clock::now());
            let can = match session.create(&name).await {
                Ok(()) => {
                    session.delete_folder(&name).await?;
                    Ok(())
                }
                Err(e @ Trouble::Refused { .. }) => Err(e.to_string()),
                Err(e) => return Err(e),
            };
            is_creatable.insert(can).clone()
        }
    };
    Ok(match can {
        Ok(()) => (Grade::Good, "is made by the first run".to_owned()),
        Err(why) => (
            Grade::Bad,
            format!(
                "is not there and cannot be made: {why}. Make it by hand, or name another; some servers want `INBOX.` or `INBOX/` before each name"
            ),
        ),
    })
}

/// What could not be processed lately.
async fn failures(account: &Account, desk: &Desk, list: &mut List<'_>) {
    let (user, host) = (account.user.clone(), account.address.host.clone());
    let found = desk
        .with_ledger(move |l| {
            let key = l.account_key(&user, &host);
            l.store().failures(&key, 10)
        })
        .await;
    for (folder, mark) in found.unwrap_or_default() {
        debug_assert_eq!(mark.state, MarkState::Failed);
        let words = format!(
            "could not be processed on {}: {}",
            clock::day(mark.at),
            mark.detail
        );
        list.say(format!("{folder}#{}", mark.uid), Grade::Note, words);
    }
}
