//! The table `[account.signin]` of a configuration file.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;

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
        let source = password.map(Source::Password).context(
            "signin: one of password_file, password_env, password_command and password_credential is expected",
        )?;
        Ok(Signin {
            user: user.to_owned(),
            only: self.mechanisms.clone(),
            source,
        })
    }
}
