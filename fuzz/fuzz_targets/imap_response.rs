//! Any bytes as what an IMAP server, and what a POP3 server sends: the first byte says in pieces of which size.
#![no_main]

use undeliverable_fuzz::mailbox::{imap, pop3};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((piece, sent)) = bytes.split_first() else { return };
    let piece = usize::from(*piece).max(1);
    imap::check(sent, piece);
    pop3::check(sent, piece);
    let uids: Vec<u32> = sent.chunks_exact(4).take(64).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]])).collect();
    imap::check_set(&uids);
    let text = String::from_utf8_lossy(sent);
    imap::check_name(&text);
    pop3::check_message(&text.split('\n').collect::<Vec<_>>(), piece);
});
