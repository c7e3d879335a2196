//! KDDI au one net: two labelled lines behind an apology in Japanese, from an address that is no daemon's.

use super::{Failure, Reading};
use crate::address;
use crate::notice::Notice;
use crate::words::{AddressSource, Kind};

/// `Could not be delivered to: <bob@example.com>` and the reason in the next line.
pub(super) fn read(notice: &Notice<'_, '_>) -> Option<Reading> {
    let mut lines = notice
        .words
        .lines()
        .map(str::trim)
        .skip_while(|l| !l.starts_with("Your mail sent on:"));
    let mut failures = Vec::new();
    while let Some(line) = lines.next() {
        let Some(who) = line.strip_prefix("Could not be delivered to:") else {
            continue;
        };
        let Some(address) = address::clean(who).filter(|a| address::is_plausible(a)) else {
            continue;
        };
        let why = lines.next().filter(|l| !l.is_empty());
        failures.push(Failure {
            address: Some(address),
            source: Some(AddressSource::Text),
            diagnostic: why.map(str::to_owned),
            ..Failure::default()
        });
    }
    (!failures.is_empty()).then(|| Reading {
        failures,
        kind: Some(Kind::Bounce),
        ..Reading::default()
    })
}
