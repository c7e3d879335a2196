//! Aggregate reports about authentication and encryption: known by their files, whatever the mail around them says.

/// Whether a file is named as RFC 7489 section 7.2.1.1 and RFC 8460 section 5.1 say: receiver, domain, begin and end of the
/// time, and maybe an id, with `!` between them.
pub(crate) fn is_aggregate_name(name: &str) -> bool {
    const ENDS: &[&str] = &[".xml", ".xml.gz", ".gz", ".zip", ".json", ".json.gz"];
    let ends = |end: &&str| {
        name.len().checked_sub(end.len()).is_some_and(|at| {
            name.get(at..)
                .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        })
    };
    let mut pieces = name.split('!');
    let (Some(receiver), Some(domain), Some(begin), Some(end)) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return false;
    };
    let seconds = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count() >= 9;
    receiver.contains('.')
        && domain.contains('.')
        && seconds(begin)
        && seconds(end)
        && ENDS.iter().any(ends)
}

/// Whether a part can hold such a report, by its type.
pub(crate) fn is_aggregate_media(essence: &str) -> bool {
    [
        "application/gzip",
        "application/x-gzip",
        "application/zip",
        "application/x-zip-compressed",
        "application/xml",
        "text/xml",
        "application/tlsrpt+gzip",
        "application/tlsrpt+json",
    ]
    .iter()
    .any(|known| essence.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_name() {
        for (name, is) in [
            ("mx.example!sender.example!1699488000!1699574399.zip", true),
            (
                "mx.example!sender.example!1699488000!1699574399.xml.gz",
                true,
            ),
            (
                "mx.example!sender.example!1699488000!1699574399!7a1.XML",
                true,
            ),
            (
                "mx.example!sender.example!1699488000!1699574399!001.json.gz",
                true,
            ),
            ("offer!now!only!today.zip", false),
            ("mx.example!sender.example!1699488000.zip", false),
            ("mx.example!sender.example!1699488000!1699574399.exe", false),
            ("report.xml", false),
            ("", false),
        ] {
            assert_eq!(is_aggregate_name(name), is, "{name}");
        }
    }
}
