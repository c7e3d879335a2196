//! A person signs in once, and the refresh token goes into its file: by a code on another device (RFC 8628), or in a
//! browser that comes back to this machine (RFC 8252, with PKCE, RFC 7636) where a provider has no such codes for mail.

mod browser;
mod device;

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use url::Url;

use super::config::OauthConfig;
use super::endpoint::{Answer, Endpoint, Granted};
use super::keep::TokenFile;
use super::{Client, words};
use crate::mailbox::signin::secret::Secret;

/// What both ways of signing in have in common.
struct Login<'a> {
    endpoint: &'a Endpoint,
    token_url: Url,
    client: Client,
    secret: Option<Secret>,
    scope: String,
    /// Whom the page may fill in already.
    user: &'a str,
    /// Sleeps.
    wait: &'a mut dyn FnMut(Duration),
}

/// Asks a person to sign in as `user`, waits, and stores the refresh token. What the person has to do is written to `out`.
///
/// # Errors
/// Where the settings have no place for the token, the person says no or does nothing, or the endpoint refuses.
pub(crate) fn login(config: &OauthConfig, user: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    login_with(config, user, out, &Endpoint::new(), &mut thread::sleep)
}

fn login_with(
    config: &OauthConfig,
    user: &str,
    out: &mut dyn Write,
    endpoint: &Endpoint,
    wait: &mut dyn FnMut(Duration),
) -> anyhow::Result<()> {
    let path = config
        .refresh_token_file
        .as_deref()
        .context("oauth2: refresh_token_file is expected: that is where the token goes")?;
    let file = TokenFile::new(path);
    file.check()?;
    let client = config.client()?;
    let secret = client.secret()?;
    let mut login = Login {
        endpoint,
        token_url: config.token_url()?,
        client,
        secret,
        scope: config.person_scope(),
        user,
        wait,
    };
    let granted = match (config.device_url()?, config.authorization_url()?) {
        (Some(url), _) => device::sign_in(&mut login, &url, out)?,
        (None, Some(url)) => browser::sign_in(&mut login, url, out)?,
        (None, None) => bail!("oauth2: a device_endpoint or an authorization_endpoint is expected"),
    };
    let token = granted.refresh_token.context(
        "the endpoint gave no refresh token: does the scope hold what it asks for (offline_access at Microsoft)?",
    )?;
    let _lock = file.lock();
    file.replace(&token)?;
    writeln!(
        out,
        "Signed in. The refresh token is in {}.",
        path.display()
    )?;
    Ok(())
}

impl Login<'_> {
    fn ask(&self, form: &[(&str, &str)]) -> anyhow::Result<Answer<Granted>> {
        let form = self.client.sign(form, self.secret.as_ref());
        self.endpoint.post(&self.token_url, &form)
    }

    fn refused(&self, refusal: &super::endpoint::Refusal, sent: &Secret) -> anyhow::Error {
        let sent: Vec<&Secret> = self.secret.iter().chain([sent]).collect();
        words::refused(refusal, &sent, true).context(words::place(&self.token_url))
    }
}

#[cfg(test)]
mod tests;
