//! GroupWise: a line a recipient, `bob (user unknown)`, often without a domain. The returned header has the whole address.

use super::Failure;
use super::candidate::MAX_FOUND;
use crate::address;
use crate::notice::Notice;
use crate::words::AddressSource;

/// The recipients of the list, where names stand in it that only the returned header completes.
pub(super) fn read(notice: &Notice<'_, '_>) -> Vec<Failure> {
    let to = notice.returned.as_ref().map(|r| r.original.to.as_slice());
    // Whom a message to one was for is plain.
    let Some(to) = to.filter(|to| to.len() > 1) else {
        return Vec::new();
    };
    let list = notice
        .words
        .lines()
        .skip_while(|l| !l.contains("undeliverable to the following"))
        .skip(1)
        .take_while(|l| !l.trim().is_empty());
    let mut failures: Vec<Failure> = Vec::new();
    let mut completed = false;
    for line in list.take(MAX_FOUND) {
        let Some((who, why)) = line.split_once(" (") else {
            if let Some(diagnostic) = failures.last_mut().and_then(|f| f.diagnostic.as_mut()) {
                diagnostic.push(' ');
                diagnostic.push_str(line.trim().trim_end_matches(')'));
            }
            continue;
        };
        let who = who.trim();
        let whole = |a: &&String| {
            a.get(..who.len())
                .is_some_and(|local| local.eq_ignore_ascii_case(who))
                && a[who.len()..].starts_with('@')
        };
        let (address, source) = match address::find_in_text(who).next() {
            Some(written) => (Some(written), AddressSource::Text),
            None => (
                to.iter().find(whole).cloned(),
                AddressSource::ReturnedHeaders,
            ),
        };
        completed |= address.is_some() && source == AddressSource::ReturnedHeaders;
        if address.is_some() {
            failures.push(Failure {
                address,
                source: Some(source),
                diagnostic: Some(why.trim_end().trim_end_matches(')').to_owned()),
                ..Failure::default()
            });
        }
    }
    if completed { failures } else { Vec::new() }
}
