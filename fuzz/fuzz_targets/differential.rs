//! Our frame beside mail-parser's and mailparse's, on mails that are right but written in every way the standards
//! allow: the same leaves, the same raw bodies, the same bodies without transfer encoding. Where one of the two is known
//! to see something else, and why ours stays, stands here and in docs/upstream.md.
#![no_main]

use mail_parser::{MessageParser, MimeHeaders, PartType};
use undeliverable::fuzzing::{self, Leaf};
use undeliverable_fuzz::frame::{Entity, Frame};

/// A leaf as each of the three can tell it: type, body as it stands, body without its transfer encoding.
#[derive(Debug, PartialEq)]
struct Seen {
    essence: String,
    raw: String,
    body: Option<String>,
}

/// Line ends as LF: a body in CRLF is the same body.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

fn ours(leaf: Leaf) -> Seen {
    let essence = if leaf.essence.is_empty() { "text/plain".into() } else { leaf.essence };
    Seen { essence, raw: text(&leaf.raw), body: Some(text(&leaf.body)) }
}

fn of_mailparse(mail: &mailparse::ParsedMail<'_>, out: &mut Vec<Seen>) {
    if mail.subparts.is_empty() && !mail.ctype.mimetype.starts_with("multipart/") {
        let raw = match mail.get_body_encoded() {
            mailparse::body::Body::Base64(b) | mailparse::body::Body::QuotedPrintable(b) => b.get_raw(),
            mailparse::body::Body::SevenBit(b) | mailparse::body::Body::EightBit(b) => b.get_raw(),
            mailparse::body::Body::Binary(b) => b.get_raw(),
        };
        let body = mail.get_body_raw().ok().map(|b| text(&b));
        out.push(Seen { essence: mail.ctype.mimetype.clone(), raw: text(raw), body });
    }
    mail.subparts.iter().for_each(|p| of_mailparse(p, out));
}

fn of_mail_parser(bytes: &[u8]) -> Vec<Seen> {
    let message = MessageParser::default().parse(bytes).expect("a message");
    let leaf = |p: &mail_parser::MessagePart<'_>| {
        let ct = p.content_type();
        let essence = ct.map(|c| format!("{}/{}", c.ctype(), c.subtype().unwrap_or_default()).to_ascii_lowercase());
        let raw = &bytes[p.raw_body_offset() as usize..p.raw_end_offset() as usize];
        Seen { essence: essence.unwrap_or_else(|| "text/plain".into()), raw: text(raw), body: None }
    };
    message.parts.iter().filter(|p| !matches!(p.body, PartType::Multipart(_))).map(leaf).collect()
}

/// A message that is the whole of another message: mail-parser's outer one ends behind its closing delimiter.
fn is_message_in_message(entity: &Entity) -> bool {
    matches!(entity, Entity::Message(inner) if matches!(**inner, Entity::Message(_)))
}

/// Inside a multipart mail-parser hears its own delimiters alone, RFC 2046 section 5.1.2 those of all around it: that
/// shows where an inner one is not closed.
fn is_multipart_in_multipart(entity: &Entity) -> bool {
    matches!(entity, Entity::Multi(m) if m.children.iter().any(|c| c.any(&|e| matches!(e, Entity::Multi(_)))))
}

libfuzzer_sys::fuzz_target!(|frame: Frame| {
    let bytes = frame.write();
    let (leaves, problems) = fuzzing::leaves(&bytes);
    let known = |p: &String| p == "closing boundary missing" && frame.open_ended;
    let mail = String::from_utf8_lossy(&bytes);
    assert!(problems.iter().all(known), "a mail that is right has no problems: {problems:?} on {mail}");
    let mut own: Vec<Seen> = leaves.into_iter().map(ours).collect();
    let mut theirs = Vec::new();
    of_mailparse(&mailparse::parse_mail(&bytes).expect("a mail"), &mut theirs);
    assert_eq!(own, theirs, "mailparse on {mail}");
    if frame.entity.any(&is_message_in_message) || frame.open_ended && frame.entity.any(&is_multipart_in_multipart) {
        return;
    }
    own.iter_mut().for_each(|s| s.body = None);
    assert_eq!(own, of_mail_parser(&bytes), "mail-parser on {mail}");
});
