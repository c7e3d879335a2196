//! Any bytes as the words of a notice: the first line is the subject.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let cut = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (subject, words) = bytes.split_at(cut);
    let mut mail = b"Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@example.net>\nTo: me@example.com\nSubject: ".to_vec();
    mail.extend_from_slice(subject);
    mail.extend_from_slice(b"\n");
    mail.extend_from_slice(words);
    undeliverable_fuzz::check_mail(&mail);
});
