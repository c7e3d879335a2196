//! The general reader: finds the address that failed and the words about it by layout.
//!
//! Layouts seen in the wild, best first: a line that is an address; a line that begins with one; a label in front of
//! one; an address in a sentence. Of all candidates only the best sort counts. What stands between a candidate
//! and the next one are the words about it. No address is ever made: each is a piece of the text.

use super::Failure;
use crate::address;
use crate::notice::Notice;
use crate::words::AddressSource;

/// The most bytes of words about one recipient.
const MAX_WORDS: usize = 1500;
/// The most recipients read from prose.
const MAX_FOUND: usize = 500;

/// How an address stands in its line, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    /// In a line without any hint.
    Loose,
    /// In a sentence or reply that speaks of failure.
    Sentence,
    /// In a command of a transcript.
    Command,
    /// Behind a label.
    Labelled,
    /// At the start of its line, words behind it.
    Leading,
    /// Alone in its line.
    Alone,
}

#[derive(Debug)]
struct Candidate<'t> {
    line: usize,
    address: &'t str,
    stand: Stand,
    /// The words behind it in its line.
    rest: &'t str,
}

/// Everybody who failed by the notice's own words.
pub(crate) fn read(notice: &Notice<'_, '_>) -> Vec<Failure> {
    let lines: Vec<&str> = notice.words.lines().map(str::trim_end).collect();
    let candidates = candidates(&lines, notice);
    let Some(best) = candidates.iter().map(|c| c.stand).max() else { return Vec::new() };
    let chosen: Vec<&Candidate<'_>> = candidates.iter().filter(|c| c.stand == best).collect();
    let mut failures: Vec<Failure> = Vec::new();
    for (i, c) in chosen.iter().enumerate() {
        if failures.iter().any(|f| f.address.as_deref().is_some_and(|a| address::same(a, c.address))) {
            continue;
        }
        if failures.len() == MAX_FOUND {
            break;
        }
        let end = chosen[i + 1..].iter().find(|n| n.line > c.line).map_or(lines.len(), |n| n.line);
        let words = words_about(c, &lines[c.line + 1..end]);
        failures.push(Failure {
            address: Some(c.address.to_owned()),
            source: Some(AddressSource::Text),
            diagnostic: words,
            ..Failure::default()
        });
    }
    share_words(&mut failures);
    for f in &mut failures {
        let told = f.diagnostic.as_deref().is_some_and(has_reply);
        if !told && let Some(reply) = transcript_reply(&lines, f.address.as_deref()) {
            f.diagnostic = Some(match f.diagnostic.take() {
                Some(d) if d.len() < 200 => format!("{d} {reply}"),
                _ => reply,
            });
        }
    }
    failures
}

fn candidates<'t>(lines: &[&'t str], notice: &Notice<'_, '_>) -> Vec<Candidate<'t>> {
    let mut out = Vec::new();
    for (line, text) in lines.iter().enumerate() {
        if !text.contains('@') || is_about_others(text) {
            continue;
        }
        for (from, to) in address::spans_in_text(text) {
            let address = &text[from..to];
            if notice.is_own_address(address) || is_in_url(text, from) || !address::is_plausible(address) {
                continue;
            }
            let (stand, rest) = stand(text, from, to);
            let stand = if is_office(address) { lower(stand) } else { stand };
            out.push(Candidate { line, address, stand, rest });
            if out.len() >= 4 * MAX_FOUND {
                return out;
            }
        }
    }
    out
}

/// How the address at `from..to` stands in its line, and the words behind it.
fn stand(text: &str, from: usize, to: usize) -> (Stand, &str) {
    let before = text[..from].trim_start_matches(BULLETS).trim_end_matches(['<', '"', '\'', '(', '[', ' ', '\t', '`']);
    let behind = text[to..].trim_start_matches(['>', '"', '\'', ')', ']', ' ', '\t', '`']);
    let rest = behind.trim_start_matches([':', '.', '-', ',', ';', '>', ' ', '\t', '|', '*']).trim();
    let lower_before = before.to_lowercase();
    let label = lower_before.trim_end_matches(|c: char| c.is_whitespace() || c == '<');
    if before.is_empty() {
        let only = rest.is_empty() || (rest.starts_with('(') && rest.ends_with(')')) || rest.starts_with('<');
        return (if only { Stand::Alone } else { Stand::Leading }, rest);
    }
    if label.ends_with("rcpt to:") || label.ends_with("rcpt to") {
        return (Stand::Command, rest);
    }
    // `Bob Example <bob@example.com>`: a display name and nothing else.
    let named = text[..from].trim_end().ends_with('<') && rest.is_empty() && !label.ends_with(':') && before.split_whitespace().count() <= 4
        && !says_failure(&lower_before) && before.chars().next().is_some_and(|c| c.is_uppercase() || c == '"' || c == '\'' || !c.is_ascii());
    if named {
        return (Stand::Alone, rest);
    }
    if (label.ends_with(':') || label.ends_with("=")) && before.split_whitespace().count() <= 12 {
        return (Stand::Labelled, rest);
    }
    let all = text.to_lowercase();
    if says_failure(&all) { (Stand::Sentence, text.trim()) } else { (Stand::Loose, rest) }
}

/// What decorates the start of a line of a list.
const BULLETS: &[char] = &[' ', '\t', '*', '-', '\u{2022}', '\u{b7}', '>', '|', '<', '"', '\'', '(', '[', ':', '+', '#', '=', '\u{a0}', '.'];

fn says_failure(lower: &str) -> bool {
    const WORDS: &[&str] = &[
        "not be delivered", "undeliverable", "failed", "fail", "unknown", "unable", "couldn't", "could not", "wasn't", "reject", "error",
        "not exist", "doesn't exist", "full", "quota", "disabled", "no such", "not found", "invalid", "not deliver", "refused", "unavailable",
        "550", "551", "552", "553", "554", "450", "451", "452", "421", "denied", "was not", "cannot", "can't", "recipient", "delivery", "deliver",
        "konnte", "nicht", "impossible", "n'a pas", "no se", "non \u{e8}", "n\u{e3}o", "\u{43d}\u{435} ", "nie ", "niet",
    ];
    WORDS.iter().any(|w| lower.contains(w))
}

/// Lines that name the sender, a contact or a header.
fn is_about_others(text: &str) -> bool {
    let t = text.trim_start().trim_start_matches(['>', '|', '*', ' ']).to_ascii_lowercase();
    const STARTS: &[&str] = &[
        "from:", "sender:", "reply-to:", "message-id:", "message id:", "subject:", "cc:", "return-path:", "received:", "in-reply-to:", "references:",
        "from ", "mail from", ">>> mail from", "mailto:", "x-", "list-", "date:", "absender:", "von:", "de:", "da:", "envelope-sender", "envelope from",
        "return path:", "original sender:", "sent by", "delivered-to:", "dkim", "by ", "helo", "ehlo", "sent:",
    ];
    const INSIDE: &[&str] = &[
        "please contact", "contact your", "contact the", "for assistance", "for help", "for more information", "forward this", "send mail to", "send email to",
        "send an e-mail to", "if you believe", "if you have any", "write to", "please email", "questions", "further assistance", "postmaster for", "mail from:",
        "problem report", "include this problem", "kontakt", "contacter", "contatt", "if you do so, please",
    ];
    STARTS.iter().any(|s| t.starts_with(s)) || INSIDE.iter().any(|s| t.contains(s))
}

fn is_in_url(text: &str, from: usize) -> bool {
    let head = &text[..from];
    let word = head.rfind([' ', '\t', '<', '"', '(']).map_or(head, |i| &head[i + 1..]);
    word.contains("://") || word.to_ascii_lowercase().ends_with("mailto:")
}

/// Roles that notices name as whom to ask.
fn is_office(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().to_ascii_lowercase();
    ["postmaster", "mailer-daemon", "abuse", "hostmaster", "helpdesk", "help"].contains(&local.as_str())
}

fn lower(stand: Stand) -> Stand {
    match stand {
        Stand::Alone | Stand::Leading => Stand::Sentence,
        Stand::Labelled | Stand::Command => Stand::Sentence,
        _ => Stand::Loose,
    }
}

/// The words about a candidate: behind it in its line, then the lines up to the next candidate.
fn words_about(c: &Candidate<'_>, lines: &[&str]) -> Option<String> {
    let mut words = String::new();
    let mut add = |line: &str| {
        if words.len() + line.len() < MAX_WORDS && !line.is_empty() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(line);
        }
    };
    let paragraphs = paragraphs(lines);
    let with_reply = paragraphs.iter().position(|p| p.iter().any(|l| is_reply_line(l)));
    let in_line = !c.rest.is_empty() && has_reply(c.rest);
    add(c.rest);
    match with_reply {
        Some(i) if !in_line => {
            let p = &paragraphs[i];
            let at = p.iter().position(|l| is_reply_line(l)).unwrap_or(0);
            if i > 0 || at > 0 {
                // What introduces the reply often names the host.
                paragraphs[0].iter().take(if i > 0 { 3 } else { at }).for_each(|l| add(l));
            }
            p[at..].iter().take(12).for_each(|l| add(l.trim_start_matches(['<', '>', ' ']).trim()));
        }
        _ => {
            let first = paragraphs.first().map(|p| p.as_slice()).unwrap_or_default();
            // Words in the same line go on in the next ones unless those are another paragraph.
            if !in_line || lines.first().is_some_and(|l| !l.trim().is_empty()) {
                first.iter().take(10).for_each(|l| add(l.trim()));
            }
            if !in_line && first.iter().map(|l| l.len()).sum::<usize>() < 80 {
                paragraphs.iter().skip(1).take(2).flatten().take(8).for_each(|l| add(l.trim()));
            }
        }
    }
    Some(words).filter(|w| !w.trim().is_empty())
}

fn paragraphs<'t>(lines: &[&'t str]) -> Vec<Vec<&'t str>> {
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
    let marks = line.bytes().filter(|b| matches!(b, b'-' | b'=' | b'_' | b'*' | b'#' | b'+')).count();
    marks >= 5 && (marks * 2 >= line.len() || line.starts_with("---") || line.starts_with("==="))
}

/// Words that belong to a list of addresses stand behind the last one: the others share them.
fn share_words(failures: &mut [Failure]) {
    for i in (0..failures.len().saturating_sub(1)).rev() {
        if failures[i].diagnostic.is_none() {
            failures[i].diagnostic = failures[i + 1].diagnostic.clone();
        }
    }
}

/// Whether a line holds a reply: it begins with a code, or an enhanced code stands in it.
fn is_reply_line(line: &str) -> bool {
    let t = line.trim_start_matches(['<', '>', ' ', '"', '\'', '(', '#', '[', '-', '*', '.']);
    begins_with_code(t) || has_enhanced(t) || t.contains(" said: ") && has_reply(t)
}

fn begins_with_code(t: &str) -> bool {
    let b = t.as_bytes();
    b.len() >= 3
        && matches!(b[0], b'4' | b'5')
        && b[1..3].iter().all(u8::is_ascii_digit)
        && b.get(3).is_none_or(|c| matches!(c, b' ' | b'-' | b'#' | b':' | b';'))
}

/// Whether an enhanced code of class 4 or 5 stands in the text.
fn has_enhanced(t: &str) -> bool {
    let b = t.as_bytes();
    (0..b.len().saturating_sub(4)).any(|i| {
        matches!(b[i], b'4' | b'5')
            && b[i + 1] == b'.'
            && b[i + 2].is_ascii_digit()
            && (b[i + 3] == b'.' && b[i + 4].is_ascii_digit() || b[i + 3].is_ascii_digit() && b[i + 4] == b'.')
            && (i == 0 || !b[i - 1].is_ascii_alphanumeric() && b[i - 1] != b'.')
    })
}

/// Whether text holds a reply code or an enhanced one.
pub(super) fn has_reply(text: &str) -> bool {
    has_enhanced(text)
        || text.split([' ', '\n', ':', '<', '"', '\'', '(']).any(begins_with_code_word)
}

fn begins_with_code_word(word: &str) -> bool {
    word.len() >= 3 && begins_with_code(word) && (word.len() == 3 || !word.as_bytes()[3].is_ascii_digit())
}

/// The reply of a transcript: the `<<<` line behind the command that names the address, else the last failure.
fn transcript_reply(lines: &[&str], address: Option<&str>) -> Option<String> {
    let mut named = false;
    let mut last = None;
    for (i, line) in lines.iter().enumerate() {
        let t = line.trim();
        if let Some(a) = address {
            let is_command = t.to_ascii_lowercase().contains("rcpt to");
            if is_command {
                named = t.to_ascii_lowercase().contains(&a.to_ascii_lowercase());
            }
        }
        let bare = t.trim_start_matches(['<', '>', ' ', '-']);
        if begins_with_code(bare) {
            let reply = fold(&lines[i..]);
            if named {
                return Some(reply);
            }
            last = Some(reply);
        }
    }
    last
}

/// A reply that may go on in the following lines.
fn fold(lines: &[&str]) -> String {
    let mut out = String::new();
    for (i, line) in lines.iter().take(8).enumerate() {
        let t = line.trim().trim_start_matches(['<', '>', ' ']);
        if i > 0 && (t.is_empty() || !begins_with_code(t) && !line.starts_with([' ', '\t'])) {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(t);
    }
    out
}
