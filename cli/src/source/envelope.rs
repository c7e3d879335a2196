//! The line that separates the messages of an mbox.

/// Longest line that is taken for an envelope line, in bytes.
pub(super) const MAX_LINE: usize = 1024;

const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Whether a line, with or without its end, is `From `, a sender, and a date with weekday, month, day, time and year.
///
/// The sender may be missing or hold blanks; zones may stand before or after the year (RFC 4155, appendix A, is
/// stricter than what mail software writes). Prose that starts with "From " has no such date.
pub(super) fn is_envelope(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else {
        return false;
    };
    if line.len() > MAX_LINE {
        return false;
    }
    let words: Vec<&[u8]> = rest
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty())
        .collect();
    words.iter().enumerate().any(|(at, word)| {
        is_one_of(word.strip_suffix(b",").unwrap_or(word), &DAYS) && is_date(&words[at + 1..])
    })
}

/// `Jan 5 10:00:00 2026`, `5 Jan 2026 10:00:00`, with zones anywhere after the day.
fn is_date(words: &[&[u8]]) -> bool {
    let [first, second, rest @ ..] = words else {
        return false;
    };
    let day_and_month = (is_one_of(first, &MONTHS) && is_number(second, 1..=2))
        || (is_number(first, 1..=2) && is_one_of(second, &MONTHS));
    day_and_month
        && rest.iter().any(|w| is_time(w))
        && rest
            .iter()
            .any(|w| is_number(w, 4..=4) || is_number(w, 2..=2))
}

fn is_one_of(word: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|n| word.eq_ignore_ascii_case(n))
}

fn is_number(word: &[u8], digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&word.len()) && word.iter().all(u8::is_ascii_digit)
}

fn is_time(word: &[u8]) -> bool {
    let mut parts = word.split(|b| *b == b':');
    let count = parts.clone().count();
    (2..=3).contains(&count) && parts.all(|p| is_number(p, 1..=2))
}

#[cfg(test)]
mod tests {
    use super::is_envelope;

    #[test]
    fn envelope_lines_of_many_writers() {
        for line in [
            "From bob@example.com Mon Jan  5 10:00:00 2026",
            "From MAILER-DAEMON Mon Jan 15 10:00:00 2026\r\n",
            "From - Mon Jan 05 10:00:00 2026",
            "From  Mon Jan  5 10:00 2026",
            "From bob at example.com  Mon Jan  5 10:00:00 2026",
            "From 1790000000000000000@xxx Mon Jan 05 10:00:00 +0000 2026",
            "From bob@example.com Mon Jan  5 10:00:00 CET 2026 remote from host.example",
            "From \"a b\"@example.com Mon, 5 Jan 2026 10:00:00 +0100",
        ] {
            assert!(is_envelope(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn prose_is_none() {
        for line in [
            "From ",
            "From: bob@example.com Mon Jan  5 10:00:00 2026",
            ">From bob@example.com Mon Jan  5 10:00:00 2026",
            "From now on everything will be different.",
            "From Mon Jan 5 2026 on we are closed.",
            "From 10:00:00 on Mon we are open.",
        ] {
            assert!(!is_envelope(line.as_bytes()), "{line}");
        }
        let mut long = b"From bob@example.com Mon Jan  5 10:00:00 2026".to_vec();
        long.resize(5000, b' ');
        assert!(!is_envelope(&long));
    }
}
