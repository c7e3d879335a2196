//! People sign in, or do not.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc;

use super::super::tests::support::{CLIENT, CLIENT_SECRET, FIRST_REFRESH, Mood, TokenServer};
use super::*;

fn config(server: &TokenServer, folder: &Path) -> OauthConfig {
    OauthConfig {
        client_id: CLIENT.to_owned(),
        token_endpoint: Some(server.url("token")),
        refresh_token_file: Some(folder.join("refresh")),
        ..OauthConfig::default()
    }
}

fn by_device(server: &TokenServer, folder: &Path) -> OauthConfig {
    OauthConfig {
        device_endpoint: Some(server.url("device")),
        ..config(server, folder)
    }
}

/// Signs in; gives the words for the person and the seconds of each pause.
fn sign_in(config: &OauthConfig) -> (anyhow::Result<()>, String, Vec<u64>) {
    let (mut out, mut pauses) = (Vec::new(), Vec::new());
    let endpoint = Endpoint::with_time(Duration::from_millis(300));
    let done = login_with(
        config,
        "bob@example.com",
        &mut out,
        &endpoint,
        &mut |pause| {
            pauses.push(pause.as_secs());
        },
    );
    (done, String::from_utf8(out).unwrap(), pauses)
}

#[test]
fn a_code_is_shown_and_waited_for() {
    for (pending, slow_downs, expected) in [
        (0, 0, &[5][..]),
        (3, 0, &[5, 5, 5, 5]),
        (1, 2, &[5, 10, 15, 15]),
    ] {
        let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
        server.state().pending = pending;
        server.state().slow_downs = slow_downs;
        let (done, words, pauses) = sign_in(&by_device(&server, folder.path()));
        done.unwrap();
        assert_eq!(pauses, expected);
        assert!(
            words.contains("https://login.example.com/device"),
            "{words}"
        );
        assert!(words.contains("\n    ABCD-EFGH\n"), "{words}");
        assert!(!words.contains(FIRST_REFRESH), "{words}");
        let stored = fs::read_to_string(folder.path().join("refresh")).unwrap();
        assert_eq!(stored, format!("{FIRST_REFRESH}\n"));
    }
}

#[test]
fn a_code_that_is_never_entered() {
    let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
    server.state().pending = 10_000;
    let (done, _, pauses) = sign_in(&by_device(&server, folder.path()));
    assert!(
        done.unwrap_err()
            .to_string()
            .contains("not entered in time")
    );
    assert_eq!(
        pauses.iter().sum::<u64>(),
        900,
        "as long as the code is good"
    );
    assert!(!folder.path().join("refresh").exists());
}

#[test]
fn endpoints_that_do_not_play_along() {
    let evil = r#"{"device_code":"x","user_code":"x","verification_uri":"http://evil.example/"}"#;
    for (mood, expected) in [
        (Mood::Refuse("access_denied", ""), "said no"),
        (
            Mood::Refuse("invalid_client", "AADSTS7000218: x"),
            "public client flows",
        ),
        (Mood::Say(200, evil), "expected https://"),
        (Mood::Say(200, "{}"), "something else than"),
        (Mood::Hang, "no answer in time"),
    ] {
        let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
        server.state().mood = mood;
        let error = sign_in(&by_device(&server, folder.path())).0.unwrap_err();
        assert!(
            format!("{error:#}").contains(expected),
            "{mood:?}: {error:#}"
        );
    }
}

#[test]
fn the_token_has_a_place_before_anybody_is_asked() {
    let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
    for (file, expected) in [
        (None, "refresh_token_file is expected"),
        (
            Some("/no/such/folder/refresh".into()),
            "/no/such/folder/refresh",
        ),
    ] {
        let config = OauthConfig {
            refresh_token_file: file,
            ..by_device(&server, folder.path())
        };
        let (done, words, _) = sign_in(&config);
        let error = format!("{:#}", done.unwrap_err());
        assert!(error.contains(expected), "{error}");
        assert_eq!(words, "");
    }
    assert!(server.state().forms.is_empty());
}

#[test]
fn an_endpoint_without_a_way_for_people() {
    let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
    let error = sign_in(&config(&server, folder.path())).0.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("device_endpoint or an authorization_endpoint")
    );
}

/// Hands on what is written, so that the test can act as the person who reads it.
struct Reader(mpsc::Sender<String>);

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        drop(self.0.send(String::from_utf8_lossy(bytes).into_owned()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        drop(self.0.send("\0".to_owned()));
        Ok(())
    }
}

/// Signs in by browser; `person` gets the address of the page and gives the addresses that the browser goes to.
fn by_browser(
    server: &TokenServer,
    folder: &Path,
    person: impl FnOnce(&str) -> Vec<String>,
) -> (anyhow::Result<()>, Vec<String>) {
    fs::write(folder.join("secret"), CLIENT_SECRET).unwrap();
    let config = OauthConfig {
        authorization_endpoint: Some(server.url("authorize")),
        client_secret_file: Some(folder.join("secret")),
        scope: Some("https://mail.example.com/".to_owned()),
        ..config(server, folder)
    };
    let (send, receive) = mpsc::channel();
    let signing_in = thread::spawn(move || {
        let endpoint = Endpoint::with_time(Duration::from_secs(5));
        let mut out = Reader(send);
        login_with(
            &config,
            "bob@example.com",
            &mut out,
            &endpoint,
            &mut thread::sleep,
        )
    });
    let words: String = receive.iter().take_while(|w| w != "\0").collect();
    let page = words.lines().find(|l| l.starts_with("http://")).unwrap();
    let pages = person(page).iter().map(|url| visit(url)).collect();
    (signing_in.join().unwrap(), pages)
}

fn visit(url: &str) -> String {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap_or_else(|| {
            let url = url.strip_prefix("http://").unwrap();
            url.split_at(url.find('?').unwrap())
        });
    let mut stream = TcpStream::connect(host).unwrap();
    let slash = if path.starts_with('/') { "" } else { "/" };
    write!(stream, "GET {slash}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_browser_comes_back() {
    let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
    let (done, pages) = by_browser(&server, folder.path(), |page| {
        assert!(page.contains("login_hint=bob%40example.com"), "{page}");
        let back = server.agree(page);
        let elsewhere = back.replace("state=", "state=x");
        // What else knocks is sent away, and does not end the wait.
        let base = back.split('?').next().unwrap();
        vec![format!("{base}/favicon.ico"), elsewhere, back]
    });
    done.unwrap();
    assert!(
        pages[0].contains("404") && pages[1].contains("404"),
        "{pages:?}"
    );
    assert!(pages[2].contains("You are signed in"), "{pages:?}");
    let stored = fs::read_to_string(folder.path().join("refresh")).unwrap();
    assert_eq!(stored, format!("{FIRST_REFRESH}\n"));
}

#[test]
fn a_person_says_no() {
    let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
    let (done, pages) = by_browser(&server, folder.path(), |page| {
        vec![
            server
                .agree(page)
                .replace("code=code-1", "error=access_denied"),
        ]
    });
    assert!(format!("{:#}", done.unwrap_err()).contains("said no"));
    assert!(pages[0].contains("the terminal says why"), "{pages:?}");
}

#[test]
fn a_code_without_our_verifier_is_worth_nothing() {
    let (server, folder) = (TokenServer::start(), tempfile::tempdir().unwrap());
    let (done, _) = by_browser(&server, folder.path(), |page| {
        let back = server.agree(page);
        server.state().authorized = Some(("code-1".to_owned(), "of another".to_owned()));
        vec![back]
    });
    assert!(format!("{:#}", done.unwrap_err()).contains("invalid_grant"));
    assert!(!folder.path().join("refresh").exists());
}
