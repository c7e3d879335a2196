//! What endpoints say, in words that say what to do, without tokens and addresses.

use url::Url;

use super::endpoint::Refusal;
use crate::mailbox::signin::secret::Secret;
use crate::output::safe;

/// An endpoint does not answer now; it may later, without anybody doing something.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub String);

/// What Microsoft's codes mean here. The text beside them is long and names people.
const MICROSOFT: &[(&str, &str)] = &[
    (
        "AADSTS7000215",
        "the client secret is wrong: take the secret's value, not its id",
    ),
    (
        "AADSTS7000222",
        "the client secret has expired: make a new one in the app registration",
    ),
    (
        "AADSTS7000218",
        "the app registration wants a client secret, or \"Allow public client flows\" switched on",
    ),
    ("AADSTS700016", "this tenant has no app of this client_id"),
    (
        "AADSTS900023",
        "the tenant is neither a tenant id nor a domain of one",
    ),
    ("AADSTS90002", "there is no such tenant"),
    (
        "AADSTS65001",
        "nobody has consented to the app's permissions: an administrator must grant them",
    ),
    (
        "AADSTS50076",
        "the account needs a second factor: run `undeliverable mailbox login`",
    ),
    (
        "AADSTS50079",
        "the account needs a second factor: run `undeliverable mailbox login`",
    ),
    ("AADSTS50034", "there is no such account in the tenant"),
    ("AADSTS50057", "the account is switched off"),
    (
        "AADSTS50173",
        "the password was changed or sessions were revoked: run `undeliverable mailbox login`",
    ),
    (
        "AADSTS700082",
        "the refresh token was not used for too long: run `undeliverable mailbox login`",
    ),
    (
        "AADSTS70043",
        "the refresh token has expired by the tenant's rules: run `undeliverable mailbox login`",
    ),
    (
        "AADSTS53003",
        "a conditional access policy of the tenant forbids it",
    ),
    ("AADSTS70011", "the scope is none that the endpoint knows"),
    (
        "AADSTS1002012",
        "the scope of client credentials must end in /.default",
    ),
];

/// What the words of RFC 6749, RFC 8628 and OpenID Connect mean here.
const STANDARD: &[(&str, &str)] = &[
    (
        "invalid_client",
        "client_id or client secret is wrong, or the secret has expired",
    ),
    (
        "invalid_grant",
        "the refresh token is used up, expired or revoked: run `undeliverable mailbox login`",
    ),
    (
        "unauthorized_client",
        "the client may not sign in this way: look at its permissions",
    ),
    (
        "unsupported_grant_type",
        "the endpoint does not know this way of signing in",
    ),
    (
        "invalid_scope",
        "the scope is none that the endpoint gives to this client",
    ),
    (
        "invalid_request",
        "the endpoint misses or dislikes a setting",
    ),
    ("access_denied", "the person, or a policy, said no"),
    (
        "expired_token",
        "the code was not entered in time: begin again",
    ),
    (
        "interaction_required",
        "a person must sign in: run `undeliverable mailbox login`",
    ),
    (
        "login_required",
        "a person must sign in: run `undeliverable mailbox login`",
    ),
    (
        "consent_required",
        "a person must consent: run `undeliverable mailbox login`",
    ),
];

/// Refusals that pass by themselves.
const PASSING: &[&str] = &["temporarily_unavailable", "server_error", "slow_down"];

/// What `invalid_grant` means where no person has signed in.
const NOT_TAKEN: &str =
    "what was shown is not accepted: is the user right, and the clock of this machine?";

/// A refusal as an error. `sent` are secrets that an endpoint may have quoted; `has_login` says whether a person signs in.
pub(crate) fn refused(refusal: &Refusal, sent: &[&Secret], has_login: bool) -> anyhow::Error {
    let code = harmless(&refusal.error, 60, sent);
    let said = refusal.error_description.as_deref().unwrap_or_default();
    let known = MICROSOFT
        .iter()
        .find(|(code, _)| names_code(said, code))
        .map(|(code, meaning)| format!("{meaning} ({code})"));
    let text = match known {
        Some(meaning) => format!("{code}: {meaning}"),
        None => {
            let meaning = STANDARD.iter().find(|(c, _)| *c == refusal.error);
            let mut text = code;
            if let Some((code, meaning)) = meaning {
                let is_other = *code == "invalid_grant" && !has_login;
                text += &format!(": {}", if is_other { NOT_TAKEN } else { meaning });
            }
            if !said.is_empty() {
                text += &format!(" (it says: {})", harmless(said, 200, sent));
            }
            text
        }
    };
    if PASSING.contains(&refusal.error.as_str()) {
        Unavailable(format!("the endpoint cannot now: {text}")).into()
    } else {
        anyhow::anyhow!("the endpoint refuses: {text}")
    }
}

/// An endpoint in an error: its host; the path may hold a tenant, the query anything.
pub(crate) fn place(url: &Url) -> String {
    format!("token endpoint {}", url.host_str().unwrap_or_default())
}

/// Whether a text names this code and not a longer one.
fn names_code(text: &str, code: &str) -> bool {
    text.match_indices(code)
        .any(|(at, _)| !text[at + code.len()..].starts_with(|c: char| c.is_ascii_digit()))
}

/// The beginning of the first line, without secrets, addresses and what a terminal obeys.
fn harmless(text: &str, length: usize, sent: &[&Secret]) -> String {
    let mut text = text.lines().next().unwrap_or_default().to_owned();
    for secret in sent.iter().filter(|s| !s.expose().is_empty()) {
        text = text.replace(secret.expose(), "***");
    }
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|w| if w.contains('@') { "***" } else { w })
        .collect();
    let short: String = words.join(" ").chars().take(length).collect();
    safe::text(&short).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let secret = Secret::new("hunter2");
        for (code, said, expected, passes) in [
            (
                "invalid_client",
                "AADSTS7000222: The provided client secret keys for app 'x' are expired.",
                "the endpoint refuses: invalid_client: the client secret has expired: make a new one in the app \
                 registration (AADSTS7000222)",
                false,
            ),
            (
                // A code that is the beginning of another.
                "invalid_client",
                "AADSTS70002159: new",
                "the endpoint refuses: invalid_client: client_id or client secret is wrong, or the secret has expired \
                 (it says: AADSTS70002159: new)",
                false,
            ),
            (
                "invalid_grant",
                "Token hunter2 of bob@example.com\nwas\x1b[31m revoked",
                "the endpoint refuses: invalid_grant: the refresh token is used up, expired or revoked: run \
                 `undeliverable mailbox login` (it says: Token *** of ***)",
                false,
            ),
            (
                "temporarily_unavailable",
                "",
                "the endpoint cannot now: temporarily_unavailable",
                true,
            ),
            (
                "odd\x1b[31m",
                "",
                "the endpoint refuses: odd\\u{1b}[31m",
                false,
            ),
            ("", "", "the endpoint refuses: ", false),
        ] {
            let refusal = Refusal {
                error: code.to_owned(),
                error_description: Some(said.to_owned()),
            };
            let error = refused(&refusal, &[&secret, &Secret::new("")], true);
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.is::<Unavailable>(), passes, "{code}");
        }
    }

    #[test]
    fn an_endpoint_is_named_by_its_host() {
        let url = Url::parse("https://login.example.com/tenant/token?x=secret").unwrap();
        assert_eq!(place(&url), "token endpoint login.example.com");
    }
}
