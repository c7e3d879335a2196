//! From a host name to a connection that is as safe as it must be, and how to sign in on it, whatever the server speaks.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::mailbox::signin::{Method, Server, Signin, may_pass};
use crate::mailbox::stream::Link;
use crate::mailbox::tls::{self, Channel, TlsMode};
use crate::mailbox::trouble::Trouble;

/// Where a server is and how to speak to it.
pub(crate) struct Address {
    pub host: String,
    pub port: u16,
    pub mode: TlsMode,
    pub insecure_plaintext: bool,
    pub tls: Arc<ClientConfig>,
    pub patience: Duration,
}

/// A connection before any TLS, and what it will be safe against.
///
/// # Errors
/// Where nobody answers, or it would carry secrets in clear text over a network.
pub(crate) async fn dial(address: &Address) -> Result<(Box<dyn Link>, Channel), Trouble> {
    let shown = format!("{}:{}", address.host, address.port);
    let tcp = timeout(
        address.patience,
        TcpStream::connect((bare(&address.host), address.port)),
    )
    .await
    .map_err(|_| Trouble::Lost(format!("{shown} does not answer")))?
    .map_err(|e| Trouble::Lost(format!("{shown}: {e}")))?;
    // Small commands wait for nobody.
    tcp.set_nodelay(true)?;
    let peer = tcp.peer_addr()?.ip();
    let channel = tls::channel(address.mode, address.insecure_plaintext, peer)
        .map_err(|e| Trouble::NoEntry(format!("{e:#}")))?;
    Ok((Box::new(tcp), channel))
}

/// TLS on a connection.
///
/// # Errors
/// Where the server cannot be trusted, or does not speak TLS.
pub(crate) async fn encrypt(
    link: Box<dyn Link>,
    address: &Address,
) -> Result<Box<dyn Link>, Trouble> {
    let name = tls::server_name(&address.host).map_err(|e| Trouble::NoEntry(format!("{e:#}")))?;
    let connecting = TlsConnector::from(Arc::clone(&address.tls)).connect(name, link);
    match timeout(address.patience, connecting).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(e)) => {
            let words = tls::explain(&e, &address.host);
            // A person must see to these; the others may be a broken connection.
            let is_final = e.get_ref().and_then(|e| e.downcast_ref()).is_some_and(|e| {
                matches!(
                    e,
                    rustls::Error::InvalidCertificate(_) | rustls::Error::PeerIncompatible(_)
                )
            });
            match words {
                Some(words) if is_final => Err(Trouble::NoEntry(words)),
                Some(words) => Err(Trouble::Lost(words)),
                None => Err(Trouble::Lost(format!("while TLS began: {e}"))),
            }
        }
        Err(_) => Err(Trouble::Lost(
            "the server does not answer to TLS: is this the port for it?".to_owned(),
        )),
    }
}

/// How to sign in. Passwords and tokens may come from programs and from the network.
///
/// # Errors
/// Where none can be had; [`Trouble::Lost`] where that may pass.
pub(crate) async fn ask_signin(
    address: &Address,
    signin: &Arc<Signin>,
    mechanisms: Vec<String>,
    takes_command: bool,
    channel: Channel,
) -> Result<Method, Trouble> {
    let (signin, host, port) = (Arc::clone(signin), address.host.clone(), address.port);
    spawn_blocking(move || {
        let mechanisms: Vec<&str> = mechanisms.iter().map(String::as_str).collect();
        signin.method(&Server {
            host: &host,
            port,
            mechanisms: &mechanisms,
            takes_command,
            channel,
        })
    })
    .await
    .map_err(|e| Trouble::NoEntry(format!("sign-in: {e}")))?
    .map_err(|e| {
        let words = format!("{e:#}");
        if may_pass(&e) {
            Trouble::Lost(words)
        } else {
            Trouble::NoEntry(words)
        }
    })
}

/// What a sign-in came to: a refusal for good is remembered, one that `is_later` may pass. `refusal` is what the exchange
/// itself said.
///
/// # Errors
/// Where the server did not let us in, or the connection broke.
pub(crate) fn let_in(
    done: Result<(), Trouble>,
    refusal: Option<String>,
    signin: &Signin,
    is_later: impl Fn(&str) -> bool,
) -> Result<(), Trouble> {
    match done {
        Err(Trouble::Refused { code, text, .. }) => {
            let reason = refusal.map_or_else(String::new, |r| format!(" ({r})"));
            let words = format!("the server does not let us in: {text}{reason}");
            if is_later(&code) {
                return Err(Trouble::Lost(words));
            }
            signin.refused();
            Err(Trouble::NoEntry(words))
        }
        other => other,
    }
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host)
}
