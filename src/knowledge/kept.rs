//! Words of rule files that outlive the file: those of the built-in rules are lent, those of a user's file are copied.

use std::borrow::Cow;

use super::file::{DetailsEntry, Text};
use crate::contract::Details;

/// The name of what evidence names with its sort.
pub(super) fn without(sort: &str, spoken: Cow<'static, str>) -> Cow<'static, str> {
    match spoken {
        Cow::Borrowed(spoken) => Cow::Borrowed(spoken.strip_prefix(sort).unwrap_or(spoken)),
        Cow::Owned(spoken) => Cow::Owned(spoken.strip_prefix(sort).unwrap_or(&spoken).to_owned()),
    }
}

impl<'f> DetailsEntry<'f> {
    /// The same with words that last.
    pub fn kept(self, keep: fn(Text<'f>) -> Cow<'static, str>) -> DetailsEntry<'static> {
        let keep = |text: Option<Text<'f>>| text.map(|text| keep(text).into());
        DetailsEntry {
            mechanism: keep(self.mechanism),
            scope: keep(self.scope),
            limited: keep(self.limited),
            blocklist: keep(self.blocklist),
            provider_code: keep(self.provider_code),
            delist_url: keep(self.delist_url),
            retry_after: self.retry_after,
            limit_bytes: self.limit_bytes,
            escalates_to: keep(self.escalates_to),
            expired: self.expired,
        }
    }
}

impl DetailsEntry<'static> {
    /// Fills what `details` does not know yet.
    pub fn fill(&self, details: &mut Details) {
        fn set<T: Clone, F: Clone + Into<T>>(to: &mut Option<T>, from: &Option<F>) {
            if let (None, Some(from)) = (&to, from) {
                *to = Some(from.clone().into());
            }
        }
        set(&mut details.mechanism, &self.mechanism);
        set(&mut details.scope, &self.scope);
        set(&mut details.limited, &self.limited);
        set(&mut details.blocklist, &self.blocklist);
        set(&mut details.provider_code, &self.provider_code);
        set(&mut details.delist_url, &self.delist_url);
        set(&mut details.retry_after, &self.retry_after);
        set(&mut details.limit_bytes, &self.limit_bytes);
        set(&mut details.escalates_to, &self.escalates_to);
        set(&mut details.expired, &self.expired);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_sort() {
        let lent = without("code/", Cow::Borrowed("code/5.1.1"));
        assert!(matches!(lent, Cow::Borrowed("5.1.1")));
        assert_eq!(without("code/", Cow::Owned("code/550".to_owned())), "550");
    }

    #[test]
    fn verdicts_borrow_from_built_in_rules() {
        let engine = crate::Engine::new();
        let verdict = engine.classify("550 5.1.1 user unknown");
        let lent = |text: &Cow<'static, str>| matches!(text, Cow::Borrowed(_));
        assert!(verdict.evidence.iter().all(|e| lent(&e.rule)));
        assert!(verdict.status.iter().chain(&verdict.reply_code).all(lent));
        let lists = engine.knowledge().blocklists();
        assert!(
            lists
                .iter()
                .all(|l| lent(&l.id) && l.delist.iter().all(lent))
        );
    }
}
