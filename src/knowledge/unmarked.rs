//! Words of a language as people write them where only ASCII is at hand: `buzón` as `buzon`, `geprüft` as `gepruft` or
//! `geprueft`.

use unicode_normalization::UnicodeNormalization;

/// Fewest letters of a pattern: shorter words without their marks are words of other languages too
/// (`läst:` is `last:`).
const TELLING: usize = 8;

/// The spellings of a normalised `pattern` in ASCII. None where it is ASCII as it stands, where it has letters that have
/// none, and where what is left tells too little.
pub(crate) fn unmarked(pattern: &str) -> impl Iterator<Item = String> + use<> {
    let bare = spelled(pattern, |_| None);
    let german = bare.as_ref().and_then(|_| spelled(pattern, pair_of));
    let other = german.filter(|g| Some(g) != bare.as_ref());
    bare.into_iter().chain(other).filter(|p| tells(p))
}

/// Whether there are so many letters; in a text of fewer stands no such pattern.
pub(crate) fn tells(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_alphabetic).count() >= TELLING
}

/// The pattern with each letter beyond ASCII as `first` has it, else without its marks.
fn spelled(pattern: &str, first: impl Fn(char) -> Option<&'static str>) -> Option<String> {
    if pattern.is_ascii() {
        return None;
    }
    let mut out = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match first(c).or_else(|| letters_of(c)) {
            Some(letters) => out.push_str(letters),
            None if c.is_ascii() => out.push(c),
            None => out.push([c].into_iter().nfd().next().filter(char::is_ascii)?),
        }
    }
    Some(out)
}

/// Letters that are more than a letter with a mark.
fn letters_of(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        '¿' | '¡' => "",
        '«' | '»' => "\"",
        _ => return None,
    })
}

/// How German and the languages of Scandinavia write their letters in ASCII.
fn pair_of(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' => "ae",
        'ö' | 'ø' => "oe",
        'ü' => "ue",
        'å' => "aa",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_and_letters_stay() {
        let table: [(&str, &[&str]); 10] = [
            ("el buzón está lleno", &["el buzon esta lleno"]),
            ("¿está lleno el buzón?", &["esta lleno el buzon?"]),
            (
                "empfänger * ungültig",
                &["empfanger * ungultig", "empfaenger * ungueltig"],
            ),
            (
                "größenbeschränkung",
                &["grossenbeschrankung", "groessenbeschraenkung"],
            ),
            ("skrzynka pełna", &["skrzynka pelna"]),
            ("kullanıcı bulunamadı", &["kullanici bulunamadi"]),
            ("mailbox full", &[]),
            ("läst:", &[]),
            ("ящик переполнен", &[]),
            ("l·lista d'espera", &[]),
        ];
        for (pattern, spellings) in table {
            assert_eq!(
                unmarked(pattern).collect::<Vec<_>>(),
                spellings,
                "{pattern}"
            );
        }
    }
}
