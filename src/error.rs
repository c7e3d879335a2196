//! The one error of the library: a rule file or a policy file that cannot be used.

use std::fmt;

/// A file that cannot be used: which one, which line, what was expected.
///
/// Mail never makes an error; any bytes give a [`Report`](crate::Report).
///
/// ```
/// let err = undeliverable::Engine::builder().rules("own.toml", "[[rule]]\nid = 5\n").build().unwrap_err();
/// assert_eq!(err.file(), "own.toml");
/// assert_eq!(err.line(), Some(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    file: String,
    line: Option<usize>,
    message: String,
}

impl Error {
    pub(crate) fn new(file: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        Error {
            file: file.to_owned(),
            line,
            message: message.into(),
        }
    }

    /// From an error of the TOML reader over `text`.
    pub(crate) fn from_toml(file: &str, text: &str, e: &toml::de::Error) -> Self {
        let line = e.span().map(|s| line_of(text, s.start));
        Error::new(file, line, e.message())
    }

    /// The name of the file, as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1, where one is known.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong and what was expected.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{}: {}", self.file, line, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// The line, from 1, that byte `at` of `text` stands in.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}
