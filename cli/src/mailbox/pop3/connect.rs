//! From a host name to a session: connection, TLS, sign-in.

use std::sync::Arc;

use super::session::{Session, is_for_ever};
use crate::mailbox::dial::{Address, ask_signin, dial, encrypt, let_in};
use crate::mailbox::signin::{Method, Signin};
use crate::mailbox::tls::{Channel, TlsMode};
use crate::mailbox::trouble::{Trouble, words_of};

/// Connects and signs in.
///
/// # Errors
/// Where nobody answers, the server cannot be trusted, or it does not let us in.
pub(crate) async fn connect(address: &Address, signin: &Arc<Signin>) -> Result<Session, Trouble> {
    let (mut session, channel) = reach(address).await?;
    session.learn_capabilities().await?;
    sign_in(&mut session, address, signin, channel).await?;
    // What it can do is told anew to who is signed in.
    session.learn_capabilities().await?;
    Ok(session)
}

async fn reach(address: &Address) -> Result<(Session, Channel), Trouble> {
    let (link, channel) = dial(address).await?;
    let session = match address.mode {
        TlsMode::None => Session::greet(link, address.patience).await?,
        TlsMode::Implicit => {
            let link = encrypt(link, address).await?;
            Session::greet(link, address.patience).await?
        }
        TlsMode::Starttls => {
            let mut session = Session::greet(link, address.patience).await?;
            session.learn_capabilities().await?;
            if !session.can("STLS") {
                return Err(Trouble::NoEntry(
                    "the server offers no STLS here: use tls = \"implicit\", usually on port 995"
                        .to_owned(),
                ));
            }
            let link = encrypt(session.start_tls().await?, address).await?;
            Session::resume(link, address.patience)
        }
    };
    Ok((session, channel))
}

async fn sign_in(
    session: &mut Session,
    address: &Address,
    signin: &Arc<Signin>,
    channel: Channel,
) -> Result<(), Trouble> {
    let offered = session
        .mechanisms()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let method = ask_signin(address, signin, offered, session.can("USER"), channel).await?;
    let (done, refusal) = match method {
        Method::Sasl(mut exchange) => {
            let done = session.authenticate(&mut exchange).await;
            (done, exchange.refusal().map(words_of))
        }
        Method::Command { user, password } => {
            (session.log_in(&user, password.expose()).await, None)
        }
    };
    let_in(done, refusal, signin, |code| !is_for_ever(code))
}
