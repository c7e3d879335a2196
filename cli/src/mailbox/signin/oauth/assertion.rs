//! A service account of Google: a key of its own stands in for a person, whom an administrator has put into its care (RFC
//! 7523, "domain-wide delegation").

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::endpoint::address;
use crate::mailbox::signin::secret::{Secret, SecretSource, read_file};

/// Seconds an assertion is good for; endpoints take no more than an hour.
const LIFE: u64 = 300;
/// Seconds that the clock of the endpoint may be behind ours.
const SKEW: u64 = 30;

/// The key file of a service account, and the person it stands in for.
#[derive(Clone, Debug)]
pub(crate) struct ServiceAccount {
    path: PathBuf,
    subject: String,
}

/// What of the key file is used.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: String,
}

/// What is shown, and to whom.
pub(crate) struct Assertion {
    pub token_url: Url,
    pub text: Secret,
}

impl ServiceAccount {
    /// One that has its key in a file, which is read when a token is needed.
    pub fn new(path: &Path, subject: &str) -> Self {
        ServiceAccount {
            path: path.to_owned(),
            subject: subject.to_owned(),
        }
    }

    /// Says so where others than the owner can read the key.
    pub fn exposed(&self) -> Option<String> {
        SecretSource::File(self.path.clone()).exposed()
    }

    /// Signs what an endpoint gives a token for.
    ///
    /// # Errors
    /// Where the file is no key of a service account. No error holds what is in it.
    pub fn sign(&self, scope: &str) -> anyhow::Result<Assertion> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        self.sign_at(scope, now)
            .with_context(|| format!("service account file {}", self.path.display()))
    }

    fn sign_at(&self, scope: &str, now: u64) -> anyhow::Result<Assertion> {
        let bytes = read_file(&self.path)?;
        // Not `context`: serde quotes what it did not expect.
        let file: KeyFile = serde_json::from_slice(&bytes).map_err(|_| {
            anyhow!("not the JSON of a service account, expected client_email, private_key and token_uri")
        })?;
        let file_key = Secret::new(file.private_key);
        let token_url = address("token_uri", &file.token_uri)?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(file_key.expose().as_bytes())
            .ok()
            .and_then(|der| RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok())
            .context("private_key is no RSA key in PEM (PKCS #8)")?;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": file.private_key_id});
        let claims = json!({
            "iss": file.client_email,
            "sub": self.subject,
            "scope": scope,
            "aud": file.token_uri,
            "iat": now.saturating_sub(SKEW),
            "exp": now + LIFE,
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let text = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .map_err(|_| anyhow!("the key cannot sign"))?;
        let text = Secret::new(format!("{text}.{}", encode(&signature)));
        Ok(Assertion { token_url, text })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;

    /// A key file in a folder; `None`, in words, where no key can be made.
    pub(in crate::mailbox::signin::oauth) fn key_file(
        folder: &Path,
        token_uri: &str,
    ) -> Option<PathBuf> {
        let pem = folder.join("key.pem");
        let made = Command::new("openssl")
            .args([
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
                "-out",
            ])
            .arg(&pem)
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: openssl is not installed");
            return None;
        }
        let key = fs::read_to_string(pem).unwrap();
        let file = json!({
            "type": "service_account", "client_email": "reader@project.example",
            "private_key_id": "k1", "private_key": key, "token_uri": token_uri,
        });
        let path = folder.join("account.json");
        fs::write(&path, file.to_string()).unwrap();
        Some(path)
    }

    #[test]
    fn an_assertion_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let Some(path) = key_file(folder.path(), "https://oauth2.example.com/token") else {
            return;
        };
        let account = ServiceAccount::new(&path, "bounces@example.com");
        let signed = account
            .sign_at("https://mail.example.com/", 1_800_000_000)
            .unwrap();
        assert_eq!(
            signed.token_url.as_str(),
            "https://oauth2.example.com/token"
        );
        let (text, signature) = signed.text.expose().rsplit_once('.').unwrap();
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let (header, claims) = text.split_once('.').unwrap();
        let header: serde_json::Value = serde_json::from_slice(&decode(header)).unwrap();
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        let claims: serde_json::Value = serde_json::from_slice(&decode(claims)).unwrap();
        assert_eq!(
            claims,
            json!({"iss": "reader@project.example", "sub": "bounces@example.com",
                   "scope": "https://mail.example.com/", "aud": "https://oauth2.example.com/token",
                   "iat": 1_799_999_970, "exp": 1_800_000_300})
        );
        let pem = fs::read(folder.path().join("key.pem")).unwrap();
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
        let public: RsaPublicKeyComponents<Vec<u8>> = key.public().into();
        public
            .verify(
                &RSA_PKCS1_2048_8192_SHA256,
                text.as_bytes(),
                &decode(signature),
            )
            .unwrap();
    }

    #[test]
    fn files_that_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("account.json");
        let key = |uri: &str| {
            json!({"client_email": "x", "private_key": "hunter2", "token_uri": uri}).to_string()
        };
        for (text, expected) in [
            ("hunter2".to_owned(), "not the JSON of a service account"),
            (
                r#"{"client_email": "hunter2"}"#.to_owned(),
                "not the JSON of a service account",
            ),
            (key("https://example.com/token"), "no RSA key"),
            (key("http://example.com/token"), "clear text"),
        ] {
            fs::write(&path, text).unwrap();
            let account = ServiceAccount::new(&path, "bounces@example.com");
            let error = format!("{:#}", account.sign("x").err().unwrap());
            assert!(
                error.contains(expected) && error.contains("account.json"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
