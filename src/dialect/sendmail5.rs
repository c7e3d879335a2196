//! Sendmail 5 and its relatives: no list of addresses, only a transcript.
//!
//! What went on stands in lines of its own, then one line a recipient: `550 <bob@example.com>... User unknown`.

use super::Failure;
use super::words::begins_with_code;
use crate::address;
use crate::notice::Notice;
use crate::words::AddressSource;

/// One recipient for each line of that form.
pub(super) fn read(notice: &Notice<'_, '_>) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut said: Option<&str> = None;
    let mut host: Option<&str> = None;
    for line in notice.words.lines().map(str::trim) {
        let lower = line.to_ascii_lowercase();
        if let Some(i) = lower.find("while talking to ") {
            host = Some(line[i + 17..].trim_end_matches([':', '.'])).filter(|h| !h.is_empty());
            said = None;
        } else if let Some(reply) = line.strip_prefix("<<<").map(str::trim) {
            said = begins_with_code(reply).then_some(reply);
        } else if begins_with_code(line)
            && let Some((who, why)) = line[3..].split_once("... ")
            && let Some(address) = address::clean(who).filter(|a| address::is_plausible(a))
        {
            let diagnostic = match said.take() {
                Some(reply) => format!("{reply} {why}"),
                // The reply of the other side, or of the resolver, in full.
                None if begins_with_code(why) => why.to_owned(),
                None => format!("{} {why}", &line[..3]),
            };
            failures.push(Failure {
                address: Some(address),
                source: Some(AddressSource::Text),
                diagnostic: Some(diagnostic),
                remote_mta: host.map(str::to_owned),
                ..Failure::default()
            });
        }
    }
    failures
}
