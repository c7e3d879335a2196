//! The program's reader of other services' suppression lists, taken in by its path.

#[path = "../../cli/src/commands/suppressions/foreign.rs"]
mod foreign;

use arbitrary::Arbitrary;
use serde_json::json;

/// A list as some service would export it.
#[derive(Arbitrary, Debug, Clone)]
pub struct Plan {
    shape: u8,
    entries: Vec<Entry>,
    crlf: bool,
    mark: bool,
}

#[derive(Arbitrary, Debug, Clone)]
struct Entry {
    user: u8,
    reason: String,
    since: u32,
}

/// Reads any text as a list: no panic, the same twice, an error in words, and no address that the text does not hold.
pub fn check_text(text: &str) {
    let list = foreign::read(text);
    match (&list, foreign::read(text)) {
        (Ok(a), Ok(b)) => assert_eq!(a.listed.len(), b.listed.len(), "reading twice gives the same"),
        (Err(e), Err(_)) => assert!(!format!("{e:#}").is_empty()),
        _ => panic!("reading twice gives the same"),
    }
    for l in list.into_iter().flat_map(|l| l.listed) {
        assert!(l.address.contains('@') && !l.address.contains(char::is_control), "{l:?}");
        // JSON and CSV write some characters otherwise.
        let plain = !text.contains(['\\', '"', '\r']);
        assert!(!plain || text.contains(&l.address), "{l:?} stands in the text");
    }
}

/// A list that is right gives every address with its reason, whatever the shape.
pub fn check_plan(plan: &Plan) {
    let entries: Vec<&Entry> = plan.entries.iter().take(20).collect();
    if entries.is_empty() {
        return;
    }
    let address = |e: &Entry| crate::mail::address(e.user);
    // A CSV reader that trims takes blanks around a reason away; none of our own reasons has them.
    let reason = |e: &Entry| e.reason.trim().to_owned();
    let shape = plan.shape % 5;
    let mut text = match shape {
        0 | 1 => {
            let head = ["email,reason,created", "status,Reason,Created At,EMAIL"][usize::from(shape)];
            let rows = entries.iter().map(|e| match shape {
                0 => vec![address(e), reason(e), e.since.to_string()],
                _ => vec!["5.1.1".into(), reason(e), jiff_text(e.since), address(e)],
            });
            let mut out = csv::Writer::from_writer(format!("{head}\n").into_bytes());
            rows.for_each(|r| out.write_record(r).expect("memory can be written"));
            String::from_utf8(out.into_inner().expect("memory")).expect("text")
        }
        2 => json!(entries.iter().map(|e| json!({"email": address(e), "reason": reason(e), "created": e.since})).collect::<Vec<_>>()).to_string(),
        3 => json!({"items": entries.iter().map(|e| json!({"Address": address(e), "error": reason(e), "created_at": jiff_text(e.since)})).collect::<Vec<_>>()}).to_string(),
        _ => entries.iter().map(|e| format!("{}\n", json!({"EmailAddress": address(e), "Reason": reason(e), "LastUpdateTime": e.since}))).collect(),
    };
    if plan.crlf && shape == 4 {
        text = text.replace('\n', "\r\n");
    }
    if plan.mark {
        text.insert(0, '\u{feff}');
    }
    let list = foreign::read(&text).unwrap_or_else(|e| panic!("{e:#}: {text}"));
    let read: Vec<_> = list.listed.iter().map(|l| (l.address.clone(), l.reason.clone().unwrap_or_default())).collect();
    let want: Vec<_> = entries.iter().map(|e| (address(e), reason(e))).collect();
    assert_eq!(read, want, "{text}");
    for (l, e) in list.listed.iter().zip(&entries) {
        // Less than eight digits are no time.
        if e.since >= 10_000_000 {
            assert_eq!(l.since, Some(i64::from(e.since)), "{text}");
        }
    }
    assert_eq!(list.skipped, 0);
}

fn jiff_text(second: u32) -> String {
    crate::clock::text(i64::from(second))
}
