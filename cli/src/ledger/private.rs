//! A ledger that holds no address: a keyed hash stands in its place.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use undeliverable::policy::Event;

/// The key of a private ledger. Whoever has it can find an address in the ledger; nobody can without it.
pub(crate) struct PrivateKey(Vec<u8>);

impl PrivateKey {
    /// Reads the key file; makes one of 32 random bytes, readable by its owner only, where it is missing.
    ///
    /// # Errors
    /// Where the file cannot be read or made, or holds fewer than 16 bytes.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = || format!("private key {}", path.display());
        match fs::read(path) {
            Ok(bytes) => {
                let key = bytes.trim_ascii().to_vec();
                if key.len() < 16 {
                    bail!("{}: {} bytes, expected 16 or more", shown(), key.len());
                }
                Ok(PrivateKey(key))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let key = random_hex().with_context(shown)?;
                let mut options = fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path).with_context(shown)?;
                file.write_all(key.as_bytes())
                    .and_then(|()| file.write_all(b"\n"))
                    .and_then(|()| file.sync_all())
                    .with_context(shown)?;
                Ok(PrivateKey(key.into_bytes()))
            }
            Err(e) => Err(e).with_context(shown),
        }
    }

    #[cfg(test)]
    pub fn of(secret: &[u8]) -> Self {
        PrivateKey(secret.to_vec())
    }

    /// The hash of a text: 128 bits in hex, behind a mark that no address begins with.
    pub fn hash(&self, what: &str, text: &str) -> String {
        #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key length");
        mac.update(what.as_bytes());
        mac.update(b"\0");
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        bytes[..16].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The key of an address or, behind `@`, of a domain.
    pub fn key(&self, key: &str) -> String {
        match key.strip_prefix('@') {
            Some(domain) => format!("@{}", self.domain(domain)),
            None => format!("~{}", self.hash("address", key)),
        }
    }

    /// What stands for a domain.
    pub fn domain(&self, domain: &str) -> String {
        format!("~{}", self.hash("domain", domain))
    }

    /// An event that names nobody.
    pub fn event(&self, mut e: Event) -> Event {
        let address = std::mem::take(&mut e.address);
        e.address = self.key(&address);
        let domain = undeliverable::policy::address_domain(&address);
        if e.provider.as_deref() == domain {
            e.provider = domain.map(|d| self.domain(d));
        }
        e.text = e.text.map(|t| scrub(&t, &address));
        // A Message-ID or a campaign may be made of the address.
        e.send = e.send.map(|s| self.hash("send", &s));
        e.new_address = e.new_address.map(|a| self.key(&a.to_lowercase()));
        e.remote_mta = None;
        e.source = None;
        e
    }
}

fn random_hex() -> std::io::Result<String> {
    let mut bytes = [0u8; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// A reply without addresses: whatever holds an `@` goes, and the local part and the domain of this one wherever they stand.
fn scrub(text: &str, address: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        let holds_address = word.contains('@') || word.contains("=40") || word.contains("%40");
        out.push_str(if holds_address { "***" } else { word });
    }
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let mut parts = vec![local, domain];
    // bob.smith+news: `Smith, Bob` names him as well.
    parts.extend(local.split(['.', '+', '-', '_']).filter(|p| p.len() >= 3));
    for part in parts.into_iter().filter(|p| p.len() >= 2) {
        out = replace_ignoring_case(&out, part, "***");
    }
    out
}

fn replace_ignoring_case(text: &str, what: &str, with: &str) -> String {
    let lower = text.to_lowercase();
    // Lower case of some letters is longer: without the same shape, positions mean nothing.
    if lower.len() != text.len() {
        return lower.replace(what, with);
    }
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (i, _) in lower.match_indices(what) {
        if i >= at && text.is_char_boundary(i) && text.is_char_boundary(i + what.len()) {
            out.push_str(&text[at..i]);
            out.push_str(with);
            at = i + what.len();
        }
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_their_names() {
        let t = scrub(
            "550 5.1.1 <Bob.Smith@example.com>: user bob.smith (Smith) unknown at mx.example.com",
            "bob.smith@example.com",
        );
        assert_eq!(t, "550 5.1.1 *** user *** (***) unknown at mx.***");
        assert_eq!(scrub("550 İbob İ", "bob@example.com"), "550 i̇*** i̇");
    }

    #[test]
    fn one_key_one_hash() {
        let (a, b) = (
            PrivateKey::of(b"a secret of sixteen"),
            PrivateKey::of(b"another secret, too"),
        );
        assert_eq!(a.key("bob@example.com"), a.key("bob@example.com"));
        assert_ne!(a.key("bob@example.com"), b.key("bob@example.com"));
        assert!(a.key("@example.com").starts_with("@~"));
    }
}
