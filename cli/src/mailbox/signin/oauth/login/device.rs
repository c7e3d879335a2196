//! The device flow (RFC 8628): a code is shown here and entered on any device with a browser.

use std::io::Write;
use std::time::Duration;

use anyhow::{bail, ensure};
use serde::Deserialize;
use url::Url;

use super::Login;
use crate::mailbox::signin::oauth::endpoint::{Answer, Granted};
use crate::mailbox::signin::oauth::words;
use crate::mailbox::signin::secret::Secret;
use crate::output::safe;

/// Seconds between two questions, where the endpoint does not say; RFC 8628, section 3.2.
const INTERVAL: u64 = 5;
/// Added to them when the endpoint asks for it; section 3.5.
const SLOWER: u64 = 5;
/// No endpoint makes a person wait longer for what has been entered.
const MAX_INTERVAL: u64 = 60;
/// Seconds a code is waited for at most.
const MAX_TIME: u64 = 3600;
/// Questions in a row that may find no endpoint.
const MAX_FAILURES: u32 = 5;

#[derive(Deserialize)]
struct Codes {
    device_code: String,
    user_code: String,
    // Google's name for it is older than the standard.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: Option<u64>,
    interval: Option<u64>,
}

/// Gets a code, shows it, and asks until a person has entered it.
pub(super) fn sign_in(
    login: &mut Login<'_>,
    url: &Url,
    out: &mut dyn Write,
) -> anyhow::Result<Granted> {
    let form = login
        .client
        .sign(&[("scope", &login.scope)], login.secret.as_ref());
    let codes = match login.endpoint.post::<Codes>(url, &form)? {
        Answer::Granted(codes) => codes,
        Answer::Refused(refusal) => {
            let sent: Vec<&Secret> = login.secret.iter().collect();
            return Err(words::refused(&refusal, &sent, true).context(words::place(url)));
        }
    };
    ensure!(
        codes.verification_uri.starts_with("https://"),
        "the endpoint sends people to `{}`, expected https://",
        safe::text(&codes.verification_uri)
    );
    let time = codes.expires_in.unwrap_or(MAX_TIME).min(MAX_TIME);
    writeln!(
        out,
        "Open {} in any browser, sign in as {}, and enter the code\n\n    {}\n\nIt is good for {} minutes; this waits.",
        safe::text(&codes.verification_uri),
        safe::text(login.user),
        safe::text(&codes.user_code),
        time / 60,
    )?;
    out.flush()?;
    poll(login, &Secret::new(codes.device_code), codes.interval, time)
}

fn poll(
    login: &mut Login<'_>,
    device_code: &Secret,
    interval: Option<u64>,
    time: u64,
) -> anyhow::Result<Granted> {
    let mut interval = interval.unwrap_or(INTERVAL).clamp(1, MAX_INTERVAL);
    let (mut waited, mut failures) = (0, 0);
    while waited < time {
        (login.wait)(Duration::from_secs(interval));
        waited += interval;
        let answer = login.ask(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code.expose()),
        ]);
        match answer {
            Ok(Answer::Granted(granted)) => return Ok(granted),
            Ok(Answer::Refused(refusal)) => match refusal.error.as_str() {
                "authorization_pending" => failures = 0,
                "slow_down" => interval = (interval + SLOWER).min(MAX_INTERVAL),
                _ => return Err(login.refused(&refusal, device_code)),
            },
            Err(e) if failures >= MAX_FAILURES => return Err(e),
            Err(_) => {
                failures += 1;
                interval = (interval * 2).min(MAX_INTERVAL);
            }
        }
    }
    bail!("the code was not entered in time: begin again")
}
