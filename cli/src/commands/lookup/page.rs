//! What was found, for a person.

use std::collections::BTreeMap;

use undeliverable::knowledge::Knowledge;
use undeliverable::{Category, SenderAction};

use super::answer::{
    BlocklistAnswer, CategoryAnswer, CodeAnswer, Follows, Found, Meaning, ProviderAnswer,
    RuleAnswer,
};
use crate::output::prose::Page;
use crate::output::wording;

/// The answers for a person.
pub(super) fn of(knowledge: &Knowledge, found: &[Found<'_>]) -> Page {
    let mut page = Page::default();
    let mut told: Vec<&str> = Vec::new();
    for answer in found {
        match answer {
            Found::Code(a) => code_page(knowledge, a, &mut page, &mut told),
            Found::Category(a) => category_page(a, &mut page),
            Found::Provider(a) => provider_page(a, &mut page),
            Found::Blocklist(a) => blocklist_page(a, &mut page),
            Found::Rule(a) => rule_page(knowledge, a, &mut page),
        }
    }
    page
}

fn optional(page: &mut Page, label: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|t| !t.is_empty()) {
        page.item(2, label, text);
    }
}

fn verdict_lines(m: &Meaning, page: &mut Page) {
    page.item(
        2,
        "Category",
        &format!("{}, fault: {}", m.category, m.fault),
    );
    let line = |f: &Follows| {
        format!(
            "{}; address: {}",
            f.bounce_type,
            f.address_action.replace('_', " ")
        )
    };
    match m.permanence {
        Some("permanent") => page.item(2, "Permanent", &line(&m.permanent)),
        Some("temporary") => page.item(2, "Temporary", &line(&m.temporary)),
        _ => {
            page.item(2, "With a 5xx", &line(&m.permanent));
            page.item(2, "With a 4xx", &line(&m.temporary));
        }
    }
    let action = SenderAction::from_word(m.sender_action).map_or("", wording::sender_action);
    page.item(2, "Sender", action);
}

fn code_page<'k>(
    knowledge: &'k Knowledge,
    a: &CodeAnswer<'k>,
    page: &mut Page,
    told: &mut Vec<&'k str>,
) {
    page.heading(&format!("{} in general: {}", a.code, a.name));
    page.para(2, a.says);
    if a.entry != a.code && a.entry.ends_with(".0") && !a.code.ends_with(".0") {
        page.para(2, "This detail is not registered; what stands here is what its subject means (RFC 3463 section 2).");
    }
    if let Some(folk) = a.reads_as {
        page.para(
            2,
            &format!("No reply code of RFC 5321: people write it for the enhanced code {folk}."),
        );
    }
    optional(page, "Beware", a.note);
    let Some(m) = &a.meaning else {
        page.item(
            2,
            "Verdict",
            "the code alone says nothing; the words of the reply decide",
        );
        optional(page, "To do", a.fix);
        optional(page, "Known from", a.source);
        return;
    };
    verdict_lines(m, page);
    optional(page, "To do", a.fix);
    let text = Category::from_word(m.category).and_then(|c| knowledge.category(c));
    if let Some(text) = text.filter(|_| !told.contains(&m.category)) {
        told.push(m.category);
        labels(&text.esp, page);
    }
    optional(page, "Known from", a.source);
}

fn category_page(a: &CategoryAnswer<'_>, page: &mut Page) {
    page.heading(&format!("{} ({})", a.name, a.meaning.category));
    page.para(2, a.says);
    verdict_lines(&a.meaning, page);
    page.item(2, "Address", a.address);
    page.item(2, "To do", a.sender);
    labels(a.esp, page);
}

fn labels(esp: &BTreeMap<String, String>, page: &mut Page) {
    let labels: Vec<String> = esp
        .iter()
        .map(|(service, label)| format!("{service}: {label}"))
        .collect();
    if !labels.is_empty() {
        page.item(2, "Others say", &labels.join("; "));
    }
}

fn provider_page(a: &ProviderAnswer<'_>, page: &mut Page) {
    page.heading(&format!("{} ({})", a.name, a.id));
    if !a.notes.is_empty() {
        page.para(2, a.notes);
    }
    optional(page, "Hosts", Some(&a.hosts.join(", ")));
    optional(page, "Domains", Some(&a.domains.join(", ")));
    optional(page, "Known from", Some(&a.sources.join("\n")));
}

fn blocklist_page(a: &BlocklistAnswer<'_>, page: &mut Page) {
    page.heading(&format!("{} ({})", a.name, a.id));
    page.para(2, a.says);
    page.item(
        2,
        "Lists",
        if a.lists == "ip" {
            "IP addresses"
        } else {
            "domains and links"
        },
    );
    optional(page, "Removal", a.delist);
    page.item(2, "In replies", &a.text.join(", "));
    optional(page, "Known from", a.source);
}

fn rule_page(knowledge: &Knowledge, a: &RuleAnswer<'_>, page: &mut Page) {
    let name = a
        .provider
        .and_then(|id| knowledge.provider(id))
        .map_or("", |p| p.name.as_str());
    let tag = a
        .details
        .provider_code
        .as_deref()
        .map(|t| format!(" {t}"))
        .unwrap_or_default();
    let place = match (a.provider.is_some(), a.codes) {
        (true, []) => format!("At {name}{tag}"),
        (true, codes) => format!("At {name}{tag}: {}", codes.join(", ")),
        (false, _) => "In replies".to_owned(),
    };
    page.heading(&place);
    if let Some(says) = a.says {
        page.para(2, says);
    }
    if !a.text.is_empty() {
        let quoted: Vec<String> = a.text.iter().take(8).map(|t| format!("\"{t}\"")).collect();
        let more = if a.text.len() > 8 { " ..." } else { "" };
        page.item(2, "Words", &format!("{}{more}", quoted.join(", ")));
    }
    verdict_lines(&a.meaning, page);
    optional(page, "To do", a.fix);
    if let Some(s) = a.details.retry_after {
        page.item(2, "Wait", &wording::seconds(s));
    }
    optional(page, "Removal", a.details.delist_url.as_deref());
    let checked = a
        .checked
        .map(|c| format!(" (read {c})"))
        .unwrap_or_default();
    match a.source {
        Some(source) => page.item(2, "Known from", &format!("{source}{checked}")),
        None => page.item(2, "Known from", "no public source"),
    }
    page.item(2, "Rule", &format!("{}, since version {}", a.id, a.since));
}
