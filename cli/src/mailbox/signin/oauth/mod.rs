//! OAuth2: gets access tokens, keeps them while they are good, and renews them before they end.
//!
//! [`OauthConfig`] says where from; [`Tokens`] has one ready when a session asks; [`login`] gets the first refresh token.

mod assertion;
pub(crate) mod config;
mod endpoint;
mod keep;
pub(crate) mod login;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use url::Url;

use assertion::ServiceAccount;
pub(crate) use config::OauthConfig;
use endpoint::{Answer, Endpoint, Granted};
use keep::TokenFile;

use super::secret::{Secret, SecretSource};

/// A token is renewed this long before its end, or at nine tenths of its life where that is later.
const EARLY: Duration = Duration::from_secs(60);
/// How long a token is taken for good whose endpoint does not say.
const UNSAID: Duration = Duration::from_secs(300);
/// No token is kept longer than this, whatever the endpoint says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The access tokens of one account.
#[derive(Debug)]
pub(crate) struct Tokens {
    endpoint: Endpoint,
    token_url: Url,
    client: Client,
    scope: String,
    grant: Grant,
    cache: Mutex<Cache>,
}

/// Who we are to the endpoint.
#[derive(Debug)]
struct Client {
    id: String,
    secret: Option<SecretSource>,
}

/// What we show for a token.
#[derive(Debug)]
enum Grant {
    /// RFC 6749, section 4.4: nothing but who we are.
    ClientCredentials,
    /// RFC 6749, section 6: what a person once signed in for.
    RefreshToken(TokenFile),
    /// RFC 7523, section 2.1: a signature of a service account.
    ServiceAccount(ServiceAccount),
}

#[derive(Debug, Default)]
struct Cache {
    access: Option<(Secret, Instant)>,
    /// A refresh token that could not be stored, and the one in the file that it came from.
    unstored: Option<(Secret, Secret)>,
}

impl Tokens {
    /// An access token that is good for a while: the one that is there, or a new one.
    ///
    /// # Errors
    /// Where none can be had. No error holds a secret; [`words::Unavailable`] is in it where waiting may help.
    pub fn access(&self) -> anyhow::Result<Secret> {
        self.access_at(Instant::now())
    }

    /// Forgets the access token: the server refuses it, whatever its endpoint said.
    pub fn forget(&self) {
        self.cache().access = None;
    }

    /// Says so where others than the owner can read a secret.
    pub fn exposed(&self) -> Option<String> {
        let file = match &self.grant {
            Grant::RefreshToken(file) => file.exposed(),
            Grant::ServiceAccount(account) => account.exposed(),
            Grant::ClientCredentials => None,
        };
        file.or_else(|| self.client.secret.as_ref()?.exposed())
    }

    fn access_at(&self, now: Instant) -> anyhow::Result<Secret> {
        // Held while the endpoint is asked, so that two sessions do not ask twice.
        let mut cache = self.cache();
        if let Some((token, until)) = &cache.access
            && now < *until
        {
            return Ok(token.clone());
        }
        cache.access = None;
        let granted = match &self.grant {
            Grant::ClientCredentials => self.by_client()?,
            Grant::RefreshToken(file) => self.by_refresh_token(file, &mut cache)?,
            Grant::ServiceAccount(account) => self.by_assertion(account)?,
        };
        let token = granted.access_token;
        let good_for = good_for(granted.expires_in);
        cache.access = Some((token.clone(), now + good_for));
        Ok(token)
    }

    fn by_client(&self) -> anyhow::Result<Granted> {
        let secret = self.client.secret()?;
        self.ask(
            &[("grant_type", "client_credentials"), ("scope", &self.scope)],
            secret.as_ref(),
            None,
        )
    }

    fn by_assertion(&self, account: &ServiceAccount) -> anyhow::Result<Granted> {
        let assertion = account.sign(&self.scope)?;
        // The key is who we are: no client is named beside it.
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.text.expose()),
        ];
        self.post(&assertion.token_url, &form, &[&assertion.text])
    }

    fn by_refresh_token(&self, file: &TokenFile, cache: &mut Cache) -> anyhow::Result<Granted> {
        let secret = self.client.secret()?;
        let _lock = file.lock();
        let stored = file.read()?;
        let refresh = match &cache.unstored {
            Some((token, of)) if *of == stored => token.clone(),
            // Somebody has signed in again since.
            _ => stored.clone(),
        };
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
        ];
        // Without one the endpoint gives what the refresh token was given for.
        if !self.scope.is_empty() {
            form.push(("scope", &self.scope));
        }
        let mut granted = self.ask(&form, secret.as_ref(), Some(&refresh))?;
        let next = granted.refresh_token.take().filter(|next| *next != refresh);
        let unstored = next.unwrap_or(refresh);
        if unstored == stored {
            cache.unstored = None;
            return Ok(granted);
        }
        // The old one may be void by now: the new one is kept in memory where it cannot be kept in its file.
        cache.unstored = match file.replace(&unstored) {
            Ok(()) => None,
            Err(e) => {
                tracing::error!(
                    "the endpoint gave a new refresh token that cannot be stored, sign-in may fail after a restart: {e:#}"
                );
                Some((unstored, stored))
            }
        };
        Ok(granted)
    }

    fn ask(
        &self,
        form: &[(&str, &str)],
        secret: Option<&Secret>,
        sent: Option<&Secret>,
    ) -> anyhow::Result<Granted> {
        let form = self.client.sign(form, secret);
        let sent: Vec<&Secret> = secret.into_iter().chain(sent).collect();
        self.post(&self.token_url, &form, &sent)
    }

    fn post(&self, url: &Url, form: &[(&str, &str)], sent: &[&Secret]) -> anyhow::Result<Granted> {
        match self.endpoint.post::<Granted>(url, form)? {
            Answer::Granted(granted) if granted.is_bearer() => Ok(granted),
            Answer::Granted(_) => Err(anyhow!(
                "it gives a token of a sort that mail servers do not take, expected bearer"
            )
            .context(words::place(url))),
            Answer::Refused(refusal) => {
                let has_login = matches!(self.grant, Grant::RefreshToken(_));
                Err(words::refused(&refusal, sent, has_login).context(words::place(url)))
            }
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// The client's secret, where it has one. Public clients have none.
    fn secret(&self) -> anyhow::Result<Option<Secret>> {
        self.secret.as_ref().map(SecretSource::read).transpose()
    }

    /// A form that also says who we are.
    fn sign<'a>(
        &'a self,
        form: &[(&'a str, &'a str)],
        secret: Option<&'a Secret>,
    ) -> Vec<(&'a str, &'a str)> {
        let mut form = form.to_vec();
        form.push(("client_id", &self.id));
        if let Some(secret) = secret {
            form.push(("client_secret", secret.expose()));
        }
        form
    }
}

/// How long a token is used that is good for so many seconds.
fn good_for(expires_in: Option<u64>) -> Duration {
    let life = expires_in.map_or(UNSAID, Duration::from_secs).min(LONGEST);
    life - EARLY.min(life / 10)
}
