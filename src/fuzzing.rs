//! Inner doors for the fuzz targets, which want the readers one by one. No part of the public interface: names and
//! meanings change without notice, and the feature `fuzzing` that opens them is for `fuzz/` alone.

use crate::address;
use crate::error::Error;
use crate::knowledge::Loader;
use crate::message::{self, Limits, Message};
use crate::report::DeliveryStatus;

/// One part of a message as our frame has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Leaf {
    /// `type/subtype` as written, in lower case; empty where none was.
    pub essence: String,
    /// The body as it stands.
    pub raw: Vec<u8>,
    /// The body without its transfer encoding.
    pub body: Vec<u8>,
}

/// The parts that hold no others, in the order of the text, and what was odd.
pub fn leaves(bytes: &[u8]) -> (Vec<Leaf>, Vec<String>) {
    let limits = Limits::default();
    let mut problems = Vec::new();
    let message = Message::read(bytes, &limits, &mut problems);
    let leaves = message
        .parts
        .iter()
        .filter(|p| !p.is_multipart())
        .map(|p| Leaf {
            essence: p.media.essence.to_ascii_lowercase(),
            raw: p.body.to_vec(),
            body: message.content(p).into_owned(),
        })
        .collect();
    (leaves, problems)
}

/// What our short ways of reading a field value give beside what mail-parser gives, where there is a short way.
pub fn both_ways(value: &[u8]) -> Vec<(String, String)> {
    message::both_ways(value)
}

/// Final and original recipient of each group of a delivery status.
pub fn delivery_status(text: &str) -> Vec<(Option<String>, Option<String>)> {
    let status = DeliveryStatus::read(text, 1000, &mut Vec::new());
    let pair = |r: &crate::report::RecipientFields| {
        (r.final_recipient.clone(), r.original_recipient.clone())
    };
    status.recipients.iter().map(pair).collect()
}

/// Reads a rule file without the built-in ones, which would cost most of the time.
///
/// # Errors
/// Where the file cannot be used.
pub fn rules_file(text: &str) -> Result<usize, Error> {
    let mut loader = Loader::default();
    loader.file("own.toml", text)?;
    Ok(loader.build()?.rules().len())
}

/// Everything that reads an address out of text.
pub fn addresses(text: &str) -> Vec<String> {
    let mut found: Vec<String> = address::find_in_text(text).collect();
    found.extend(address::from_field(text, false));
    found.extend(address::from_field(text, true));
    found.extend(message::addresses(text.as_bytes(), 100));
    let _ = address::decode_return_path(text);
    found
}
