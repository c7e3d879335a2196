//! The servers of the tests do what the tests rely on.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dovecot::{Mail, Server};

/// An IMAP session in plain text.
struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    fn open(server: &Server) -> Session {
        let stream = TcpStream::connect(("127.0.0.1", server.ports.imap)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut session = Session {
            stream: BufReader::new(stream),
        };
        assert!(session.line().starts_with("* OK"));
        session
    }

    /// Sends a command; gives everything up to its answer.
    fn ask(&mut self, command: &str) -> String {
        write!(self.stream.get_mut(), "a {command}\r\n").unwrap();
        let mut text = String::new();
        loop {
            let line = self.line();
            text += &line;
            if line.starts_with("+ ") {
                // A refused token is explained first; an empty answer asks for the end.
                self.stream.get_mut().write_all(b"\r\n").unwrap();
            }
            if line.starts_with("a ") || line.is_empty() {
                return text;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }
}

#[test]
fn dovecot_shows_clients_what_was_delivered() {
    let Some(server) = Server::start() else {
        return;
    };
    server.user("anna", "pass word");
    server.deliver("anna", "INBOX", b"Subject: one\n\nOne.\n");
    server.put_with_flags("anna", "Lists/Rust", "FS", b"Subject: two\n\nTwo.\n");

    let mut session = Session::open(&server);
    assert!(session.ask("LOGIN anna wrong").contains("a NO"));
    assert!(session.ask("LOGIN anna \"pass word\"").contains("a OK"));
    let list = session.ask("LIST \"\" *");
    assert!(
        list.contains("INBOX") && list.contains("Lists/Rust"),
        "{list}"
    );
    let inbox = session.ask("SELECT INBOX");
    assert!(inbox.contains("* 1 EXISTS"), "{inbox}");
    let text = session.ask("UID FETCH 1 BODY.PEEK[]");
    assert!(text.contains("Subject: one\r\n\r\nOne.\r\n"), "{text}");
    session.ask("SELECT Lists/Rust");
    let flags = session.ask("UID FETCH 1 FLAGS");
    assert!(flags.contains("\\Flagged \\Seen"), "{flags}");

    assert!(session.ask("UID MOVE 1 INBOX").contains("a OK"));
    assert_eq!(server.mail("anna", "Lists/Rust"), []);
    let moved = Mail {
        flags: "FS".to_owned(),
        bytes: b"Subject: two\n\nTwo.\n".to_vec(),
    };
    assert!(server.mail("anna", "INBOX").contains(&moved));
    assert_eq!(server.folders("anna"), ["INBOX", "Lists/Rust"]);
}

#[test]
fn dovecot_keeps_mail_and_forgets_numbers() {
    let Some(server) = Server::start() else {
        return;
    };
    server.deliver("bounce", "INBOX", b"Subject: one\n\nOne.\n");
    let validity = || {
        let mut session = Session::open(&server);
        session.ask("LOGIN bounce secret");
        let text = session.ask("SELECT INBOX");
        assert!(text.contains("* 1 EXISTS"), "{text}");
        let (_, rest) = text.split_once("[UIDVALIDITY ").unwrap();
        rest.split_once(']').unwrap().0.to_owned()
    };
    let first = validity();
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", server.ports.imap)).is_err());
    server.restart();
    assert_eq!(validity(), first);
    server.change_uid_validity("bounce", "INBOX");
    assert_ne!(validity(), first);
}

#[test]
fn dovecot_takes_tokens() {
    let Some(server) = Server::start() else {
        return;
    };
    let sign_in = |mechanism: &str, token: &str| {
        let words = match mechanism {
            "XOAUTH2" => format!("user=bounce\x01auth=Bearer {token}\x01\x01"),
            _ => format!("n,a=bounce,\x01auth=Bearer {token}\x01\x01"),
        };
        let words = STANDARD.encode(words);
        let text = Session::open(&server).ask(&format!("AUTHENTICATE {mechanism} {words}"));
        text.contains("a OK")
    };
    let good = server.token("bounce", 600);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let broken = format!("{signed}.{other}{}", &signature[1..]);
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        for (token, expected) in [
            (&good, true),
            (&server.token("bounce", -5), false),
            (&server.token("anna", 600), false),
            (&broken, false),
        ] {
            assert_eq!(sign_in(mechanism, token), expected, "{mechanism} {token}");
        }
    }
}

#[test]
fn dovecot_hides_capabilities() {
    let Some(server) = Server::start_with("imap_capability = IMAP4rev1 UIDPLUS\n") else {
        return;
    };
    let mut session = Session::open(&server);
    let text = session.ask("LOGIN bounce secret") + &session.ask("CAPABILITY");
    assert!(
        text.contains("UIDPLUS") && !text.contains("MOVE") && !text.contains("IDLE"),
        "{text}"
    );
}
