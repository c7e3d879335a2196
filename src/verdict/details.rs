//! What a reply says beside its category: how long to wait, how large is too large, which address instead.

use std::cmp::Reverse;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::contract::Details;
use crate::knowledge::{Aside, Text};
use crate::words::Category;

/// What fixed words of a reply say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asides<'k> {
    /// The refused SMTP command, with its rank and place.
    command: Option<(usize, usize, &'k Text<'static>)>,
    scope: Option<(usize, &'k Text<'static>)>,
    again: bool,
    at_connect: bool,
}

impl<'k> Asides<'k> {
    /// Takes in what stands at a place of the text.
    pub fn add(&mut self, aside: Aside<'k>, at: usize) {
        match aside {
            Aside::Command { rank, name } => {
                if self
                    .command
                    .is_none_or(|(r, a, _)| (rank, Reverse(at)) < (r, Reverse(a)))
                {
                    self.command = Some((rank, at, name));
                }
            }
            Aside::Scope { rank, name } => {
                if self.scope.is_none_or(|(r, _)| rank < r) {
                    self.scope = Some((rank, name));
                }
            }
            Aside::Again => self.again = true,
            Aside::AtConnect => self.at_connect = true,
        }
    }

    /// Whether the server refused before it heard of sender or recipient: then it is our host that it does not want.
    pub fn refused_before_mail(&self) -> bool {
        self.at_connect
            || self
                .command
                .is_some_and(|(_, _, name)| matches!(&**name, "EHLO" | "HELO"))
    }

    /// Whether it answers the MAIL command, which names the sender alone.
    pub fn refused_at_mail(&self) -> bool {
        self.command.is_some_and(|(_, _, name)| &**name == "MAIL")
    }
}

/// Fills what can be read from the normalised reply `text`.
pub(crate) fn fill(
    details: &mut Details,
    category: Category,
    asides: &Asides<'_>,
    text: &str,
    raw: &str,
) {
    use Category::*;
    if matches!(
        category,
        Greylisted
            | RateLimited
            | ServerError
            | LowReputation
            | MailboxUnavailable
            | Unknown
            | ConnectionFailed
            | SystemFull
            | IpBlocklisted
            | PolicyRejected
    ) && details.retry_after.is_none()
        && asides.again
    {
        details.retry_after = retry_after(text);
    }
    if category == MessageTooLarge && details.limit_bytes.is_none() {
        details.limit_bytes = limit_bytes(text);
    }
    if category == MailboxMoved && details.new_address.is_none() {
        details.new_address = new_address(raw);
    }
    if matches!(category, RateLimited | LowReputation | TooManyRecipients)
        && details.scope.is_none()
    {
        details.scope = asides.scope.map(|(_, name)| name.clone().inner());
    }
    if details.ip.is_none() {
        details.ip = ip_in_brackets(text);
    }
    if details.command.is_none() {
        details.command = asides.command.map(|(_, _, name)| name.clone().inner());
    }
}

/// Seconds from "try again in 5 minutes", "wait 300 seconds", "00:05:00", in words that speak of another try.
fn retry_after(text: &str) -> Option<u64> {
    const ASKING: &[&str] = &[
        "try again",
        "retry",
        "wait",
        "greylist",
        "graylist",
        "come back",
        "try later",
        "in",
        "after",
        "for",
    ];
    const MOST: usize = 400;
    // Where this word begins, and the four before it.
    let (mut at, mut last) = (0, [0; 4]);
    for (i, whole) in text.split(' ').take(MOST).enumerate() {
        let (start, oldest) = (at, last[i % 4]);
        last[i % 4] = start;
        at += whole.len() + 1;
        if !whole.bytes().any(|b| b.is_ascii_digit()) {
            continue;
        }
        let word = whole
            .trim_matches(|c: char| !c.is_ascii_digit() && c != ':' && !c.is_ascii_alphabetic());
        if let Some(seconds) = clock(word) {
            return Some(seconds);
        }
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 6 {
            continue;
        }
        let Ok(n) = word[..digits].parse::<u64>() else {
            continue;
        };
        let unit = if digits < word.len() {
            word[digits..].trim_start_matches('-')
        } else if i + 1 < MOST {
            let behind = text.get(at..).unwrap_or_default();
            behind.split(' ').next().unwrap_or_default()
        } else {
            ""
        };
        let Some(factor) = unit_seconds(unit) else {
            continue;
        };
        let before = text[oldest..start].trim_end_matches(' ');
        if n > 0
            && ASKING.iter().any(|a| {
                before
                    .split(' ')
                    .any(|w| w.trim_end_matches(':').ends_with(a))
                    || before.contains(a)
            })
        {
            return n.checked_mul(factor).filter(|s| *s <= 30 * 86_400);
        }
    }
    None
}

fn unit_seconds(word: &str) -> Option<u64> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
    Some(match word {
        "s" | "sec" | "secs" | "second" | "seconds" | "second(s" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" | "minute(s" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" | "hour(s" => 3600,
        "day" | "days" => 86_400,
        _ => return None,
    })
}

/// `00:05:00`, as greylisting software writes it.
fn clock(word: &str) -> Option<u64> {
    let mut it = word.split(':');
    let mut next = || {
        it.next()
            .filter(|p| p.len() == 2)
            .and_then(|p| p.parse::<u64>().ok())
    };
    let (h, m, s) = (next()?, next()?, next()?);
    (it.next().is_none() && m < 60 && s < 60 && h + m + s > 0).then_some(h * 3600 + m * 60 + s)
}

/// The limit that a reply about size names, in bytes.
fn limit_bytes(text: &str) -> Option<u64> {
    let words: Vec<&str> = text
        .split([' ', '(', ')', ',', ';'])
        .filter(|w| !w.is_empty())
        .take(300)
        .collect();
    let mut best = None;
    for (i, word) in words.iter().enumerate() {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0
            || digits > 12
            || word[digits..].starts_with(['.', '-', ':']) && word.len() > digits + 1
        {
            continue;
        }
        let Ok(n) = word[..digits].parse::<u64>() else {
            continue;
        };
        let unit = if digits < word.len() {
            &word[digits..]
        } else {
            words.get(i + 1).copied().unwrap_or_default()
        };
        let factor = match unit.trim_matches(|c: char| !c.is_ascii_alphabetic()) {
            "kb" | "kib" | "k" | "kbytes" | "kilobytes" => 1024,
            "mb" | "mib" | "m" | "mbytes" | "megabytes" | "meg" => 1 << 20,
            "gb" => 1 << 30,
            "bytes" | "byte" | "octets" | "b" => 1,
            _ if n >= 10_000 => 1,
            _ => continue,
        };
        let before = words[i.saturating_sub(6)..i].join(" ");
        let names_limit = [
            "limit", "max", "exceed", "larger", "than", "accept", "allow", "up to",
        ]
        .iter()
        .any(|w| before.contains(w));
        let Some(bytes) = n.checked_mul(factor) else {
            continue;
        };
        if names_limit && bytes > 0 {
            best = Some(bytes);
        }
    }
    best
}

/// The address of "please try <new@example.com>" in a 551 or in the words of a moved mailbox.
fn new_address(raw: &str) -> Option<String> {
    let lower = raw.to_ascii_lowercase();
    const LEADS: &[&str] = &[
        "try ",
        "forward to ",
        "moved to ",
        "changed to ",
        "new address",
        "address is ",
        "use ",
    ];
    let at = LEADS
        .iter()
        .filter_map(|l| lower.find(l).map(|i| i + l.len()))
        .min()?;
    let mut found = crate::address::find_in_text(&raw[at..]);
    found.next()
}

/// `1.2.3.4`: the addresses of version 6 that are shorter are nobody's.
const SHORTEST_IP: usize = 7;

/// An IP address in brackets or after "ip", "host", "client".
fn ip_in_brackets(text: &str) -> Option<String> {
    if !may_hold_ip(text.as_bytes()) {
        return None;
    }
    let border = |c| matches!(c, ' ' | ',' | ';' | '(' | ')' | '<' | '>' | '"' | '\'');
    let mut words = text.split(border).filter(|w| w.len() >= SHORTEST_IP);
    words.find_map(|w| {
        let w = w.trim_matches(|c: char| matches!(c, '[' | ']' | '.' | ':' | '=' | '/'));
        let w = w.strip_prefix("ip=").unwrap_or(w);
        let inner = match (w.find('['), w.find(']')) {
            (Some(a), Some(b)) if a < b => &w[a + 1..b],
            _ => w,
        };
        let count = |mark: u8| inner.bytes().filter(|b| *b == mark).count();
        let plausible = inner.len() >= SHORTEST_IP && (count(b'.') == 3 || count(b':') >= 2);
        plausible
            .then(|| inner.parse::<std::net::IpAddr>().ok())
            .flatten()
            .filter(|ip| !is_return_code(ip))
            .map(|ip| ip.to_string())
    })
}

/// Whether four numbers between dots or two colons stand close to each other: most replies have neither.
fn may_hold_ip(text: &[u8]) -> bool {
    let (mut dots, mut last_dot, mut last_colon) = (0, 0, usize::MAX);
    for at in memchr::memchr2_iter(b'.', b':', text) {
        if text[at] == b':' {
            if last_colon != usize::MAX && at - last_colon <= 5 {
                return true;
            }
            last_colon = at;
            continue;
        }
        dots = if at - last_dot <= 4 { dots + 1 } else { 1 };
        last_dot = at;
        if dots == 3 {
            return true;
        }
    }
    false
}

/// 127.0.0.0/8 in a reply is an answer of a DNS list, no host.
fn is_return_code(ip: &std::net::IpAddr) -> bool {
    ip.is_loopback()
}

/// The tag a known provider wrote into its reply: `[TSS04]`, `IB607`, `AUP#I-1000`, `OFR_417`, `(S3140)`, `?p=NoSuchUser`.
pub(crate) fn provider_code(raw: &str) -> Option<String> {
    static PARAMETER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("?p="));
    let bytes = raw.as_bytes();
    if let Some(at) = PARAMETER.find(bytes) {
        let rest = &raw[at + 3..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        return (end > 0).then(|| rest[..end].to_owned());
    }
    let mut from = 0;
    let words = bytes.split(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'#' | b'_' | b'-'));
    for word in words {
        let at = from;
        from += word.len() + 1;
        if !word.first().is_some_and(u8::is_ascii_uppercase) {
            continue;
        }
        let before = at.checked_sub(1).map(|i| bytes[i]);
        let after = bytes.get(at + word.len()).copied();
        let letters = word.iter().take_while(|b| b.is_ascii_uppercase()).count();
        let digits = word[letters..].iter().all(u8::is_ascii_digit)
            && (2..=4).contains(&(word.len() - letters));
        let bracketed = matches!(
            (before, after),
            (Some(b'['), Some(b']')) | (Some(b'('), Some(b')'))
        );
        let is_tag = bracketed && letters <= 4 && digits
            || word.starts_with(b"IB") && letters == 2 && word.len() == 5 && digits
            || word.starts_with(b"AUP#") && word.len() > 4
            || [b"OFR", b"LPN", b"OUK"]
                .iter()
                .any(|p| word.starts_with(*p))
                && word.contains(&b'_');
        if is_tag {
            return Some(raw[at..at + word.len()].to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read() {
        for (text, want) in [
            ("450 greylisted, try again in 5 minutes", Some(300)),
            ("451 greylisted for 00:05:00", Some(300)),
            ("450 please retry after 60 seconds", Some(60)),
            ("450 try again later", None),
            ("421 try again in 1h", Some(3600)),
            ("wait a very long 10 minutes", Some(600)),
            ("wait a very very long 10 minutes", None),
            ("retry 90", None),
            ("in 90 s", Some(90)),
        ] {
            assert_eq!(retry_after(text), want, "{text}");
        }
    }

    #[test]
    fn limits_are_read() {
        for (text, want) in [
            (
                "552 message size exceeds fixed limit (10485760)",
                Some(10_485_760),
            ),
            ("552 message larger than 25 mb", Some(25 << 20)),
            (
                "message size exceeds fixed maximum message size: 10240 kb",
                Some(10 << 20),
            ),
            ("552 too big", None),
        ] {
            assert_eq!(limit_bytes(text), want, "{text}");
        }
    }
}
