//! Our frame beside mail-parser's and mailparse's: the same leaves with the same bodies. Whole mails only: on broken
//! ones the three differ by choice (see docs/upstream.md).
#![no_main]

use mail_parser::{MessageParser, MimeHeaders, PartType};
use undeliverable_fuzz::mail::Plan;

type Leaves = Vec<(String, String)>;

fn body(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "").trim_end_matches('\n').to_owned()
}

fn of_mailparse(mail: &mailparse::ParsedMail<'_>, out: &mut Leaves) {
    if mail.subparts.is_empty() && !mail.ctype.mimetype.starts_with("multipart/") {
        out.push((mail.ctype.mimetype.clone(), body(&mail.get_body_raw().unwrap_or_default())));
    }
    mail.subparts.iter().for_each(|p| of_mailparse(p, out));
}

fn of_mail_parser(bytes: &[u8]) -> Leaves {
    let message = MessageParser::default().parse(bytes).expect("a message");
    let leaf = |p: &mail_parser::MessagePart<'_>| {
        let ct = p.content_type();
        let essence = ct.map(|c| format!("{}/{}", c.ctype(), c.subtype().unwrap_or_default()).to_ascii_lowercase());
        let raw = &bytes[p.raw_body_offset() as usize..p.raw_end_offset() as usize];
        (essence.unwrap_or_else(|| "text/plain".into()), body(raw))
    };
    message.parts.iter().filter(|p| !matches!(p.body, PartType::Multipart(_))).map(leaf).collect()
}

libfuzzer_sys::fuzz_target!(|plan: Plan| {
    let bytes = plan.write(0, 0, None);
    let (ours, problems) = undeliverable::fuzzing::leaves(&bytes);
    if !problems.is_empty() {
        return;
    }
    let ours: Leaves = ours
        .into_iter()
        .map(|l| (if l.essence.is_empty() { "text/plain".into() } else { l.essence }, body(&l.body)))
        .collect();
    let mut theirs = Leaves::new();
    of_mailparse(&mailparse::parse_mail(&bytes).expect("a mail"), &mut theirs);
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(ours, theirs, "mailparse on {text}");
    assert_eq!(ours, of_mail_parser(&bytes), "mail-parser on {text}");
});
