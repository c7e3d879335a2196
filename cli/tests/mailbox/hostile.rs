//! Servers that lie, flood, or wait: bounded memory, clear words, and no hang beyond the timeout.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::program;

/// More than the program may ever hold.
const MEMORY_KB: u64 = 120_000;

/// What a server does with each command: gives its tag and its words, and the connection.
type Script = fn(&str, &str, &mut TcpStream);

/// The answers that let a client in.
fn obey(tag: &str, command: &str, out: &mut TcpStream) {
    let verb = command.split(' ').next().unwrap_or_default();
    let answer = match verb {
        "CAPABILITY" => "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN MOVE UIDPLUS\r\n".to_owned(),
        "LIST" => format!(
            "* LIST () \"/\" {}\r\n",
            command.rsplit(' ').next().unwrap()
        ),
        "SELECT" | "EXAMINE" => {
            "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n".to_owned()
        }
        _ => String::new(),
    };
    let _ = out.write_all(format!("{answer}{tag} OK done\r\n").as_bytes());
}

fn flood(out: &mut TcpStream, bytes: &[u8]) {
    let many = bytes.repeat(1 + (64 << 10) / bytes.len());
    while out.write_all(&many).is_ok() {}
}

/// Name, greeting, script, what stderr must say.
const CASES: &[(&str, &str, Script, &str)] = &[
    (
        "a greeting that never ends",
        "* OK ",
        |_, _, _| (),
        "no answer within",
    ),
    ("silence", "", |_, _, _| (), "no answer within"),
    (
        "another protocol",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        |_, _, _| (),
        "is this the port of an IMAP server",
    ),
    (
        "a farewell",
        "* BYE overloaded\r\n",
        |_, _, _| (),
        "wants nobody now: overloaded",
    ),
    (
        "an endless line",
        "* OK hi\r\n",
        |_, _, out| flood(out, b"* CAPABILITY x"),
        "a line of over",
    ),
    (
        "answers nobody asked for",
        "* OK hi\r\n",
        |_, _, out| flood(out, b"* 1 EXISTS\r\n"),
        "far more came",
    ),
    (
        "a literal of four gigabytes",
        "* OK hi\r\n",
        |tag, command, out| {
            if command.contains("BODY.PEEK") {
                let _ = out.write_all(b"* 1 FETCH (UID 1 BODY[]<0> {4294967295}\r\n");
                flood(out, b"xxxxxxxx");
            } else if command.starts_with("UID FETCH") {
                let _ = out.write_all(
                    format!("* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9)\r\n{tag} OK\r\n").as_bytes(),
                );
            } else {
                obey(tag, command, out);
            }
        },
        "a literal of 4294967295 bytes",
    ),
    (
        "a small message that is large",
        "* OK hi\r\n",
        |tag, command, out| {
            if command.contains("BODY.PEEK") {
                loop {
                    let piece = format!(
                        "* 1 FETCH (UID 1 BODY[]<0> {{1000000}}\r\n{})\r\n",
                        "x".repeat(1_000_000)
                    );
                    if out.write_all(piece.as_bytes()).is_err() {
                        return;
                    }
                }
            } else if command.starts_with("UID FETCH") {
                let _ = out.write_all(
                    format!("* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9)\r\n{tag} OK\r\n").as_bytes(),
                );
            } else {
                obey(tag, command, out);
            }
        },
        "far more came",
    ),
    (
        "a list without end",
        "* OK hi\r\n",
        |tag, command, out| {
            if command.starts_with("UID FETCH") {
                flood(out, b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9)\r\n");
            } else {
                obey(tag, command, out);
            }
        },
        "far more came",
    ),
    (
        "four billion messages",
        "* OK hi\r\n",
        |tag, command, out| {
            if command.starts_with("SELECT") {
                let _ = out.write_all(b"* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n");
                let _ = out.write_all(format!("{tag} OK\r\n").as_bytes());
            } else if command.starts_with("UID FETCH") {
                let mut n = 0u32;
                loop {
                    let mut many = String::new();
                    for _ in 0..1000 {
                        n = n.wrapping_add(1);
                        many += &format!("* {n} FETCH (UID {n} FLAGS () RFC822.SIZE 9)\r\n");
                    }
                    if out.write_all(many.as_bytes()).is_err() {
                        return;
                    }
                }
            } else {
                obey(tag, command, out);
            }
        },
        "no answer within",
    ),
    (
        "lists inside lists",
        "* OK hi\r\n",
        |_, _, out| {
            let deep = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(500_000));
            let _ = out.write_all(deep.as_bytes());
        },
        "inside each other",
    ),
    (
        "a byte now and then",
        "* OK hi\r\n",
        |_, _, out| {
            while out.write_all(b"*").is_ok() {
                thread::sleep(Duration::from_millis(300));
            }
        },
        "no answer within",
    ),
    (
        "nothing is ever done",
        "* OK hi\r\n",
        |tag, command, out| {
            if !command.starts_with("SELECT") {
                obey(tag, command, out);
            }
        },
        "no answer within",
    ),
    (
        "a folder without UIDVALIDITY",
        "* OK hi\r\n",
        |tag, command, out| {
            if command.starts_with("SELECT") {
                let _ = out.write_all(format!("* 3 EXISTS\r\n{tag} OK\r\n").as_bytes());
            } else {
                obey(tag, command, out);
            }
        },
        "does not tell UIDVALIDITY",
    ),
    (
        "an end that is none",
        "* OK hi\r\n",
        |tag, _, out| {
            let _ = out.write_all(format!("{tag} MAYBE\r\n").as_bytes());
        },
        "expected OK, NO or BAD",
    ),
    (
        "control characters and addresses in its words",
        "* OK hi\r\n",
        |tag, command, out| {
            if command.starts_with("AUTHENTICATE") {
                let _ = out
                    .write_all(format!("{tag} NO \x1b[2Jno bob@example.com here\r\n").as_bytes());
            } else {
                obey(tag, command, out);
            }
        },
        "does not let us in: \\u{1b}[2Jno *** here",
    ),
];

/// A server that greets and follows the script, for every connection.
fn serve(greeting: &'static str, script: Script) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut out) = stream else { return };
            thread::spawn(move || {
                let _ = out.write_all(greeting.as_bytes());
                let reader = BufReader::new(out.try_clone().unwrap());
                for line in reader.lines() {
                    let Ok(line) = line else { return };
                    let Some((tag, command)) = line.split_once(' ') else {
                        continue;
                    };
                    script(tag, command, &mut out);
                }
            });
        }
    });
    port
}

/// Runs the program against a port, with so many seconds of patience; gives exit code, stderr, seconds and the most memory
/// in kB.
fn run(port: u16, account: &str, patience: u32) -> (Option<i32>, String, f32, u64) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "hunter2\n").unwrap();
    let config = folder.path().join("mailbox.toml");
    let text = format!(
        "timeout_seconds = {patience}\n[[account]]\nname = \"test\"\nhost = \"localhost\"\nport = {port}\nuser = \"bounce\"\n{account}\n\
         [account.signin]\npassword_file = \"{}\"\n",
        folder.path().join("password").display()
    );
    std::fs::write(&config, text).unwrap();
    let started = Instant::now();
    let mut command: Command = program();
    let child = command
        .args(["mailbox", "--once", "--config"])
        .arg(&config)
        .arg("--db")
        .arg(folder.path().join("ledger.sqlite"))
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watcher = thread::spawn(move || {
        let mut most = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let Some(kb) = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok())
            else {
                break;
            };
            most = most.max(kb);
            thread::sleep(Duration::from_millis(5));
        }
        most
    });
    let o = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&o.stderr).into_owned();
    (
        o.status.code(),
        err,
        started.elapsed().as_secs_f32(),
        watcher.join().unwrap(),
    )
}

#[test]
fn servers_that_lie_flood_or_wait() {
    thread::scope(|scope| {
        for (name, greeting, script, expected) in CASES {
            scope.spawn(move || {
                let port = serve(greeting, *script);
                // A flood must reach its bound before the patience ends, also where everything runs at once.
                let patience = if expected.contains("no answer") { 1 } else { 6 };
                let (code, err, seconds, memory) = run(port, "tls = \"none\"", patience);
                // One message that a server cannot hand over is put aside; everything else ends the run.
                let aside = err.contains("could_not_process=1");
                assert_eq!(code, Some(if aside { 0 } else { 1 }), "{name}: {err}");
                assert!(err.contains(expected), "{name}: {err}");
                assert!(
                    !err.contains("hunter2") && !err.contains('\x1b'),
                    "{name}: {err}"
                );
                // Eight tries of at most five times the patience, and the waits between them.
                assert!(
                    seconds < 80.0 + 40.0 * patience as f32,
                    "{name}: {seconds} s"
                );
                assert!(memory > 1000 && memory < MEMORY_KB, "{name}: {memory} kB");
            });
        }
    });
}

#[test]
fn words_before_tls_are_not_taken_for_words_behind_it() {
    for (greeting, script, expected) in [
        (
            "* OK hi\r\n",
            (|tag, command, out| {
                if command == "STARTTLS" {
                    let injected = format!(
                        "{tag} OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nU2 OK done\r\n"
                    );
                    let _ = out.write_all(injected.as_bytes());
                } else {
                    let _ = out.write_all(
                        format!("* CAPABILITY IMAP4rev1 STARTTLS\r\n{tag} OK\r\n").as_bytes(),
                    );
                }
            }) as Script,
            "sends commands of his own before TLS begins",
        ),
        (
            "* PREAUTH hi\r\n",
            obey,
            "lets anybody in before TLS begins",
        ),
        ("* OK hi\r\n", obey, "offers no STARTTLS"),
    ] {
        let port = serve(greeting, script);
        let (code, err, seconds, _) = run(port, "tls = \"starttls\"", 1);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(expected), "{err}");
        assert!(seconds < 20.0);
    }
}
