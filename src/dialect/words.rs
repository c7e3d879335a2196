//! The words about an address: which lines belong to it, where a reply stands, what a transcript says.

use memchr::{memchr_iter, memchr2, memchr2_iter};

use super::candidate::Candidate;

/// The most bytes of words about one recipient.
const MAX_WORDS: usize = 1500;

/// The words about a candidate: behind it in its line, then the lines up to the next candidate.
pub(super) fn words_about(c: &Candidate<'_>, lines: &[&str]) -> Option<String> {
    let mut words = String::new();
    let mut add = |line: &str| {
        if is_of_message(line) {
            return;
        }
        if words.len() + line.len() < MAX_WORDS && !line.is_empty() {
            join(&mut words, line);
        }
    };
    let paragraphs = paragraphs(lines);
    let with_reply = paragraphs
        .iter()
        .position(|p| p.iter().any(|l| is_reply_line(l)));
    let in_line = !c.rest.is_empty() && has_reply(c.rest);
    add(c.label);
    // `[192.0.2.1], 550 no such user`: the address of the host hides the code.
    add(match c.rest.split_once("], ") {
        Some((host, reply)) if host.starts_with('[') && begins_with_code(reply) => reply,
        _ => c.rest,
    });
    match with_reply {
        Some(i) if !in_line => {
            let p = &paragraphs[i];
            let at = p.iter().position(|l| is_reply_line(l)).unwrap_or(0);
            if i > 0 || at > 0 {
                // What introduces the reply often names the host.
                paragraphs[0]
                    .iter()
                    .take(if i > 0 { 3 } else { at })
                    .for_each(|l| add(l));
            }
            let said = &p[at..];
            said[..until_translated(said)]
                .iter()
                .take(12)
                .for_each(|l| add(l.trim_start_matches(['<', '>', ' ']).trim()));
        }
        _ => {
            let first = paragraphs.first().map(|p| p.as_slice()).unwrap_or_default();
            // Words in the same line go on in the next ones unless those are another paragraph.
            if !in_line || lines.first().is_some_and(|l| !l.trim().is_empty()) {
                first.iter().take(10).for_each(|l| add(l.trim()));
            }
            if !in_line && first.iter().map(|l| l.len()).sum::<usize>() < 80 {
                paragraphs
                    .iter()
                    .skip(1)
                    .take(2)
                    .flatten()
                    .take(8)
                    .for_each(|l| add(l.trim()));
            }
        }
    }
    Some(words).filter(|w| !w.trim().is_empty())
}

/// How many lines go before sendmail's own rendering of the reply above it: `<<< 552 mailbox full`, then
/// `554 <bob@example.com>... Service unavailable`. What the remote server said is nearer to the mailbox.
fn until_translated(lines: &[&str]) -> usize {
    let code = |line: &str| {
        line.get(..3)
            .filter(|_| begins_with_code(line))
            .map(str::to_owned)
    };
    let mut said = None;
    for (i, line) in lines.iter().enumerate() {
        if let Some(remote) = line.strip_prefix("<<<") {
            said = code(remote.trim_start()).or(said);
        } else if said.is_some()
            && line.contains("... ")
            && code(line).is_some_and(|c| Some(c) != said)
        {
            return i;
        }
    }
    lines.len()
}

/// Adds a line. A reply that began a line of its own still has to be seen to begin.
pub(super) fn join(words: &mut String, line: &str) {
    if let Some(last) = words.as_bytes().last().copied() {
        let bare = begins_with_code(line) && !has_enhanced(line.get(..12).unwrap_or(line));
        if bare && (last.is_ascii_alphanumeric() || matches!(last, b')' | b'.' | b']' | b'-')) {
            words.push(':');
        }
        words.push(' ');
    }
    words.push_str(line);
}

/// Whether a line tells which message it is about: no reason stands there, and what looks like one is none.
fn is_of_message(line: &str) -> bool {
    ["subject:", "message-id:"].iter().any(|name| {
        line.get(..name.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(name))
    })
}

pub(super) fn paragraphs<'t>(lines: &[&'t str]) -> Vec<Vec<&'t str>> {
    let mut out: Vec<Vec<&str>> = Vec::new();
    let mut open = false;
    for line in lines {
        let line = line.trim();
        if line.is_empty() || is_divider(line) {
            open = false;
            continue;
        }
        if !open {
            out.push(Vec::new());
            open = true;
        }
        if let Some(p) = out.last_mut() {
            p.push(line);
        }
    }
    out
}

/// `-----`, `=====`, `--- Below this line ---`.
fn is_divider(line: &str) -> bool {
    let marks = line
        .bytes()
        .filter(|b| matches!(b, b'-' | b'=' | b'_' | b'*' | b'#' | b'+'))
        .count();
    marks >= 5 && (marks * 2 >= line.len() || line.starts_with("---") || line.starts_with("==="))
}

/// Whether a line holds a reply: it begins with a code, or an enhanced code stands in it.
fn is_reply_line(line: &str) -> bool {
    let t = line.trim_start_matches(['<', '>', ' ', '"', '\'', '(', '#', '[', '-', '*', '.']);
    begins_with_code(t)
        || has_enhanced(t)
        || t.contains(" said: ") && has_reply(t)
        || behind_label(t).is_some_and(begins_with_code)
}

/// What stands behind a short label: `Reason: 550 no such user`.
fn behind_label(line: &str) -> Option<&str> {
    let (label, rest) = line.split_once(':')?;
    (label.len() <= 30 && label.split_whitespace().count() <= 3).then(|| rest.trim_start())
}

pub(super) fn begins_with_code(t: &str) -> bool {
    let b = t.as_bytes();
    b.len() >= 3
        && matches!(b[0], b'4' | b'5')
        && b[1..3].iter().all(u8::is_ascii_digit)
        && b.get(3)
            .is_none_or(|c| matches!(c, b' ' | b'-' | b'#' | b':' | b';'))
}

/// Whether an enhanced code of class 4 or 5 stands in the text.
fn has_enhanced(t: &str) -> bool {
    let b = t.as_bytes();
    memchr_iter(b'.', b).any(|dot| {
        let class = dot.checked_sub(1).filter(|i| matches!(b[*i], b'4' | b'5'));
        let begins = class.is_some_and(|i| {
            let before = i.checked_sub(1).map(|i| b[i]);
            before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != b'.')
        });
        begins
            && match b.get(dot + 1..dot + 4) {
                Some([a, b'.', c]) | Some([a, c, b'.']) => a.is_ascii_digit() && c.is_ascii_digit(),
                _ => false,
            }
    })
}

/// Whether text holds a reply code or an enhanced one.
pub(crate) fn has_reply(text: &str) -> bool {
    has_enhanced(text) || has_code(text)
}

/// Whether text holds a reply code.
pub(super) fn has_code(text: &str) -> bool {
    let b = text.as_bytes();
    let borders = |c: u8| matches!(c, b' ' | b'\n' | b':' | b'<' | b'"' | b'\'' | b'(' | b'#');
    memchr2_iter(b'4', b'5', b).any(|at| {
        let ends = |c: &u8| borders(*c) || matches!(c, b'-' | b';');
        at.checked_sub(1).is_none_or(|before| borders(b[before]))
            && b.get(at + 1..at + 3)
                .is_some_and(|more| more.iter().all(u8::is_ascii_digit))
            && b.get(at + 3).is_none_or(ends)
    })
}

/// A reply with both its codes somewhere in a line: from there to the end.
fn reply_inside(line: &str) -> Option<&str> {
    let mut at = 0;
    for word in line.split(' ') {
        if word.len() == 3 && begins_with_code(word) {
            let rest = &line[at..];
            let next = rest[3..].trim_start();
            if next.len() >= 5 && has_enhanced(&next[..next.find(' ').unwrap_or(next.len())]) {
                return Some(rest);
            }
        }
        at += word.len() + 1;
    }
    None
}

/// The reply of a transcript: the `<<<` line behind the command that names the address, else the last failure.
pub(super) fn transcript_reply(
    lines: &[&str],
    address: Option<&str>,
    anybodys: bool,
) -> Option<String> {
    let mut named = false;
    let mut last = None;
    for (i, line) in lines.iter().enumerate() {
        let t = line.trim();
        if let Some(a) = address
            && is_rcpt(t)
        {
            named = t.to_ascii_lowercase().contains(&a.to_ascii_lowercase());
        }
        // Some write the time in front of each line.
        let said = match memchr2(b'<', b'>', t.as_bytes()) {
            Some(_) => ["<-- ", "<<< ", ">>> "]
                .iter()
                .find_map(|m| t.find(m).map(|i| &t[i + m.len()..])),
            None => None,
        };
        let said = said.unwrap_or(t);
        let bare = said.trim_start_matches(['<', '>', ' ', '-']);
        if begins_with_code(bare) {
            let reply = fold(bare, &lines[i + 1..]);
            if named {
                return Some(reply);
            }
            last = Some(reply);
        }
    }
    if !anybodys {
        return None;
    }
    last.or_else(|| {
        lines
            .iter()
            .find_map(|l| reply_inside(l))
            .or_else(|| lines.iter().rev().find_map(|l| socket_error(l)))
            .map(str::to_owned)
    })
}

/// What a transcript says where nobody answered: `* Winsock Error 10060 Connection timed out`.
fn socket_error(line: &str) -> Option<&str> {
    ["Winsock Error ", "Socket error "]
        .iter()
        .find_map(|w| line.find(w).map(|i| line[i..].trim_end()))
}

/// Whether a line names the command RCPT TO.
fn is_rcpt(line: &str) -> bool {
    let bytes = line.as_bytes();
    memchr2_iter(b'P', b'p', bytes).any(|i| {
        let at = i.checked_sub(2);
        let word = at.and_then(|at| bytes.get(at..at + 7));
        word.is_some_and(|w| w.eq_ignore_ascii_case(b"rcpt to"))
    })
}

/// A reply that may go on in the following lines; another code is another reply.
fn fold(first: &str, lines: &[&str]) -> String {
    let mut out = first.to_owned();
    for line in lines.iter().take(8) {
        let t = line.trim().trim_start_matches(['<', '>', ' ']);
        let goes_on = if begins_with_code(t) {
            t[..3] == first[..3]
        } else {
            line.starts_with([' ', '\t'])
        };
        if t.is_empty() || !goes_on {
            break;
        }
        out.push(' ');
        out.push_str(t);
    }
    out
}
