//! SCRAM-SHA-256 (RFC 5802, RFC 7677): the server proves that it knows the password too, and never sees it.

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::secret::Secret;

/// No channel binding, no other identity: the header of RFC 5801 and its base64.
const GS2_HEADER: &str = "n,,";
const GS2_HEADER_BASE64: &str = "biws";
/// RFC 7677 asks for at least 4096 rounds. The upper bound is our own: a hostile server must not keep us busy for minutes.
const ROUNDS: std::ops::RangeInclusive<u32> = 4096..=2_000_000;
/// Longest message of a server that is looked at; real ones stay below 300 bytes.
const MAX_MESSAGE: usize = 8 << 10;

type HmacSha256 = Hmac<Sha256>;
type Key = Zeroizing<[u8; 32]>;

/// One sign-in.
pub(crate) struct Scram {
    password: Secret,
    nonce: String,
    client_first_bare: String,
    state: State,
}

enum State {
    /// The server's salt and rounds are to come.
    First,
    /// The server's proof is to come.
    Final { expected: HmacSha256 },
    /// The server has proved itself.
    Verified,
}

impl Scram {
    /// Begins a sign-in with a nonce of its own.
    ///
    /// # Errors
    /// Where the machine has no randomness to give.
    pub fn new(user: &str, password: Secret) -> anyhow::Result<Self> {
        let mut random = [0u8; 18];
        getrandom::fill(&mut random).context("this machine gives no random bytes")?;
        Ok(Self::with_nonce(
            user,
            password,
            BASE64_STANDARD.encode(random),
        ))
    }

    fn with_nonce(user: &str, password: Secret, nonce: String) -> Self {
        let name = prepared(user).replace('=', "=3D").replace(',', "=2C");
        Scram {
            password,
            client_first_bare: format!("n={name},r={nonce}"),
            nonce,
            state: State::First,
        }
    }

    /// What the client says first.
    pub fn client_first(&self) -> Vec<u8> {
        format!("{GS2_HEADER}{}", self.client_first_bare).into_bytes()
    }

    /// Answers the server's first message with the proof, and its last with nothing.
    ///
    /// # Errors
    /// Where the server breaks the protocol, refuses, or cannot prove that it knows the password.
    pub fn answer(&mut self, challenge: &[u8]) -> anyhow::Result<Vec<u8>> {
        ensure!(
            challenge.len() <= MAX_MESSAGE,
            "SCRAM message of {} bytes",
            challenge.len()
        );
        let message = std::str::from_utf8(challenge).context("SCRAM message is not UTF-8")?;
        match &self.state {
            State::First => self.client_final(message),
            State::Final { expected } => {
                verify(message, expected.clone())?;
                self.state = State::Verified;
                Ok(Vec::new())
            }
            State::Verified => bail!("the server asks on after SCRAM has ended"),
        }
    }

    /// Whether the server has proved that it knows the password.
    pub fn is_verified(&self) -> bool {
        matches!(self.state, State::Verified)
    }

    fn client_final(&mut self, server_first: &str) -> anyhow::Result<Vec<u8>> {
        let ServerFirst {
            nonce,
            salt,
            rounds,
        } = ServerFirst::parse(server_first)?;
        ensure!(
            nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce),
            "the server's nonce does not continue ours: somebody stands in between, or it is broken"
        );
        let salted = salted_password(&self.password, &salt, rounds);
        let without_proof = format!("c={GS2_HEADER_BASE64},r={nonce}");
        let auth_message = format!("{},{server_first},{without_proof}", self.client_first_bare);

        let client_key = hmac(&salted, b"Client Key");
        let stored_key = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(client_key.as_slice())));
        let signature = hmac(&stored_key, auth_message.as_bytes());
        let mut proof = client_key;
        proof
            .iter_mut()
            .zip(signature.iter())
            .for_each(|(p, s)| *p ^= s);

        let mut expected = keyed(&hmac(&salted, b"Server Key"));
        expected.update(auth_message.as_bytes());
        self.state = State::Final { expected };
        let proof = BASE64_STANDARD.encode(proof.as_slice());
        Ok(format!("{without_proof},p={proof}").into_bytes())
    }
}

struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    rounds: u32,
}

impl<'a> ServerFirst<'a> {
    fn parse(message: &'a str) -> anyhow::Result<Self> {
        if let Some(why) = message.strip_prefix("e=") {
            bail!("the server refuses: {}", word(why));
        }
        ensure!(
            !message.starts_with("m="),
            "the server asks for an extension of SCRAM that is not known"
        );
        let mut fields = message.split(',');
        let mut field = |name: &str| {
            fields
                .next()
                .and_then(|f| f.strip_prefix(name))
                .with_context(|| {
                    format!("SCRAM message without `{name}`, expected r=...,s=...,i=...")
                })
        };
        let (nonce, salt, rounds) = (field("r=")?, field("s=")?, field("i=")?);
        let salt = BASE64_STANDARD
            .decode(salt)
            .context("the salt of the SCRAM message is not base64")?;
        let rounds = rounds
            .parse()
            .ok()
            .filter(|n| ROUNDS.contains(n))
            .with_context(|| {
                let (least, most) = (ROUNDS.start(), ROUNDS.end());
                format!(
                    "the server asks for {} SCRAM rounds, expected {least} to {most}",
                    word(rounds)
                )
            })?;
        ensure!(!salt.is_empty(), "the salt of the SCRAM message is empty");
        Ok(ServerFirst {
            nonce,
            salt,
            rounds,
        })
    }
}

fn verify(server_final: &str, expected: HmacSha256) -> anyhow::Result<()> {
    if let Some(why) = server_final.strip_prefix("e=") {
        bail!("the server refuses: {}", word(why));
    }
    let signature = server_final
        .strip_prefix("v=")
        .and_then(|v| BASE64_STANDARD.decode(v.split(',').next()?).ok())
        .context("the server's last SCRAM message has no `v=` and base64")?;
    expected.verify_slice(&signature).ok().context(
        "the server could not prove that it knows the password: it is not the server it claims to be",
    )
}

/// `Hi` of RFC 5802.
fn salted_password(password: &Secret, salt: &[u8], rounds: u32) -> Key {
    let password = Zeroizing::new(prepared(password.expose()));
    let mut key = Zeroizing::new([0u8; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, rounds, key.as_mut_slice());
    key
}

/// SASLprep (RFC 4013). What it forbids is left as it is: servers that keep such a password have not asked it either.
fn prepared(text: &str) -> String {
    stringprep::saslprep(text).map_or_else(|_| text.to_owned(), |t| t.into_owned())
}

fn keyed(key: &Key) -> HmacSha256 {
    #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
    HmacSha256::new_from_slice(key.as_slice()).expect("any key length")
}

fn hmac(key: &Key, text: &[u8]) -> Key {
    let mut mac = keyed(key);
    mac.update(text);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// A short word of the server for an error.
fn word(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn example() -> Scram {
        Scram::with_nonce("user", Secret::new("pencil"), NONCE.into())
    }

    #[test]
    fn the_example_of_rfc_7677() {
        let mut scram = example();
        assert_eq!(scram.client_first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let answer = scram.answer(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), CLIENT_FINAL);
        assert!(!scram.is_verified());
        assert_eq!(scram.answer(SERVER_FINAL.as_bytes()).unwrap(), b"");
        assert!(scram.is_verified());
        assert!(scram.answer(b"").is_err());
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_refused() {
        for (last, expected) in [
            (
                "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
                "not the server",
            ),
            ("v=", "not the server"),
            ("v=6rri", "not the server"),
            ("v=***", "no `v=`"),
            ("", "no `v="),
            ("e=invalid-proof", "refuses: invalid-proof"),
            ("e=other\r\n\x1b[31m", "refuses: other[31m"),
        ] {
            let mut scram = example();
            scram.answer(SERVER_FIRST.as_bytes()).unwrap();
            let error = scram.answer(last.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{last}: {error}");
            assert!(!scram.is_verified());
        }
    }

    #[test]
    fn broken_first_messages() {
        let long = format!("r={}", "x".repeat(MAX_MESSAGE));
        for (first, expected) in [
            ("", "without `r=`"),
            ("r=rOprNGfwEbeRWgbNEkqOx", "without `s=`"),
            ("s=QQ==,r=rOprNGfwEbeRWgbNEkqOx,i=4096", "without `r=`"),
            ("m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=4096", "extension"),
            ("e=unknown-user", "refuses: unknown-user"),
            (
                "r=rOprNGfwEbeRWgbNEkqO,s=QQ==,i=4096",
                "does not continue ours",
            ),
            ("r=somebodyelse,s=QQ==,i=4096", "does not continue ours"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096", "not base64"),
            (
                "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
                "salt of the SCRAM message is empty",
            ),
            (
                "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=0",
                "expected 4096 to 2000000",
            ),
            (
                "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=1000",
                "expected 4096 to 2000000",
            ),
            (
                "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=4294967295",
                "expected 4096 to 2000000",
            ),
            (
                "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=-1",
                "expected 4096 to 2000000",
            ),
            (long.as_str(), "SCRAM message of"),
        ] {
            let error = example().answer(first.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{first}: {error}");
        }
        assert!(example().answer(b"\xff").is_err());
    }

    #[test]
    fn names_are_prepared_and_escaped() {
        for (name, expected) in [
            ("a,b=c", "n,,n=a=2Cb=3Dc,r=N"),
            // The example of RFC 4013: the soft hyphen goes, the Roman numeral is unfolded.
            ("I\u{ad}X", "n,,n=IX,r=N"),
            ("\u{2168}", "n,,n=IX,r=N"),
        ] {
            let scram = Scram::with_nonce(name, Secret::new("x"), "N".into());
            assert_eq!(scram.client_first(), expected.as_bytes(), "{name}");
        }
    }

    #[test]
    fn nonces_differ() {
        let new = || Scram::new("user", Secret::new("pencil")).unwrap().nonce;
        assert_ne!(new(), new());
        assert_eq!(new().len(), 24);
    }
}
