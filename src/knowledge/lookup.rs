//! Finding knowledge by a code, a word or a name, for people who look something up.

use super::{Blocklist, Code, CodePattern, Enhanced, Knowledge, Provider, Rule, normalise};
use crate::contract::Details;

impl Rule {
    /// Whether its codes name this enhanced code, alone or beside a reply code.
    pub fn names_enhanced(&self, code: Enhanced) -> bool {
        self.code_patterns.iter().any(|p| p.names(None, Some(code)))
    }

    /// Whether its codes name this reply code, alone or beside an enhanced code.
    pub fn names_reply(&self, code: u16) -> bool {
        self.code_patterns
            .iter()
            .any(|p: &CodePattern| p.names(Some(code), None))
    }

    /// The details it gives to a verdict.
    pub fn details(&self) -> Details {
        let mut details = Details::default();
        self.details.fill(&mut details);
        details
    }

    /// Whether `tag` is the provider's own name for it: its code, or one of its texts, with or without brackets.
    fn has_tag(&self, tag: &str) -> bool {
        let bare = |t: &str| t.trim_matches(['[', ']', '(', ')']).to_owned();
        let tag = bare(tag);
        let code = self.details.provider_code.as_deref().map(normalise);
        // A phrase is no tag, though a provider may write it.
        let is_tag = |t: &&String| {
            !t.contains(' ') && (t.starts_with(['[', '(']) || t.bytes().any(|b| b.is_ascii_digit()))
        };
        code.is_some_and(|c| bare(&c) == tag)
            || self.text.iter().filter(is_tag).any(|t| bare(t) == tag)
    }
}

impl Knowledge {
    /// A code as the tables write it: `550`, `5.1.1`, `x.1.1`.
    pub fn code(&self, code: &str) -> Option<&Code> {
        self.code_by_name.get(code).map(|&i| &self.codes[i])
    }

    /// The provider of this id, else of this name or a word of it, else of this host, domain or the first label of one;
    /// without regard to case.
    pub fn provider(&self, word: &str) -> Option<&Provider> {
        let is = |w: &str| w.eq_ignore_ascii_case(word);
        let by_name = |p: &&Provider| {
            is(&p.name) || p.name.split([':', ',', ' ', '/', '(', ')']).any(is) && word.len() > 3
        };
        let by_label = |p: &&Provider| {
            p.domains
                .iter()
                .any(|d| d.split('.').next().is_some_and(is))
        };
        let all = || self.providers.iter();
        all()
            .find(|p| is(&p.id))
            .or_else(|| {
                let at = self
                    .provider_of_domain(word)
                    .or_else(|| self.provider_of_host(word))?;
                self.providers.get(at)
            })
            .or_else(|| all().find(by_label))
            .or_else(|| all().find(by_name))
    }

    /// The blocklist of this id, or whose names in replies have this one, without regard to case.
    pub fn blocklist_named(&self, word: &str) -> Option<&Blocklist> {
        let word = normalise(word);
        let list = |b: &&Blocklist| normalise(&b.id) == word || normalise(&b.name) == word;
        self.blocklists
            .iter()
            .find(list)
            .or_else(|| self.blocklists.iter().find(|b| b.text.contains(&word)))
    }

    /// The rules of a provider whose own code, or one of whose texts, is `tag`: `TSS04`, `[TSS04]`, `IB607`.
    pub fn rules_tagged(&self, tag: &str) -> Vec<&Rule> {
        let tag = normalise(tag);
        let mut found: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|r| r.provider.is_some() && r.has_tag(&tag))
            .collect();
        // Whose tag it is comes before who else writes it.
        found.sort_by_key(|r| !r.alone);
        found
    }

    /// The rules of any sort that have `words` among their texts, or as a part of one.
    pub fn rules_saying(&self, words: &str) -> Vec<&Rule> {
        let words = normalise(words);
        if words.is_empty() {
            return Vec::new();
        }
        let exact = |r: &&Rule| r.text.contains(&words);
        let within = |r: &&Rule| !exact(r) && r.text.iter().any(|t| t.contains(&words));
        self.rules
            .iter()
            .filter(exact)
            .chain(self.rules.iter().filter(within))
            .collect()
    }

    /// Known words that are close to `word`, the closest first: for "did you mean".
    pub fn nearest(&self, word: &str) -> Vec<String> {
        let word = word.to_lowercase();
        let length = word.chars().count();
        if length > 60 {
            return Vec::new();
        }
        let most = (length / 3).clamp(1, 4);
        let tags = self
            .rules
            .iter()
            .filter_map(|r| r.details.provider_code.as_deref());
        let categories = crate::words::Category::ALL.iter().map(|c| c.as_str());
        let known = categories
            .chain(self.providers.iter().map(|p| &*p.id))
            .chain(self.blocklists.iter().map(|b| &*b.id))
            .chain(self.codes.iter().map(|c| &*c.code))
            .chain(tags)
            .chain(self.rules.iter().map(|r| &*r.id));
        let mut found: Vec<(usize, &str)> = known
            .filter(|k| k.chars().count().abs_diff(length) <= most)
            .map(|k| (distance(&word, &k.to_lowercase()), k))
            .filter(|(d, _)| *d <= most)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
            .into_iter()
            .take(5)
            .map(|(_, k)| k.to_owned())
            .collect()
    }
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;
    use crate::Engine;

    #[test]
    fn distances() {
        for (a, b, want) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "ab", 1),
            ("", "ab", 2),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(a, b), want, "{a} {b}");
            assert_eq!(distance(b, a), want, "{b} {a}");
        }
    }

    #[test]
    fn things_are_found_by_their_names() {
        let engine = Engine::new();
        let k = engine.knowledge();
        assert!(k.rules_tagged("TSS04")[0].id.starts_with("yahoo/"));
        assert!(!k.rules_tagged("[tss04]").is_empty());
        assert_eq!(k.provider("Google").map(|p| &*p.id), Some("google"));
        assert_eq!(k.provider("gmail.com").map(|p| &*p.id), Some("google"));
        assert!(k.provider("no such provider").is_none());
        assert!(k.blocklist_named("zen.spamhaus.org").is_some());
        assert!(
            k.rules_saying("Mailbox full")
                .iter()
                .any(|r| r.id.starts_with("mailbox-full/"))
        );
        assert!(
            k.nearest("mailbox_ful")
                .contains(&"mailbox_full".to_owned())
        );
        assert!(k.nearest("gogle").contains(&"google".to_owned()));
        assert!(k.nearest(&"x".repeat(1000)).is_empty());
    }
}
