//! Mails built from parts: orders that say nothing change nothing, a footer changes no recipient; then one byte
//! is broken.
#![no_main]

use undeliverable::{Recipient, Report};
use undeliverable_fuzz::check_mail;
use undeliverable_fuzz::mail::Plan;

fn who(report: &Report) -> Vec<Option<&str>> {
    report.recipients.iter().map(|r: &Recipient| r.final_recipient.as_deref()).collect()
}

libfuzzer_sys::fuzz_target!(|input: (Plan, u8, u8, Vec<(u16, u8)>)| {
    let (plan, turn_header, turn_fields, breaks) = input;
    let mut bytes = plan.write(0, 0, None);
    let report = check_mail(&bytes);

    let turned = check_mail(&plan.write(usize::from(turn_header), 0, None));
    assert_eq!((who(&turned), turned.kind), (who(&report), report.kind), "order of header fields");
    let turned = check_mail(&plan.write(0, usize::from(turn_fields), None));
    assert_eq!((&turned.recipients, turned.kind), (&report.recipients, report.kind), "order of fields in a group");
    if !plan.parts.is_empty() {
        let longer = check_mail(&plan.write(0, 0, Some("This message went through a list.")));
        assert_eq!(who(&longer), who(&report), "a footer names nobody");
    }

    for (at, byte) in breaks.iter().take(6) {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
    }
    check_mail(&bytes);
});
