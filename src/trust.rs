//! How far a message can be trusted: signed tokens, a log of sent mail, and what cannot be.
//!
//! Anybody can send a bounce that names anybody. [`judge`] computes a [`Trust`] from the report, the keys and the sent
//! log that are handed in; [`events`] gives the events of a report with it. What each level may do is the policy's
//! matter. Without keys and log, every report is `unverified` or `suspicious`.
//!
//! What makes a report `suspicious`:
//! - a token of ours whose signature is wrong;
//! - it returns a message whose Message-ID the sent log does not know, although the log reaches back that far;
//! - its `Arrival-Date` or its own date lies more than a day before the date of the message it returns;
//! - it returns a message from none of our own domains, where these are named;
//! - its `Reporting-MTA` is none of the routes, where these are named.
//!
//! ```
//! use undeliverable::trust::{Token, TokenKey};
//! let key = TokenKey::new("2026", b"a secret of at least sixteen bytes").unwrap();
//! let path = key.return_path("bob@example.com", "bounces.example.org", 20_000).unwrap();
//! assert_eq!(Token::read(&path, &[key], 20_005, 30), Token::Valid { recipient: "bob@example.com".into(), day: 20_000 });
//! ```

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::address;
use crate::contract::Report;
use crate::message::timestamp;
use crate::policy::{Event, address_domain};
use crate::words::{Kind, Trust};

/// The name of the header that carries a token in mail we send.
pub const TOKEN_HEADER: &str = "X-Undeliverable-Token";

/// The shortest secret that is taken, in bytes.
pub const MIN_SECRET: usize = 16;

const DAY: i64 = 86_400;
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const DAY_LEN: usize = 4;
/// 80 bits: enough against guessing by mail, short enough for a local part.
const PATH_MAC_LEN: usize = 16;
const HEADER_MAC_LEN: usize = 26;
/// RFC 5321 section 4.5.3.1.1.
const MAX_LOCAL: usize = 64;

/// A secret that signs tokens.
#[derive(Clone)]
pub struct TokenKey {
    name: String,
    secret: Vec<u8>,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl TokenKey {
    /// A key. `None` where the secret is shorter than [`MIN_SECRET`].
    pub fn new(name: impl Into<String>, secret: &[u8]) -> Option<Self> {
        (secret.len() >= MIN_SECRET).then(|| TokenKey {
            name: name.into(),
            secret: secret.to_vec(),
        })
    }

    /// A signed return path for mail to `recipient`, sent on `day` (days since 1970):
    /// `b-DDDDMMMM...+bob=example.com@bounces.example.org`.
    ///
    /// `None` where the recipient is no address or the local part would grow beyond 64 bytes, which servers may refuse.
    pub fn return_path(&self, recipient: &str, bounce_domain: &str, day: i64) -> Option<String> {
        let (local, domain) = recipient
            .rsplit_once('@')
            .filter(|_| address::is_plausible(recipient))?;
        let mac = self.mac("return-path", recipient, day, PATH_MAC_LEN);
        let front = format!("b-{}{mac}+{local}={domain}", digits_of_day(day));
        (front.len() <= MAX_LOCAL).then(|| format!("{front}@{bounce_domain}"))
    }

    /// The value of a [`TOKEN_HEADER`] for mail to `recipient`, sent on `day`. `None` where it is no address.
    pub fn header(&self, recipient: &str, day: i64) -> Option<String> {
        let (local, domain) = recipient
            .rsplit_once('@')
            .filter(|_| address::is_plausible(recipient))?;
        let mac = self.mac("header", recipient, day, HEADER_MAC_LEN);
        Some(format!("{}.{mac}.{local}={domain}", digits_of_day(day)))
    }

    fn mac(&self, use_: &str, recipient: &str, day: i64, len: usize) -> String {
        #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any key length");
        mac.update(
            format!("undeliverable\0{use_}\0{day}\0{}", recipient.to_lowercase()).as_bytes(),
        );
        base32(&mac.finalize().into_bytes(), len)
    }
}

/// What an address or a header value is as a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Token {
    /// Ours, right, and young enough.
    Valid {
        /// The recipient it was made for.
        recipient: String,
        /// The day it was made, since 1970.
        day: i64,
    },
    /// Ours and right, but too old or from the future.
    Expired {
        /// The recipient it was made for.
        recipient: String,
        /// The day it was made, since 1970.
        day: i64,
    },
    /// It has the form of ours, and no key signed it.
    Forged,
    /// No token.
    None,
}

impl Token {
    /// Reads a return path or a header value. BATV and SRS around a return path are undone. `today` is the day since
    /// 1970, `max_age` the days a token is good for.
    pub fn read(text: &str, keys: &[TokenKey], today: i64, max_age: i64) -> Token {
        let text = text.trim().trim_matches(['<', '>']);
        let Some(parsed) = Parsed::path(text).or_else(|| Parsed::header(text)) else {
            return Token::None;
        };
        let day = parsed.day;
        let (use_, len) = if parsed.in_header {
            ("header", HEADER_MAC_LEN)
        } else {
            ("return-path", PATH_MAC_LEN)
        };
        let right = keys
            .iter()
            .any(|k| same_in_constant_time(&k.mac(use_, &parsed.recipient, day, len), &parsed.mac));
        let recipient = parsed.recipient;
        match right {
            false => Token::Forged,
            true if (day..=day + max_age).contains(&today) => Token::Valid { recipient, day },
            true => Token::Expired { recipient, day },
        }
    }
}

struct Parsed {
    day: i64,
    mac: String,
    recipient: String,
    in_header: bool,
}

impl Parsed {
    fn path(text: &str) -> Option<Parsed> {
        let unwrapped = address::unwrap_return_path(text);
        let (local, _) = unwrapped.rsplit_once('@')?;
        let (token, recipient) = local.split_once('+')?;
        let token = token
            .get(..2)
            .filter(|p| p.eq_ignore_ascii_case("b-"))
            .map(|_| token[2..].to_ascii_lowercase())?;
        (token.len() == DAY_LEN + PATH_MAC_LEN).then_some(())?;
        Parsed::of(
            token.get(..DAY_LEN)?,
            token.get(DAY_LEN..)?,
            recipient,
            false,
        )
    }

    fn header(text: &str) -> Option<Parsed> {
        let (day, rest) = text.split_once('.')?;
        let (mac, recipient) = rest.split_once('.')?;
        (mac.len() == HEADER_MAC_LEN).then_some(())?;
        Parsed::of(
            &day.to_ascii_lowercase(),
            &mac.to_ascii_lowercase(),
            recipient,
            true,
        )
    }

    fn of(day: &str, mac: &str, recipient: &str, in_header: bool) -> Option<Parsed> {
        (day.len() == DAY_LEN && mac.bytes().all(|b| DIGITS.contains(&b))).then_some(())?;
        let day = day.bytes().try_fold(0i64, |n, b| {
            Some(n * 32 + i64::try_from(DIGITS.iter().position(|d| *d == b)?).ok()?)
        })?;
        let (local, domain) = recipient.rsplit_once('=')?;
        let recipient = format!("{local}@{domain}").to_lowercase();
        Some(Parsed {
            day,
            mac: mac.to_owned(),
            recipient,
            in_header,
        })
    }
}

fn digits_of_day(day: i64) -> String {
    let day = u32::try_from(day).unwrap_or(0);
    (0..4)
        .rev()
        .map(|i| char::from(DIGITS[(day >> (5 * i) & 31) as usize]))
        .collect()
}

fn base32(bytes: &[u8], len: usize) -> String {
    let mut out = String::with_capacity(len);
    let (mut bits, mut held) = (0u32, 0u32);
    for b in bytes {
        held = held << 8 | u32::from(*b);
        bits += 8;
        while bits >= 5 {
            if out.len() == len {
                return out;
            }
            bits -= 5;
            out.push(char::from(DIGITS[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    out
}

/// The time does not tell how much of a guess was right.
fn same_in_constant_time(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0u8, |d, (x, y)| d | (x ^ y)) == 0
}

/// What we know of the mail that we sent.
pub trait SentLog: Sync {
    /// The recipients of the message with this Message-ID, in lower case; empty where only the id is known; `None` where
    /// the message was never sent.
    fn recipients(&self, message_id: &str) -> Option<&[String]>;

    /// The second since 1970 that the log begins at; `None` where that is not known.
    fn begins(&self) -> Option<i64>;
}

/// What can prove a report, and what can speak against it.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// Keys of tokens; the newest first. Empty: tokens are not in use.
    pub keys: &'a [TokenKey],
    /// The log of sent mail, where one is in use.
    pub sent: Option<&'a dyn SentLog>,
    /// Our own domains. Empty: not checked.
    pub own_domains: &'a [String],
    /// Host names, or ends of them, that can report to us. Empty: not checked.
    pub routes: &'a [String],
    /// The day since 1970.
    pub today: i64,
    /// For how many days a token is good. Mail bounces after five days, and late relays later.
    pub max_age: i64,
}

impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof")
            .field("keys", &self.keys)
            .field("sent", &self.sent.is_some())
            .finish_non_exhaustive()
    }
}

impl Proof<'_> {
    /// Nothing that proves anything.
    pub const NONE: Proof<'static> = Proof {
        keys: &[],
        sent: None,
        own_domains: &[],
        routes: &[],
        today: 0,
        max_age: 30,
    };

    /// Whether an honest report could have been proved.
    pub fn in_use(&self) -> bool {
        !self.keys.is_empty() || self.sent.is_some()
    }
}

/// The trust of a report and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// The level.
    pub trust: Trust,
    /// What spoke for it or against it, in words.
    pub reasons: Vec<String>,
    /// The recipients that the proof is about; empty where it names none.
    pub recipients: Vec<String>,
}

/// Computes the trust of a report.
pub fn judge(report: &Report, proof: &Proof<'_>) -> Judgement {
    let original = report.original.as_ref();
    let mut against = Vec::new();
    let mut reasons = Vec::new();
    if !proof.keys.is_empty() {
        let paths = report.notice.envelope_to.iter().chain(&report.notice.to);
        let header = original.and_then(|o| o.ids.get("x-undeliverable-token"));
        for text in paths.chain(header) {
            match Token::read(text, proof.keys, proof.today, proof.max_age) {
                Token::Valid { recipient, .. } => {
                    let reasons = vec![format!("a token of ours, made for {recipient}")];
                    return Judgement {
                        trust: Trust::Verified,
                        reasons,
                        recipients: vec![recipient],
                    };
                }
                Token::Expired { .. } => reasons.push("a token of ours that is too old".to_owned()),
                Token::Forged => against.push("a token that no key of ours has signed".to_owned()),
                Token::None => {}
            }
        }
    }
    let sent_at = original.and_then(|o| o.date.as_deref()).and_then(timestamp);
    let id = original.and_then(|o| o.message_id.as_deref());
    let mut matched = None;
    if let (Some(log), Some(id)) = (proof.sent, id) {
        match log.recipients(id) {
            Some(recipients) => matched = Some(recipients.to_vec()),
            None if log.begins().is_none_or(|b| sent_at.is_none_or(|s| s >= b)) => {
                against.push("it returns a message that was never sent".to_owned());
            }
            None => reasons.push("the message is older than the sent log".to_owned()),
        }
    }
    if let Some(sent_at) = sent_at {
        for (what, date) in [
            ("Arrival-Date", &report.arrival_date),
            ("date", &report.notice.date),
        ] {
            if date
                .as_deref()
                .and_then(timestamp)
                .is_some_and(|d| d < sent_at - DAY)
            {
                against.push(format!("its {what} lies before the message it returns"));
            }
        }
    }
    let from = original
        .and_then(|o| o.from.as_deref())
        .and_then(address_domain);
    if let Some(from) = from.filter(|_| !proof.own_domains.is_empty())
        && !proof.own_domains.iter().any(|d| is_within(from, d))
    {
        against.push("it returns a message from a domain that is not ours".to_owned());
    }
    if let Some(mta) = report
        .reporting_mta
        .as_deref()
        .filter(|_| !proof.routes.is_empty())
        && !proof.routes.iter().any(|r| is_within(mta, r))
    {
        against.push("its Reporting-MTA is no route to us".to_owned());
    }
    let is_claim = report.kind.is_failure_notice()
        || matches!(
            report.kind,
            Kind::Complaint | Kind::Delivered | Kind::Receipt
        );
    if !against.is_empty() && is_claim {
        return Judgement {
            trust: Trust::Suspicious,
            reasons: against,
            recipients: Vec::new(),
        };
    }
    if let Some(recipients) = matched {
        reasons.push("it returns a message from our sent log".to_owned());
        return Judgement {
            trust: Trust::Matched,
            reasons,
            recipients,
        };
    }
    Judgement {
        trust: Trust::Unverified,
        reasons,
        recipients: Vec::new(),
    }
}

/// `host` is `end` or lies below it.
fn is_within(host: &str, end: &str) -> bool {
    let (host, end) = (
        host.to_ascii_lowercase(),
        end.trim_start_matches('.').to_ascii_lowercase(),
    );
    host == end || host.strip_suffix(&end).is_some_and(|h| h.ends_with('.'))
}

/// Judges a report, writes its trust into it, and gives its events, each with the trust that it has itself.
///
/// A proof is about the recipients it names and nobody else: whoever received mail from us holds a token of his own and
/// must not be able to speak for others with it. Where the report names one address only, and the proof another one, the
/// mail was forwarded, and the event is about the address we wrote to.
pub fn events(report: &mut Report, recorded: i64, proof: &Proof<'_>) -> Vec<Event> {
    let judgement = judge(report, proof);
    report.trust = judgement.trust;
    let mut events = Event::from_report(report, recorded);
    let in_use = proof.in_use();
    let named = &judgement.recipients;
    let forwarded = events.len() == 1 && named.len() == 1;
    for e in &mut events {
        e.proof_in_use = in_use;
        if named.is_empty() || named.contains(&e.address) {
            continue;
        }
        // A person's or a program's answer may come from another address of theirs; only reports are forwarded.
        if forwarded && !matches!(e.kind, Kind::AutoReply | Kind::Other | Kind::Receipt) {
            e.address.clone_from(&named[0]);
        } else if judgement.trust == Trust::Verified && e.kind.is_failure_notice() {
            e.trust = Trust::Suspicious;
        } else {
            e.trust = Trust::Unverified;
        }
    }
    events
}
