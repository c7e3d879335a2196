//! Passwords and mechanisms, shown to a real server over both protocols.

use std::fs;

use crate::dovecot::Server;
use crate::kit::{Desk, FAILED, bounce, program, stderr};

/// Writes a configuration with this account and sign-in, runs once, and gives how it ended and what it said.
fn run(desk: &Desk, account: &str, signin: &str, environment: &[(&str, &str)]) -> (bool, String) {
    let text = format!(
        "[[account]]\nuser = \"{}\"\n{account}\n[account.signin]\n{signin}\n",
        desk.user
    );
    fs::write(desk.path("mailbox.toml"), text).unwrap();
    let mut command = desk.mailbox(&["--once"]);
    let o = command.envs(environment.iter().copied()).output().unwrap();
    (o.status.success(), stderr(&o))
}

/// The account of each protocol and of each sort of TLS.
fn accounts(server: &Server) -> Vec<String> {
    let ca = format!("ca_file = \"{}\"", server.ca_file().display());
    let ports = server.ports;
    [
        ("imap", "implicit", ports.imaps),
        ("imap", "starttls", ports.imap),
        ("imap", "none", ports.imap),
        ("pop3", "implicit", ports.pop3s),
        ("pop3", "starttls", ports.pop3),
        ("pop3", "none", ports.pop3),
    ]
    .map(|(protocol, tls, port)| {
        format!(
            "host = \"localhost\"\nprotocol = \"{protocol}\"\ntls = \"{tls}\"\nport = {port}\n{ca}"
        )
    })
    .to_vec()
}

#[test]
fn every_mechanism_over_every_connection() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    fs::write(desk.path("token"), server.token("bounce1", 600)).unwrap();
    let password = format!("password_file = \"{}\"", desk.path("password").display());
    let token = format!(
        "token_command = [\"cat\", \"{}\"]",
        desk.path("token").display()
    );
    for account in accounts(&server) {
        for (mechanism, source) in [
            ("PLAIN", &password),
            ("LOGIN", &password),
            ("SCRAM-SHA-256", &password),
            ("XOAUTH2", &token),
            ("OAUTHBEARER", &token),
        ] {
            let signin = format!("{source}\nmechanisms = [\"{mechanism}\"]");
            let (well, words) = run(&desk, &account, &signin, &[]);
            assert!(well, "{mechanism} over\n{account}\n{words}");
        }
        // The best one, without being told.
        let (well, words) = run(&desk, &account, &password, &[]);
        assert!(well, "{account}\n{words}");
    }
    let log = server.log();
    for method in ["PLAIN", "LOGIN", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"] {
        let lines = log
            .lines()
            .filter(|l| l.contains("Login:") && l.contains(&format!("method={method},")));
        let count = lines.count();
        let expected = if method == "SCRAM-SHA-256" { 12 } else { 6 };
        assert_eq!(count, expected, "{method}: {log}");
    }
}

#[test]
fn passwords_from_everywhere() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let account = &accounts(&server)[0];
    let folder = desk.path("password");
    let folder = folder.parent().unwrap().to_str().unwrap();
    for (signin, environment) in [
        ("password_env = \"BOUNCES\"", ("BOUNCES", "secret word")),
        ("password_command = [\"echo\", \"secret word\"]", ("X", "")),
        (
            "password_credential = \"password\"",
            ("CREDENTIALS_DIRECTORY", folder),
        ),
    ] {
        let (well, words) = run(&desk, account, signin, &[environment]);
        assert!(well, "{signin}: {words}");
    }
}

#[test]
fn what_stands_in_the_way_is_said_without_secrets() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    fs::write(desk.path("wrong"), "hunter2\n").unwrap();
    fs::write(desk.path("ended"), server.token("bounce1", -600)).unwrap();
    let wrong = format!("password_file = \"{}\"", desk.path("wrong").display());
    let ended = format!(
        "token_command = [\"cat\", \"{}\"]",
        desk.path("ended").display()
    );
    let missing = "password_file = \"/no/such/file\"".to_owned();
    let failing = "password_command = [\"false\"]".to_owned();
    for (signin, expected) in [
        (wrong.clone(), "the server does not let us in"),
        (
            format!("{wrong}\nmechanisms = [\"SCRAM-SHA-256\"]"),
            "the server does not let us in",
        ),
        (
            format!("{ended}\nmechanisms = [\"XOAUTH2\"]"),
            "the server does not let us in",
        ),
        (
            format!("{ended}\nmechanisms = [\"OAUTHBEARER\"]"),
            "the server does not let us in",
        ),
        (missing, "password: secret file /no/such/file"),
        (failing, "password: command false: it failed"),
    ] {
        for account in accounts(&server) {
            let (well, words) = run(&desk, &account, &signin, &[]);
            assert!(
                !well && words.contains(expected),
                "{signin} over\n{account}\n{words}"
            );
            for secret in ["hunter2", "secret word", "eyJ"] {
                assert!(!words.contains(secret), "{words}");
            }
        }
    }
}

#[test]
fn a_server_that_cannot_be_trusted() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    let signin = format!("password_file = \"{}\"", desk.path("password").display());
    let ca = format!("ca_file = \"{}\"", server.ca_file().display());
    let ports = server.ports;
    for (protocol, tls, port) in [
        ("imap", "implicit", ports.imaps),
        ("pop3", "implicit", ports.pop3s),
        ("imap", "starttls", ports.imap),
        ("pop3", "starttls", ports.pop3),
    ] {
        for (settings, expected) in [
            (
                "host = \"localhost\"".to_owned(),
                "is signed by nobody whom this machine trusts",
            ),
            // The same machine by a name that the certificate does not have.
            (
                format!("host = \"::ffff:127.0.0.1\"\n{ca}"),
                "is made out to another name than ::ffff:127.0.0.1",
            ),
        ] {
            let account =
                format!("protocol = \"{protocol}\"\ntls = \"{tls}\"\nport = {port}\n{settings}");
            let (well, words) = run(&desk, &account, &signin, &[]);
            assert!(!well && words.contains(expected), "{account}: {words}");
        }
    }
    assert!(!server.log().contains("Login:"), "no password has left");
}

#[test]
fn check_says_what_works() {
    let Some(server) = Server::start() else {
        return;
    };
    let desk = Desk::new(&server, "bounce1");
    server.deliver("bounce1", "INBOX", &bounce("bob@example.com", "send1"));
    let account = &accounts(&server)[3];
    let signin = format!("password_file = \"{}\"", desk.path("password").display());
    run(&desk, account, &signin, &[]);
    let o = program()
        .args(["mailbox", "check", "--format", "table", "--config"])
        .arg(desk.path("mailbox.toml"))
        .arg("--db")
        .arg(desk.ledger())
        .output()
        .unwrap();
    let words = String::from_utf8(o.stdout).unwrap();
    assert!(o.status.success(), "{words}");
    for expected in [
        "signed in at localhost",
        "1 messages",
        "POP3 has no folders",
        "chmod 600",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(!words.contains(FAILED), "{words}");
}
