//! A mail server that refuses: each address gets the answer that the test gave it, at the moment that the test chose.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a recipient.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// This reply to RCPT.
    AtRcpt(&'static str),
    /// RCPT is taken, this reply follows the end of DATA.
    AfterData(&'static str),
    /// The connection ends without a word.
    Hangup,
}

/// How one server is; recipients it has no answer for it takes.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// By the part before the `@`.
    pub answers: HashMap<&'static str, Answer>,
    /// The limit that EHLO announces, in bytes; MAIL with a larger SIZE is refused.
    pub size: Option<usize>,
    /// Instead of taking MAIL it answers this.
    pub at_mail: Option<&'static str>,
}

/// Starts one, which serves until the test process ends; gives its port.
pub fn start(manners: Manners) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let manners = Arc::new(manners);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let manners = Arc::clone(&manners);
            // A client that goes away ends its own session only.
            std::thread::spawn(move || serve(stream, &manners));
        }
    });
    port
}

fn serve(stream: TcpStream, manners: &Manners) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut stream = BufReader::new(stream);
    let mut after_data = None;
    say(&mut stream, "220 mx.reject.test ESMTP")?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', '\r']).next().unwrap_or("").to_uppercase();
        match verb.as_str() {
            "EHLO" => {
                say(&mut stream, "250-mx.reject.test")?;
                if let Some(size) = manners.size {
                    say(&mut stream, &format!("250-SIZE {size}"))?;
                }
                say(&mut stream, "250-8BITMIME")?;
                say(&mut stream, "250 ENHANCEDSTATUSCODES")?;
            }
            "HELO" => say(&mut stream, "250 mx.reject.test")?,
            "MAIL" => {
                after_data = None;
                say(&mut stream, to_mail(manners, &line))?;
            }
            "RCPT" => match manners.answers.get(local_part(&line)) {
                Some(Answer::AtRcpt(reply)) => say(&mut stream, reply)?,
                Some(Answer::Hangup) => return Ok(()),
                Some(Answer::AfterData(reply)) => {
                    after_data = Some(*reply);
                    say(&mut stream, "250 2.1.5 ok")?;
                }
                None => say(&mut stream, "250 2.1.5 ok")?,
            },
            "DATA" => {
                say(&mut stream, "354 end with a dot")?;
                read_data(&mut stream)?;
                say(&mut stream, after_data.unwrap_or("250 2.0.0 taken"))?;
            }
            "RSET" | "NOOP" => say(&mut stream, "250 2.0.0 ok")?,
            "QUIT" => return say(&mut stream, "221 2.0.0 bye"),
            _ => say(&mut stream, "502 5.5.1 command not implemented")?,
        }
    }
}

fn to_mail(manners: &Manners, line: &str) -> &'static str {
    let declared = line
        .split_once("SIZE=")
        .and_then(|(_, n)| n.trim_end().parse::<usize>().ok());
    match (manners.size, declared) {
        (Some(limit), Some(n)) if n > limit => "552 5.3.4 Message size exceeds fixed limit",
        _ => manners.at_mail.unwrap_or("250 2.1.0 ok"),
    }
}

fn say(stream: &mut BufReader<TcpStream>, reply: &str) -> io::Result<()> {
    stream
        .get_mut()
        .write_all(format!("{reply}\r\n").as_bytes())
}

fn read_data(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line)? == 0 || line == b".\r\n" {
            return Ok(());
        }
    }
}

fn local_part(line: &str) -> &str {
    let inside = line.split_once('<').map_or("", |(_, rest)| rest);
    inside.split('@').next().unwrap_or("")
}
