//! Oracle and Sun Messaging Server, PMDF: blocks of labelled lines, one block a recipient.

use super::Failure;
use crate::address;
use crate::notice::Notice;
use crate::words::AddressSource;

/// Blocks that begin with `Recipient address:`, or with `Original address:` where that is another one.
pub(super) fn read(notice: &Notice<'_, '_>) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    let mut original = None;
    let mut in_code = false;
    for line in notice.words.lines() {
        let Some((label, value)) = line.split_once(':').map(|(l, v)| (l.trim(), v.trim())) else {
            in_code &= line.starts_with([' ', '\t']) && !line.trim().is_empty();
            if let (true, Some(f)) = (in_code, failures.last_mut()) {
                append(&mut f.diagnostic, line.trim());
            }
            continue;
        };
        let is = |name: &str| label.eq_ignore_ascii_case(name);
        in_code = false;
        if is("Original address") {
            original = address::clean(value);
        } else if is("Recipient address") {
            failures.push(Failure {
                address: address::clean(value),
                original: original.take(),
                source: Some(AddressSource::Text),
                ..Failure::default()
            });
        } else if let Some(f) = failures.last_mut() {
            if is("Reason") || is("Error") {
                append(&mut f.diagnostic, value);
            } else if is("Diagnostic code") {
                append(&mut f.diagnostic, address::split_type(value).1);
                in_code = true;
            } else if is("Remote system") {
                let host = address::split_type(value)
                    .1
                    .split([' ', '('])
                    .next()
                    .unwrap_or_default();
                f.remote_mta = Some(host.to_owned()).filter(|h| !h.is_empty());
            }
        }
    }
    failures.retain(|f| f.address.is_some());
    failures
}

fn append(to: &mut Option<String>, text: &str) {
    match to {
        Some(t) => {
            t.push(' ');
            t.push_str(text);
        }
        None => *to = Some(text.to_owned()),
    }
}
