//! Signing in: where passwords and tokens come from, and how they are shown to a server.
//!
//! [`config::SigninConfig`] is what stands in a configuration file, [`Signin`] what a session asks.

pub(crate) mod config;
pub(crate) mod oauth;
pub(crate) mod sasl;
mod scram;
pub(crate) mod secret;

use anyhow::Context as _;

use oauth::Tokens;
use sasl::{Exchange, Mechanism};
use secret::{Secret, SecretSource};

use super::tls::Channel;

/// Who signs in, and with what.
#[derive(Debug)]
pub(crate) struct Signin {
    user: String,
    only: Vec<Mechanism>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Password(SecretSource),
    /// A helper that has a token ready each time.
    TokenCommand(SecretSource),
    Tokens(Box<Tokens>),
}

impl Source {
    fn is_token(&self) -> bool {
        !matches!(self, Source::Password(_))
    }
}

/// Whether it may go right later without anybody doing something: an endpoint of tokens does not answer now.
pub(crate) fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().any(|e| e.is::<oauth::words::Unavailable>())
}

/// How a session is to sign in.
#[derive(Debug)]
pub(crate) enum Method {
    /// By SASL: AUTHENTICATE of IMAP, AUTH of POP3.
    Sasl(Exchange),
    /// By the protocol's own command: LOGIN of IMAP, USER and PASS of POP3.
    Command {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// What a server says about itself, as far as sign-in is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server<'a> {
    /// Its name, as the settings have it.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The mechanisms it offers on this connection.
    pub mechanisms: &'a [&'a str],
    /// Whether it takes LOGIN (IMAP without LOGINDISABLED) or USER (POP3) too.
    pub takes_command: bool,
    /// What the connection is safe against.
    pub channel: Channel,
}

impl Signin {
    /// Picks the best way that the server offers and reads password or token for it. This may ask a file, a program or a
    /// token endpoint, so it may take up to a minute and must not run on a thread that others wait for.
    ///
    /// # Errors
    /// Where no way fits, or the secret cannot be had. No error holds a secret.
    pub fn method(&self, server: &Server<'_>) -> anyhow::Result<Method> {
        let choice = sasl::choose(
            server.mechanisms,
            &self.only,
            self.source.is_token(),
            server.channel,
        );
        let mechanism = match choice {
            Ok(mechanism) => mechanism,
            // A server without any SASL that suits still has the command of its protocol, which is PLAIN by another name.
            Err(_) if self.may_use_command(server) => {
                return Ok(Method::Command {
                    user: self.user.clone(),
                    password: self.secret()?,
                });
            }
            Err(e) => return Err(e),
        };
        let secret = self.secret()?;
        let exchange = Exchange::new(mechanism, &self.user, &secret, server.host, server.port)?;
        Ok(Method::Sasl(exchange))
    }

    /// Says so where others than the owner can read the secret.
    pub fn exposed(&self) -> Option<String> {
        match &self.source {
            Source::Password(source) | Source::TokenCommand(source) => source.exposed(),
            Source::Tokens(tokens) => tokens.exposed(),
        }
    }

    /// To be said when the server refuses what it was shown, so that the next sign-in does not show it again.
    pub fn refused(&self) {
        if let Source::Tokens(tokens) = &self.source {
            tokens.forget();
        }
    }

    fn may_use_command(&self, server: &Server<'_>) -> bool {
        let by_name = [Mechanism::Plain, Mechanism::Login];
        server.takes_command
            && !self.source.is_token()
            && (self.only.is_empty() || by_name.iter().any(|m| self.only.contains(m)))
            && by_name
                .iter()
                .any(|m| sasl::may_use(*m, &self.only, server.channel))
    }

    fn secret(&self) -> anyhow::Result<Secret> {
        match &self.source {
            Source::Password(source) => source.read().context("password"),
            Source::TokenCommand(source) => source.read().context("token_command"),
            Source::Tokens(tokens) => tokens.access().context("oauth2"),
        }
    }
}
