//! From a host name to a session: connection, TLS, sign-in.

use std::sync::Arc;

use super::session::Session;
use crate::mailbox::dial::{Address, ask_signin, dial, encrypt, let_in};
use crate::mailbox::signin::{Method, Signin};
use crate::mailbox::tls::{Channel, TlsMode};
use crate::mailbox::trouble::{Trouble, words_of};

/// Response codes (RFC 5530) that say: not now, but later.
const LATER: &[&str] = &["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN"];

/// Connects and signs in.
///
/// # Errors
/// Where nobody answers, the server cannot be trusted, or it does not let us in.
pub(crate) async fn connect(address: &Address, signin: &Arc<Signin>) -> Result<Session, Trouble> {
    let (mut session, channel, is_in) = reach(address).await?;
    session.learn_capabilities().await?;
    if !is_in {
        sign_in(&mut session, address, signin, channel).await?;
        // What it can do is told anew to who is signed in.
        session.learn_capabilities().await?;
    }
    Ok(session)
}

/// Connects as far as the sign-in; says how safe the connection is, and whether it needs no sign-in.
///
/// # Errors
/// Where nobody answers, or the connection is not as safe as it must be.
pub(crate) async fn reach(address: &Address) -> Result<(Session, Channel, bool), Trouble> {
    let (tcp, channel) = dial(address).await?;
    match address.mode {
        TlsMode::None => {
            let (session, word) = Session::greet(tcp, address.patience).await?;
            Ok((session, channel, word == "PREAUTH"))
        }
        TlsMode::Implicit => {
            let link = encrypt(tcp, address).await?;
            let (session, word) = Session::greet(link, address.patience).await?;
            Ok((session, channel, word == "PREAUTH"))
        }
        TlsMode::Starttls => {
            let (mut session, word) = Session::greet(tcp, address.patience).await?;
            if word == "PREAUTH" {
                return Err(Trouble::NoEntry(
                    "the server lets anybody in before TLS begins, so STARTTLS is not possible: somebody on the way \
                     may want that. Use tls = \"implicit\""
                        .to_owned(),
                ));
            }
            session.learn_capabilities().await?;
            if !session.can("STARTTLS") {
                return Err(Trouble::NoEntry(
                    "the server offers no STARTTLS here: use tls = \"implicit\", usually on port 993".to_owned(),
                ));
            }
            let link = encrypt(session.start_tls().await?, address).await?;
            Ok((Session::resume(link, address.patience), channel, false))
        }
    }
}

async fn sign_in(
    session: &mut Session,
    address: &Address,
    signin: &Arc<Signin>,
    channel: Channel,
) -> Result<(), Trouble> {
    let offered: Vec<String> = session
        .mechanisms()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let takes_command = !session.can("LOGINDISABLED");
    let method = ask_signin(address, signin, offered, takes_command, channel).await?;
    let (done, refusal) = match method {
        Method::Sasl(mut exchange) => {
            let done = session.authenticate(&mut exchange).await;
            (done, exchange.refusal().map(words_of))
        }
        Method::Command { user, password } => (session.login(&user, password.expose()).await, None),
    };
    let is_later = |code: &str| LATER.iter().any(|l| l.eq_ignore_ascii_case(code));
    let_in(done, refusal, signin, is_later)
}
