//! The browser flow (RFC 8252): a page of the provider sends the browser back to a port of this machine.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::Login;
use crate::mailbox::signin::oauth::endpoint::{Answer, Granted, Refusal};
use crate::mailbox::signin::oauth::words;
use crate::mailbox::signin::secret::Secret;

/// How long a person may take.
const TIME: Duration = Duration::from_secs(15 * 60);
/// How long a browser may take to say what it wants, and how much it may say.
const REQUEST_TIME: Duration = Duration::from_secs(5);
const MAX_REQUEST: u64 = 16 << 10;

/// Shows the address of the page, waits for the browser, or for a person who pastes where it ended up, and trades the code.
pub(super) fn sign_in(
    login: &mut Login<'_>,
    page: Url,
    out: &mut dyn Write,
) -> anyhow::Result<Granted> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("no port of 127.0.0.1 to wait on for the browser")?;
    let back = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
    let (state, verifier) = (random()?, Secret::new(random()?));
    let page = address(login, page, &back, &state, &verifier);
    writeln!(
        out,
        "Open this address in a browser and sign in as {}:\n\n{page}\n\n\
         The browser then comes back to this machine. If it runs on another one it ends at a page that cannot be \
         shown: paste the address of that page here.",
        crate::output::safe::text(login.user),
    )?;
    out.flush()?;
    let code = wait(listener, &state, TIME)?;
    let answer = login.ask(&[
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", &back),
        ("code_verifier", verifier.expose()),
    ])?;
    match answer {
        Answer::Granted(granted) => Ok(granted),
        Answer::Refused(refusal) => Err(login.refused(&refusal, &code)),
    }
}

fn address(login: &Login<'_>, mut page: Url, back: &str, state: &str, verifier: &Secret) -> Url {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose()));
    page.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &login.client.id)
        .append_pair("redirect_uri", back)
        .append_pair("scope", &login.scope)
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .append_pair("login_hint", login.user)
        // Without these two Google gives no refresh token to who has signed in before; others pass over them.
        .append_pair("access_type", "offline")
        .append_pair("prompt", "consent");
    page
}

fn random() -> anyhow::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).context("this machine gives no random bytes")?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// The code that comes with the browser or from stdin, whichever is first.
fn wait(listener: TcpListener, state: &str, time: Duration) -> anyhow::Result<Secret> {
    let (send, receive) = mpsc::channel();
    // Neither thread is joined: one may wait in accept, the other in read, for as long as the program lives.
    let (to, expected) = (send.clone(), state.to_owned());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if browser(stream, &expected, &to).is_ok_and(|done| done) {
                break;
            }
        }
    });
    let expected = state.to_owned();
    thread::spawn(move || pasted(&expected, &send));
    match receive.recv_timeout(time) {
        Ok(code) => code,
        Err(_) => bail!("nobody signed in within {} minutes", time.as_secs() / 60),
    }
}

/// Answers one request; says whether it was the one that is waited for.
fn browser(
    mut stream: TcpStream,
    state: &str,
    to: &Sender<anyhow::Result<Secret>>,
) -> io::Result<bool> {
    stream.set_read_timeout(Some(REQUEST_TIME))?;
    stream.set_write_timeout(Some(REQUEST_TIME))?;
    let request = request(&stream)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let code = Url::parse("http://127.0.0.1")
        .ok()
        .and_then(|base| base.join(path).ok())
        .and_then(|url| code(&url, state));
    let (status, words) = match &code {
        Some(Ok(_)) => ("200 OK", "You are signed in. This page can be closed."),
        Some(Err(_)) => ("200 OK", "You are not signed in; the terminal says why."),
        None => (
            "404 Not Found",
            "This is not the sign-in that is waited for.",
        ),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n{words}",
        words.len()
    )?;
    let done = code.is_some();
    if let Some(code) = code {
        // Whoever waited may have had enough.
        drop(to.send(code));
    }
    Ok(done)
}

/// The first line of a request. The rest is read as well: a connection that is closed with something unread loses its answer.
fn request(stream: &TcpStream) -> io::Result<String> {
    let mut reader = BufReader::new(stream.try_clone()?.take(MAX_REQUEST));
    let (mut first, mut line) = (String::new(), String::new());
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 0 && !line.trim_end().is_empty() {
        line.clear();
    }
    Ok(first)
}

fn pasted(state: &str, to: &Sender<anyhow::Result<Secret>>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let url = Url::parse(line.trim()).ok();
        if let Some(code) = url.and_then(|url| code(&url, state)) {
            drop(to.send(code));
            return;
        }
        tracing::warn!(
            "this is not the address that the browser ends at: it holds `state=` and `code=`"
        );
    }
}

/// The code in an address, or the refusal; `None` where the address does not belong to this sign-in.
fn code(url: &Url, state: &str) -> Option<anyhow::Result<Secret>> {
    let get = |name: &str| {
        url.query_pairs()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.into_owned())
    };
    // Anybody on this machine can send a browser here: only the page that was opened knows the state.
    if get("state")? != state {
        return None;
    }
    if let Some(error) = get("error") {
        let refusal = Refusal {
            error,
            error_description: get("error_description"),
        };
        return Some(Err(words::refused(&refusal, &[], true)));
    }
    let code = get("code")?;
    Some(nonempty(code))
}

fn nonempty(code: String) -> anyhow::Result<Secret> {
    ensure!(!code.is_empty(), "the page gave an empty code");
    Ok(Secret::new(code))
}
