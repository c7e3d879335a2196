//! How long an absence lasts: the date that stands beside "until" or "back on", in the forms of many languages.

use crate::knowledge::{DateMark, DateWords};

/// The most bytes between a date and the word that tells what it means.
const REACH: usize = 40;
/// The most bytes between the name of a month and a number that it makes a date with; more than any form needs.
const NEAR: usize = 40;
/// Days before the date of the mail that a date without a year may lie.
const PAST_DAYS: i64 = 31;

/// What is known of the mail that helps to read a date.
#[derive(Debug)]
pub(crate) struct Setting<R: Fn(&str) -> u32> {
    /// Day of the mail, in days since 1970.
    pub today: Option<i64>,
    /// Whether its time zone is one of North America.
    pub american: bool,
    /// How much speaks for a language, by its code.
    pub rank: R,
}

/// A part of a date in the text.
#[derive(Clone, Copy, Debug)]
struct Token {
    start: usize,
    end: usize,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Number(i64, usize),
    Month(i64),
}

/// The end of the absence as `YYYY-MM-DD`, from normalised text. A last day wins over a day of return.
pub(crate) fn until<R: Fn(&str) -> u32>(
    words: &DateWords,
    text: &str,
    setting: &Setting<R>,
) -> Option<String> {
    let text = &western_digits(text);
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let tokens = tokens(words, text, &setting.rank);
    let mut back = None;
    let mut i = 0;
    while i < tokens.len() {
        let Some((day, used)) = date_at(words, text, &tokens[i..], setting) else {
            i += 1;
            continue;
        };
        let end = tokens[i + used - 1].end;
        // `July 6-17` holds its range; else the date before is the first day.
        let inner = tokens[i..i + used - 1]
            .iter()
            .zip(&tokens[i + 1..])
            .any(|(a, b)| is_range(words, &text[a.end..b.start]));
        let numeric = matches!(tokens[i].value, Value::Number(..));
        let ends_range = inner && !numeric
            || i > 0 && is_range(words, &text[tokens[i - 1].end..tokens[i].start]);
        let mark = mark(words, text, tokens[i].start, end);
        if ends_range || mark == Some(DateMark::Until) {
            return Some(written(day));
        }
        if mark == Some(DateMark::Back) && back.is_none() {
            back = Some(written(day));
        }
        i += used;
    }
    back
}

/// What the words on either side say, as far as they belong to the same sentence and no other number is between.
fn mark(words: &DateWords, text: &str, start: usize, end: usize) -> Option<DateMark> {
    let before = &text[floor(text, start.saturating_sub(REACH))..start];
    let cut = before
        .rfind(|c: char| c.is_ascii_digit())
        .map_or(0, |i| i + 1);
    let cut = cut.max(sentence_end(before).map_or(0, |i| i + 1));
    let found = words.mark_before(&before[cut..]);
    if found.is_some() {
        return found;
    }
    let after = &text[end..floor(text, (end + REACH).min(text.len()))];
    let after = words.skip_joins(after);
    let stop = after
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(after.len());
    let stop = ["! ", "? ", ". ", "。", "; "]
        .iter()
        .filter_map(|s| after.find(s))
        .min()
        .unwrap_or(stop)
        .min(stop);
    words.mark_after(&after[..stop])
}

fn sentence_end(text: &str) -> Option<usize> {
    ["! ", "? ", ". ", "。", "; "]
        .iter()
        .filter_map(|s| text.rfind(s).map(|i| i + s.len() - 1))
        .max()
}

fn tokens(words: &DateWords, text: &str, rank: &impl Fn(&str) -> u32) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < text.len() && tokens.len() < 200 {
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            break;
        };
        let kind = class(first);
        let len = rest
            .char_indices()
            .find(|(_, c)| class(*c) != kind)
            .map_or(rest.len(), |(i, _)| i);
        let value = match kind {
            Class::Digit if len <= 4 => rest[..len].parse().ok().map(|n| Value::Number(n, len)),
            Class::Letter if len <= 60 && is_near_digit(text, at, at + len) => words
                .month(&rest[..len], rank)
                .map(|m| Value::Month(m.into())),
            _ => None,
        };
        if let Some(value) = value {
            tokens.push(Token {
                start: at,
                end: at + len,
                value,
            });
        }
        at += len;
    }
    tokens
}

/// Whether a number stands near a word: most words of a text need not be looked up.
fn is_near_digit(text: &str, start: usize, end: usize) -> bool {
    let around = start.saturating_sub(NEAR)..(end + NEAR).min(text.len());
    text.as_bytes()[around].iter().any(u8::is_ascii_digit)
}

#[derive(PartialEq)]
enum Class {
    Digit,
    Letter,
    Other,
}

fn class(c: char) -> Class {
    match c {
        '0'..='9' => Class::Digit,
        // Vowel signs of Indic and Thai words are no letters of their own.
        c if c.is_alphabetic()
            || matches!(c as u32, 0x300..=0x36f | 0x591..=0x5c7 | 0x64b..=0x65f | 0x900..=0xdff | 0xe00..=0xeff) =>
        {
            Class::Letter
        }
        _ => Class::Other,
    }
}

/// What may stand between the parts of one date: blanks, dots, and the words that languages put there.
fn joined(words: &DateWords, gap: &str) -> bool {
    gap.len() <= 24
        && gap
            .split([' ', '.', ',', '/', '-', '\''])
            .all(|w| w.is_empty() || words.is_join(w))
}

fn is_range(words: &DateWords, gap: &str) -> bool {
    gap.len() <= 32
        && gap
            .split([' ', '.', ','])
            .filter(|w| !w.is_empty() && !words.is_join(w))
            .map(|w| words.is_to(w))
            .reduce(|a, b| a && b)
            .unwrap_or(false)
}

/// The date that begins with the first token, in days since 1970, and how many tokens it takes.
fn date_at<R: Fn(&str) -> u32>(
    words: &DateWords,
    text: &str,
    t: &[Token],
    setting: &Setting<R>,
) -> Option<(i64, usize)> {
    let gap = |i: usize| t.get(i + 1).map(|n| &text[t[i].end..n.start]);
    let near = |i: usize| gap(i).is_some_and(|g| joined(words, g));
    let get = |i: usize| t.get(i).map(|t| t.value);
    let year_at = |i: usize| match get(i) {
        Some(Value::Number(n, 4)) if near(i - 1) => Some(n),
        _ => None,
    };
    match (get(0)?, get(1).filter(|_| near(0))) {
        (Value::Number(y, 4), Some(second)) if y >= 1900 => {
            match (second, get(2).filter(|_| near(1))) {
                (Value::Month(m), Some(Value::Number(d, ..=2)))
                | (Value::Number(d, ..=2), Some(Value::Month(m)))
                | (Value::Number(m, ..=2), Some(Value::Number(d, ..=2))) => {
                    day(y, m, d).map(|n| (n, 3))
                }
                _ => None,
            }
        }
        (Value::Number(d, ..=2), Some(Value::Month(m))) => match year_at(2) {
            Some(y) => day(western(y), m, d).map(|n| (n, 3)),
            None => next(m, d, setting).map(|n| (n, 2)),
        },
        (Value::Month(m), Some(Value::Number(d, ..=2))) => {
            // `July 6-17, 2026`: the second number is the end.
            let (d, used) = match (gap(1), get(2)) {
                (Some(g), Some(Value::Number(e, ..=2)))
                    if matches!(g.trim(), "-" | "to" | "through")
                        && !matches!(get(3), Some(Value::Month(_))) =>
                {
                    (e, 3)
                }
                _ => (d, 2),
            };
            match year_at(used) {
                Some(y) => day(western(y), m, d).map(|n| (n, used + 1)),
                None => next(m, d, setting).map(|n| (n, used)),
            }
        }
        (Value::Number(a, ..=2), Some(Value::Number(b, ..=2))) => {
            numeric(words, text, t, (a, b), setting)
        }
        _ => None,
    }
}

/// `17.7.2026`, `07/17/2026`, `17/7`, `7月17日`.
fn numeric<R: Fn(&str) -> u32>(
    words: &DateWords,
    text: &str,
    t: &[Token],
    (a, b): (i64, i64),
    setting: &Setting<R>,
) -> Option<(i64, usize)> {
    let gap = &text[t[0].end..t[1].start];
    let month_first = gap.contains(['月', '월']);
    let year = t.get(2).filter(|_| !month_first).and_then(|y| {
        let second = &text[t[1].end..y.start];
        match y.value {
            Value::Number(n, 4) if joined(words, second) => Some(western(n)),
            Value::Number(n, 2) if second == gap && gap.len() == 1 => Some(2000 + n),
            _ => None,
        }
    });
    let used = 2 + usize::from(year.is_some());
    let make = |m: i64, d: i64| match year {
        Some(y) => day(y, m, d),
        None => next(m, d, setting),
    };
    if month_first {
        return make(a, b).map(|n| (n, 2));
    }
    // Without a year a dot behind, a slash or a word between them is needed: `9-17` or `24.7` alone is no date.
    if year.is_none()
        && !(gap.contains('/')
            || gap.contains('.') && text[t[1].end..].starts_with('.')
            || gap.chars().any(char::is_alphabetic))
    {
        return None;
    }
    let (dm, md) = (make(b, a), make(a, b).filter(|_| gap.contains(['/', '-'])));
    let english = ["de", "fr", "es", "it", "pt", "nl"]
        .iter()
        .all(|l| (setting.rank)(l) <= (setting.rank)("en"));
    let soon = |d: &i64| setting.today.is_none_or(|t| (t - 1..t + 400).contains(d));
    let found = match (dm, md) {
        (Some(x), Some(y)) if english => match (soon(&x), soon(&y)) {
            (true, true) if setting.american => Some(y),
            (true, true) => Some(x.min(y)),
            (false, true) => Some(y),
            _ => Some(x),
        },
        (x, y) => x.or(y.filter(|_| gap.contains('/'))),
    };
    found.map(|n| (n, used))
}

/// Thai years count from 543 years earlier.
fn western(year: i64) -> i64 {
    if year >= 2400 { year - 543 } else { year }
}

/// The date without a year that lies nearest in the future.
fn next<R: Fn(&str) -> u32>(m: i64, d: i64, setting: &Setting<R>) -> Option<i64> {
    let today = setting.today?;
    let year = civil(today - PAST_DAYS).0;
    (year..year + 9)
        .filter_map(|y| day(y, m, d))
        .find(|n| *n >= today - PAST_DAYS)
}

/// Days since 1970 of a date that exists, between 1970 and 2199.
pub(crate) fn day(y: i64, m: i64, d: i64) -> Option<i64> {
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let length = match m {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..2200).contains(&y) || !(1..=length).contains(&d) {
        return None;
    }
    // Years that begin in March put the leap day last.
    let (y, m) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
    let of_era = 365 * y + y / 4 - y / 100 + y / 400;
    Some(of_era + (153 * m + 2) / 5 + d - 1 - 719_468)
}

/// Year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(m <= 2),
        m,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

fn written(days: i64) -> String {
    let (y, m, d) = civil(days);
    format!("{y:04}-{m:02}-{d:02}")
}

/// Digits of Arabic, Persian, Devanagari, Bengali and Thai as ASCII.
fn western_digits(text: &str) -> std::borrow::Cow<'_, str> {
    let digit = |c: char| match c as u32 {
        n @ 0x660..=0x669 => Some(n - 0x660),
        n @ 0x6f0..=0x6f9 => Some(n - 0x6f0),
        n @ 0x966..=0x96f => Some(n - 0x966),
        n @ 0x9e6..=0x9ef => Some(n - 0x9e6),
        n @ 0xe50..=0xe59 => Some(n - 0xe50),
        _ => None,
    };
    if text.is_ascii() || !text.chars().any(|c| digit(c).is_some()) {
        return text.into();
    }
    text.chars()
        .map(|c| digit(c).and_then(|d| char::from_digit(d, 10)).unwrap_or(c))
        .collect()
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;
    use crate::knowledge::normalise;

    fn read(text: &str, today: (i64, i64, i64), language: &str, american: bool) -> Option<String> {
        let engine = Engine::new();
        let setting = Setting {
            today: day(today.0, today.1, today.2),
            american,
            rank: |l: &str| u32::from(l == language),
        };
        until(engine.knowledge().date_words(), &normalise(text), &setting)
    }

    #[test]
    fn dates_in_many_forms() {
        let today = (2026, 7, 6);
        for (language, text, want) in [
            ("en", "I am away until 31 August 2026.", "2026-08-31"),
            ("en", "Out from July 6-17, 2026", "2026-07-17"),
            ("en", "away until Friday, July 17th", "2026-07-17"),
            ("en", "I will return on January 4", "2027-01-04"),
            (
                "en",
                "between 6 July and 2026-07-31: on leave through 2026-07-31",
                "2026-07-31",
            ),
            (
                "de",
                "bis einschließlich 31.08.2026 im Urlaub",
                "2026-08-31",
            ),
            ("de", "vom 6.7. - 17.7. nicht da", "2026-07-17"),
            ("de", "bin ich am 27. Juli wieder erreichbar", "2026-07-27"),
            (
                "fr",
                "absent jusqu'au 3 septembre 2026 inclus",
                "2026-09-03",
            ),
            ("fr", "du 1er au 14 août", "2026-08-14"),
            ("es", "hasta el 15 de agosto de 2026", "2026-08-15"),
            ("ja", "2026年8月31日まで休暇", "2026-08-31"),
            ("ja", "8月16日(日)まで", "2026-08-16"),
            ("cs", "do 30. listopadu 2026", "2026-11-30"),
            ("hr", "do 30. listopada 2026", "2026-10-30"),
            ("th", "ถึงวันที่ 24 กรกฎาคม 2569", "2026-07-24"),
            ("ar", "حتى ٢٤ يوليو ٢٠٢٦", "2026-07-24"),
        ] {
            assert_eq!(
                read(text, today, language, false).as_deref(),
                Some(want),
                "{text}"
            );
        }
    }

    #[test]
    fn month_and_day_by_country() {
        let today = (2026, 7, 6);
        assert_eq!(
            read("until 08/07/2026", today, "en", true).as_deref(),
            Some("2026-08-07")
        );
        assert_eq!(
            read("until 08/07/2026", today, "en", false).as_deref(),
            Some("2026-07-08")
        );
        assert_eq!(
            read("until 07/24/2026", today, "en", false).as_deref(),
            Some("2026-07-24")
        );
        assert_eq!(
            read("jusqu'au 08/07/2026", today, "fr", true).as_deref(),
            Some("2026-07-08")
        );
    }

    #[test]
    fn other_numbers_are_no_end() {
        let today = (2026, 7, 6);
        for text in [
            "the conference on 14 September 2026",
            "call 24/7",
            "until 31.2.2026",
            "ticket 2026-07-17",
            "open 9-17",
        ] {
            assert_eq!(read(text, today, "en", false), None, "{text}");
        }
    }
}
