//! The general reader: finds the address that failed and the words about it by layout.
//!
//! Layouts seen in the wild, best first: a line that is an address; a line that begins with one; a label in front of
//! one; an address in a sentence. Of all candidates only the best sort counts. What stands between a candidate
//! and the next one are the words about it. No address is ever made: each is a piece of the text.

use memchr::memmem;

use super::Failure;
use super::candidate::{self, Candidate, MAX_FOUND, Stand};
use super::words::{has_code, has_reply, join, paragraphs, transcript_reply, words_about};
use crate::address;
use crate::notice::Notice;
use crate::words::AddressSource;

/// The most bytes of one line that are looked at; whole paragraphs without a line break are shorter.
const MAX_LINE: usize = 8 << 10;
/// The most lines behind an address that can be about it.
const MAX_LINES_ABOUT: usize = 400;

/// Everybody who failed by the notice's own words.
pub(super) fn read(notice: &Notice<'_, '_>) -> Vec<Failure> {
    let lines: Vec<&str> = notice
        .words
        .lines()
        .map(|l| cut(l, MAX_LINE).trim_end())
        .collect();
    let mut candidates = candidate::find(&lines, notice, false);
    if candidates.is_empty() && notice.address_in_subject().is_none() {
        // Mail to oneself, or a notice that hides whom it is for.
        candidates = candidate::find(&lines, notice, true);
        candidates.retain(|c| {
            // A greeting begins with the address of the sender too; no reply stands behind it.
            let answered = || {
                c.stand >= Stand::Leading
                    && (has_code(c.rest) || lines.get(c.line + 1).is_some_and(|l| has_code(l)))
            };
            c.stand >= Stand::Command && (notice.may_be_to_oneself(c.address) || answered())
        });
    }
    let Some(best) = candidates.iter().map(|c| c.stand).max() else {
        return Vec::new();
    };
    let chosen: Vec<&Candidate<'_>> = candidates.iter().filter(|c| c.stand == best).collect();
    let alone = chosen
        .iter()
        .all(|c| address::same(c.address, chosen[0].address));
    let mut failures: Vec<Failure> = Vec::new();
    for (i, c) in chosen.iter().enumerate() {
        let end = chosen[i + 1..]
            .iter()
            .find(|n| n.line > c.line && !address::same(n.address, c.address))
            .map_or(lines.len(), |n| n.line)
            .min(c.line + MAX_LINES_ABOUT);
        let of_it = &lines[c.line + 1..end];
        let known = failures.iter_mut().find(|f| {
            f.address
                .as_deref()
                .is_some_and(|a| address::same(a, c.address))
        });
        if let Some(known) = known {
            // Named again, as in the part for administrators: what a server said beats what people are told.
            if !known.diagnostic.as_deref().is_some_and(has_code) {
                let says_more = if known.diagnostic.as_deref().is_some_and(has_reply) {
                    has_code
                } else {
                    has_reply
                };
                let again = words_about(c, of_it).filter(|w| says_more(w));
                known.diagnostic = again.or(known.diagnostic.take());
            }
            continue;
        }
        if failures.len() == MAX_FOUND {
            break;
        }
        let mut words = words_about(c, of_it);
        if alone
            && words
                .as_deref()
                .is_none_or(|w| !has_reply(w) && w.len() < 200)
        {
            words = Some(with_lead(
                words.as_deref().unwrap_or_default(),
                &lines[..c.line],
            ));
        }
        failures.push(Failure {
            address: Some(c.address.to_owned()),
            original: forwarded_from(c, &lines[c.line..end]),
            source: Some(AddressSource::Text),
            diagnostic: words,
            ..Failure::default()
        });
    }
    share_words(&mut failures);
    // The last reply of a transcript may be another's where some have words of their own.
    let anybodys = failures.len() == 1
        || !failures
            .iter()
            .any(|f| f.diagnostic.as_deref().is_some_and(has_reply));
    for f in &mut failures {
        let told = f.diagnostic.as_deref().is_some_and(has_reply);
        if !told && let Some(reply) = transcript_reply(&lines, f.address.as_deref(), anybodys) {
            f.diagnostic = Some(match f.diagnostic.take() {
                Some(d) if d.len() < 200 => format!("{d} {reply}"),
                _ => reply,
            });
        }
    }
    failures
}

/// Whether the words name the owner of the mailbox and nobody else, and quote no reply: warnings and lures of "messages that
/// wait for you" are written so, not failures.
pub(super) fn speaks_to_owner(notice: &Notice<'_, '_>) -> bool {
    let mut named = address::find_in_text(&notice.words).peekable();
    named.peek().is_some()
        && named.all(|a| notice.info.to.iter().any(|t| address::same(t, &a)))
        && !notice.words.lines().any(has_code)
        && notice.message.header.get("X-Failed-Recipients").is_none()
        && notice.in_return_path().is_none()
}

/// At most `max` bytes from the start.
fn cut(line: &str, max: usize) -> &str {
    let mut end = line.len().min(max);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// Words that belong to a list of addresses stand behind the last one: the others share them.
fn share_words(failures: &mut [Failure]) {
    for i in (0..failures.len().saturating_sub(1)).rev() {
        if failures[i].diagnostic.is_none() {
            failures[i].diagnostic = failures[i + 1].diagnostic.clone();
        }
    }
}

/// The address that led to this one: `(expanded from <a@b>)`, `(generated from a@b)`.
fn forwarded_from(c: &Candidate<'_>, lines: &[&str]) -> Option<String> {
    let near = lines
        .iter()
        .take(3)
        .map(|l| l.trim())
        .collect::<Vec<_>>()
        .join(" ");
    // `ultimately generated from` ends as one of these.
    let at = ["expanded from", "generated from", "generated by"]
        .iter()
        .filter_map(|l| memmem::find(near.as_bytes(), l.as_bytes()).map(|i| i + l.len()))
        .min()?;
    address::find_in_text(&near[at..])
        .next()
        .filter(|a| !address::same(a, c.address))
}

/// Words with the paragraph before the address in front: some notices give the reason first.
fn with_lead(words: &str, before: &[&str]) -> String {
    let lead = paragraphs(before);
    let mut out = String::new();
    for p in lead.iter().rev().take(2).rev() {
        p.iter().take(8).for_each(|l| join(&mut out, l));
    }
    join(&mut out, words);
    out
}

/// The reply in the words of a notice that names nobody: sendmail says `550 bob... User unknown`.
pub(super) fn reply(words: &str) -> Option<String> {
    let lines: Vec<&str> = words.lines().collect();
    transcript_reply(&lines, None, true)
}
