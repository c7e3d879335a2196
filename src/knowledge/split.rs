//! A pattern set in two halves, each built when the first text needs it: what has a letter beyond ASCII stands in no text
//! of ASCII alone. Most replies are such texts, and most patterns of other languages are not.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::{Hit, PatternSet};

/// The two halves.
#[derive(Debug, Default)]
pub(crate) struct SplitSet {
    ascii: OnceLock<PatternSet>,
    beyond: OnceLock<PatternSet>,
}

impl SplitSet {
    /// Calls `found` for every hit in `text`, which must be normalised. `patterns` gives all of them, the same each time.
    pub fn find<'p, P>(&self, patterns: impl Fn() -> P, text: &str, mut found: impl FnMut(Hit))
    where
        P: Iterator<Item = (Cow<'p, str>, u32)>,
    {
        let half = |ascii: bool| PatternSet::new(patterns().filter(|p| p.0.is_ascii() == ascii));
        self.ascii.get_or_init(|| half(true)).find(text, &mut found);
        if !text.is_ascii() {
            let beyond = self.beyond.get_or_init(|| half(false));
            beyond.find(text, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_searched_where_both_can_hit() {
        let set = SplitSet::default();
        let patterns = || {
            let all = [("mailbox full", 1), ("postfach voll", 2), ("füllung", 3)];
            all.into_iter().map(|(p, owner)| (Cow::from(p), owner))
        };
        for (text, owners) in [
            ("mailbox full", vec![1]),
            ("postfach voll, füllung", vec![2, 3]),
            ("füllung mailbox full", vec![1, 3]),
        ] {
            let mut got = Vec::new();
            set.find(patterns, text, |hit| got.push(hit.owner));
            assert_eq!(got, owners, "{text}");
        }
    }
}
