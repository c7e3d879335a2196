//! Any bytes as a feedback report (RFC 5965), and as a disposition notification (RFC 8098).
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for sort in ["feedback-report", "disposition-notification"] {
        let mut mail = format!("From: fbl@example.net\nContent-Type: multipart/report; boundary=fuzz0\n\n--fuzz0\nContent-Type: message/{sort}\n\n").into_bytes();
        mail.extend_from_slice(bytes);
        mail.extend_from_slice(b"\n--fuzz0--\n");
        undeliverable_fuzz::check_mail(&mail);
    }
});
