//! Tokens from an endpoint, shown to a real server.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};

use crate::dovecot::Server;
use crate::kit::{Desk, bounce, program, stderr};
use crate::token_server::{CLIENT, CLIENT_SECRET, FIRST_REFRESH, Mood, TokenServer};

/// A mail server and the endpoint whose tokens it takes.
struct Set {
    server: Server,
    endpoint: TokenServer,
    desk: Desk,
}

impl Set {
    fn start() -> Option<Self> {
        let server = Server::start()?;
        let endpoint = TokenServer::start();
        let key = server.ca_file().with_file_name("oauth.key");
        endpoint.state().key = fs::read(key).unwrap();
        let desk = Desk::new(&server, "bounce");
        fs::write(desk.path("secret"), CLIENT_SECRET).unwrap();
        server.deliver("bounce", "INBOX", &bounce("bob@example.com", "send1"));
        Some(Set {
            server,
            endpoint,
            desk,
        })
    }

    /// Writes a configuration with these lines in `[account.signin.oauth2]`.
    fn configure(&self, protocol: &str, port: u16, oauth2: &str) {
        let text = format!(
            "[[account]]\nname = \"bounces\"\nprotocol = \"{protocol}\"\nhost = \"localhost\"\nport = {port}\nuser = \"bounce\"\n\
             ca_file = \"{}\"\n[account.signin.oauth2]\nclient_id = \"{CLIENT}\"\ntoken_endpoint = \"{}\"\n{oauth2}\n",
            self.server.ca_file().display(),
            self.endpoint.url("token"),
        );
        fs::write(self.desk.path("mailbox.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.desk.path(name).display().to_string()
    }

    fn once(&self) -> (bool, String) {
        let o = self.desk.mailbox(&["--once"]).output().unwrap();
        (o.status.success(), stderr(&o))
    }
}

#[test]
fn tokens_of_a_client_and_of_a_person() {
    let Some(set) = Set::start() else { return };
    fs::write(set.desk.path("refresh"), FIRST_REFRESH).unwrap();
    set.endpoint.state().rotates = true;
    let client = format!("client_secret_file = \"{}\"", set.path("secret"));
    let person = format!("refresh_token_file = \"{}\"", set.path("refresh"));
    let ports = set.server.ports;
    for (protocol, port) in [("imap", ports.imaps), ("pop3", ports.pop3s)] {
        for oauth2 in [&client, &person] {
            set.configure(protocol, port, oauth2);
            let (well, words) = set.once();
            assert!(well, "{protocol} {oauth2}: {words}");
        }
    }
    assert_eq!(set.desk.events().len(), 1);
    let stored = fs::read_to_string(set.desk.path("refresh")).unwrap();
    assert_eq!(
        stored.trim_end(),
        set.endpoint.state().refresh,
        "the newest is kept"
    );
}

#[test]
fn what_goes_wrong_is_said_without_tokens() {
    let Some(set) = Set::start() else { return };
    set.configure(
        "imap",
        set.server.ports.imaps,
        &format!("client_secret_file = \"{}\"", set.path("secret")),
    );
    for (mood, really, expected) in [
        (
            Mood::Refuse("invalid_client", "AADSTS7000222: expired"),
            None,
            "make a new one in the app registration",
        ),
        (
            Mood::Say(200, "garbage"),
            None,
            "something else than a token",
        ),
        (Mood::Cut, None, "token endpoint 127.0.0.1"),
        // The endpoint says an hour, but the server finds that the token has ended.
        (Mood::Well, Some(-60), "the server does not let us in"),
        (Mood::Well, None, ""),
    ] {
        {
            let mut state = set.endpoint.state();
            state.mood = mood;
            state.really = really;
        }
        let (well, words) = set.once();
        assert_eq!(well, expected.is_empty(), "{mood:?}: {words}");
        assert!(words.contains(expected), "{mood:?}: {words}");
        for secret in [CLIENT_SECRET, "eyJ"] {
            assert!(!words.contains(secret), "{words}");
        }
    }
}

#[test]
fn a_person_signs_in_once() {
    let Some(set) = Set::start() else { return };
    set.endpoint.state().interval = 1;
    set.endpoint.state().pending = 1;
    set.configure(
        "imap",
        set.server.ports.imaps,
        &format!(
            "device_endpoint = \"{}\"\nrefresh_token_file = \"{}\"",
            set.endpoint.url("device"),
            set.path("refresh")
        ),
    );
    let (well, words) = set.once();
    assert!(
        !well && words.contains("`undeliverable mailbox login` gets one"),
        "{words}"
    );

    let o = program()
        .args(["mailbox", "login", "--config"])
        .arg(set.desk.path("mailbox.toml"))
        .output()
        .unwrap();
    let words = String::from_utf8(o.stdout.clone()).unwrap();
    assert!(o.status.success(), "{words} {}", stderr(&o));
    assert!(
        words.contains("https://login.example.com/device") && words.contains("ABCD-EFGH"),
        "{words}"
    );
    assert!(!words.contains(FIRST_REFRESH), "{words}");

    let (well, words) = set.once();
    assert!(well, "{words}");
    assert_eq!(set.desk.events().len(), 1);
}

#[test]
fn a_person_pastes_where_the_browser_ended() {
    use std::io::Write as _;
    let Some(set) = Set::start() else { return };
    set.configure(
        "imap",
        set.server.ports.imaps,
        &format!(
            "authorization_endpoint = \"{}\"\nrefresh_token_file = \"{}\"",
            set.endpoint.url("authorize"),
            set.path("refresh")
        ),
    );
    let mut child = program()
        .args(["mailbox", "login", "--account", "bounces", "--config"])
        .arg(set.desk.path("mailbox.toml"))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("http") {
        line.clear();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "no address of a page"
        );
    }
    let back = set.endpoint.agree(line.trim_end());
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "what?\n{back}").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert!(rest.contains("Signed in."), "{rest}");
    let (well, words) = set.once();
    assert!(well, "{words}");
}

#[test]
fn nobody_to_sign_in() {
    let Some(set) = Set::start() else { return };
    let password = format!("password_file = \"{}\"", set.path("secret"));
    let text = format!(
        "[[account]]\nhost = \"localhost\"\nuser = \"bounce\"\n[account.signin]\n{password}\n"
    );
    fs::write(set.desk.path("mailbox.toml"), text).unwrap();
    let o = program()
        .args(["mailbox", "login", "--config"])
        .arg(set.desk.path("mailbox.toml"))
        .output()
        .unwrap();
    assert!(!o.status.success());
    assert!(
        stderr(&o).contains("no account with [account.signin.oauth2]"),
        "{}",
        stderr(&o)
    );
}

#[test]
fn an_endpoint_must_be_trusted() {
    let Some(set) = Set::start() else { return };
    // A server that does speak TLS, if not HTTP.
    let text = format!(
        "[[account]]\nhost = \"localhost\"\nuser = \"bounce\"\n[account.signin.oauth2]\nclient_id = \"{CLIENT}\"\n\
         client_secret_file = \"{}\"\ntoken_endpoint = \"https://localhost:{}/token\"\n",
        set.path("secret"),
        set.server.ports.imaps,
    );
    let text = text.replace(
        "user =",
        &format!(
            "port = {}\nca_file = \"{}\"\nuser =",
            set.server.ports.imaps,
            set.server.ca_file().display()
        ),
    );
    fs::write(set.desk.path("mailbox.toml"), text).unwrap();
    let ca_file = set.server.ca_file();
    for (trusted, expected) in [
        (None, "is signed by nobody whom this machine trusts"),
        (Some(&ca_file), "does not speak HTTP"),
    ] {
        let mut command = set.desk.mailbox(&["--once"]);
        if let Some(file) = trusted {
            command.env("SSL_CERT_FILE", file);
        }
        let o = command.output().unwrap();
        let words = stderr(&o);
        assert!(!o.status.success() && words.contains(expected), "{words}");
        assert!(!words.contains(CLIENT_SECRET), "{words}");
    }
}
