//! `suppressions history` and `why`: what is known about one address, as rows and as a story.

use std::io::{self, Write};

use clap::Args;
use undeliverable::policy::{ActKind, Decision, Event, Standing};
use undeliverable::{Kind, SenderAction, Trust};

use crate::args::FormatArgs;
use crate::clock;
use crate::commands::{Outcome, incidents};
use crate::ledger::args::LedgerArgs;
use crate::output::rows::Rows;
use crate::output::safe;

/// List every event, act and decision about an address or an @domain
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// The address
    #[arg(value_name = "ADDRESS", required = true)]
    address: String,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Tell the whole story of one address in plain words
#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    /// The address
    #[arg(value_name = "ADDRESS", required = true)]
    address: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

pub(crate) fn history(args: &HistoryArgs) -> anyhow::Result<Outcome> {
    let mut ledger = incidents::open(&args.ledger)?;
    let key = ledger.key(&args.address);
    let h = ledger.history(&key)?;
    let mut rows_of: Vec<(i64, u8, Vec<serde_json::Value>)> = Vec::new();
    for e in &h.events {
        let what = e.category.map_or(e.kind.as_str(), |c| c.as_str());
        let cells = vec![
            clock::text(e.at).into(),
            "event".into(),
            what.into(),
            e.event_id.clone().into(),
            e.trust.as_str().into(),
            e.rule.clone().into(),
            e.text.clone().or_else(|| e.source.clone()).into(),
        ];
        rows_of.push((e.at, 0, cells));
    }
    for d in ledger.decisions(&key)? {
        let o = d.outcome;
        let cells = vec![
            clock::text(o.since).into(),
            "decision".into(),
            o.standing.as_str().into(),
            o.because.join(" ").into(),
            d.policy.into(),
            o.rule.into(),
            o.until
                .map_or(o.why.clone(), |u| {
                    format!("{}; until {}", o.why, clock::text(u))
                })
                .into(),
        ];
        rows_of.push((o.since, 1, cells));
    }
    for a in &h.acts {
        let cells = vec![
            clock::text(a.at).into(),
            "act".into(),
            a.kind.as_str().into(),
            a.id.clone().into(),
            a.who.clone().into(),
            "by-hand".into(),
            a.why.clone().into(),
        ];
        rows_of.push((a.at, 2, cells));
    }
    rows_of.sort_by_key(|r| (r.0, r.1));
    let rows = Rows::new(
        args.format.pick(),
        &[
            ("at", 20),
            ("row", 8),
            ("what", 18),
            ("id", 16),
            ("by", 20),
            ("rule", 22),
            ("text", 0),
        ],
    );
    let mut out = io::BufWriter::new(io::stdout().lock());
    rows.head(&mut out)?;
    for (_, _, cells) in rows_of {
        rows.row(&mut out, cells)?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

pub(crate) fn why(args: &WhyArgs) -> anyhow::Result<Outcome> {
    let mut ledger = incidents::open(&args.ledger)?;
    let now = clock::now();
    let key = ledger.key(&args.address);
    let (own, domain) = ledger.states_of(&args.address)?;
    let h = ledger.history(&key)?;
    let mut t = String::new();
    let line = |t: &mut String, words: &str| {
        t.push_str(&safe::text(words));
        t.push('\n');
    };
    let of_domain = domain
        .as_ref()
        .map(|d| d.at(now))
        .filter(|d| d.standing != Standing::Clear);
    let decision = own.as_ref().map(|s| s.at(now));
    match (&decision, &of_domain) {
        (None, None) if h.events.is_empty() && h.acts.is_empty() => line(
            &mut t,
            &format!("Nothing is known about {}. It may be mailed.", args.address),
        ),
        (_, Some(d)) if decision.as_ref().is_none_or(|o| o.standing < d.standing) => {
            line(&mut t, &format!("{}: {}", args.address, verdict(d)));
            line(&mut t, "That is for the whole domain.");
        }
        (Some(d), _) => line(&mut t, &format!("{}: {}", args.address, verdict(d))),
        (None, _) => line(&mut t, &format!("{} may be mailed.", args.address)),
    }
    if let Some(d) = decision
        .as_ref()
        .or(of_domain.as_ref())
        .filter(|d| d.standing != Standing::Clear)
    {
        if let Some(advice) = advice(d.sender_action) {
            line(&mut t, &format!("Before mail can go again: {advice}."));
        }
        if d.warning.is_some() {
            line(
                &mut t,
                "This provider puts us off again and again: look at our reputation there.",
            );
        }
        match d.standing {
            Standing::Suppress | Standing::SuppressDomain | Standing::Hold => line(
                &mut t,
                &format!(
                    "To undo it: undeliverable suppressions release {}",
                    args.address
                ),
            ),
            Standing::Verify => line(
                &mut t,
                "No message was ever known to arrive there: verify the address before the next.",
            ),
            _ => {}
        }
    }
    let (incidents, settlements) = ledger.incidents()?;
    let mut told: Vec<(i64, u8, String)> = h.events.iter().map(|e| (e.at, 0, tell(e))).collect();
    for e in h.events.iter().filter(|e| e.kind == Kind::Bounce) {
        let Some(i) = incidents.iter().find(|i| {
            Some(&i.provider) == e.provider.as_ref() && (i.from..i.until).contains(&e.at)
        }) else {
            continue;
        };
        let said = settlements
            .iter()
            .filter(|s| s.provider == i.provider && (s.from..s.until).contains(&e.at))
            .max_by_key(|s| s.at);
        let words = match said.map(|s| s.confirmed) {
            None => format!(
                "  That was during an incident at {}: it proves nothing for good.",
                i.provider
            ),
            Some(true) => format!(
                "  That was during an incident at {}, which was confirmed as real.",
                i.provider
            ),
            Some(false) => format!(
                "  That was during an incident at {}, which was released: it counts for nothing.",
                i.provider
            ),
        };
        told.push((e.at, 1, words));
    }
    for d in ledger.decisions(&key)? {
        let o = &d.outcome;
        let until = o
            .until
            .map_or_else(String::new, |u| format!(" until {}", clock::text(u)));
        told.push((
            o.since,
            2,
            format!(
                "  Decided: {}{until}, by rule `{}` of {}: {}.",
                o.standing, o.rule, d.policy, o.why
            ),
        ));
    }
    for a in &h.acts {
        let what = match a.kind {
            ActKind::Suppress => "put it on the list",
            ActKind::Release => "released it",
            _ => "recorded a proof of life",
        };
        let why = if a.why.is_empty() {
            String::new()
        } else {
            format!(": {}", a.why)
        };
        told.push((
            a.at,
            3,
            format!("{}  {} {what}{why}.", clock::text(a.at), a.who),
        ));
    }
    told.sort();
    if !told.is_empty() {
        t.push('\n');
    }
    for (_, _, words) in told {
        line(&mut t, &words);
    }
    io::stdout().lock().write_all(t.as_bytes())?;
    Ok(Outcome::Done)
}

fn verdict(d: &Decision) -> String {
    let why = d
        .why
        .as_deref()
        .map_or_else(String::new, |w| format!(", because {w}"));
    let until = d
        .until
        .map_or_else(String::new, |u| format!(" until {}", clock::text(u)));
    match d.standing {
        Standing::Clear => "it may be mailed.".to_owned(),
        Standing::Retry => format!("wait{until}, then it may be mailed again{why}."),
        Standing::Review => format!("it may be mailed, but somebody should look{why}."),
        Standing::Verify => format!("verify it before mailing it again{why}."),
        Standing::Hold => format!("held{until}{why}."),
        Standing::Suppress | Standing::SuppressDomain if d.provisional => format!(
            "suppressed{until}, for now{why}. It becomes final only if a later send confirms it."
        ),
        _ => format!("suppressed for good{why}."),
    }
}

fn advice(action: SenderAction) -> Option<&'static str> {
    Some(match action {
        SenderAction::SlowDown => "send more slowly",
        SenderAction::SplitRecipients => "put fewer recipients into one message",
        SenderAction::FixAuthentication => "fix SPF, DKIM or DMARC",
        SenderAction::FixDns => "fix PTR, HELO or other DNS records",
        SenderAction::FixConfiguration => "fix the configuration of the sending software",
        SenderAction::FixContent => "change the message",
        SenderAction::Delist => "ask the blocklist for removal, after fixing the cause",
        SenderAction::ContactReceiver => "ask the receiving side",
        SenderAction::UpdateAddress => "use the new address",
        _ => return None,
    })
}

fn tell(e: &Event) -> String {
    let what = match e.kind {
        Kind::Bounce => format!(
            "a message failed: {}",
            e.category.map_or("unknown", |c| c.as_str())
        ),
        Kind::Delay => "a message was delayed; its server still tried".to_owned(),
        Kind::Delivered => "a message arrived: proof of life".to_owned(),
        Kind::Receipt => "a message was displayed: proof of life".to_owned(),
        Kind::Complaint => format!(
            "the recipient complained ({})",
            e.feedback.as_deref().unwrap_or("no type")
        ),
        Kind::AutoReply => {
            let signals: Vec<&str> = e.signals.iter().map(|s| s.as_str()).collect();
            format!(
                "an automatic answer came ({})",
                if signals.is_empty() {
                    "no signal".to_owned()
                } else {
                    signals.join(", ")
                }
            )
        }
        _ => "somebody answered: proof of life".to_owned(),
    };
    let trust = match e.trust {
        Trust::Verified => ", proved by a token of ours",
        Trust::Matched => ", matched by the sent log",
        Trust::Suspicious => ", but the report cannot be true and counts for nothing",
        _ if e.proof_in_use => ", though nothing proves the report",
        _ => "",
    };
    let text = e
        .text
        .as_deref()
        .map_or_else(String::new, |t| format!("\n    {t}"));
    let moved = e.new_address.as_deref().map_or_else(String::new, |a| {
        format!("\n    it names a new address: {a}")
    });
    format!("{}  {what}{trust}.{text}{moved}", clock::text(e.at))
}
