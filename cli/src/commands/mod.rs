//! The commands, one file each.

pub(crate) mod classify;
pub(crate) mod deliver;
pub(crate) mod explain;
pub(crate) mod incidents;
pub(crate) mod lookup;
pub(crate) mod mailbox;
pub(crate) mod manual;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod suppressions;
pub(crate) mod token;

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done: exit code 0.
    Done,
    /// Something could not be done and has been named on stderr: exit code 1.
    Failed,
}

/// Who does it, for the ledger: the user behind sudo, else the user.
pub(crate) fn who() -> String {
    let user = ["UNDELIVERABLE_USER", "SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|n| std::env::var(n).ok().filter(|u| !u.is_empty()));
    user.unwrap_or_else(|| "unknown".to_owned())
}
