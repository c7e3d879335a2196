//! `undeliverable explain`: one message in plain words.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use undeliverable::knowledge::{CategoryText, Knowledge};
use undeliverable::{
    AddressAction, AddressSource, Details, Evidence, Kind, Recipient, RecipientVerdict, Report,
};

use super::Outcome;
use crate::args::{EngineArgs, LimitArgs};
use crate::output::prose::{Page, quote};
use crate::output::wording;

/// The most recipients that are explained one by one.
const MAX_RECIPIENTS: usize = 50;

/// Evidence below this weight is covered by other words and decides nothing.
const LEAST_WEIGHT: f64 = 0.15;

/// Say in plain words what a message is, who failed and why, and what to do
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  undeliverable explain bounce.eml
  undeliverable explain - <bounce.eml")]
pub(crate) struct ExplainArgs {
    /// A file with one message; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Explains one message.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Outcome> {
    let engine = args.limits.apply(args.engine.builder()?).build()?;
    // One byte more shows the engine that there is more.
    let most = args.limits.max_bytes() as u64 + 1;
    let mut bytes = Vec::new();
    let name = args.file.to_string_lossy();
    if name == "-" {
        io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .context("stdin")?;
    } else {
        let file = File::open(&args.file).with_context(|| name.clone().into_owned())?;
        file.take(most)
            .read_to_end(&mut bytes)
            .with_context(|| name.into_owned())?;
    }
    let mut page = Page::default();
    message(engine.knowledge(), &engine.parse(&bytes), &mut page);
    let mut out = io::stdout().lock();
    page.write(&mut out)?;
    out.flush()?;
    Ok(Outcome::Done)
}

fn message(knowledge: &Knowledge, report: &Report, page: &mut Page) {
    page.heading(wording::kind(report.kind));
    page.gap();
    let item = |page: &mut Page, label: &str, text: Option<&str>| {
        if let Some(text) = text.filter(|t| !t.is_empty()) {
            page.item(0, label, text);
        }
    };
    item(page, "From", report.notice.from.as_deref());
    item(page, "Subject", report.notice.subject.as_deref());
    item(page, "Date", report.notice.date.as_deref());
    item(page, "Written by", report.dialect.as_deref());
    item(page, "Reported by", report.reporting_mta.as_deref());
    if let Some(original) = &report.original {
        item(
            page,
            "It is about",
            original
                .subject
                .as_deref()
                .or(original.message_id.as_deref()),
        );
        item(page, "sent by", original.from.as_deref());
        item(page, "sent at", original.date.as_deref());
    }
    item(page, "How we know", Some(how_we_know(report)));
    for r in report.recipients.iter().take(MAX_RECIPIENTS) {
        recipient(knowledge, r, page);
    }
    if let Some(more) = report
        .recipients
        .len()
        .checked_sub(MAX_RECIPIENTS)
        .filter(|m| *m > 0)
    {
        page.heading(&format!(
            "And {more} more recipients; `undeliverable scan` lists them all."
        ));
    }
    not_a_bounce(report, page);
    if !report.problems.is_empty() {
        page.heading("What was odd about the message");
        for problem in &report.problems {
            page.point(2, problem);
        }
    }
}

/// What the message shows that it is what it is.
fn how_we_know(report: &Report) -> &'static str {
    let source = report.recipients.iter().find_map(|r| r.address_from);
    match (report.kind, source) {
        (
            Kind::Bounce | Kind::Delay | Kind::Delivered,
            Some(AddressSource::FinalRecipient | AddressSource::OriginalRecipient),
        ) => "It carries a report for machines that names each recipient and what became of it.",
        (Kind::Bounce | Kind::Delay, Some(AddressSource::XFailedRecipients)) => {
            "Its header X-Failed-Recipients names who failed, and its words say why."
        }
        (Kind::Bounce | Kind::Delay, Some(AddressSource::Verp | AddressSource::Srs)) => {
            "Its words tell a failure; the address it was sent to names the recipient."
        }
        (Kind::Bounce | Kind::Delay, Some(AddressSource::ReturnedHeaders)) => {
            "Its words tell a failure; the header of the returned message names the recipient."
        }
        (Kind::Bounce | Kind::Delay, _) => "Its words tell a failure, as mail servers write it.",
        (Kind::Complaint | Kind::Report, _) if report.feedback.is_some() => {
            "It carries a feedback report for machines (RFC 5965) or comes from a known complaint service."
        }
        (Kind::Other, _) => {
            "Nothing in it says that a delivery failed, or what says so is quoted or forwarded."
        }
        _ => "Its header fields and its words say so.",
    }
}

fn recipient(knowledge: &Knowledge, r: &Recipient, page: &mut Page) {
    let address = r
        .final_recipient
        .as_deref()
        .unwrap_or("A recipient that the message does not name");
    let v = &r.verdict;
    let Some(category) = v.category else {
        let action = r.action.map_or("reported", |a| a.as_str());
        page.heading(&format!("{address}: {action}"));
        return;
    };
    let text = knowledge.category(category);
    let name = text.map_or(category.as_str(), |t| t.name.as_str());
    page.heading(&format!("{address}: {name}"));
    page.gap();
    if let Some(first) = &r.original_recipient {
        page.item(2, "Sent to", first);
    }
    if let Some(t) = text {
        page.item(2, "Meaning", &t.says);
    }
    let winner = v.evidence.iter().find(|e| e.says == category);
    let rule = winner.and_then(|e| knowledge.rule(&e.rule));
    if let Some(says) = rule.and_then(|r| r.says.as_deref()) {
        page.item(2, "Here", says);
    }
    if let Some(provider) = v.provider.as_deref() {
        let name = knowledge
            .providers()
            .iter()
            .find(|p| p.id == provider)
            .map_or(provider, |p| p.name.as_str());
        page.item(2, "Provider", name);
    }
    if let Some(words) = v
        .diagnostic_code
        .as_deref()
        .filter(|d| !d.trim().is_empty())
    {
        page.item(2, "The reply", &quote(words));
    }
    if let Some(host) = &r.remote_mta {
        page.item(2, "said by", host);
    }
    if let Some(fault) = v.fault {
        page.item(2, "Whose fault", wording::fault(fault));
    }
    if let (Some(t), Some(p)) = (v.bounce_type, v.permanence) {
        page.item(
            2,
            "Type",
            &format!("{}; {}", wording::bounce_type(t), wording::permanence(p)),
        );
    }
    why(knowledge, v, page);
    what_to_do(knowledge, v, page);
}

fn why(knowledge: &Knowledge, v: &RecipientVerdict, page: &mut Page) {
    let Some(category) = v.category else { return };
    let audible = v.evidence.iter().filter(|e| e.weight >= LEAST_WEIGHT);
    let (mut for_it, mut against): (Vec<&Evidence>, Vec<&Evidence>) =
        audible.partition(|e| e.says == category);
    for_it.truncate(4);
    against.truncate(4);
    page.gap();
    page.para(2, "Why we think so:");
    for e in &for_it {
        page.point(4, &evidence(knowledge, e));
    }
    if for_it.is_empty() {
        page.point(4, "Nothing in the message says more.");
    }
    if against.is_empty() {
        page.para(2, "Nothing speaks against it.");
    } else {
        page.para(2, "What speaks against it:");
        for e in &against {
            page.point(4, &evidence(knowledge, e));
        }
    }
    if let Some(c) = v.confidence {
        page.para(2, &format!("How sure: {} ({c:.2} of 1).", wording::sure(c)));
    }
}

/// One piece of evidence in words.
fn evidence(knowledge: &Knowledge, e: &Evidence) -> String {
    let category = knowledge
        .category(e.says)
        .map_or(e.says.as_str(), |t| t.name.as_str());
    let place = match &*e.from {
        "status" => "in the Status field",
        "text" => "in the words of the notice",
        _ => "in the reply",
    };
    let mut text = match e.rule.strip_prefix("code/") {
        Some(code) => {
            let name = knowledge.code(code).map_or("", |c| c.name.as_str());
            format!(
                "the code {} {place}, \"{name}\", mostly means: {category}",
                e.text
            )
        }
        None => format!("{} {place} means: {category}", quote(&e.text)),
    };
    text.push_str(&format!(" (rule {}, weight {:.2})", e.rule, e.weight));
    text
}

fn what_to_do(knowledge: &Knowledge, v: &RecipientVerdict, page: &mut Page) {
    let (Some(category), Some(action), Some(permanence)) =
        (v.category, v.address_action, v.permanence)
    else {
        return;
    };
    let text = knowledge.category(category);
    let winner = v.evidence.iter().find(|e| e.says == category);
    let rule = winner.and_then(|e| knowledge.rule(&e.rule));
    page.gap();
    // The advice of the category is for its usual case; a milder verdict has its own.
    let usual = |_: &&CategoryText| {
        action == category.address_action(category.own_permanence())
            || permanence == category.own_permanence()
    };
    let address = match text.filter(usual) {
        _ if action == AddressAction::None => {
            "Nothing yet: the server is still trying, and another message will say how it ends."
                .to_owned()
        }
        Some(t) => format!("{}: {}", action.as_str().replace('_', " "), t.address),
        None => wording::address_action(action).to_owned(),
    };
    page.item(2, "The address", &address);
    let mut sender = rule.and_then(|r| r.fix.clone()).unwrap_or_default();
    if let Some(t) = text.filter(|t| sender.trim() != t.sender) {
        sender.push(' ');
        sender.push_str(&t.sender);
    }
    page.item(2, "The sender", sender.trim());
    details(knowledge, &v.details, page);
    let status = v
        .status
        .as_deref()
        .and_then(undeliverable::knowledge::Enhanced::parse);
    if let Some(note) = status
        .and_then(|e| knowledge.enhanced_code(e))
        .and_then(|c| c.note.as_deref())
    {
        page.item(2, "The code", note);
    }
}

fn details(knowledge: &Knowledge, d: &Details, page: &mut Page) {
    if let Some(list) = d.blocklist.as_deref() {
        let known = knowledge.blocklist(list);
        let says = known.map(|b| format!("{}. {}", b.name, b.says));
        page.item(2, "Blocklist", says.as_deref().unwrap_or(list));
    }
    if let Some(url) = d.delist_url.as_deref() {
        page.item(2, "Removal", url);
    }
    if let Some(s) = d.retry_after {
        page.item(2, "Wait", &wording::seconds(s));
    }
    if let Some(bytes) = d.limit_bytes {
        page.item(2, "Limit", &format!("{bytes} bytes"));
    }
    if let Some(new) = d.new_address.as_deref() {
        page.item(
            2,
            "New address",
            &format!("{new} (never take it over without its owner's word)"),
        );
    }
    if let Some(code) = d.escalates_to.as_deref() {
        page.item(2, "If it stays", &format!("it becomes {code}"));
    }
    if d.expired == Some(true) {
        page.item(2, "Retries", "They ran out: this message is lost.");
    }
}

/// What the other kinds tell.
fn not_a_bounce(report: &Report, page: &mut Page) {
    if !report.signals.is.is_empty() || report.signals.new_address.is_some() {
        page.heading("What it tells");
        for s in &report.signals.is {
            page.point(2, wording::signal(*s));
        }
        if let Some(new) = report.signals.new_address.as_deref() {
            page.point(2, &format!("New address: {new}"));
        }
        if let Some(until) = report.signals.until.as_deref() {
            page.point(2, &format!("Until: {until}"));
        }
    }
    if let Some(f) = &report.feedback {
        page.heading("The report");
        page.gap();
        let lines = [
            ("Type", f.feedback_type.clone()),
            ("Recipient", some_of(&f.original_rcpt_to)),
            ("Sent from", f.source_ip.clone()),
            ("Domain", some_of(&f.reported_domain)),
        ];
        for (label, text) in lines {
            if let Some(text) = text {
                page.item(2, label, &text);
            }
        }
    }
    let advice = match report.kind {
        Kind::Complaint => {
            "Unsubscribe the recipient for good. Keep complaints below 1 in 1000 messages; from 3 in 1000 on the large providers refuse mail."
        }
        Kind::AutoReply => "Nothing failed. Never count it as a bounce.",
        Kind::Challenge => {
            "Nothing failed yet. Answer it only if you know the recipient and wrote to them yourself."
        }
        Kind::Receipt | Kind::Delivered => "Nothing to do.",
        Kind::Report => "Read it with a tool for such reports; no address is concerned.",
        Kind::Other => "No address failed here, so there is nothing to decide.",
        _ => return,
    };
    page.heading("What to do");
    page.para(2, advice);
}

fn some_of(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| {
        values
            .iter()
            .take(10)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    })
}
