//! No address is ever made up: each one in an answer stands in the mail, once its encodings are undone.

use std::fs;

use undeliverable::{Engine, Report};

use crate::corpus;

/// The mail in every form in which an address can be read from it, in lower case. Written without the library's
/// decoders, and more generous than they are.
fn readable(mail: &[u8]) -> String {
    let raw = String::from_utf8_lossy(mail).replace('\r', "\n");
    let mut forms = vec![
        raw.clone(),
        quoted_printable(&raw),
        base64_runs(&raw),
        encoded_words(&raw),
    ];
    for i in 0..forms.len() {
        forms.push(xtext(&forms[i]));
    }
    for i in 0..forms.len() {
        // Folded and wrapped lines.
        forms.push(forms[i].split('\n').map(str::trim).collect::<String>());
    }
    let mut all = forms
        .join("\n")
        .replace("+AEA-", "@")
        .replace("&#64;", "@")
        .replace("&#x40;", "@");
    for (escape, c) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("&quot;", "\""),
    ] {
        all = all.replace(escape, c);
    }
    all.to_lowercase()
}

fn quoted_printable(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
        match (bytes[i], hex(i + 1), hex(i + 2)) {
            (b'=', Some(a), Some(b)) => {
                out.push((a * 16 + b) as u8);
                i += 3;
            }
            (b'=', ..)
                if bytes[i + 1..].iter().find(|b| !matches!(b, b' ' | b'\t')) == Some(&b'\n') =>
            {
                i += 1 + bytes[i + 1..].iter().position(|b| *b == b'\n').unwrap_or(0) + 1;
            }
            (b, ..) => {
                out.push(b);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn base64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut n) = (0u32, 0);
    for b in text.bytes() {
        let v = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(v);
        n += 6;
        if n >= 8 {
            n -= 8;
            out.push((bits >> n) as u8);
            bits &= (1 << n) - 1;
        }
    }
    out
}

/// Every run of lines that can be base64, decoded.
fn base64_runs(text: &str) -> String {
    let is = |l: &str| {
        !l.is_empty()
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    };
    let mut out = String::new();
    let mut run = String::new();
    for line in text.split('\n').map(str::trim).chain([""]) {
        if is(line) {
            run.push_str(line);
        } else if !line.is_empty() || run.is_empty() || line.is_empty() {
            out.push_str(&String::from_utf8_lossy(&base64(&run)));
            out.push('\n');
            run.clear();
        }
    }
    out
}

fn encoded_words(text: &str) -> String {
    let mut out = String::new();
    for word in text.split("=?").skip(1) {
        let mut it = word.splitn(4, '?');
        let (Some(_), Some(encoding), Some(value)) = (it.next(), it.next(), it.next()) else {
            continue;
        };
        let decoded = match encoding {
            "b" | "B" => String::from_utf8_lossy(&base64(value)).into_owned(),
            _ => quoted_printable(&value.replace('_', " ")),
        };
        out.push_str(&decoded);
        out.push('\n');
    }
    out
}

/// `+40` and `\x{F8}` undone.
fn xtext(text: &str) -> String {
    let mut out = quoted_printable(&text.replace('+', "="));
    while let Some(at) = out.find("\\x{") {
        let end = out[at..].find('}').map_or(out.len(), |e| at + e + 1);
        let c = u32::from_str_radix(out[at + 3..end].trim_end_matches('}'), 16)
            .ok()
            .and_then(char::from_u32);
        out.replace_range(at..end, &c.map(String::from).unwrap_or_default());
    }
    out
}

/// Addresses of an answer that do not stand in the mail.
fn made_up(report: &Report, mail: &[u8]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for r in &report.recipients {
        told.extend(r.final_recipient.clone());
        told.extend(r.original_recipient.clone());
    }
    told.extend(report.signals.new_address.clone());
    if let Some(feedback) = &report.feedback {
        told.extend(feedback.original_rcpt_to.iter().cloned());
    }
    if told.is_empty() {
        return told;
    }
    let readable = readable(mail);
    told.retain(|address| {
        let address = address.to_lowercase();
        // In a return path the last `=` stands for the `@`.
        let verp = address.replacen('@', "=", 1);
        let stands = |a: &str| readable.contains(a);
        // Letters beyond ASCII depend on the charset; the rest does not.
        let pieces = || {
            address
                .split(|c: char| !c.is_ascii())
                .all(|p| readable.contains(p))
        };
        let escaped = xtext(&address);
        !(stands(&address) || stands(&verp) || stands(&escaped) || !address.is_ascii() && pieces())
    });
    told
}

/// Parts in another order: everything between delimiter lines moved.
fn shuffled(mail: &str, seed: usize) -> String {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in mail.split_inclusive('\n') {
        if line.starts_with("--") && line.trim().len() > 10 {
            blocks.push(String::new());
        }
        if let Some(last) = blocks.last_mut() {
            last.push_str(line);
        }
    }
    let n = blocks.len();
    if n > 3 {
        for i in 1..n - 1 {
            blocks.swap(i, 1 + (i * 7 + seed) % (n - 2));
        }
    }
    blocks.concat()
}

/// The sample and simple damage to it.
fn variants(mail: &[u8], seed: usize) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(mail).into_owned();
    let mut out = vec![mail.to_vec()];
    out.push(shuffled(&text, seed).into_bytes());
    for part in [3, 5, 8] {
        out.push(mail[..mail.len() * part / 9].to_vec());
    }
    for charset in ["koi8-r", "euc-kr", "x-none"] {
        let changed = text
            .replace("utf-8", charset)
            .replace("UTF-8", charset)
            .replace("us-ascii", charset);
        out.push(changed.into_bytes());
    }
    // The middle is missing.
    out.push([&mail[..mail.len() / 3], &mail[mail.len() / 2..]].concat());
    out
}

#[test]
fn no_address_is_made_up() {
    let engine = Engine::new();
    let mut wrong = Vec::new();
    for (i, file) in corpus::files().into_iter().enumerate() {
        let mail = fs::read(&file).unwrap();
        if mail.len() > 100_000 {
            continue;
        }
        for (v, variant) in variants(&mail, i).into_iter().enumerate() {
            let report = engine.parse(&variant);
            let bad = made_up(&report, &variant);
            if !bad.is_empty() {
                wrong.push(format!("{} variant {v}: {bad:?}", corpus::name(&file)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
