//! Line ends as mail has them in the wild: LF, CRLF, CR alone and all three mixed.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

/// The message with every lone CR as LF where CR is used as a line end; CRLF stays as it is.
///
/// A lone CR in the header, or more of them than line feeds, shows such a use. Elsewhere a lone CR is
/// content and stays.
pub(crate) fn uniform(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !uses_lone_cr(bytes) {
        return Cow::Borrowed(bytes);
    }
    let mut out = bytes.to_vec();
    for i in memchr_iter(b'\r', bytes) {
        if bytes.get(i + 1) != Some(&b'\n') {
            out[i] = b'\n';
        }
    }
    Cow::Owned(out)
}

fn uses_lone_cr(bytes: &[u8]) -> bool {
    if memchr(b'\r', bytes).is_none() {
        return false;
    }
    let header = header_end(bytes);
    if has_lone_cr(&bytes[..header]) {
        return true;
    }
    memchr(b'\n', bytes).is_none()
}

fn has_lone_cr(bytes: &[u8]) -> bool {
    memchr_iter(b'\r', bytes).any(|i| bytes.get(i + 1).is_some_and(|b| *b != b'\n' && *b != b'\r'))
}

/// End of the first header block as LF and CRLF readers see it.
fn header_end(bytes: &[u8]) -> usize {
    let mut start = 0;
    for i in memchr_iter(b'\n', bytes) {
        let line = &bytes[start..i];
        if (line.is_empty() || line == b"\r") && start > 0 {
            return i;
        }
        start = i + 1;
    }
    bytes.len()
}

/// The lines of `bytes` without their LF or CRLF.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = match memchr(b'\n', rest) {
            Some(i) => (&rest[..i], &rest[i + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// The lines of `text`, each with its line end.
pub(crate) fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |i| i + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_is_read() {
        let lf = b"A: 1\nB: 2\n\nbody\n".as_slice();
        let cr: Vec<u8> = lf
            .iter()
            .map(|b| if *b == b'\n' { b'\r' } else { *b })
            .collect();
        assert_eq!(uniform(&cr).as_ref(), lf);
        assert!(matches!(uniform(b"A: 1\r\n\r\nx\ry\r\n"), Cow::Borrowed(_)));
        assert_eq!(
            uniform(b"A: 1\rB: 2\r\n\r\nx").as_ref(),
            b"A: 1\nB: 2\r\n\r\nx"
        );
        assert_eq!(
            whole_lines("é\r\n\nc").collect::<Vec<_>>(),
            ["é\r\n", "\n", "c"]
        );
        assert_eq!(whole_lines("a\n").count(), 1);
        assert_eq!(
            lines(b"a\r\nb\n\nc").collect::<Vec<_>>(),
            [b"a".as_slice(), b"b", b"", b"c"]
        );
    }
}
