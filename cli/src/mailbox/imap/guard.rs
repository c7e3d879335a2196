//! Which responses `imap-proto` is given: it panics at some that only a broken or hostile server sends, and a panic ends the
//! program (docs/upstream.md).

use imap_proto::Response;

use super::wire::outside_strings;

/// The statuses, whose words are for people.
const STATUSES: &[&[u8]] = &[b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
/// The responses that are read here, behind their number where they have one.
const READ: &[&[u8]] = &[
    b"CAPABILITY",
    b"LIST",
    b"STATUS",
    b"MYRIGHTS",
    b"EXISTS",
    b"FETCH",
];

/// A response, if it is one that is read here and that its reader survives.
pub(super) fn parse(response: &mut [u8]) -> Option<Response<'_>> {
    let rest = response.strip_prefix(b"* ")?;
    let mut words = rest.split(|b| matches!(b, b' ' | b'\r' | b'\n'));
    let mut word = words.next()?;
    if !word.is_empty() && word.iter().all(u8::is_ascii_digit) {
        word = words.next()?;
    }
    let is = |names: &[&[u8]]| names.iter().any(|n| word.eq_ignore_ascii_case(n));
    if is(STATUSES) {
        // The first letter behind a code in brackets is cut off as if it were one byte.
        response
            .iter_mut()
            .filter(|b| !b.is_ascii())
            .for_each(|b| *b = b'?');
    } else if !is(READ) || has_no_date(response) {
        return None;
    }
    Response::parse(response).ok().map(|(_, parsed)| parsed)
}

/// Whether a message is said to have no date: the reader counts on one.
fn has_no_date(response: &[u8]) -> bool {
    const NIL: &[u8] = b"INTERNALDATE NIL";
    outside_strings(response).any(|at| {
        matches!(response[at], b'I' | b'i')
            && response[at..]
                .get(..NIL.len())
                .is_some_and(|w| w.eq_ignore_ascii_case(NIL))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_reader_does_not_survive_is_not_given_to_it() {
        for (response, is_read) in [
            ("* OK [ALERT]\u{e9} closed\r\n", true),
            ("* NO [UNSEEN 1]\u{fffd}\r\n", true),
            ("* BYE \u{e9}\r\n", true),
            ("* 1 FETCH (UID 7 INTERNALDATE NIL)\r\n", false),
            ("* 1 FETCH (internaldate nil)\r\n", false),
            (
                "* 1 FETCH (UID 7 BODY[] {16}\r\nINTERNALDATE NIL)\r\n",
                true,
            ),
            ("* METADATA \"\" (/shared/\u{fffd} NIL)\r\n", false),
            ("* ID (\"name\" NIL)\r\n", false),
            ("* 3 EXISTS\r\n", true),
            ("* LIST () \"/\" INBOX\r\n", true),
            ("* \r\n", false),
            ("A1 OK done\r\n", false),
        ] {
            let mut bytes = response.as_bytes().to_vec();
            assert_eq!(parse(&mut bytes).is_some(), is_read, "{response:?}");
        }
    }
}
