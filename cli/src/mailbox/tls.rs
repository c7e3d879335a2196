//! TLS: on and verified unless somebody says otherwise, twice.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::Deserialize;

/// How a connection comes to be encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    /// From the first byte: IMAP on port 993, POP3 on port 995.
    #[default]
    Implicit,
    /// Plain text first, then STARTTLS or STLS: IMAP on port 143, POP3 on port 110.
    Starttls,
    /// Never.
    None,
}

/// What a connection is safe against; it decides which mechanisms may be used on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// TLS with a verified certificate.
    Encrypted,
    /// Plain text that does not leave this machine.
    Loopback,
    /// Plain text over a network, asked for twice.
    Plaintext,
}

/// What a connection that was just made is, before any STARTTLS.
///
/// `peer` is the address that was really reached: a name may mean anything.
///
/// # Errors
/// Where it is plain text over a network and `insecure_plaintext` does not stand beside `tls = "none"`.
pub(crate) fn channel(
    mode: TlsMode,
    insecure_plaintext: bool,
    peer: IpAddr,
) -> anyhow::Result<Channel> {
    match (mode, insecure_plaintext) {
        (TlsMode::Implicit | TlsMode::Starttls, _) => Ok(Channel::Encrypted),
        (TlsMode::None, _) if peer.to_canonical().is_loopback() => Ok(Channel::Loopback),
        (TlsMode::None, true) => Ok(Channel::Plaintext),
        (TlsMode::None, false) => bail!(
            "tls = \"none\" would send password and mail over the network in clear text: use tls = \"implicit\" or \
             \"starttls\", or say insecure_plaintext = true too"
        ),
    }
}

/// What a client needs for TLS: the machine's own trust store, or the certificates in `ca_file` and no others.
///
/// # Errors
/// Where the file cannot be read or holds no certificate, or the machine has no trust store.
pub(crate) fn client_config(ca_file: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match ca_file {
        Some(path) => builder.with_root_certificates(roots(path)?),
        None => builder
            .with_platform_verifier()
            .context("the certificates that this machine trusts cannot be read")?,
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

/// The name that the certificate must be made out to.
///
/// # Errors
/// Where `host` is neither a host name nor an IP address.
pub(crate) fn server_name(host: &str) -> anyhow::Result<ServerName<'static>> {
    let plain = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    ServerName::try_from(plain.to_owned())
        .with_context(|| format!("`{host}` is no host name and no IP address"))
}

/// An error of TLS in words that say what to do; `None` where it is none.
pub(crate) fn explain(error: &std::io::Error, host: &str) -> Option<String> {
    let rustls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match rustls {
        rustls::Error::InvalidCertificate(why) => explain_certificate(why, host),
        rustls::Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port: another port, or tls = \"starttls\", is \
             needed"
                .to_owned()
        }
        rustls::Error::PeerIncompatible(_) => {
            "the server offers no TLS version or cipher that is still safe (TLS 1.2 or 1.3 is \
             needed)"
                .to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!("the server refused TLS: {alert:?}"),
        other => format!("TLS failed: {other}"),
    })
}

fn explain_certificate(why: &CertificateError, host: &str) -> String {
    match why {
        CertificateError::UnknownIssuer => format!(
            "the certificate of {host} is signed by nobody whom this machine trusts: name the file with the CA's \
             certificate in ca_file"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "the certificate is made out to another name than {host}: use the name that it is made out to as \
                 host"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {host} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!(
                "the certificate of {host} is not valid yet: is the clock of this machine right?"
            )
        }
        CertificateError::Revoked => format!("the certificate of {host} has been revoked"),
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => format!(
            "{host} shows a certificate that is made for a CA: it needs one with basicConstraints CA:FALSE"
        ),
        other => format!("the certificate of {host} is refused: {other}"),
    }
}

fn roots(path: &Path) -> anyhow::Result<RootCertStore> {
    let shown = || format!("ca_file {}", path.display());
    let pem = fs::read(path).with_context(shown)?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate
            .map_err(|e| anyhow::anyhow!("not a certificate in PEM: {e:?}"))
            .with_context(shown)?;
        store.add(certificate).with_context(shown)?;
    }
    ensure!(
        !store.is_empty(),
        "{}: no certificate in it, expected `-----BEGIN CERTIFICATE-----`",
        shown()
    );
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_on_the_machine() {
        use TlsMode::{Implicit, None, Starttls};
        for (mode, insecure, peer, expected) in [
            (Implicit, false, "192.0.2.1", Some(Channel::Encrypted)),
            (Starttls, true, "192.0.2.1", Some(Channel::Encrypted)),
            (None, false, "127.0.0.1", Some(Channel::Loopback)),
            (None, true, "127.8.8.8", Some(Channel::Loopback)),
            (None, false, "::1", Some(Channel::Loopback)),
            (None, false, "::ffff:127.0.0.1", Some(Channel::Loopback)),
            (None, false, "192.0.2.1", Option::None),
            (None, false, "2001:db8::1", Option::None),
            (None, true, "192.0.2.1", Some(Channel::Plaintext)),
        ] {
            let got = channel(mode, insecure, peer.parse().unwrap());
            assert_eq!(got.ok(), expected, "{mode:?} {insecure} {peer}");
        }
    }

    #[test]
    fn names_of_servers() {
        for good in [
            "mail.example.com",
            "192.0.2.1",
            "2001:db8::1",
            "[2001:db8::1]",
        ] {
            assert!(server_name(good).is_ok(), "{good}");
        }
        for bad in ["", "mail example com", "mail.example.com:993", "imap://x"] {
            let error = server_name(bad).unwrap_err();
            assert!(format!("{error:#}").contains("no host name"), "{error:#}");
        }
    }

    #[test]
    fn files_of_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, expected) in [
            ("", "no certificate in it"),
            ("hello", "no certificate in it"),
            (broken, "ca_file"),
        ] {
            fs::write(&path, text).unwrap();
            let error = format!("{:#}", client_config(Some(&path)).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        let missing = folder.path().join("missing.pem");
        let error = format!("{:#}", client_config(Some(&missing)).unwrap_err());
        assert!(error.contains("missing.pem"), "{error}");
    }
}
