//! A pattern set in two halves, each built when the first text needs it: what has a letter beyond ASCII stands in no text
//! of ASCII alone. Most replies are such texts, and most patterns of other languages are not. What those look like in
//! ASCII is a third set, for texts in which the first finds no English.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::unmarked::{tells, unmarked};
use super::{Hit, PatternSet};

/// The two halves, and the second without its marks.
#[derive(Debug, Default)]
pub(crate) struct SplitSet {
    ascii: OnceLock<PatternSet>,
    beyond: OnceLock<PatternSet>,
    unmarked: OnceLock<PatternSet>,
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

    /// The same for the patterns that [`find`](Self::find) leaves out for a text of ASCII alone, in the spelling they have
    /// there. For a text in which `find` found no English, which would pay for it and gain nothing.
    pub fn find_unmarked<'p, P>(
        &self,
        patterns: impl FnOnce() -> P,
        text: &str,
        found: impl FnMut(Hit),
    ) where
        P: Iterator<Item = (Cow<'p, str>, u32)>,
    {
        if text.is_ascii() && tells(text) {
            let set = self.unmarked.get_or_init(|| {
                let spelled =
                    |(p, owner): (Cow<'p, str>, u32)| unmarked(&p).map(move |s| (s, owner));
                PatternSet::new(patterns().flat_map(spelled))
            });
            set.find(text, found);
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

    #[test]
    fn words_of_other_languages_are_found_without_their_marks() {
        let set = SplitSet::default();
        let patterns = || {
            [
                (Cow::from("überfüllt * postfach"), 1),
                (Cow::from("voll"), 2),
            ]
            .into_iter()
        };
        for (text, owners) in [
            ("ueberfuellt ist das postfach", vec![1]),
            ("uberfullt ist das postfach", vec![1]),
            ("überfullt ist das postfach", vec![]),
            ("voll", vec![]),
        ] {
            let mut got = Vec::new();
            set.find_unmarked(patterns, text, |hit| got.push(hit.owner));
            assert_eq!(got, owners, "{text}");
        }
    }
}
