//! Times: of the machine, as people write them, as people read them.

use anyhow::Context;
use jiff::{Timestamp, civil, tz::TimeZone};

/// Now, in seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// `2026-11-20T10:11:12Z`; what lies outside of the calendar is written as its seconds.
pub(crate) fn text(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |t| t.to_string())
}

/// `2026-11-20`.
pub(crate) fn day(second: i64) -> String {
    text(second).get(..10).unwrap_or_default().to_owned()
}

/// The time that somebody asks for, else now.
///
/// # Errors
/// As [`parse`].
pub(crate) fn at(word: Option<&str>) -> anyhow::Result<i64> {
    word.map_or_else(|| Ok(now()), parse)
}

/// A time as people write it: `2026-11-20`, `2026-11-20T10:11:12Z`, `2026-11-20 10:11`, or how long ago: `36h`, `7d`. In UTC.
///
/// # Errors
/// Where it is none of these.
pub(crate) fn parse(word: &str) -> anyhow::Result<i64> {
    let word = word.trim();
    let ago = |unit: char, seconds: i64| {
        word.strip_suffix(unit)?
            .parse::<i64>()
            .ok()?
            .checked_mul(seconds)
    };
    if let Some(seconds) = ago('h', 3600)
        .or_else(|| ago('d', 86_400))
        .or_else(|| ago('m', 60))
    {
        return Ok(now().saturating_sub(seconds));
    }
    if let Ok(t) = word.parse::<Timestamp>() {
        return Ok(t.as_second());
    }
    let of_zone = |d: civil::DateTime| {
        d.to_zoned(TimeZone::UTC)
            .map(|z| z.timestamp().as_second())
            .ok()
    };
    let date_time = word.parse::<civil::DateTime>().ok().and_then(of_zone);
    let date = || {
        word.parse::<civil::Date>()
            .ok()
            .and_then(|d| of_zone(d.to_datetime(civil::Time::midnight())))
    };
    date_time.or_else(date).with_context(|| {
        format!("`{word}` is no time, expected 2026-11-20, 2026-11-20T10:11:12Z, 36h or 7d")
    })
}

/// A time as IMAP writes it: `17-Jul-1996 02:44:25 -0700`, the day with a blank in the place of a leading nought.
pub(crate) fn parse_internal_date(text: &str) -> Option<i64> {
    let time = Timestamp::strptime("%d-%b-%Y %H:%M:%S %z", text.trim_start());
    time.ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_times() {
        assert_eq!(parse("2023-11-14T22:13:20Z").unwrap(), 1_700_000_000);
        assert_eq!(parse("2023-11-14 22:13:20").unwrap(), 1_700_000_000);
        assert_eq!(text(parse("2023-11-14").unwrap()), "2023-11-14T00:00:00Z");
        assert!((now() - parse("2d").unwrap() - 2 * 86_400).abs() < 5);
        assert!(parse("yesterday").is_err());
    }

    #[test]
    fn servers_write_times() {
        for (text, second) in [
            ("14-Nov-2023 22:13:20 +0000", Some(1_700_000_000)),
            ("14-Nov-2023 15:13:20 -0700", Some(1_700_000_000)),
            (" 1-Jan-1970 01:00:00 +0100", Some(0)),
            ("2023-11-14", None),
            ("", None),
        ] {
            assert_eq!(parse_internal_date(text), second, "{text}");
        }
    }
}
