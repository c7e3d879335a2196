//! IMAP: where a response ends, the line that ends a command, and what of a server's words goes back into commands.

use std::time::Duration;

use super::{Server, check_words, runtime};

#[path = "../../../cli/src/mailbox/imap/answer.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod answer;
#[path = "../../../cli/src/mailbox/imap/guard.rs"]
mod guard;
#[path = "../../../cli/src/mailbox/imap/names.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
mod names;
#[path = "../../../cli/src/mailbox/imap/wire.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
pub mod wire;

/// The whole responses in these bytes, and the words of the error that ended them.
fn responses(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, String) {
    runtime().block_on(async {
        let mut wire = wire::Wire::new(Server::new(bytes, piece), Duration::from_secs(60));
        let mut all = Vec::new();
        loop {
            match wire.response().await {
                Ok(response) => all.push(response),
                Err(e) => return (all, e.to_string()),
            }
        }
    })
}

/// Reads what a server sends: the same responses whatever the pieces, none invented, each ended by CRLF, and read by the
/// parser behind without a panic.
pub fn check(bytes: &[u8], piece: usize) {
    let (all, end) = responses(bytes, bytes.len());
    assert_eq!((&all, &end), (&responses(bytes, piece).0, &responses(bytes, piece).1), "pieces of {piece} bytes");
    let line_feeds = bytes.iter().filter(|b| **b == b'\n').count();
    let sum: usize = all.iter().map(Vec::len).sum();
    assert!(sum <= bytes.len() + line_feeds, "no byte but CR is added");
    for response in &all {
        assert!(response.ends_with(b"\r\n"));
        let _ = guard::parse(&mut response.clone());
        if let Some(done) = answer::tagged(response, "A1") {
            let _ = done.check(answer::verb("UID FETCH 1 (FLAGS)"));
        }
        check_words(response);
    }
}

/// Numbers that a server told come back as a set of exactly these.
pub fn check_set(uids: &[u32]) {
    let set = names::set(uids);
    let mut sorted = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let number = |word: &str| word.parse::<u32>().expect("a number");
    let mut expanded = Vec::new();
    for range in set.split(',').filter(|r| !r.is_empty()) {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        expanded.extend((number(first)..=number(last)).take(uids.len() + 1));
    }
    assert_eq!(expanded, sorted, "{set}");
}

/// The name of a folder stays in its quotes, whatever is in it.
pub fn check_name(name: &str) {
    let Ok(quoted) = names::quoted(&names::utf7(name)) else { return };
    assert!(quoted.bytes().all(|b| (b' '..=b'~').contains(&b)), "{quoted:?}");
    let inside = &quoted[1..quoted.len() - 1];
    let bare = inside.replace("\\\\", "").replace("\\\"", "");
    assert!(!bare.contains(['"', '\\']), "{quoted:?}");
}
