//! Mails built from parts: what says nothing changes nothing, a footer names nobody, each copy of one mail has one id,
//! recipients are those that the plan wrote; then one byte after the other is broken.
#![no_main]

use undeliverable::Report;
use undeliverable_fuzz::mail::{self, Encoding, Plan, Way};
use undeliverable_fuzz::{check_mail, engine};

fn who(report: &Report) -> Vec<Option<&str>> {
    report.recipients.iter().map(|r| r.final_recipient.as_deref()).collect()
}

/// The end of the first returned header, which is where `event_id` ends.
fn returned_end(mail: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(mail).ok()?;
    let header = text.find("\nContent-Type: message/rfc822\n\n").map(|i| i + 32);
    let fields = text.find("\nContent-Type: text/rfc822-headers\n\n").map(|i| i + 37);
    let start = header.into_iter().chain(fields).min()?;
    let end = ["\n\n", "\n--"].iter().filter_map(|e| text[start..].find(e)).min()?;
    Some(start + end + 1)
}

/// Copies that stores make: with an envelope line and their own fields, with CR, fetched up to the returned body.
fn check_copies(bytes: &[u8], report: &Report, cut: u16) {
    let mut copy = b"From MAILER-DAEMON Mon Jan  5 10:00:00 2026\nStatus: RO\nX-UID: 5\n  6\n".to_vec();
    copy.extend_from_slice(bytes);
    let stored = engine().parse(&copy);
    assert_eq!((&stored.event_id, &stored.recipients), (&report.event_id, &report.recipients), "the copy of an mbox");
    let cr: Vec<u8> = bytes.iter().map(|b| if *b == b'\n' { b'\r' } else { *b }).collect();
    assert_eq!(&engine().parse(&cr), report, "LF and CR give the same");
    if let Some(end) = returned_end(bytes) {
        let end = end + usize::from(cut) % (bytes.len() - end + 1);
        assert_eq!(engine().parse(&bytes[..end]).event_id, report.event_id, "fetched up to byte {end}");
    }
}

libfuzzer_sys::fuzz_target!(|input: (Plan, u8, u8, u16, Vec<(u16, u8)>)| {
    let (plan, turn_header, turn_fields, cut, breaks) = input;
    let plain = Way::default();
    let mut bytes = plan.write(&plain);
    let report = check_mail(&bytes);
    let addresses: Vec<String> = (0..=255).map(mail::address).collect();
    for name in who(&report).into_iter().flatten() {
        assert!(addresses.iter().any(|a| a == name), "{name} was never written");
    }
    check_copies(&bytes, &report, cut);

    let turned = check_mail(&plan.write(&Way { turn_header, ..plain }));
    assert_eq!((who(&turned), turned.kind), (who(&report), report.kind), "order of header fields");
    let turned = check_mail(&plan.write(&Way { turn_fields, ..plain }));
    assert_eq!((&turned.recipients, turned.kind), (&report.recipients, report.kind), "order of fields in a group");
    for encoding in [Encoding::Base64, Encoding::QuotedPrintable] {
        let encoded = check_mail(&plan.write(&Way { encoding, ..plain }));
        assert_eq!((&encoded.recipients, encoded.kind), (&report.recipients, report.kind), "{encoding:?} says nothing");
    }
    if !plan.parts.is_empty() {
        let longer = check_mail(&plan.write(&Way { footer: Some("This message went through a list."), ..plain }));
        assert_eq!(who(&longer), who(&report), "a footer names nobody");
    }

    for (at, byte) in breaks.iter().take(6) {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
    }
    check_mail(&bytes);
});
