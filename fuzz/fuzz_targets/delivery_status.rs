//! Any bytes as a delivery status inside a report.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    undeliverable::fuzzing::delivery_status(&String::from_utf8_lossy(bytes));
    let mut mail = b"From: MAILER-DAEMON@example.net\nContent-Type: multipart/report; boundary=fuzz0\n\n--fuzz0\n\nIt failed.\n--fuzz0\nContent-Type: message/delivery-status\n\n".to_vec();
    mail.extend_from_slice(bytes);
    mail.extend_from_slice(b"\n--fuzz0--\n");
    undeliverable_fuzz::check_mail(&mail);
});
