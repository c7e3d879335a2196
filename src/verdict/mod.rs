//! Reply text, codes and provider -> [`Verdict`](crate::Verdict).
//!
//! 1. [`reply`]: the text made uniform, the innermost reply and its codes, which [`numbers`] tells from other digits.
//! 2. [`case`]: the reply and what is known around it.
//! 3. [`voices`]: every rule, list and code that speaks, with its weight.
//! 4. [`weigh`]: the heaviest category wins; what lost stays in the evidence.
//! 5. [`confidence`]: how sure that makes us, in numbers that were counted.
//! 6. [`details`]: what else the reply says.

mod case;
mod confidence;
mod details;
mod numbers;
mod reply;
mod voices;
mod weigh;

pub(crate) use case::{Case, parse_status};
pub(crate) use reply::ReadReply;
pub(crate) use weigh::judge;

/// A reply to judge: its text and what is known around it.
///
/// ```
/// use undeliverable::{Engine, Reply};
/// let engine = Engine::new();
/// let reply = Reply::new("550 5.1.1 <bob@example.com>: user unknown").remote_mta("mx.example.com");
/// let verdict = engine.classify(reply);
/// assert_eq!(verdict.category.as_str(), "user_unknown");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply<'a> {
    pub(crate) text: &'a str,
    pub(crate) status: Option<&'a str>,
    pub(crate) remote_mta: Option<&'a str>,
    pub(crate) recipient: Option<&'a str>,
    pub(crate) provider: Option<&'a str>,
    pub(crate) delayed: bool,
}

impl<'a> Reply<'a> {
    /// A reply of this text, in one or several lines. At most 8 KiB of it are judged.
    pub fn new(text: &'a str) -> Self {
        Reply {
            text,
            ..Reply::default()
        }
    }

    /// The `Status` field of a report about it (RFC 3464 section 2.3.4).
    pub fn status(mut self, status: &'a str) -> Self {
        self.status = Some(status);
        self
    }

    /// The host that answered.
    pub fn remote_mta(mut self, host: &'a str) -> Self {
        self.remote_mta = Some(host);
        self
    }

    /// The address that was tried.
    pub fn recipient(mut self, address: &'a str) -> Self {
        self.recipient = Some(address);
        self
    }

    /// Whether the server is still trying, so that nothing is to be done about the address.
    pub fn delayed(mut self, delayed: bool) -> Self {
        self.delayed = delayed;
        self
    }

    /// The id of the provider, where it is known for certain.
    pub fn provider(mut self, id: &'a str) -> Self {
        self.provider = Some(id);
        self
    }
}

impl<'a> From<&'a str> for Reply<'a> {
    fn from(text: &'a str) -> Self {
        Reply::new(text)
    }
}

impl<'a> From<&'a String> for Reply<'a> {
    fn from(text: &'a String) -> Self {
        Reply::new(text)
    }
}
