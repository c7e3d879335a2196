use proptest::prelude::*;

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

proptest! {
    /// Few letters, so that much overlaps and shares its windows.
    #[test]
    fn any_index_finds_what_a_plain_search_finds(
        literals in prop::collection::vec("[ab é-]{3,20}", 1..12),
        pieces in prop::collection::vec((0usize..12, "[ab é-]{0,6}"), 0..12),
        few in any::<bool>(),
    ) {
        let haystack: String = pieces
            .iter()
            .flat_map(|(i, between)| [literals[i % literals.len()].as_str(), between])
            .collect();
        let mut text = Vec::new();
        let spans: Vec<Span> = literals
            .iter()
            .zip(0u32..)
            .map(|(l, i)| {
                text.extend_from_slice(l.as_bytes());
                Span {
                    start: (text.len() - l.len()) as u32,
                    len: l.len() as u32,
                    begins_word: !few && i % 2 == 0 && l.as_bytes()[0].is_ascii_alphanumeric(),
                }
            })
            .collect();
        let index = match few {
            true => AnchorIndex::of_few(&text, &spans),
            false => AnchorIndex::new(&text, &spans),
        };
        let mut got = Vec::new();
        index.find(&text, haystack.as_bytes(), |i, at, _| got.push((i, at)));
        got.sort();
        let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
        let all = naive(&literals, &haystack);
        prop_assert!(got.iter().all(|g| all.contains(g)));
        let inside = |at: usize| at > 0 && haystack.as_bytes()[at - 1].is_ascii_alphanumeric();
        for (i, at) in all {
            prop_assert!(
                got.contains(&(i, at)) || spans[i].begins_word && inside(at),
                "{:?} at {at} of {haystack:?}", literals[i]
            );
        }
        prop_assert!(got.windows(2).all(|w| w[0] != w[1]), "found once");
    }
}
