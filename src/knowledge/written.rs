//! Codes as they are written. Every verdict has some of them, and making a string costs as much as a rule: the usual ones
//! are cut from two texts that hold them all.

use std::borrow::Cow;

use super::Enhanced;

/// `200201202` and so on: every reply code that there is.
const REPLIES: &str = {
    const BYTES: [u8; 3 * 400] = {
        let mut bytes = [b'0'; 3 * 400];
        let mut i = 0;
        while i < 400 {
            let code = i + 200;
            bytes[3 * i] += (code / 100) as u8;
            bytes[3 * i + 1] += (code / 10 % 10) as u8;
            bytes[3 * i + 2] += (code % 10) as u8;
            i += 1;
        }
        bytes
    };
    text(&BYTES)
};

/// `0.0.00.0.10.0.2` and so on to `5.7.9`, five bytes each.
const ENHANCED: &str = {
    const BYTES: [u8; 5 * 480] = {
        let mut bytes = [b'.'; 5 * 480];
        let mut i = 0;
        while i < 480 {
            bytes[5 * i] = b'0' + (i / 80) as u8;
            bytes[5 * i + 2] = b'0' + (i / 10 % 8) as u8;
            bytes[5 * i + 4] = b'0' + (i % 10) as u8;
            i += 1;
        }
        bytes
    };
    text(&BYTES)
};

const fn text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// A reply code.
pub(crate) fn reply_code(code: u16) -> Cow<'static, str> {
    let known = usize::from(code)
        .checked_sub(200)
        .and_then(|i| REPLIES.get(3 * i..3 * i + 3));
    known.map_or_else(|| code.to_string().into(), Cow::Borrowed)
}

/// An enhanced code.
pub(crate) fn enhanced(e: Enhanced) -> Cow<'static, str> {
    let usual = (e.class < 6 && e.subject < 8 && e.detail < 10)
        .then(|| usize::from(e.class) * 80 + usize::from(e.subject) * 10 + usize::from(e.detail))
        .and_then(|i| ENHANCED.get(5 * i..5 * i + 5));
    usual.map_or_else(
        || format!("{}.{}.{}", e.class, e.subject, e.detail).into(),
        Cow::Borrowed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_numbers_are() {
        for code in 0..1000 {
            assert_eq!(reply_code(code), code.to_string());
            assert_eq!(
                matches!(reply_code(code), Cow::Borrowed(_)),
                (200..600).contains(&code)
            );
        }
        for class in [2, 4, 5] {
            for subject in 0..12 {
                for detail in [0, 1, 9, 10, 26, 100, 606, 999] {
                    let e = Enhanced {
                        class,
                        subject,
                        detail,
                    };
                    assert_eq!(enhanced(e), format!("{class}.{subject}.{detail}"));
                }
            }
        }
    }
}
