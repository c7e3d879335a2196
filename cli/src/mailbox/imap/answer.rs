//! The line that ends a command. Nothing may depend on guessing whether the server said OK, so it is read here.

use crate::mailbox::trouble::{Trouble, words_of};

/// How a command ended.
pub(super) struct Done<'a> {
    status: &'a str,
    rest: &'a str,
}

impl Done<'_> {
    /// The code in brackets where the command was done.
    ///
    /// # Errors
    /// Where it was not.
    pub fn check(&self, command: &str) -> Result<String, Trouble> {
        let (code, text) = match self.rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((code, text)) => (code.split(' ').next().unwrap_or_default(), text),
            None => ("", self.rest),
        };
        if self.status.eq_ignore_ascii_case("OK") {
            return Ok(code.to_owned());
        }
        if self.status.eq_ignore_ascii_case("NO") || self.status.eq_ignore_ascii_case("BAD") {
            let mut words = words_of(text);
            if !code.is_empty() {
                words = format!("{words} [{}]", words_of(code));
            }
            return Err(Trouble::Refused {
                command: command.to_owned(),
                code: code.to_owned(),
                text: words,
            });
        }
        Err(Trouble::Broken(format!(
            "it ends a command with `{}`, expected OK, NO or BAD",
            words_of(self.status)
        )))
    }
}

/// The end of the command with this tag, if the response is that.
pub(super) fn tagged<'a>(response: &'a [u8], tag: &str) -> Option<Done<'a>> {
    let rest = response.strip_prefix(tag.as_bytes())?.strip_prefix(b" ")?;
    // Words that are no UTF-8 are left out, the status is ASCII.
    let text = match std::str::from_utf8(rest) {
        Ok(t) => t,
        Err(e) => std::str::from_utf8(&rest[..e.valid_up_to()]).unwrap_or_default(),
    };
    let text = text.trim_end();
    let (status, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(Done { status, rest })
}

/// Whether a response tells how many messages there are: servers do so when one has come.
pub(super) fn is_news(response: &[u8]) -> bool {
    response.ends_with(b" EXISTS\r\n") && response.starts_with(b"* ")
}

/// The name of a command, without its arguments.
pub(super) fn verb(command: &str) -> &str {
    let end = match command.strip_prefix("UID ") {
        Some(rest) => 4 + rest.find(' ').unwrap_or(rest.len()),
        None => command.find(' ').unwrap_or(command.len()),
    };
    &command[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_commands() {
        let end = |line: &str| tagged(line.as_bytes(), "U7").map(|d| d.check("UID MOVE"));
        assert!(end("U7 OK done\r\n").unwrap().is_ok());
        assert!(end("U7 ok\r\n").unwrap().is_ok());
        assert!(end("U71 OK done\r\n").is_none());
        let no = end("U7 NO [TRYCREATE] Mailbox bob@example.com is not there\r\n");
        let no = no.unwrap().unwrap_err();
        assert!(no.has_code("trycreate"));
        assert_eq!(
            no.to_string(),
            "the server refuses UID MOVE: Mailbox *** is not there [TRYCREATE]"
        );
        assert!(end("U7 WHAT\r\n").unwrap().unwrap_err().is_connection());
        assert_eq!(verb("UID STORE 1 +FLAGS (x)"), "UID STORE");
        assert_eq!(verb("IDLE"), "IDLE");
    }
}
