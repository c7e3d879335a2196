//! The software that writes failure notices, and the marks by which each is recognised: `rules/dialects.toml`.
//!
//! Texts of marks are searched together with the signs, so that the words of a message are read once.

use super::file::Place;
use super::{check_pattern, glob};

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

/// One condition of a mark.
#[derive(Debug)]
enum Condition {
    /// One of [`DialectIndex::texts`].
    Text,
    /// A field of the outer message, whose pattern stands in [`DialectIndex::fields`].
    Field,
    /// A field of the delivery status: lower-case name, glob.
    StatusField(String, String),
    /// The boundary of the message, as a glob.
    Boundary(String),
}

/// The marks of all dialects, taken apart.
#[derive(Debug, Default)]
pub(crate) struct DialectIndex {
    /// Patterns that are searched in subject and body.
    pub texts: Vec<(Place, String)>,
    conditions: Vec<Condition>,
    /// Which conditions each mark asks for, and whose it is.
    marks: Vec<(usize, Vec<usize>)>,
    of_text: Vec<Vec<usize>>,
    /// Patterns that are searched in fields of the outer message: name, pattern, condition.
    pub fields: Vec<(String, String, usize)>,
    /// For each dialect those that it beats.
    over: Vec<Vec<usize>>,
}

/// What is known of a message while its dialect is looked for.
#[derive(Debug)]
pub(crate) struct Met<'i> {
    index: &'i DialectIndex,
    met: Vec<bool>,
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
                let conditions = mark
                    .split(" + ")
                    .map(|c| index.condition(c.trim(), d.own))
                    .collect::<Result<Vec<_>, _>>();
                let conditions = conditions.map_err(|m| fail(format!("mark {mark:?}: {m}")))?;
                index.marks.push((i, conditions));
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

    fn condition(&mut self, text: &str, check: bool) -> Result<usize, String> {
        let (place, pattern) = text.split_once(':').ok_or("write it as `where: pattern`")?;
        let (place, pattern) = (place.trim(), pattern.trim());
        if pattern.is_empty() {
            return Err("the pattern is empty".into());
        }
        let at = self.conditions.len();
        let condition = match place.split_once(' ') {
            Some(("field", name)) => self.field_condition(name.trim(), pattern, at),
            Some(("status-field", name)) => {
                Condition::StatusField(name.trim().to_ascii_lowercase(), pattern.to_owned())
            }
            None if place == "from" || place == "message-id" => {
                self.field_condition(place, pattern, at)
            }
            None if place == "boundary" => Condition::Boundary(pattern.to_owned()),
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
                self.of_text.push(vec![at]);
                Condition::Text
            }
            _ => {
                return Err(format!(
                    "{place:?} is not body, subject, from, message-id, boundary, field NAME or status-field NAME"
                ));
            }
        };
        self.conditions.push(condition);
        Ok(at)
    }

    fn field_condition(&mut self, name: &str, pattern: &str, at: usize) -> Condition {
        self.fields.push((name.to_owned(), pattern.to_owned(), at));
        Condition::Field
    }

    /// An empty sheet for one message.
    pub fn start(&self) -> Met<'_> {
        Met {
            index: self,
            met: vec![false; self.conditions.len()],
        }
    }
}

impl Met<'_> {
    /// A text of a mark was found.
    pub fn text(&mut self, text: usize) {
        for &i in &self.index.of_text[text] {
            self.met[i] = true;
        }
    }

    /// A condition about a field of the outer message is met.
    pub fn field(&mut self, condition: usize) {
        self.met[condition] = true;
    }

    /// The fields of the delivery status.
    pub fn status_fields<'v>(&mut self, fields: impl Iterator<Item = (&'v str, &'v str)> + Clone) {
        for (i, condition) in self.index.conditions.iter().enumerate() {
            if let Condition::StatusField(name, pattern) = condition {
                self.met[i] |= fields
                    .clone()
                    .any(|(n, v)| n == name && glob(pattern, v.trim()));
            }
        }
    }

    /// The boundary of the outer message.
    pub fn boundary(&mut self, boundary: &str) {
        for (i, condition) in self.index.conditions.iter().enumerate() {
            if let Condition::Boundary(pattern) = condition {
                self.met[i] |= glob(pattern, boundary);
            }
        }
    }

    /// The dialect with the most marks among those that no other beats; the first of the file where they are equal.
    pub fn dialect(&self) -> Option<usize> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (dialect, conditions) in &self.index.marks {
            if conditions.iter().all(|&c| self.met[c]) {
                match found.last_mut() {
                    Some((last, count)) if last == dialect => *count += 1,
                    _ => found.push((*dialect, 1)),
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
        assert_eq!(met.dialect(), Some(1), "half of a mark is none");
        met.field(condition("from"));
        assert_eq!(met.dialect(), Some(0));
        let mut met = index.start();
        met.text(1);
        met.status_fields([("x-clone-queue-id", "12AB")].into_iter());
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
