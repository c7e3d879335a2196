//! Which pairs of bytes stand in a text: enough to say of most words that they do not.

/// A bit for each pair of neighbours; many pairs share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs(u64);

impl Pairs {
    /// Beyond this length a text has nearly every bit.
    pub const TELLING: usize = 400;

    /// The pairs of a text.
    pub fn of(text: &[u8]) -> Self {
        let neighbours = text.iter().zip(text.get(1..).unwrap_or_default());
        Pairs(neighbours.fold(0, |bits, (a, b)| {
            bits | 1 << ((u32::from(*a) * 11 + u32::from(*b)) % u64::BITS)
        }))
    }

    /// Those of both.
    pub fn with(self, other: Self) -> Self {
        Pairs(self.0 | other.0)
    }

    /// Whether a text of these pairs may hold all of `words`.
    pub fn may_hold(self, words: Self) -> bool {
        words.0 & !self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_text_holds_is_never_denied(before in ".{0,9}", word in ".{0,9}", after in ".{0,9}") {
            let text = Pairs::of(format!("{before}{word}{after}").as_bytes());
            prop_assert!(text.may_hold(Pairs::of(word.as_bytes())));
            let all = [before, word, after].iter().fold(Pairs::default(), |p, part| p.with(Pairs::of(part.as_bytes())));
            prop_assert!(text.may_hold(all));
        }
    }

    #[test]
    fn most_words_are_denied_to_a_reply() {
        let reply =
            Pairs::of(b"550 5.1.1 <bob@example.com>: recipient address rejected: user unknown");
        let words = [
            "mailbox",
            "over quota",
            "spam",
            "blocked",
            "try again",
            "does not exist",
            "policy",
            "is full",
        ];
        let held = words
            .iter()
            .filter(|w| reply.may_hold(Pairs::of(w.as_bytes())));
        assert!(held.count() <= 1);
    }
}
