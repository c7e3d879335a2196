//! Names of folders as they stand in commands: modified UTF-7 (RFC 3501 section 5.1.3), in quotes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

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
}
