//! An OAuth2 token endpoint on loopback: hands out tokens that a mail server can check, lets them end, rotates and refuses
//! them, and misbehaves when told to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the endpoint knows of its one client.
pub const CLIENT: &str = "bounce-reader";
#[allow(dead_code, reason = "each user takes what it needs")]
pub const CLIENT_SECRET: &str = "client-secret-7f3a";
/// The refresh token that is good at the start.
#[allow(dead_code, reason = "each user takes what it needs")]
pub const FIRST_REFRESH: &str = "refresh-0";

type Form = HashMap<String, String>;

/// How the endpoint is disposed.
#[allow(dead_code, reason = "each user takes what it needs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It does what the standards say.
    Well,
    /// It refuses with this word and these words.
    Refuse(&'static str, &'static str),
    /// It answers with this status and this body.
    Say(u16, &'static str),
    /// It takes the connection and never answers.
    Hang,
    /// It closes the connection in the middle of its answer.
    Cut,
    /// It answers with a header, and with a body that does not end.
    Endless,
    /// It does not speak HTTP.
    Gibberish,
}

/// What the endpoint holds; tests look into it and change it.
#[derive(Debug)]
pub struct State {
    pub mood: Mood,
    /// Seconds an access token is said to be good for; none are said where it is `None`.
    pub lifetime: Option<u64>,
    /// Seconds it really is good for, where that is not the same.
    pub really: Option<i64>,
    /// The secret that tokens are signed with (HS256).
    pub key: Vec<u8>,
    /// Seconds between two questions about a code.
    pub interval: u32,
    /// Whether each refresh gives a new refresh token and ends the old one.
    pub rotates: bool,
    /// The refresh token that is good.
    pub refresh: String,
    /// Whom access tokens name.
    pub subject: String,
    /// How often a device is told to wait, and to slow down, before a person has entered its code.
    pub pending: u32,
    pub slow_downs: u32,
    /// The code and the PKCE challenge of a sign-in in the browser.
    pub authorized: Option<(String, String)>,
    /// The forms that were posted, in order.
    pub forms: Vec<Form>,
    tokens: u32,
}

pub struct TokenServer {
    port: u16,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl TokenServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Well,
            lifetime: Some(3600),
            really: None,
            key: b"a key of the tests, long enough for HMAC".to_vec(),
            interval: 5,
            rotates: false,
            refresh: FIRST_REFRESH.to_owned(),
            subject: "bounce".to_owned(),
            pending: 0,
            slow_downs: 0,
            authorized: None,
            forms: Vec::new(),
            tokens: 0,
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let server = TokenServer { port, state, stop };
        let (state, stop) = (Arc::clone(&server.state), Arc::clone(&server.stop));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
                // A client that goes away is what some tests are about.
                thread::spawn(move || drop(serve(stream, &state, &stop)));
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A person agrees in the browser: the address that the browser is sent to then.
    #[allow(dead_code, reason = "each user takes what it needs")]
    pub fn agree(&self, page: &str) -> String {
        let query = page.split_once('?').expect("a query").1;
        let asked = form(query);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        let code = "code-1".to_owned();
        self.state().authorized = Some((code.clone(), asked["code_challenge"].clone()));
        format!(
            "{}?code={code}&state={}",
            asked["redirect_uri"], asked["state"]
        )
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// A token that names somebody, good for so many seconds from now.
pub fn jwt(subject: &str, seconds: i64, key: &[u8]) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let header = json!({"alg": "HS256", "typ": "JWT"}).to_string();
    let claims = json!({"sub": subject, "iat": now - 5, "nbf": now - 5, "exp": now + seconds});
    let text = format!(
        "{}.{}",
        BASE64.encode(header),
        BASE64.encode(claims.to_string())
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let form = form(std::str::from_utf8(&body).unwrap());
    let (mood, (status, answer)) = {
        let mut state = state.lock().unwrap();
        state.forms.push(form.clone());
        (state.mood, answer(&mut state, &path, &form))
    };
    let (status, answer) = match mood {
        Mood::Well => (status, answer.to_string()),
        Mood::Refuse(error, words) => (
            400,
            json!({"error": error, "error_description": words}).to_string(),
        ),
        Mood::Say(status, body) => (status, body.to_owned()),
        Mood::Hang => {
            while !stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
            return Ok(());
        }
        Mood::Cut => {
            return stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"access_token\":");
        }
        Mood::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        Mood::Gibberish => return stream.write_all(b"* OK IMAP4rev1 ready\r\n"),
    };
    write!(
        stream,
        "HTTP/1.1 {status} So\r\ncontent-type: application/json\r\nlocation: /elsewhere\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    )
}

fn answer(state: &mut State, path: &str, form: &Form) -> (u16, Value) {
    let get = |name: &str| form.get(name).map_or("", String::as_str);
    let no = |error: &str| (400, json!({"error": error}));
    if (path, get("grant_type")) == ("/token", "urn:ietf:params:oauth:grant-type:jwt-bearer") {
        // Who signed is looked at by the test of the signature.
        return (200, state.grant(None));
    }
    if get("client_id") != CLIENT {
        return no("invalid_client");
    }
    let may_be_public = get("grant_type") != "client_credentials";
    match form.get("client_secret") {
        Some(secret) if secret == CLIENT_SECRET => {}
        None if may_be_public => {}
        _ => return no("invalid_client"),
    }
    match (path, get("grant_type")) {
        ("/device", _) => (
            200,
            json!({"device_code": "device-1", "user_code": "ABCD-EFGH", "interval": state.interval, "expires_in": 900,
                   "verification_uri": "https://login.example.com/device"}),
        ),
        ("/token", "client_credentials") => (200, state.grant(None)),
        ("/token", "refresh_token") => {
            if get("refresh_token") != state.refresh {
                return no("invalid_grant");
            }
            if !state.rotates {
                return (200, state.grant(None));
            }
            state.refresh = format!("refresh-{}", state.tokens + 1);
            let refresh = state.refresh.clone();
            (200, state.grant(Some(refresh)))
        }
        ("/token", "urn:ietf:params:oauth:grant-type:device_code") => {
            if get("device_code") != "device-1" {
                return no("invalid_grant");
            }
            if state.slow_downs > 0 {
                state.slow_downs -= 1;
                return no("slow_down");
            }
            if state.pending > 0 {
                state.pending -= 1;
                return no("authorization_pending");
            }
            let refresh = state.refresh.clone();
            (200, state.grant(Some(refresh)))
        }
        ("/token", "authorization_code") => {
            let challenge = BASE64.encode(Sha256::digest(get("code_verifier")));
            match state.authorized.take() {
                Some((code, wanted)) if code == get("code") && wanted == challenge => {
                    let refresh = state.refresh.clone();
                    (200, state.grant(Some(refresh)))
                }
                _ => no("invalid_grant"),
            }
        }
        ("/token", _) => no("unsupported_grant_type"),
        _ => (404, Value::Null),
    }
}

impl State {
    fn grant(&mut self, refresh: Option<String>) -> Value {
        self.tokens += 1;
        let life = self.lifetime.unwrap_or(3600);
        let mut answer = json!({
            "token_type": "Bearer",
            "access_token": jwt(&self.subject, self.really.unwrap_or(life as i64), &self.key),
            // Tokens of one second are else the same.
            "number": self.tokens,
        });
        if let Some(seconds) = self.lifetime {
            answer["expires_in"] = seconds.into();
        }
        if let Some(refresh) = refresh {
            answer["refresh_token"] = refresh.into();
        }
        answer
    }
}

fn form(body: &str) -> Form {
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (decoded(k), decoded(v)))
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.replace('+', " ").into_bytes();
    let mut out = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (hex, after) = rest.split_at(2);
            out.push(u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap());
            rest = after;
        } else {
            out.push(*first);
        }
    }
    String::from_utf8(out).unwrap()
}
