//! The commands, one file each.

pub(crate) mod classify;
pub(crate) mod explain;
pub(crate) mod lookup;
pub(crate) mod manual;
pub(crate) mod rules;
pub(crate) mod scan;

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done: exit code 0.
    Done,
    /// Something could not be done and has been named on stderr: exit code 1.
    Failed,
}
