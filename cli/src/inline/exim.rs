//! Exim's main log: `ID ** address R=.. T=.. H=host [ip]: words` failed, `ID == address .. defer (n): words` put off
//! (<https://www.exim.org/exim-html-current/doc/html/spec_html/ch-log_files.html>).

use super::{Entry, host, some};

/// The failure that a line tells.
pub(super) fn read(line: &str) -> Option<Entry> {
    let (at, delayed) = [(" ** ", false), (" == ", true)]
        .into_iter()
        .filter_map(|(mark, delayed)| Some((line.find(mark)?, delayed)))
        .min()?;
    let queue_id = line[..at]
        .rsplit(' ')
        .next()
        .filter(|id| is_message_id(id))?;
    let rest = &line[at + 4..];
    let end = rest.find(' ').unwrap_or(rest.len());
    let recipient = some(rest[..end].trim_end_matches(':'));
    // The words stand behind the first colon that a blank follows; fields hold none.
    let (fields, words) = match rest[..end].ends_with(':') {
        true => ("", rest[end..].trim_start()),
        false => rest.split_once(": ")?,
    };
    let remote = fields.split_once(" H=").map(|(_, h)| h);
    Some(Entry {
        reply: words.trim().to_owned(),
        recipient,
        queue_id: Some(queue_id.to_owned()),
        remote_mta: remote.and_then(host),
        status: None,
        delayed,
    })
}

/// `1tXyzA-000001-AB`, or the longer form since Exim 4.97.
fn is_message_id(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    parts.len() == 3
        && parts[0].len() == 6
        && matches!(parts[1].len(), 6 | 11)
        && matches!(parts[2].len(), 2 | 4)
        && parts
            .iter()
            .all(|p| p.bytes().all(|b| b.is_ascii_alphanumeric()))
}
