//! The table `[account.signin.oauth2]`, and what is known of two providers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use url::Url;

use super::assertion::ServiceAccount;
use super::endpoint::{Endpoint, address};
use super::keep::TokenFile;
use super::{Cache, Client, Grant, Tokens};
use crate::mailbox::signin::secret::SecretSource;

/// Where access tokens come from.
///
/// With `refresh_token_file` they are those of a person who has signed in once (`undeliverable mailbox login`); without
/// it, those of the client itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OauthConfig {
    /// A provider whose addresses and scopes are known.
    pub provider: Option<Provider>,
    /// Microsoft's id or domain of the organisation.
    pub tenant: Option<String>,
    /// The id of the client, as the provider registered it.
    pub client_id: String,
    /// The first line of this file is the client's secret.
    pub client_secret_file: Option<PathBuf>,
    /// This variable of the environment is the client's secret.
    pub client_secret_env: Option<String>,
    /// The first line that this program writes is the client's secret.
    pub client_secret_command: Option<Vec<String>>,
    /// This systemd credential is the client's secret.
    pub client_secret_credential: Option<String>,
    /// The key of a service account of Google, in the JSON that its console gives.
    pub service_account_file: Option<PathBuf>,
    /// The refresh token is in this file, and new ones are put there.
    pub refresh_token_file: Option<PathBuf>,
    /// What is asked for, separated by blanks.
    pub scope: Option<String>,
    /// The address that gives tokens.
    pub token_endpoint: Option<String>,
    /// The address that gives codes for another device (RFC 8628).
    pub device_endpoint: Option<String>,
    /// The address of the page where a person signs in.
    pub authorization_endpoint: Option<String>,
}

/// A provider that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    /// Microsoft 365 and Outlook.com.
    Microsoft,
    /// Google Workspace and Gmail.
    Google,
}

/// What a provider has published about itself.
struct Published {
    token: &'static str,
    /// Google gives no codes for mail to other devices: its list of scopes for them has none.
    device: Option<&'static str>,
    authorization: &'static str,
    /// For a client in its own name.
    client_scope: Option<&'static str>,
    /// For a person who signs in.
    person_scope: &'static str,
}

const MICROSOFT: Published = Published {
    token: "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
    device: Some("https://login.microsoftonline.com/TENANT/oauth2/v2.0/devicecode"),
    authorization: "https://login.microsoftonline.com/TENANT/oauth2/v2.0/authorize",
    client_scope: Some("https://outlook.office365.com/.default"),
    person_scope: "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
};

const GOOGLE: Published = Published {
    token: "https://oauth2.googleapis.com/token",
    device: None,
    authorization: "https://accounts.google.com/o/oauth2/v2/auth",
    client_scope: None,
    person_scope: "https://mail.google.com/",
};

/// Microsoft's word for accounts of any organisation; it has a mailbox only for people.
const ANY_TENANT: &str = "organizations";

impl OauthConfig {
    /// Checks it and makes it ready. Nothing is read or asked yet.
    ///
    /// # Errors
    /// Where something is missing or wrong.
    pub fn open(&self, user: &str) -> anyhow::Result<Tokens> {
        self.open_with(user, Endpoint::new())
    }

    /// The same with an endpoint of its own.
    pub(super) fn open_with(&self, user: &str, endpoint: Endpoint) -> anyhow::Result<Tokens> {
        if let Some(path) = &self.service_account_file {
            return self.open_service_account(path, user, endpoint);
        }
        let (client, token_url) = (self.client()?, self.token_url()?);
        let grant = match &self.refresh_token_file {
            Some(path) => Grant::RefreshToken(TokenFile::new(path)),
            None => {
                self.check_client_credentials(&client)?;
                Grant::ClientCredentials
            }
        };
        Ok(Tokens {
            endpoint,
            token_url,
            scope: self.scope(matches!(grant, Grant::ClientCredentials)),
            client,
            grant,
            cache: std::sync::Mutex::new(Cache::default()),
        })
    }

    fn open_service_account(
        &self,
        path: &Path,
        user: &str,
        endpoint: Endpoint,
    ) -> anyhow::Result<Tokens> {
        ensure!(
            self.client_id.is_empty()
                && self.client_secret()?.is_none()
                && self.refresh_token_file.is_none(),
            "oauth2: a service_account_file stands alone, without client_id, client_secret and refresh_token_file"
        );
        let scope = self.scope(false);
        ensure!(
            !scope.is_empty(),
            "oauth2: provider = \"google\" or a scope is expected beside service_account_file"
        );
        Ok(Tokens {
            endpoint,
            // Its own stands in the file.
            token_url: address("token_endpoint", GOOGLE.token)?,
            scope,
            client: Client {
                id: String::new(),
                secret: None,
            },
            grant: Grant::ServiceAccount(ServiceAccount::new(path, user)),
            cache: std::sync::Mutex::new(Cache::default()),
        })
    }

    /// Who we are to the endpoint.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        ensure!(!self.client_id.is_empty(), "oauth2: client_id is expected");
        Ok(Client {
            id: self.client_id.clone(),
            secret: self.client_secret()?,
        })
    }

    /// The address that gives tokens.
    pub(super) fn token_url(&self) -> anyhow::Result<Url> {
        self.url("token_endpoint", self.token_endpoint.as_deref(), |p| {
            Some(p.token)
        })?
        .context("oauth2: provider = \"microsoft\" or \"google\", or a token_endpoint is expected")
    }

    /// The address that gives codes for another device, where there is one.
    pub(super) fn device_url(&self) -> anyhow::Result<Option<Url>> {
        self.url("device_endpoint", self.device_endpoint.as_deref(), |p| {
            p.device
        })
    }

    /// The page where a person signs in, where there is one.
    pub(super) fn authorization_url(&self) -> anyhow::Result<Option<Url>> {
        let own = self.authorization_endpoint.as_deref();
        self.url("authorization_endpoint", own, |p| Some(p.authorization))
    }

    /// What is asked for in the name of a person.
    pub(super) fn person_scope(&self) -> String {
        self.scope(false)
    }

    fn check_client_credentials(&self, client: &Client) -> anyhow::Result<()> {
        ensure!(
            client.secret.is_some(),
            "oauth2: a refresh_token_file, or one of client_secret_file, client_secret_env, client_secret_command \
             and client_secret_credential is expected"
        );
        match self.provider {
            Some(Provider::Google) => bail!(
                "oauth2: Google gives no mailbox to a client alone: a refresh_token_file or a service_account_file is expected"
            ),
            Some(Provider::Microsoft) => ensure!(
                self.tenant.is_some() || self.token_endpoint.is_some(),
                "oauth2: the tenant is expected where the client signs in by itself"
            ),
            None => {}
        }
        Ok(())
    }

    fn client_secret(&self) -> anyhow::Result<Option<SecretSource>> {
        SecretSource::pick(
            "client_secret",
            self.client_secret_file.as_deref(),
            self.client_secret_env.as_deref(),
            self.client_secret_command.as_deref(),
            self.client_secret_credential.as_deref(),
        )
    }

    fn scope(&self, is_client: bool) -> String {
        let published = self.provider.map(Provider::published);
        let default = published.and_then(|p| {
            if is_client {
                p.client_scope
            } else {
                Some(p.person_scope)
            }
        });
        self.scope
            .clone()
            .unwrap_or_else(|| default.unwrap_or_default().to_owned())
    }

    /// An address: the one that is set, or the provider's.
    fn url(
        &self,
        name: &str,
        own: Option<&str>,
        published: impl Fn(&Published) -> Option<&'static str>,
    ) -> anyhow::Result<Option<Url>> {
        if let Some(own) = own {
            return address(name, own).map(Some);
        }
        let Some(text) = self.provider.and_then(|p| published(p.published())) else {
            return Ok(None);
        };
        let tenant = self.tenant.as_deref().unwrap_or(ANY_TENANT);
        ensure!(
            !tenant.is_empty()
                && tenant
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.'),
            "tenant: `{tenant}` is no tenant, expected an id or a domain such as example.onmicrosoft.com"
        );
        address(name, &text.replace("TENANT", tenant)).map(Some)
    }
}

impl Provider {
    fn published(self) -> &'static Published {
        match self {
            Provider::Microsoft => &MICROSOFT,
            Provider::Google => &GOOGLE,
        }
    }
}
