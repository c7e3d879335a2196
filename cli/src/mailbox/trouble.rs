//! What can go wrong between us and a server, told apart by what to do about it.

use std::io;

use crate::output::safe;

/// Something went wrong on the way to a server, or the server said no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// Nobody answers, the connection broke, or it was too slow: connect again.
    #[error("{0}")]
    Lost(String),
    /// The server does not keep to the protocol, or to our bounds: connect again, more slowly.
    #[error("the server does not keep to the protocol: {0}")]
    Broken(String),
    /// NO or BAD to one command; the session goes on. `code` is what stands in brackets, `text` the words.
    #[error("the server refuses {command}: {text}")]
    Refused {
        /// The command, without its arguments.
        command: String,
        /// The response code of RFC 5530 and others, such as `TRYCREATE`; empty where there is none.
        code: String,
        /// The server's words, without addresses.
        text: String,
    },
    /// Nobody gets in like this: TLS, or the sign-in. A person must see to it.
    #[error("{0}")]
    NoEntry(String),
}

impl Trouble {
    /// Whether connecting again may help.
    pub fn is_connection(&self) -> bool {
        !matches!(self, Trouble::Refused { .. })
    }

    /// Whether the server refused and gave this response code.
    pub fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Trouble::Refused { code, .. } if code.eq_ignore_ascii_case(wanted))
    }
}

impl From<io::Error> for Trouble {
    fn from(e: io::Error) -> Self {
        Trouble::Lost(match e.kind() {
            io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
            io::ErrorKind::TimedOut => "no answer in time".to_owned(),
            _ => format!("the connection failed: {e}"),
        })
    }
}

/// A server's words as they may be shown and logged: short, on one line, without addresses.
pub(crate) fn words_of(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(if word.contains('@') { "***" } else { word });
        if out.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|i| out.is_char_boundary(*i));
            out.truncate(end.unwrap_or(0));
            out.push('…');
            break;
        }
    }
    safe::text(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_servers_are_harmless() {
        for (text, shown) in [
            ("Authentication failed.", "Authentication failed."),
            (
                "No such user <bob@example.com> here",
                "No such user *** here",
            ),
            ("two\r\n  lines", "two lines"),
        ] {
            assert_eq!(words_of(text), shown);
        }
        assert!(!words_of("\x1b[31mred").contains('\x1b'));
        assert!(words_of(&"word ".repeat(1000)).len() < 210);
    }
}
