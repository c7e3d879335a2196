//! POP3: lines, and messages that end with a dot.

use std::time::Duration;

use super::{Server, check_words, runtime};

#[path = "../../../cli/src/mailbox/pop3/wire.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod wire;

/// A line, then messages until there is none, each cut at `keep` bytes.
fn read(bytes: &[u8], piece: usize, keep: usize) -> (Vec<Vec<u8>>, String) {
    runtime().block_on(async {
        let mut wire = wire::Wire::new(Server::new(bytes, piece), Duration::from_secs(60));
        let mut all = Vec::new();
        match wire.line().await {
            Ok(line) => all.push(line),
            Err(e) => return (all, e.to_string()),
        }
        loop {
            match wire.message(keep, 1 << 20).await {
                Ok(message) => all.push(message),
                Err(e) => return (all, e.to_string()),
            }
        }
    })
}

/// Reads what a server sends: the same whatever the pieces; what is cut is the start of what is not.
pub fn check(bytes: &[u8], piece: usize) {
    let (all, end) = read(bytes, bytes.len(), usize::MAX);
    assert_eq!((all.clone(), end), read(bytes, piece, usize::MAX), "pieces of {piece} bytes");
    let (cut, _) = read(bytes, piece, piece);
    assert_eq!(cut.len(), all.len());
    for (whole, cut) in all.iter().zip(&cut).skip(1) {
        assert_eq!(cut, &whole[..whole.len().min(piece)]);
    }
    assert!(all.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    if let Some(line) = all.first() {
        assert!(!line.contains(&b'\n'));
        check_words(line);
    }
}

/// A message that is written as RFC 1939 section 3 has it comes back as it was.
pub fn check_message(lines: &[&str], piece: usize) {
    let mut sent = b"+OK\r\n".to_vec();
    let mut message = Vec::new();
    for line in lines {
        let line: String = line.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        if line.starts_with('.') {
            sent.push(b'.');
        }
        sent.extend_from_slice(line.as_bytes());
        sent.extend_from_slice(b"\r\n");
        message.extend_from_slice(line.as_bytes());
        message.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b".\r\n");
    let (all, _) = read(&sent, piece, usize::MAX);
    assert_eq!(all, [b"+OK".to_vec(), message]);
}
