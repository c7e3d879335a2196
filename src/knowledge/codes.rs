//! Reply codes and enhanced codes, and what a rule asks of them.

use std::fmt;

use super::written;

/// An enhanced status code, `class.subject.detail` (RFC 3463 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Enhanced {
    /// 2, 4 or 5.
    pub class: u8,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl Enhanced {
    /// Reads exactly `class.subject.detail`.
    pub fn parse(text: &str) -> Option<Self> {
        let (code, len) = Self::read(text.as_bytes())?;
        (len == text.len()).then_some(code)
    }

    /// The code that `bytes` begins with, and how long it is. No digit follows it.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&class @ (b'2' | b'4' | b'5'), mut rest) = bytes.split_first()? else {
            return None;
        };
        let subject = number_behind_dot(&mut rest)?;
        let detail = number_behind_dot(&mut rest)?;
        let code = Enhanced {
            class: class - b'0',
            subject,
            detail,
        };
        Some((code, bytes.len() - rest.len()))
    }

    /// Whether it only says the class: x.0.0 (RFC 3461 section 6.3 g asks for it where nothing fits).
    pub fn says_nothing(self) -> bool {
        self.subject == 0 && self.detail == 0
    }

    /// Whether it says that retries ran out: x.4.7.
    pub fn is_expiry(self) -> bool {
        self.subject == 4 && self.detail == 7
    }
}

impl Enhanced {
    /// As it is written.
    pub fn text(self) -> String {
        written::enhanced(self).into_owned()
    }
}

/// Takes a dot and one to three digits from the beginning, behind which no digit stands.
fn number_behind_dot(bytes: &mut &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(b".")?;
    let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, behind) = rest.split_at(len);
    if !(1..=3).contains(&len) {
        return None;
    }
    *bytes = behind;
    let add = |number, digit: &u8| number * 10 + u16::from(digit - b'0');
    Some(digits.iter().fold(0, add))
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&written::enhanced(*self))
    }
}

/// What a rule's `codes` entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePattern {
    reply: ReplyPattern,
    enhanced: Option<EnhancedPattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReplyPattern {
    Any,
    Exactly(u16),
    /// 4 for `4xx`.
    Class(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EnhancedPattern {
    class: Option<u8>,
    subject: Option<u16>,
    details: Option<(u16, u16)>,
}

impl CodePattern {
    /// Reads `550`, `5.7.1`, `550 5.7.1`, `x.7.1`, `5.7.606-649`, `5.7.x`, `4xx`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pattern = CodePattern {
            reply: ReplyPattern::Any,
            enhanced: None,
        };
        for word in text.split_ascii_whitespace() {
            if word.contains('.') {
                if pattern.enhanced.is_some() {
                    return None;
                }
                pattern.enhanced = Some(EnhancedPattern::parse(word)?);
            } else {
                if pattern.reply != ReplyPattern::Any {
                    return None;
                }
                pattern.reply = match word {
                    "2xx" => ReplyPattern::Class(2),
                    "4xx" => ReplyPattern::Class(4),
                    "5xx" => ReplyPattern::Class(5),
                    n if n.len() == 3 => ReplyPattern::Exactly(n.parse().ok()?),
                    _ => return None,
                };
            }
        }
        (pattern.reply != ReplyPattern::Any || pattern.enhanced.is_some()).then_some(pattern)
    }

    /// Whether the codes of a reply fit. Any of the enhanced codes may.
    pub fn fits(&self, reply: Option<u16>, enhanced: &[Enhanced]) -> bool {
        let reply_fits = match self.reply {
            ReplyPattern::Any => true,
            ReplyPattern::Exactly(n) => reply == Some(n),
            ReplyPattern::Class(c) => {
                // A reply without a code has the class of its enhanced code.
                match reply {
                    Some(r) => r / 100 == u16::from(c),
                    None => enhanced.first().is_some_and(|e| e.class == c),
                }
            }
        };
        reply_fits
            && self
                .enhanced
                .is_none_or(|p| enhanced.iter().any(|e| p.fits(*e)))
    }

    /// Whether the pattern names this reply code or this enhanced code, whatever stands beside it.
    pub fn names(&self, reply: Option<u16>, enhanced: Option<Enhanced>) -> bool {
        reply.is_some_and(|r| self.reply == ReplyPattern::Exactly(r))
            || enhanced.is_some_and(|e| self.enhanced.is_some_and(|p| p.fits(e)))
    }

    /// Whether the pattern names a certain enhanced code and not only a class.
    pub fn names_enhanced(&self) -> bool {
        self.enhanced.is_some()
    }
}

impl EnhancedPattern {
    fn parse(word: &str) -> Option<Self> {
        let mut it = word.splitn(3, '.');
        let class = match it.next()? {
            "x" => None,
            "2" => Some(2),
            "4" => Some(4),
            "5" => Some(5),
            _ => return None,
        };
        let subject = match it.next()? {
            "x" => None,
            s => Some(s.parse().ok().filter(|n| *n < 1000)?),
        };
        let details = match it.next()? {
            "x" => None,
            d => Some(match d.split_once('-') {
                Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
                None => (d.parse().ok()?, d.parse().ok()?),
            }),
        };
        Some(EnhancedPattern {
            class,
            subject,
            details,
        })
    }

    fn fits(&self, e: Enhanced) -> bool {
        self.class.is_none_or(|c| c == e.class)
            && self.subject.is_none_or(|s| s == e.subject)
            && self
                .details
                .is_none_or(|(from, to)| (from..=to).contains(&e.detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_patterns() {
        let e = |t| Enhanced::parse(t).unwrap();
        let p = |t| CodePattern::parse(t).unwrap();
        assert!(p("550").fits(Some(550), &[]));
        assert!(!p("550").fits(None, &[e("5.1.1")]));
        assert!(p("x.7.1").fits(None, &[e("4.7.1")]));
        assert!(p("5.7.606-649").fits(Some(550), &[e("5.7.613")]));
        assert!(!p("550 5.7.1").fits(Some(554), &[e("5.7.1")]));
        assert!(p("4xx").fits(None, &[e("4.2.2")]));
        assert_eq!(CodePattern::parse("5.7"), None);
        assert_eq!(CodePattern::parse("abc"), None);
        for text in [
            "5.1.1.2", "5.1", "5..1", "3.1.1", "5.1.1111", "5.1.1 ", "55.1.1", "5.1.", "",
        ] {
            assert_eq!(Enhanced::parse(text), None, "{text}");
        }
        assert_eq!(Enhanced::read(b"4.20.300 x"), Some((e("4.20.300"), 8)));
        assert_eq!(e("5.7.606").to_string(), "5.7.606");
    }
}
