//! The software that writes failure notices, and the marks by which each is recognised: `rules/dialects.toml`.
//!
//! Texts of marks are searched together with the signs, so that the words of a message are read once.

use super::file::Place;
use super::{Glob, check_pattern};

/// A family of software with a layout or a voice of its own.
#[derive(Debug)]
#[non_exhaustive]
pub struct Dialect {
    /// Permanent id: `postfix`, `exchange-2003`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// The marks as written; one is enough.
    pub marks: Vec<String>,
    /// Ids of dialects that this one beats where both are recognised: what it was built on.
    pub over: Vec<String>,
    /// Where the marks are known from.
    pub source: Option<String>,
    /// Whether no public source backs them.
    pub unverified: bool,
    /// Whether it comes from a file of the user, whose patterns are checked when it is read.
    pub(crate) own: bool,
}

/// Fewest bytes of a pattern's longest word.
const SHORTEST: usize = 3;

/// The marks of all dialects, taken apart.
#[derive(Debug, Default)]
pub(crate) struct DialectIndex {
    /// Patterns that are searched in subject and body.
    pub texts: Vec<(Place, String)>,
    /// The condition of each text.
    of_text: Vec<usize>,
    /// Patterns that are searched in fields of the outer message: name, pattern, condition.
    pub fields: Vec<(String, String, usize)>,
    /// Fields of the delivery status: lower-case name, pattern, condition.
    status_fields: Vec<(String, Glob, usize)>,
    /// The boundary of the message, with the condition.
    boundaries: Vec<(Glob, usize)>,
    /// For each condition the mark that asks for it.
    conditions: Vec<usize>,
    /// Whose each mark is, and how many conditions it has.
    marks: Vec<(usize, usize)>,
    /// For each dialect those that it beats.
    over: Vec<Vec<usize>>,
}

/// What is known of a message while its dialect is looked for.
#[derive(Debug)]
pub(crate) struct Met<'i> {
    index: &'i DialectIndex,
    /// Conditions, some more than once.
    met: Vec<usize>,
}

impl DialectIndex {
    /// Takes the marks apart. `Err` names the dialect and says what is wrong.
    pub fn new(dialects: &[Dialect]) -> Result<Self, (String, String)> {
        let mut index = DialectIndex::default();
        for (i, d) in dialects.iter().enumerate() {
            let fail = |m: String| (d.id.clone(), m);
            if d.marks.is_empty() {
                return Err(fail("has no marks".into()));
            }
            for mark in &d.marks {
                let mut count = 0;
                for condition in mark.split(" + ") {
                    let added = index.add(condition.trim(), d.own);
                    added.map_err(|m| fail(format!("mark {mark:?}: {m}")))?;
                    index.conditions.push(index.marks.len());
                    count += 1;
                }
                index.marks.push((i, count));
            }
            let over = d.over.iter().map(|o| {
                dialects
                    .iter()
                    .position(|x| x.id == *o)
                    .ok_or_else(|| fail(format!("there is no dialect {o:?}")))
            });
            let over = over.collect::<Result<Vec<_>, _>>()?;
            index.over.push(over);
        }
        Ok(index)
    }

    /// Adds what the next condition asks for.
    fn add(&mut self, text: &str, check: bool) -> Result<(), String> {
        let (place, pattern) = text.split_once(':').ok_or("write it as `where: pattern`")?;
        let (place, pattern) = (place.trim(), pattern.trim());
        if pattern.is_empty() {
            return Err("the pattern is empty".into());
        }
        let at = self.conditions.len();
        let field = |name: &str| (name.to_owned(), pattern.to_owned(), at);
        match place.split_once(' ') {
            Some(("field", name)) => self.fields.push(field(name.trim())),
            Some(("status-field", name)) => {
                let name = name.trim().to_ascii_lowercase();
                self.status_fields.push((name, Glob::new(pattern), at));
            }
            None if place == "from" || place == "message-id" => self.fields.push(field(place)),
            None if place == "boundary" => self.boundaries.push((Glob::new(pattern), at)),
            None if place == "body" || place == "subject" => {
                if check && let Some(why) = check_pattern(pattern, SHORTEST) {
                    return Err(why);
                }
                let place = if place == "body" {
                    Place::Body
                } else {
                    Place::Subject
                };
                self.texts.push((place, pattern.to_owned()));
                self.of_text.push(at);
            }
            _ => {
                return Err(format!(
                    "{place:?} is not body, subject, from, message-id, boundary, field NAME or status-field NAME"
                ));
            }
        }
        Ok(())
    }

    /// An empty sheet for one message.
    pub fn start(&self) -> Met<'_> {
        Met {
            index: self,
            met: Vec::new(),
        }
    }
}

impl Met<'_> {
    /// A text of a mark was found.
    pub fn text(&mut self, text: usize) {
        self.met.push(self.index.of_text[text]);
    }

    /// A condition about a field of the outer message is met.
    pub fn field(&mut self, condition: usize) {
        self.met.push(condition);
    }

    /// A field of the delivery status, its name in lower case.
    pub fn status_field(&mut self, name: &str, value: &str) {
        let fits = |(n, pattern, _): &&(String, Glob, usize)| n == name && pattern.fits(value);
        let met = self.index.status_fields.iter().filter(fits);
        self.met.extend(met.map(|(.., condition)| condition));
    }

    /// The boundary of the outer message.
    pub fn boundary(&mut self, boundary: &str) {
        let fits = |(pattern, _): &&(Glob, usize)| pattern.fits(boundary);
        let met = self.index.boundaries.iter().filter(fits);
        self.met.extend(met.map(|(_, condition)| condition));
    }

    /// The dialect with the most marks among those that no other beats; the first of the file where they are equal.
    pub fn dialect(mut self) -> Option<usize> {
        // Conditions of a mark follow each other, and marks of a dialect do.
        self.met.sort_unstable();
        self.met.dedup();
        let mark = |c: &usize| self.index.conditions[*c];
        let mut found: Vec<(usize, usize)> = Vec::new();
        for met in self.met.chunk_by(|a, b| mark(a) == mark(b)) {
            let (dialect, conditions) = self.index.marks[mark(&met[0])];
            if met.len() == conditions {
                match found.last_mut() {
                    Some((last, count)) if *last == dialect => *count += 1,
                    _ => found.push((dialect, 1)),
                }
            }
        }
        let beaten = |d: usize| found.iter().any(|&(o, _)| self.index.over[o].contains(&d));
        found
            .iter()
            .filter(|f| !beaten(f.0))
            .max_by_key(|f| (f.1, usize::MAX - f.0))
            .map(|f| f.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(id: &str, marks: &[&str], over: &[&str]) -> Dialect {
        Dialect {
            id: id.to_owned(),
            name: id.to_owned(),
            marks: marks.iter().map(|m| (*m).to_owned()).collect(),
            over: over.iter().map(|m| (*m).to_owned()).collect(),
            source: None,
            unverified: true,
            own: true,
        }
    }

    #[test]
    fn clones_beat_what_they_were_built_on() {
        let list = [
            dialect(
                "clone",
                &[
                    "status-field X-Clone-Queue-ID: *",
                    "field X-Mailer: clone* + from: *@clone.example*",
                ],
                &["base"],
            ),
            dialect(
                "base",
                &["body: this is the base", "subject: returned"],
                &[],
            ),
        ];
        let index = DialectIndex::new(&list).unwrap();
        let mut met = index.start();
        met.text(0);
        met.text(1);
        let condition = |name: &str| {
            let field = index.fields.iter().find(|(n, ..)| n == name);
            field.unwrap().2
        };
        met.field(condition("X-Mailer"));
        let mut both = index.start();
        both.met = met.met.clone();
        assert_eq!(met.dialect(), Some(1), "half of a mark is none");
        both.field(condition("from"));
        assert_eq!(both.dialect(), Some(0));
        let mut met = index.start();
        met.text(1);
        met.status_field("x-clone-queue-id", "12AB");
        assert_eq!(met.dialect(), Some(0));
        assert_eq!(index.start().dialect(), None);
    }

    #[test]
    fn bad_marks_are_told() {
        for (mark, why) in [
            ("hello", "where: pattern"),
            ("elsewhere: x", "is not body"),
            ("body: Hello", "normal form"),
        ] {
            let (id, message) = DialectIndex::new(&[dialect("x", &[mark], &[])]).unwrap_err();
            assert!(id == "x" && message.contains(why), "{message}");
        }
        let (_, message) =
            DialectIndex::new(&[dialect("x", &["body: words"], &["y"])]).unwrap_err();
        assert!(message.contains("no dialect \"y\""), "{message}");
    }
}
