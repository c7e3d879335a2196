//! Words around dates, from the `[dates]` tables of the language files.

use std::collections::{HashMap, HashSet};

use super::file::DatesEntry;
use super::{Knowledge, normalise};

/// What a word beside a date says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateMark {
    /// The date is the last day.
    Until,
    /// The date is the day of the return.
    Back,
}

/// The date words of all languages.
#[derive(Debug, Default)]
pub(crate) struct DateWords {
    months: HashMap<String, Vec<(String, u8)>>,
    /// Beginnings of months that are inflected.
    stems: HashMap<String, Vec<(String, u8)>>,
    /// Bytes of the shortest of them and of the longest.
    stem_lens: (usize, usize),
    before: Marks,
    after: Marks,
    to: HashSet<String>,
    joins: HashSet<String>,
}

/// Words on one side of a date.
#[derive(Debug, Default)]
struct Marks {
    words: HashMap<String, DateMark>,
    /// Those that touch the date, in scripts without blanks or as endings.
    glued: Vec<(String, DateMark)>,
}

impl Marks {
    fn add(&mut self, entries: &[String], mark: DateMark) {
        for e in entries {
            match e.contains('*') {
                true => self.glued.push((normalise(&e.replace('*', "")), mark)),
                false => {
                    self.words.insert(normalise(e), mark);
                }
            }
        }
    }

    /// The mark among the words of a short text: the first of up to four words that is one.
    fn among(&self, text: &str) -> Option<DateMark> {
        let words: Vec<&str> = text
            .split([' ', ',', '(', ')', ':', '"'])
            .filter(|w| !w.is_empty())
            .collect();
        let mut phrase = String::new();
        for start in 0..words.len() {
            phrase.clear();
            for word in words[start..].iter().take(4) {
                if !phrase.is_empty() {
                    phrase.push(' ');
                }
                phrase.push_str(word);
                if let Some(&mark) = self.words.get(phrase.trim_end_matches(['.', '!'])) {
                    return Some(mark);
                }
            }
        }
        None
    }
}

impl DateWords {
    fn new(entries: &[(String, DatesEntry)]) -> Self {
        let mut words = DateWords::default();
        for (language, e) in entries {
            for (i, forms) in e.months.iter().enumerate() {
                for form in forms {
                    let form = normalise(form);
                    let (map, key) = match form.strip_suffix('*') {
                        Some(stem) => (&mut words.stems, stem.to_owned()),
                        None => (&mut words.months, form),
                    };
                    map.entry(key)
                        .or_default()
                        .push((language.clone(), i as u8 + 1));
                }
            }
            words.before.add(&e.until, DateMark::Until);
            words.before.add(&e.back, DateMark::Back);
            words.after.add(&e.until_after, DateMark::Until);
            words.after.add(&e.back_after, DateMark::Back);
            words.to.extend(e.to.iter().map(|w| normalise(w)));
            words.joins.extend(e.joins.iter().map(|w| normalise(w)));
        }
        let lens = || words.stems.keys().map(String::len);
        words.stem_lens = (lens().min().unwrap_or(0), lens().max().unwrap_or(0));
        words
    }

    /// The month that a word names; where languages differ, `rank` says which one is spoken here.
    pub fn month(&self, word: &str, rank: impl Fn(&str) -> u32) -> Option<u8> {
        let best =
            |found: &Vec<(String, u8)>| found.iter().max_by_key(|(l, _)| rank(l)).map(|f| f.1);
        if let Some(found) = self.months.get(word) {
            return best(found);
        }
        let (shortest, longest) = self.stem_lens;
        (shortest..=longest.min(word.len()))
            .rev()
            .find_map(|len| self.stems.get(word.get(..len)?))
            .and_then(best)
    }

    /// What the text before a date says of it.
    pub fn mark_before(&self, text: &str) -> Option<DateMark> {
        let touching = text.trim_end();
        let glued = self
            .before
            .glued
            .iter()
            .find(|(w, _)| touching.ends_with(w.as_str()));
        glued.map(|g| g.1).or_else(|| self.before.among(text))
    }

    /// What the text behind a date says of it.
    pub fn mark_after(&self, text: &str) -> Option<DateMark> {
        let touching = text.trim_start();
        let glued = self
            .after
            .glued
            .iter()
            .find(|(w, _)| touching.starts_with(w.as_str()));
        glued.map(|g| g.1).or_else(|| self.after.among(text))
    }

    /// `text` without what may end a date: dots, a weekday in brackets, words such as 日.
    pub fn skip_joins<'t>(&self, mut text: &'t str) -> &'t str {
        loop {
            text = text.trim_start_matches([' ', '.', ',']);
            let bracket = text
                .strip_prefix('(')
                .and_then(|t| t.find(')').filter(|i| *i <= 24).map(|i| &t[i + 1..]));
            let word = || {
                let own = |c: char| {
                    c.is_alphabetic() && !matches!(c as u32, 0x2e80..=0x9fff | 0xac00..=0xd7ff)
                };
                let len = text
                    .find(|c| !own(c))
                    .unwrap_or(text.len())
                    .max(text.chars().next().map_or(0, char::len_utf8));
                self.joins.contains(&text[..len]).then(|| &text[len..])
            };
            match bracket.or_else(word) {
                Some(rest) if rest.len() < text.len() => text = rest,
                _ => return text,
            }
        }
    }

    /// Whether a word between two dates makes the second the end.
    pub fn is_to(&self, word: &str) -> bool {
        matches!(word, "-" | "~") || self.to.contains(word)
    }

    /// Whether a word may stand between the parts of one date.
    pub fn is_join(&self, word: &str) -> bool {
        self.joins.contains(word)
    }
}

impl Knowledge {
    /// The date words; built at first use, as only auto-replies need them.
    pub(crate) fn date_words(&self) -> &DateWords {
        self.date_words.get_or_init(|| DateWords::new(&self.dates))
    }
}
