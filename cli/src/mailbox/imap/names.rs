//! Names and numbers as they stand in commands: folders in modified UTF-7 (RFC 3501 section 5.1.3) and in quotes, messages in
//! sets.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::mailbox::trouble::Trouble;

/// A string in quotes.
///
/// # Errors
/// Where it holds what no quoted string can: a line end or a NUL. The error says so.
pub(crate) fn quoted(text: &str) -> Result<String, String> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(format!("{text:?} holds a line end or a NUL"));
    }
    Ok(format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

/// A name in modified UTF-7.
pub(crate) fn utf7(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut foreign: Vec<u8> = Vec::new();
    for c in name.chars() {
        if !matches!(c, ' '..='~') {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                foreign.extend_from_slice(&unit.to_be_bytes());
            }
            continue;
        }
        shift(&mut out, &mut foreign);
        out.push(c);
        if c == '&' {
            out.push('-');
        }
    }
    shift(&mut out, &mut foreign);
    out
}

/// The name of a folder as it stands in a command.
///
/// # Errors
/// Where it cannot be sent.
pub(crate) fn mailbox(folder: &str) -> Result<String, Trouble> {
    quoted(&utf7(folder)).map_err(|why| Trouble::Refused {
        command: "folder".to_owned(),
        code: String::new(),
        text: why,
    })
}

/// A set of numbers, as short as it can be written.
pub(crate) fn set(uids: &[u32]) -> String {
    use std::fmt::Write as _;
    let mut sorted = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut out = String::new();
    let mut rest = sorted.as_slice();
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            // There is a number behind the last UID, and a server may name that one.
            .zip(u64::from(*first)..)
            .take_while(|(uid, expected)| u64::from(**uid) == *expected)
            .count();
        let last = rest[run - 1];
        if !out.is_empty() {
            out.push(',');
        }
        // Writing to a String cannot fail.
        let _ = match run {
            1 => write!(out, "{first}"),
            _ => write!(out, "{first}:{last}"),
        };
        rest = &rest[run..];
    }
    out
}

fn shift(out: &mut String, foreign: &mut Vec<u8>) {
    const PLAIN: GeneralPurposeConfig = GeneralPurposeConfig::new().with_encode_padding(false);
    const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::IMAP_MUTF7, PLAIN);
    if !foreign.is_empty() {
        out.push('&');
        BASE64.encode_string(&*foreign, out);
        out.push('-');
        foreign.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rfc_3501() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Q&A", "Q&-A"),
            ("Unzustellbar für uns", "Unzustellbar f&APw-r uns"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(utf7(name), wire);
        }
    }

    #[test]
    fn quotes() {
        assert_eq!(quoted(r#"a"b\c"#).unwrap(), r#""a\"b\\c""#);
        for bad in ["a\r\nA1 DELETE INBOX", "a\0"] {
            assert!(quoted(bad).unwrap_err().contains("line end"));
        }
    }

    #[test]
    fn sets_are_short() {
        for (uids, text) in [
            (&[7][..], "7"),
            (&[1, 2, 3, 5, 9, 8], "1:3,5,8:9"),
            (&[4, 4, 4], "4"),
            (&[u32::MAX, u32::MAX - 1], "4294967294:4294967295"),
        ] {
            assert_eq!(set(uids), text);
        }
    }
}
