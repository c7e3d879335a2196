//! SASL (RFC 4422) as IMAP's AUTHENTICATE and POP3's AUTH use it: which mechanism, and what is said in turn.

use std::fmt;

use anyhow::{bail, ensure};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::scram::Scram;
use super::secret::Secret;
use crate::mailbox::tls::Channel;
use crate::output::safe;

/// A mechanism that we can do; the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) enum Mechanism {
    /// RFC 7677: a password that is never sent.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// RFC 7628: an OAuth2 token.
    #[serde(rename = "OAUTHBEARER")]
    Oauthbearer,
    /// The same, as Google and Microsoft had it before the RFC.
    #[serde(rename = "XOAUTH2")]
    Xoauth2,
    /// RFC 4616: a password in clear.
    #[serde(rename = "PLAIN")]
    Plain,
    /// The same in two messages, for servers that have nothing else.
    #[serde(rename = "LOGIN")]
    Login,
}

impl Mechanism {
    /// All of them, the best first.
    pub const ALL: [Mechanism; 5] = [
        Mechanism::ScramSha256,
        Mechanism::Oauthbearer,
        Mechanism::Xoauth2,
        Mechanism::Plain,
        Mechanism::Login,
    ];

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Oauthbearer => "OAUTHBEARER",
            Mechanism::Xoauth2 => "XOAUTH2",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }

    /// Whether it takes a token in the place of a password.
    pub const fn takes_token(self) -> bool {
        matches!(self, Mechanism::Oauthbearer | Mechanism::Xoauth2)
    }

    /// Whether who listens on the connection learns enough to sign in as well.
    pub const fn shows_secret(self) -> bool {
        !matches!(self, Mechanism::ScramSha256)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The best mechanism that the server offers, the settings allow and the connection is safe enough for.
///
/// `offered` are names as the server writes them (`PLAIN`, without `AUTH=`); `only` is the wish of the settings, empty for any.
/// Over plain text on a network, what shows the secret is taken only where `only` names it.
///
/// # Errors
/// Where there is none; the error says what stands in the way.
pub(crate) fn choose<S: AsRef<str>>(
    offered: &[S],
    only: &[Mechanism],
    has_token: bool,
    channel: Channel,
) -> anyhow::Result<Mechanism> {
    let is_offered = |m: Mechanism| {
        offered
            .iter()
            .any(|o| o.as_ref().eq_ignore_ascii_case(m.name()))
    };
    let fitting: Vec<Mechanism> = Mechanism::ALL
        .into_iter()
        .filter(|m| m.takes_token() == has_token && is_offered(*m))
        .filter(|m| only.is_empty() || only.contains(m))
        .collect();
    let safe = fitting.iter().find(|m| may_use(**m, only, channel));
    match (safe, fitting.first()) {
        (Some(mechanism), _) => Ok(*mechanism),
        (None, Some(unsafe_one)) => bail!(
            "the connection is not encrypted and the server offers only {unsafe_one}, which shows the secret to \
             whoever listens: use TLS, or name it in mechanisms = [\"{unsafe_one}\"]"
        ),
        (None, None) => bail!(nothing_fits(offered, only, has_token)),
    }
}

/// Whether the connection is safe enough for a mechanism.
pub(crate) fn may_use(mechanism: Mechanism, only: &[Mechanism], channel: Channel) -> bool {
    channel != Channel::Plaintext || !mechanism.shows_secret() || only.contains(&mechanism)
}

fn nothing_fits<S: AsRef<str>>(offered: &[S], only: &[Mechanism], has_token: bool) -> String {
    let offered = match offered {
        [] => "no mechanism".to_owned(),
        names => cleaned(&list(names.iter().map(S::as_ref))),
    };
    let (what, advice) = if has_token {
        (
            "an OAuth2 token",
            "take a password instead, or switch OAuth2 on at the server",
        )
    } else {
        (
            "a password",
            "does this provider want OAuth2? See docs/mailbox.md",
        )
    };
    let wished = if only.is_empty() {
        list(
            Mechanism::ALL
                .iter()
                .filter(|m| m.takes_token() == has_token)
                .map(|m| m.name()),
        )
    } else {
        format!("{} (mechanisms)", list(only.iter().map(|m| m.name())))
    };
    format!("the server offers {offered}, but {what} needs one of {wished}: {advice}")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// One sign-in by one mechanism.
pub(crate) struct Exchange {
    mechanism: Mechanism,
    state: State,
    refusal: Option<String>,
}

enum State {
    /// Says this, then nothing more.
    Once(Secret),
    /// The two answers of LOGIN.
    Login(Vec<Secret>),
    /// Says this; a challenge after it is the server's refusal, to be answered with `reply`.
    Token {
        first: Secret,
        reply: &'static [u8],
    },
    /// SCRAM, before its first message and after it.
    ScramFirst(Box<Scram>),
    Scram(Box<Scram>),
    /// What comes now is the reason of a refusal.
    Refused {
        reply: &'static [u8],
    },
    Done,
}

impl Exchange {
    /// Begins a sign-in. `secret` is a token where the mechanism takes one, else a password.
    ///
    /// # Errors
    /// Where the user or the secret hold what the mechanism cannot carry.
    pub fn new(
        mechanism: Mechanism,
        user: &str,
        secret: &Secret,
        host: &str,
        port: u16,
    ) -> anyhow::Result<Self> {
        ensure!(!user.is_empty(), "no user is given");
        ensure!(
            !user.chars().any(char::is_control),
            "the user holds a control character"
        );
        let text = secret.expose();
        if mechanism.takes_token() {
            ensure!(
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()),
                "the token holds a blank, a control character or a letter that is not ASCII"
            );
        }
        ensure!(!text.contains('\0'), "the password holds a NUL byte");
        let state = match mechanism {
            Mechanism::Plain => State::Once(Secret::new(format!("\0{user}\0{text}"))),
            // In reverse: the last is said first.
            Mechanism::Login => State::Login(vec![secret.clone(), Secret::new(user)]),
            Mechanism::Xoauth2 => State::Token {
                first: Secret::new(format!("user={user}\x01auth=Bearer {text}\x01\x01")),
                reply: b"",
            },
            Mechanism::Oauthbearer => {
                let user = user.replace('=', "=3D").replace(',', "=2C");
                State::Token {
                    first: Secret::new(format!(
                        "n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {text}\x01\x01"
                    )),
                    reply: b"\x01",
                }
            }
            Mechanism::ScramSha256 => {
                State::ScramFirst(Box::new(Scram::new(user, secret.clone())?))
            }
        };
        Ok(Exchange {
            mechanism,
            state,
            refusal: None,
        })
    }

    /// The mechanism.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Whether the client speaks first: its first answer may then stand in the command itself (SASL-IR).
    pub fn speaks_first(&self) -> bool {
        self.mechanism != Mechanism::Login
    }

    /// The answer to a challenge, both without base64. What the client says first is the answer to an empty one.
    ///
    /// # Errors
    /// Where the server breaks the protocol or cannot prove who it is. The sign-in is to be cancelled (`*`) then.
    pub fn step(&mut self, challenge: &[u8]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let (answer, next) = match std::mem::replace(&mut self.state, State::Done) {
            State::Once(text) => (text.expose().into(), State::Done),
            State::Login(mut answers) => match answers.pop() {
                Some(answer) => (answer.expose().into(), State::Login(answers)),
                None => bail!(self.too_many()),
            },
            State::Token { first, reply } => (first.expose().into(), State::Refused { reply }),
            State::Refused { reply } => {
                self.refusal = Some(refusal(challenge));
                (reply.to_vec(), State::Done)
            }
            State::ScramFirst(scram) => (scram.client_first(), State::Scram(scram)),
            State::Scram(mut scram) => (scram.answer(challenge)?, State::Scram(scram)),
            State::Done => bail!(self.too_many()),
        };
        self.state = next;
        Ok(Zeroizing::new(answer))
    }

    /// To be asked when the server says that the sign-in has succeeded.
    ///
    /// # Errors
    /// Where the server says so before it has proved what the mechanism lets it prove.
    pub fn finish(&self) -> anyhow::Result<()> {
        match &self.state {
            State::ScramFirst(_) => bail!("the server accepts before SCRAM has begun"),
            State::Scram(scram) => ensure!(
                scram.is_verified(),
                "the server accepts without proving that it knows the password: it is not the server it claims to be"
            ),
            _ => {}
        }
        Ok(())
    }

    /// Why the server refuses the token, where it has said so.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    fn too_many(&self) -> String {
        format!(
            "the server asks for more than {} has to say",
            self.mechanism
        )
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", self.mechanism)
    }
}

/// The reason in the JSON that servers send (RFC 7628, section 3.2.2), without what only programs read.
fn refusal(challenge: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Reason {
        status: String,
        scope: Option<String>,
    }
    let Ok(reason) = serde_json::from_slice::<Reason>(challenge) else {
        return cleaned(&String::from_utf8_lossy(challenge));
    };
    cleaned(&match reason.scope.filter(|s| !s.is_empty()) {
        Some(scope) => format!("{}, scope {scope}", reason.status),
        None => reason.status,
    })
}

/// Words of a server, short and harmless.
fn cleaned(text: &str) -> String {
    safe::text(&text.chars().take(200).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mechanism::{Login, Oauthbearer, Plain, ScramSha256, Xoauth2};

    const DOVECOT: &[&str] = &["PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2"];
    const MICROSOFT: &[&str] = &["PLAIN", "XOAUTH2"];
    const GOOGLE: &[&str] = &[
        "XOAUTH2",
        "PLAIN",
        "PLAIN-CLIENTTOKEN",
        "OAUTHBEARER",
        "XOAUTH",
    ];

    #[test]
    fn the_best_that_both_know() {
        use Channel::{Encrypted, Loopback, Plaintext};
        for (offered, only, has_token, channel, expected) in [
            (DOVECOT, &[][..], false, Encrypted, Ok(ScramSha256)),
            (DOVECOT, &[], true, Encrypted, Ok(Xoauth2)),
            (DOVECOT, &[Plain], false, Encrypted, Ok(Plain)),
            (DOVECOT, &[Login, Plain], false, Loopback, Ok(Plain)),
            (DOVECOT, &[], false, Plaintext, Ok(ScramSha256)),
            (DOVECOT, &[Plain], false, Plaintext, Ok(Plain)),
            (DOVECOT, &[], true, Plaintext, Err("not encrypted")),
            (MICROSOFT, &[], true, Encrypted, Ok(Xoauth2)),
            (MICROSOFT, &[], false, Loopback, Ok(Plain)),
            (MICROSOFT, &[], false, Plaintext, Err("not encrypted")),
            (
                MICROSOFT,
                &[ScramSha256],
                false,
                Encrypted,
                Err("SCRAM-SHA-256 (mechanisms)"),
            ),
            (GOOGLE, &[], true, Encrypted, Ok(Oauthbearer)),
            (GOOGLE, &[Xoauth2], true, Encrypted, Ok(Xoauth2)),
            (&["login"], &[], false, Encrypted, Ok(Login)),
            (
                &["XOAUTH2"],
                &[],
                false,
                Encrypted,
                Err("does this provider want OAuth2?"),
            ),
            (
                &["PLAIN"],
                &[],
                true,
                Encrypted,
                Err("OAUTHBEARER, XOAUTH2"),
            ),
            (&["\x1b[31mEVIL"], &[], true, Encrypted, Err("\\u{1b}")),
            (&[], &[], false, Encrypted, Err("no mechanism")),
        ] {
            let got = choose(offered, only, has_token, channel);
            match (got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected),
                (Err(e), Err(word)) => assert!(e.to_string().contains(word), "{e}"),
                (got, expected) => panic!("{offered:?} {only:?}: {got:?}, expected {expected:?}"),
            }
        }
    }

    fn exchange(mechanism: Mechanism) -> Exchange {
        let secret = Secret::new("s3cret");
        Exchange::new(
            mechanism,
            "bo,b@example.com",
            &secret,
            "mail.example.com",
            993,
        )
        .unwrap()
    }

    #[test]
    fn what_is_said() {
        let bearer = "n,a=bo=2Cb@example.com,\x01host=mail.example.com\x01port=993\x01auth=Bearer s3cret\x01\x01";
        for (mechanism, talk) in [
            (Plain, &[("", "\0bo,b@example.com\0s3cret")][..]),
            (
                Login,
                &[("Username:", "bo,b@example.com"), ("Password:", "s3cret")],
            ),
            (
                Xoauth2,
                &[
                    ("", "user=bo,b@example.com\x01auth=Bearer s3cret\x01\x01"),
                    ("{}", ""),
                ],
            ),
            (Oauthbearer, &[("", bearer), ("{}", "\x01")]),
        ] {
            let mut exchange = exchange(mechanism);
            assert_eq!(exchange.speaks_first(), mechanism != Login);
            for (challenge, answer) in talk {
                let got = exchange.step(challenge.as_bytes()).unwrap();
                assert_eq!(String::from_utf8_lossy(&got), *answer, "{mechanism}");
            }
            let error = exchange.step(b"more").unwrap_err().to_string();
            assert!(error.contains(mechanism.name()), "{error}");
        }
    }

    #[test]
    fn scram_must_be_finished() {
        let mut scram = exchange(ScramSha256);
        assert!(scram.finish().unwrap_err().to_string().contains("begun"));
        let first = scram.step(b"").unwrap();
        assert!(first.starts_with(b"n,,n=bo=2Cb@example.com,r="));
        assert!(scram.finish().unwrap_err().to_string().contains("prov"));
        assert!(exchange(Plain).finish().is_ok());
    }

    #[test]
    fn refusals_of_tokens() {
        for (challenge, expected) in [
            (
                r#"{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}"#,
                "401, scope https://mail.google.com/",
            ),
            (r#"{"status":"invalid_token","scope":""}"#, "invalid_token"),
            ("no \x1bJSON", "no \\u{1b}JSON"),
            ("", ""),
        ] {
            let mut exchange = exchange(Xoauth2);
            exchange.step(b"").unwrap();
            assert_eq!(exchange.refusal(), None);
            exchange.step(challenge.as_bytes()).unwrap();
            assert_eq!(exchange.refusal(), Some(expected));
        }
    }

    #[test]
    fn what_no_mechanism_carries() {
        for (mechanism, user, secret) in [
            (Plain, "", "secret"),
            (Plain, "bob\0eve", "secret"),
            (Plain, "bob", "sec\0ret"),
            (Xoauth2, "bob\x01auth=Bearer x", "token"),
            (Xoauth2, "bob", "to\x01ken"),
            (Xoauth2, "bob", "to ken"),
            (Oauthbearer, "bob", ""),
        ] {
            let error = Exchange::new(mechanism, user, &Secret::new(secret), "h", 1).unwrap_err();
            assert!(
                secret.is_empty() || !error.to_string().contains(secret),
                "{error}"
            );
        }
    }

    #[test]
    fn shows_nothing() {
        assert_eq!(format!("{:?}", exchange(Plain)), "Exchange(PLAIN)");
    }
}
