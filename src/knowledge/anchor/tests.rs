use super::*;

/// Every occurrence, the slow way.
fn naive(literals: &[&str], text: &str) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (i, l) in literals.iter().enumerate() {
        out.extend(
            text.as_bytes()
                .windows(l.len())
                .enumerate()
                .filter(|(_, w)| *w == l.as_bytes())
                .map(|(at, _)| (i, at)),
        );
    }
    out.sort();
    out
}

#[test]
fn finds_what_a_plain_search_finds() {
    let literals = [
        "user unknown",
        "unknown",
        "know",
        "nown",
        "tls",
        "full",
        "mailbox full",
        "mailbox",
        "box full",
        "满了",
    ];
    let mut text = Vec::new();
    let spans = literals.map(|l| {
        let start = text.len() as u32;
        text.extend_from_slice(l.as_bytes());
        Span {
            start,
            len: l.len() as u32,
            begins_word: false,
        }
    });
    let indexes = [
        AnchorIndex::new(&text, &spans),
        AnchorIndex::of_few(&text, &spans),
    ];
    for haystack in [
        "",
        "tls",
        "user unknown",
        "unknownunknown full tls mailbox full",
        "邮箱满了",
        "kno",
        "xnownx",
        "a mailbox",
        "xbox full",
    ] {
        for index in &indexes {
            let mut got = Vec::new();
            index.find(&text, haystack.as_bytes(), |i, at, _| got.push((i, at)));
            got.sort();
            assert_eq!(got, naive(&literals, haystack), "{haystack}");
        }
    }
}

#[test]
fn what_begins_a_word_is_found_there() {
    let text = "unknown userfull";
    let spans = [(0, 12), (0, 7), (12, 4)].map(|(start, len)| Span {
        start,
        len,
        begins_word: true,
    });
    let index = AnchorIndex::new(text.as_bytes(), &spans);
    let haystack = "full „unknown user“ (unknown) full";
    let mut got = Vec::new();
    index.find(text.as_bytes(), haystack.as_bytes(), |i, at, _| {
        got.push((&haystack[at..at + spans[i].len as usize], i));
    });
    let want = [
        ("full", 2),
        ("unknown user", 0),
        ("unknown", 1),
        ("unknown", 1),
        ("full", 2),
    ];
    assert_eq!(got, want);
}
