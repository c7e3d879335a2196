//! The table `[account.signin]` of a configuration file.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::oauth::OauthConfig;
use super::sasl::Mechanism;
use super::secret::SecretSource;
use super::{Signin, Source};

/// Where the password or token of an account comes from. Exactly one place is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SigninConfig {
    /// The first line of this file is the password.
    pub password_file: Option<PathBuf>,
    /// This variable of the environment is the password.
    pub password_env: Option<String>,
    /// The first line that this program writes is the password.
    pub password_command: Option<Vec<String>>,
    /// This systemd credential (`LoadCredential=`) is the password.
    pub password_credential: Option<String>,
    /// The first line that this program writes is an OAuth2 access token; it is asked at every sign-in.
    pub token_command: Option<Vec<String>>,
    /// An OAuth2 access token, from an endpoint.
    pub oauth2: Option<OauthConfig>,
    /// Only these SASL mechanisms; empty for the best that the server offers.
    pub mechanisms: Vec<Mechanism>,
}

impl SigninConfig {
    /// Checks it and makes it ready. Nothing is read yet but the settings.
    ///
    /// # Errors
    /// Where nothing is given, or things that exclude each other.
    pub fn open(&self, user: &str) -> anyhow::Result<Signin> {
        let password = SecretSource::pick(
            "password",
            self.password_file.as_deref(),
            self.password_env.as_deref(),
            self.password_command.as_deref(),
            self.password_credential.as_deref(),
        )?;
        let command = self.token_command.clone().map(SecretSource::Command);
        let tokens = self.oauth2.as_ref().map(|o| o.open(user)).transpose();
        let tokens = tokens.context("signin")?;
        let mut given = [
            password.map(Source::Password),
            command.map(Source::TokenCommand),
            tokens.map(|t| Source::Tokens(Box::new(t))),
        ]
        .into_iter()
        .flatten();
        let source = given.next().context(
            "signin: one of password_file, password_env, password_command, password_credential, token_command and \
             oauth2 is expected",
        )?;
        ensure!(
            given.next().is_none(),
            "signin: a password, a token_command or oauth2 is expected, not several"
        );
        let takes_token = source.is_token();
        ensure!(
            self.mechanisms.is_empty()
                || self
                    .mechanisms
                    .iter()
                    .any(|m| m.takes_token() == takes_token),
            "signin: none of these mechanisms takes {}",
            if takes_token { "a token" } else { "a password" }
        );
        Ok(Signin {
            user: user.to_owned(),
            only: self.mechanisms.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Signin, String> {
        let config: SigninConfig = toml::from_str(text).map_err(|e| e.to_string())?;
        config.open("bob").map_err(|e| format!("{e:#}"))
    }

    #[test]
    fn one_source() {
        for (text, expected) in [
            ("password_file = '/run/password'", Ok(())),
            ("password_env = 'PASSWORD'", Ok(())),
            ("password_command = ['pass', 'show', 'bounces']", Ok(())),
            (
                "password_credential = 'bounces'\nmechanisms = ['SCRAM-SHA-256', 'PLAIN']",
                Ok(()),
            ),
            (
                "token_command = ['oauth2l', 'fetch']\nmechanisms = ['XOAUTH2']",
                Ok(()),
            ),
            (
                "[oauth2]\nprovider = 'google'\nclient_id = 'x'\nrefresh_token_file = 'y'",
                Ok(()),
            ),
            ("", Err("oauth2 is expected")),
            ("password = 'hunter2'", Err("unknown field `password`")),
            (
                "password_command = 'pass show bounces'",
                Err("expected a sequence"),
            ),
            (
                "password_file = 'x'\npassword_env = 'y'",
                Err("not several"),
            ),
            (
                "password_file = 'x'\ntoken_command = ['y']",
                Err("not several"),
            ),
            (
                "password_file = 'x'\nmechanisms = ['CRAM-MD5']",
                Err("expected one of `SCRAM-SHA-256`"),
            ),
            (
                "password_file = 'x'\nmechanisms = ['XOAUTH2']",
                Err("takes a password"),
            ),
            (
                "token_command = ['x']\nmechanisms = ['PLAIN']",
                Err("takes a token"),
            ),
            (
                "[oauth2]\nprovider = 'yahoo'",
                Err("expected `microsoft` or `google`"),
            ),
            (
                "[oauth2]\nprovider = 'google'",
                Err("client_id is expected"),
            ),
            (
                "[oauth2]\nclient_secret = 'hunter2'",
                Err("unknown field `client_secret`"),
            ),
        ] {
            match (open(text), expected) {
                (Ok(_), Ok(_)) => {}
                (Err(e), Err(word)) => assert!(e.contains(word), "{text}: {e}"),
                (got, _) => panic!("{text}: {got:?}, expected {expected:?}"),
            }
        }
    }
}
