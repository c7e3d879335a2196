//! Asks a token endpoint over HTTP and reads its answer (RFC 6749, sections 5.1 and 5.2).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::words::{self, Unavailable};
use crate::mailbox::signin::secret::Secret;
use crate::mailbox::tls;

/// No endpoint may take longer, from the name to the last byte.
const TIME: Duration = Duration::from_secs(30);
/// Answers are a few kilobytes.
const MAX_BYTES: u64 = 256 << 10;

/// Asks endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    agent: Agent,
    local: Agent,
}

/// An access token and what comes with it.
#[derive(Debug, Deserialize)]
pub(crate) struct Granted {
    /// What is shown to the mail server.
    #[serde(deserialize_with = "secret")]
    pub access_token: Secret,
    token_type: Option<String>,
    /// Seconds the token is good for; some endpoints write them as text.
    #[serde(default, deserialize_with = "seconds")]
    pub expires_in: Option<u64>,
    /// A refresh token, which may be another one than that which was shown.
    #[serde(default, deserialize_with = "some_secret")]
    pub refresh_token: Option<Secret>,
}

/// An endpoint's no.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    /// One of the words of the standards: `invalid_grant`, `authorization_pending` ...
    pub error: String,
    /// What the endpoint says about it.
    pub error_description: Option<String>,
}

/// What an endpoint says.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    Granted(T),
    Refused(Refusal),
}

impl Endpoint {
    /// One that trusts what the machine trusts.
    pub fn new() -> Self {
        Self::with_time(TIME)
    }

    /// One that waits for so long.
    pub fn with_time(time: Duration) -> Self {
        let config = || {
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .root_certs(RootCerts::PlatformVerifier)
                .unversioned_rustls_crypto_provider(Arc::new(
                    rustls::crypto::ring::default_provider(),
                ))
                .build();
            Agent::config_builder()
                .tls_config(tls)
                .timeout_global(Some(time))
                .http_status_as_error(false)
                // Secrets go where the settings say and nowhere else.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent(concat!("undeliverable/", env!("CARGO_PKG_VERSION")))
        };
        Endpoint {
            agent: config().build().new_agent(),
            local: config().proxy(None).build().new_agent(),
        }
    }

    /// Posts a form.
    ///
    /// # Errors
    /// Where there is no answer, or one that no endpoint gives. No error holds what was sent or received.
    pub fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        form: &[(&str, &str)],
    ) -> anyhow::Result<Answer<T>> {
        let shown = || words::place(url);
        let agent = if is_loopback(url) {
            &self.local
        } else {
            &self.agent
        };
        let mut response = agent
            .post(url.as_str())
            .header("accept", "application/json")
            .send_form(form.iter().copied())
            .map_err(no_answer)
            .with_context(shown)?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_BYTES)
            .read_to_vec()
            .map_err(no_answer)
            .with_context(shown)?;
        read(status, &Zeroizing::new(body)).with_context(shown)
    }
}

/// An address as an endpoint may have it: HTTPS, or HTTP to this machine.
///
/// # Errors
/// Where it is something else.
pub(crate) fn address(name: &str, text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text)
        .ok()
        .filter(Url::has_host)
        .with_context(|| format!("{name}: `{text}` is no address, expected https://host/path"))?;
    ensure!(
        url.username().is_empty() && url.password().is_none(),
        "{name}: an address without user and password is expected"
    );
    ensure!(
        url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url),
        "{name}: `{text}` would carry secrets over the network in clear text, expected https://"
    );
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> anyhow::Result<Answer<T>> {
    if (200..300).contains(&status) {
        // Not `context`: serde quotes what it did not expect, and that may be the token.
        return match serde_json::from_slice(body) {
            Ok(granted) => Ok(Answer::Granted(granted)),
            Err(_) => bail!("it answers {status} with something else than a token in JSON"),
        };
    }
    // RFC 6749 says 400 or 401; Google says 403 and 428 too. 5xx may say the same in words.
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(body) {
        return Ok(Answer::Refused(refusal));
    }
    match status {
        300..400 => bail!("it answers {status} and points elsewhere: is the address right?"),
        404 | 405 => bail!("it answers {status}: is the address right?"),
        429 => Err(Unavailable("it answers 429: too many requests".to_owned()).into()),
        500.. => Err(Unavailable(format!("it answers {status}: it has trouble of its own")).into()),
        _ => bail!("it answers {status} without saying why"),
    }
}

/// Why there was no answer, in words; what ureq quotes of the address or the answer is left out.
fn no_answer(error: ureq::Error) -> anyhow::Error {
    let later = |words: String| Unavailable(words).into();
    match error {
        ureq::Error::Timeout(_) => later("no answer in time".to_owned()),
        ureq::Error::HostNotFound => later("there is no host of this name".to_owned()),
        ureq::Error::ConnectionFailed => later("no connection".to_owned()),
        ureq::Error::Io(e) => match tls::explain(&e, "the endpoint") {
            Some(words) => anyhow!(words),
            None => later(e.kind().to_string()),
        },
        ureq::Error::BodyExceedsLimit(_) => anyhow!("its answer is longer than {MAX_BYTES} bytes"),
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => anyhow!("it does not speak HTTP"),
        ureq::Error::Rustls(e) => anyhow!("TLS failed: {e}"),
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            anyhow!("the proxy of the environment lets nothing through")
        }
        _ => anyhow!("it could not be asked"),
    }
}

impl Granted {
    /// Whether the token is of the one sort that mail servers take.
    pub fn is_bearer(&self) -> bool {
        self.token_type
            .as_deref()
            .is_none_or(|t| t.eq_ignore_ascii_case("bearer"))
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

fn some_secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(from)?
        .filter(|t| !t.is_empty())
        .map(Secret::new))
}

fn seconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(f64),
        Text(String),
    }
    Ok(match Option::<Seconds>::deserialize(from)? {
        // `as` stops at the bounds.
        Some(Seconds::Number(n)) if n >= 0.0 => Some(n as u64),
        Some(Seconds::Text(t)) => t.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_by_https_only() {
        for (text, expected) in [
            ("https://login.example.com/token", None),
            ("http://127.0.0.1:8080/token", None),
            ("http://[::1]:8080/token", None),
            ("http://localhost/token", None),
            ("http://login.example.com/token", Some("clear text")),
            ("http://localhost.example.com/token", Some("clear text")),
            ("http://192.0.2.1/token", Some("clear text")),
            ("ftp://127.0.0.1/", Some("clear text")),
            ("https://user:pw@login.example.com/", Some("without user")),
            ("login.example.com/token", Some("no address")),
            ("mailto:a@example.com", Some("no address")),
            ("", Some("no address")),
        ] {
            let got = address("token_endpoint", text).err().map(|e| e.to_string());
            match (&got, expected) {
                (None, None) => {}
                (Some(e), Some(word)) => assert!(e.contains(word), "{e}"),
                _ => panic!("{text}: {got:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn answers() {
        let granted = |body: &str| match read::<Granted>(200, body.as_bytes()).unwrap() {
            Answer::Granted(g) => g,
            Answer::Refused(r) => panic!("{r:?}"),
        };
        let g =
            granted(r#"{"access_token":"T","token_type":"bearer","expires_in":3599,"scope":"x"}"#);
        assert_eq!((g.access_token.expose(), g.expires_in), ("T", Some(3599)));
        assert!(g.is_bearer() && g.refresh_token.is_none());
        for (lifetime, seconds) in [
            (r#""3599""#, Some(3599)),
            ("3599.0", Some(3599)),
            ("1e300", Some(u64::MAX)),
            ("-1", None),
            ("null", None),
            (r#""soon""#, None),
        ] {
            let g = granted(&format!(
                r#"{{"access_token":"T","expires_in":{lifetime}}}"#
            ));
            assert_eq!(g.expires_in, seconds, "{lifetime}");
        }
        assert!(!granted(r#"{"access_token":"T","token_type":"mac"}"#).is_bearer());
    }

    #[test]
    fn what_is_no_answer_is_not_quoted() {
        for (status, body, expected) in [
            (
                200,
                r#"{"access_token":["hunter2"]}"#,
                "something else than a token",
            ),
            (200, "<html>hunter2</html>", "something else than a token"),
            (200, "", "something else than a token"),
            (302, "hunter2", "points elsewhere"),
            (404, "hunter2", "is the address right?"),
            (418, "hunter2", "without saying why"),
            (429, "", "too many requests"),
            (503, r#"{"hint":"hunter2"}"#, "trouble of its own"),
        ] {
            let error = format!(
                "{:#}",
                read::<Granted>(status, body.as_bytes()).unwrap_err()
            );
            assert!(error.contains(expected), "{status}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
