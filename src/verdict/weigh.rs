//! Evidence is weighed, not first-match: every rule and code that speaks gets a weight, the heaviest category
//! wins, what lost stays visible and lowers the confidence.

use super::{ReadReply, Reply, details};
use crate::contract::{Details, Evidence, Verdict};
use crate::knowledge::{Enhanced, Hit, Knowledge, Rule};
use crate::knowledge::{Listed, Target};
use crate::words::{AddressAction, Category, Permanence};

/// Codes prove less than words where the world misuses them; see DESIGN section 5 and `docs/calibration.md`.
const ENHANCED_IN_TEXT: f64 = 0.80;
const STATUS_FIELD: f64 = 0.72;
const REPLY_CODE: f64 = 0.60;
/// A provider's rule where no provider was recognised.
const PROVIDER_UNKNOWN: f64 = 0.55;
/// What is left of the doubt in a provider's rule where the provider was recognised: its own meaning beats the general one.
const PROVIDER_DOUBT: f64 = 0.5;
/// What is left of words that longer words cover.
const COVERED: f64 = 0.2;
/// Words outside the innermost reply are somebody else's summary of it.
const OUTSIDE: f64 = 0.85;
/// A provider's code without words.
const CODE_ONLY: f64 = 0.85;
/// How much further evidence for the same category adds.
const AGREEMENT: f64 = 0.25;
/// The most hits that are weighed: each is held against each. Real replies have a few, a crafted one thousands.
const MAX_HITS: usize = 512;
/// A word that only hints at a cause weighs no more than this; it does not explain an expiry.
const WEAK: f64 = 0.5;
/// Naming a blocklist.
const BLOCKLIST: f64 = 0.86;

/// A reply read, and the facts around it.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub reply: ReadReply,
    pub raw: &'a str,
    /// Field the text came from, for the evidence.
    pub from: &'static str,
    pub status: Option<Enhanced>,
    pub provider: Option<usize>,
    /// Whether the caller named the provider, so that no sign in the text says otherwise.
    pub certain: bool,
    pub delayed: bool,
}

impl<'a> Case<'a> {
    pub fn new(knowledge: &Knowledge, reply: Reply<'a>) -> Self {
        let read = ReadReply::new(reply.text);
        let domain = reply.recipient.and_then(crate::address::domain);
        let named = reply
            .provider
            .and_then(|id| knowledge.providers().iter().position(|p| p.id == id));
        let provider = named
            .or_else(|| reply.remote_mta.and_then(|h| knowledge.provider_of_host(h)))
            .or_else(|| said_host(&read.text).and_then(|h| knowledge.provider_of_host(h)))
            .or_else(|| domain.and_then(|d| knowledge.provider_of_domain(d)));
        Case {
            raw: reply.text,
            status: reply.status.and_then(parse_status),
            reply: read,
            from: "diagnostic_code",
            provider,
            certain: named.is_some(),
            delayed: reply.delayed,
        }
    }
}

/// `5.1.1`, `5.1.1 (bad mailbox)`, `#5.1.1`.
pub(crate) fn parse_status(text: &str) -> Option<Enhanced> {
    let text = text.trim().trim_start_matches('#');
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    Enhanced::parse(text[..end].trim_end_matches('.'))
}

/// The host of "host mx.example.com[192.0.2.1] said:".
fn said_host(text: &str) -> Option<&str> {
    let at = text.find("host ")?;
    let word = text[at + 5..]
        .split([' ', '[', '(', ')', ',', ';'])
        .next()?;
    (word.contains('.') && text[at..].contains("said")).then_some(word)
}

/// One thing that speaks.
struct Voice<'k> {
    rule: Option<&'k Rule>,
    id: Id<'k>,
    says: Category,
    weight: f64,
    from: &'static str,
    said: Said<'k>,
    is_code: bool,
    /// A rule of the provider that was recognised, which no longer words cover.
    home: bool,
}

/// The id of a voice: what sort it is of, and its name. Most are thrown away, so that none is a string before the end.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Id<'k> {
    sort: &'static str,
    name: &'k str,
}

impl<'k> Id<'k> {
    fn bytes(self) -> impl Iterator<Item = u8> + 'k {
        self.sort.bytes().chain(self.name.bytes())
    }
}

/// What a voice goes by.
enum Said<'k> {
    /// A range of the reply's text.
    Words(usize, usize),
    /// The codes of a rule.
    Codes(&'k Rule),
    Enhanced(Enhanced),
    Reply(&'k str),
}

impl Said<'_> {
    /// How much text, and where it begins; codes have neither.
    fn place(&self) -> (usize, usize) {
        match self {
            Said::Words(start, end) => (end - start, *start),
            _ => (0, 0),
        }
    }

    fn text(&self, reply: &str) -> String {
        match self {
            Said::Words(start, end) => reply[*start..*end].to_owned(),
            Said::Codes(rule) => rule.codes.join(", "),
            Said::Enhanced(code) => code.to_string(),
            Said::Reply(code) => (*code).to_owned(),
        }
    }
}

/// The verdict on a case. A pure function of the case and the knowledge.
pub(crate) fn judge(knowledge: &Knowledge, case: &Case<'_>) -> Verdict {
    let reply = &case.reply;
    let mut rules: Vec<(&Rule, Hit)> = Vec::new();
    let mut lists: Vec<(usize, Hit)> = Vec::new();
    let mut provider = None;
    let mut named_by_tag = None;
    let all_codes = reply.enhanced_codes();
    let codes_with_status: Vec<Enhanced> = all_codes.iter().copied().chain(case.status).collect();
    knowledge.find_in_reply(&reply.text, |target, hit| match target {
        Target::Rule(_) | Target::Blocklist(_) if rules.len() + lists.len() == MAX_HITS => {}
        Target::Rule(i) => {
            let rule = &knowledge.rules()[i];
            let fits = rule.code_patterns.is_empty()
                || rule
                    .code_patterns
                    .iter()
                    .any(|p| p.fits(reply.code, &codes_with_status));
            if fits {
                if rule.alone && named_by_tag.is_none() {
                    named_by_tag = rule.provider;
                }
                rules.push((rule, hit));
            }
        }
        Target::Token(i) => provider = provider.or(Some(i)),
        Target::Blocklist(i) => lists.push((i, hit)),
    });
    let provider = case
        .provider
        .filter(|_| case.certain)
        .or(provider)
        .or(case.provider)
        .or(named_by_tag);

    let mut voices: Vec<Voice<'_>> = Vec::new();
    let hits: Vec<Hit> = rules.iter().map(|r| r.1).collect();
    let mut expired = false;
    let mut stated: Option<Permanence> = None;
    // How surely the provider itself is known to mean nothing by these words.
    let mut shrug: f64 = 0.0;
    for (rule, hit) in &rules {
        let mut weight = rule.weight;
        let at_home = rule.provider.is_some() && rule.provider == provider;
        if at_home {
            weight = 1.0 - (1.0 - weight) * PROVIDER_DOUBT;
        } else if rule.provider.is_some() && !rule.alone {
            match provider {
                Some(_) => continue,
                None => weight *= PROVIDER_UNKNOWN,
            }
        }
        // The longer words count, and of the same words those of the provider itself.
        let covered = rules.iter().any(|(r, h)| match r.provider {
            Some(p) if provider == Some(p) => h.covers(hit) || !at_home && h.holds(hit),
            Some(_) if !r.alone => false,
            _ => !at_home && h.covers(hit),
        }) || !at_home && lists.iter().any(|(_, h)| h.covers(hit));
        if covered {
            weight *= COVERED;
        }
        if rule.category == Category::Expired {
            expired = true;
        }
        if rule.category == Category::Unknown {
            // Such rules only say whether it lasts.
            stated = stated.or(rule.permanence);
            if at_home {
                shrug = shrug.max(weight);
            }
            continue;
        }
        if hit.end <= reply.inner && rule.provider.is_none() {
            weight *= OUTSIDE;
        }
        voices.push(Voice {
            rule: Some(rule),
            id: Id {
                sort: "",
                name: &rule.id,
            },
            says: rule.category,
            weight,
            from: case.from,
            said: Said::Words(hit.start, hit.end),
            is_code: false,
            home: at_home && !covered,
        });
    }
    for (i, hit) in &lists {
        let list = &knowledge.blocklists()[*i];
        let covered = hits
            .iter()
            .chain(lists.iter().map(|l| &l.1))
            .any(|h| h.covers(hit));
        voices.push(Voice {
            rule: None,
            id: Id {
                sort: "blocklist/",
                name: &list.id,
            },
            says: list.category(),
            weight: if covered {
                BLOCKLIST * COVERED
            } else {
                BLOCKLIST
            },
            from: case.from,
            said: Said::Words(hit.start, hit.end),
            is_code: false,
            home: false,
        });
    }
    if let Some(p) = provider {
        for &i in knowledge.code_rules(p) {
            let rule = &knowledge.rules()[i];
            let codes = if all_codes.is_empty() {
                &codes_with_status[..]
            } else {
                &all_codes[..]
            };
            if rule.code_patterns.iter().any(|c| c.fits(reply.code, codes)) {
                voices.push(Voice {
                    rule: Some(rule),
                    id: Id {
                        sort: "",
                        name: &rule.id,
                    },
                    says: rule.category,
                    weight: rule.weight * CODE_ONLY,
                    from: case.from,
                    said: Said::Codes(rule),
                    is_code: true,
                    home: true,
                });
            }
        }
    }
    code_voices(knowledge, case, &mut voices);
    for v in voices.iter_mut().filter(|v| v.weight < shrug) {
        v.weight *= COVERED;
    }
    // Lists of domains are spoken of in the words that are used for hosts.
    let about = |what| {
        lists.iter().any(|(i, h)| {
            knowledge.blocklists()[*i].lists == what && !lists.iter().any(|(_, o)| o.covers(h))
        })
    };
    if about(Listed::Domain) && !about(Listed::Ip) {
        for v in voices
            .iter_mut()
            .filter(|v| v.says == Category::IpBlocklisted && !v.home)
        {
            v.weight *= COVERED;
        }
    }
    // Who answers MAIL has not heard of any recipient yet.
    if details::refused_at_mail(&reply.text) {
        use Category::{
            AddressInvalid, DomainNotAccepting, DomainUnknown, SenderInvalid, UserUnknown,
        };
        for v in voices.iter_mut().filter(|v| !v.home) {
            if matches!(
                v.says,
                UserUnknown | AddressInvalid | DomainUnknown | DomainNotAccepting
            ) {
                v.says = SenderInvalid;
            }
        }
    }
    home_first(&mut voices);
    // The same rule said twice says no more than once.
    voices.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then(b.home.cmp(&a.home))
            .then(a.is_code.cmp(&b.is_code))
            .then_with(|| a.id.bytes().cmp(b.id.bytes()))
            // Of one rule's words the longest are kept, the first of these.
            .then_with(|| {
                let ((a_len, a_at), (b_len, b_at)) = (a.said.place(), b.said.place());
                b_len.cmp(&a_len).then(a_at.cmp(&b_at))
            })
    });
    let mut once: Vec<Voice<'_>> = Vec::with_capacity(voices.len());
    for v in voices {
        if once.iter().all(|o| o.id != v.id) {
            once.push(v);
        }
    }
    let voices = once;

    let (winner, confidence, expired_only) = weigh(&voices, expired);
    let category = winner;
    let mut details = Details::default();
    for v in voices.iter().filter(|v| v.says == category && !v.is_code) {
        if let Some(rule) = v.rule {
            rule.details.fill(&mut details);
        }
    }
    name_blocklist(knowledge, category, &lists, &mut details);
    details::fill(&mut details, category, &reply.text, case.raw);
    if provider.is_some() && details.provider_code.is_none() {
        details.provider_code = details::provider_code(case.raw);
    }
    details.replies = reply.outer.iter().map(u16::to_string).collect();
    if expired && !expired_only {
        details.expired = Some(true);
    }
    let top_rule = voices
        .iter()
        .find(|v| v.says == category)
        .and_then(|v| v.rule);
    let permanence = permanence(case, category, top_rule, stated, expired);
    if permanence == Permanence::Permanent {
        // It has come to that already.
        details.escalates_to = None;
    }
    if category == Category::Unknown {
        details.ambiguous = Some(true);
    }
    let status = match (case.status, reply.best) {
        (Some(s), _) if !s.says_nothing() => Some(s),
        (s, inline) => inline.filter(|i| !i.says_nothing()).or(s).or(inline),
    };
    let address_action = match case.delayed {
        true => AddressAction::None,
        false => category.address_action(permanence),
    };
    let sender_action = top_rule
        .and_then(|r| r.sender_action)
        .unwrap_or_else(|| category.sender_action());
    Verdict {
        status: status.map(|s| s.to_string()),
        reply_code: reply.code.map(|c| c.to_string()),
        diagnostic_code: (!case.raw.trim().is_empty()).then(|| case.raw.to_owned()),
        provider: provider.map(|p| knowledge.providers()[p].id.clone()),
        category,
        fault: category.fault(),
        permanence,
        bounce_type: category.bounce_type(permanence),
        address_action,
        sender_action,
        confidence: (super::confidence::of_score(confidence) * 100.0).round() / 100.0,
        details,
        evidence: voices
            .into_iter()
            .take(12)
            .map(|v| Evidence {
                rule: format!("{}{}", v.id.sort, v.id.name),
                says: v.says,
                weight: (v.weight * 1000.0).round() / 1000.0,
                from: v.from.to_owned(),
                text: v.said.text(&reply.text),
            })
            .collect(),
    }
}

/// Where a general voice agrees with a rule of the recognised provider, the provider's is not the weaker one: its details
/// and its permanence are the better ones. A provider's words come before its codes.
fn home_first(voices: &mut [Voice<'_>]) {
    for codes in [true, false] {
        for i in 0..voices.len() {
            if voices[i].home && voices[i].is_code == codes {
                let others = voices
                    .iter()
                    .filter(|v| v.says == voices[i].says && (!v.home || v.is_code && !codes));
                voices[i].weight = others.map(|v| v.weight).fold(voices[i].weight, f64::max);
            }
        }
    }
}

/// What the codes say by the tables.
fn code_voices<'k>(knowledge: &'k Knowledge, case: &Case<'_>, voices: &mut Vec<Voice<'k>>) {
    let mut enhanced = |e: Enhanced, factor: f64, from: &'static str| {
        if let Some(code) = knowledge.enhanced_code(e)
            && let Some(says) = code.category
            && !e.says_nothing()
        {
            voices.push(Voice {
                rule: None,
                id: Id {
                    sort: "code/",
                    name: &code.code,
                },
                says,
                weight: code.weight * factor,
                from,
                said: Said::Enhanced(e),
                is_code: true,
                home: false,
            });
        }
    };
    if let Some(e) = case.reply.best {
        enhanced(e, ENHANCED_IN_TEXT, case.from);
    }
    if let Some(s) = case.status
        && case.reply.best.is_none_or(|b| b.says_nothing() || b == s)
    {
        enhanced(s, STATUS_FIELD, "status");
    }
    // The code beside x.4.7 is that of whoever gave up.
    if case.reply.best.is_some_and(Enhanced::is_expiry) && case.reply.outer.is_empty() {
        return;
    }
    let Some(code) = case.reply.code.and_then(|c| knowledge.reply_code(c)) else {
        return;
    };
    if let Some(folk) = code.reads_as.as_deref().and_then(Enhanced::parse)
        && case.reply.best.is_none()
    {
        enhanced(folk, REPLY_CODE, case.from);
    } else if let Some(says) = code.category {
        voices.push(Voice {
            rule: None,
            id: Id {
                sort: "code/",
                name: &code.code,
            },
            says,
            weight: code.weight * REPLY_CODE,
            from: case.from,
            said: Said::Reply(&code.code),
            is_code: true,
            home: false,
        });
    }
}

/// The winning category, how sure, and whether it is a bare expiry.
fn weigh(voices: &[Voice<'_>], expired: bool) -> (Category, f64, bool) {
    let mut scores: Vec<(Category, f64)> = Vec::new();
    for v in voices {
        match scores.iter_mut().find(|(c, _)| *c == v.says) {
            // Sorted by weight: the first is the heaviest, the others only add.
            Some((_, s)) => *s = 1.0 - (1.0 - *s) * (1.0 - AGREEMENT * v.weight),
            None => scores.push((v.says, v.weight)),
        }
    }
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    // When the last real error is known, that is the category and not the giving up.
    if expired
        && scores.first().is_some_and(|s| s.0 == Category::Expired)
        && let Some(real) = scores
            .iter()
            .position(|s| s.0 != Category::Expired && s.1 > WEAK)
    {
        scores.remove(0);
        scores.swap(0, real - 1);
    }
    let Some(&(category, score)) = scores.first().filter(|s| s.1 >= 0.2) else {
        return (Category::Unknown, 0.2, false);
    };
    let against = scores
        .iter()
        .skip(1)
        .filter(|s| s.0 != Category::Expired)
        .map(|s| {
            if s.0.fault() == category.fault() {
                0.25 * s.1
            } else {
                0.45 * s.1
            }
        })
        .fold(0.0, f64::max);
    (
        category,
        (score * (1.0 - against)).clamp(0.05, 0.99),
        category == Category::Expired,
    )
}

fn permanence(
    case: &Case<'_>,
    category: Category,
    rule: Option<&Rule>,
    stated: Option<Permanence>,
    expired: bool,
) -> Permanence {
    if let Some(p) = rule.and_then(|r| r.permanence) {
        return p;
    }
    let reply = &case.reply;
    let of_class = |class: u16| match class {
        4 => Some(Permanence::Temporary),
        5 => Some(Permanence::Permanent),
        _ => None,
    };
    // Where reply code and enhanced code disagree the enhanced one was written with more care.
    let inline = reply
        .best
        .and_then(|e| of_class(u16::from(e.class)))
        .or_else(|| reply.code.and_then(|c| of_class(c / 100)));
    if let Some(p) = inline {
        return p;
    }
    if expired || category == Category::Expired {
        return Permanence::Temporary;
    }
    if let Some(p) = stated {
        return p;
    }
    // x.0.0 in a Status field is what software writes that knows nothing.
    if let Some(s) = case
        .status
        .filter(|s| !s.says_nothing())
        .and_then(|s| of_class(s.class.into()))
    {
        return s;
    }
    match category.own_permanence() {
        Permanence::Unknown => case
            .status
            .and_then(|s| of_class(s.class.into()))
            .unwrap_or(Permanence::Unknown),
        own => own,
    }
}

fn name_blocklist(
    knowledge: &Knowledge,
    category: Category,
    lists: &[(usize, Hit)],
    details: &mut Details,
) {
    let wanted = match category {
        Category::IpBlocklisted => Listed::Ip,
        Category::DomainBlocklisted => Listed::Domain,
        _ => return,
    };
    let longest = lists
        .iter()
        .filter(|(i, _)| knowledge.blocklists()[*i].lists == wanted)
        .max_by_key(|(_, h)| h.weight)
        .map(|(i, _)| &knowledge.blocklists()[*i]);
    if let (None, Some(list)) = (&details.blocklist, longest) {
        details.blocklist = Some(list.id.clone());
    }
    if details.delist_url.is_none() {
        details.delist_url = details
            .blocklist
            .as_deref()
            .and_then(|id| knowledge.blocklist(id))
            .and_then(|l| l.delist.clone());
    }
}
