//! Everything that speaks about a reply: words of rules, blocklists that are named, codes. Each voice gets a weight.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Case;
use crate::knowledge::{Blocklist, Code, Enhanced, Hit, Knowledge, Listed, Rule, Target, written};
use crate::verdict::details::Asides;
use crate::words::{Category, Permanence};

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
/// More than most replies have of voices and of hits, and less than a kilobyte of them: what is larger takes the allocator
/// far longer.
const USUAL: usize = 12;
const _: () =
    assert!(size_of::<Voice<'_>>() * USUAL < 1024 && size_of::<(&Rule, Hit)>() * USUAL < 1024);
/// The most hits that are weighed: each is held against each. Real replies have a few, a crafted one thousands.
const MAX_HITS: usize = 512;
/// Naming a blocklist.
const BLOCKLIST: f64 = 0.86;

/// One thing that speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice<'k> {
    pub speaker: Speaker<'k>,
    pub says: Category,
    pub weight: f64,
    pub from: &'static str,
    pub said: Said,
    /// A rule of the provider that was recognised, which no longer words cover.
    pub home: bool,
}

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaker<'k> {
    Rule(&'k Rule),
    List(&'k Blocklist),
    Code(&'k Code),
}

/// What a voice goes by. Small, since voices are sorted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    /// A range of the reply's text.
    Words {
        start: u32,
        len: u32,
    },
    /// The codes of the rule that speaks.
    Codes,
    Enhanced(Enhanced),
    /// The reply code that speaks.
    Reply,
}

/// What was heard of one reply.
#[derive(Debug, Default)]
pub(crate) struct Heard<'k> {
    /// The heaviest first, each speaker once.
    pub voices: Vec<Voice<'k>>,
    /// The provider that answered.
    pub provider: Option<usize>,
    /// Blocklists that are named.
    pub lists: Vec<(&'k Blocklist, Hit)>,
    /// Whether it says that retries ran out.
    pub expired: bool,
    /// How long it lasts, by words that say nothing else.
    pub stated: Option<Permanence>,
    /// What it says beside that.
    pub asides: Asides<'k>,
}

impl<'k> Speaker<'k> {
    /// The rule, if it is one.
    pub fn rule(self) -> Option<&'k Rule> {
        match self {
            Speaker::Rule(rule) => Some(rule),
            _ => None,
        }
    }

    /// The id, as evidence names it.
    pub fn id(self) -> &'k Cow<'static, str> {
        match self {
            Speaker::Rule(rule) => &rule.id,
            Speaker::List(list) => &list.spoken,
            Speaker::Code(code) => &code.spoken,
        }
    }

    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Speaker::Rule(a), Speaker::Rule(b)) => std::ptr::eq(a, b),
            (Speaker::List(a), Speaker::List(b)) => std::ptr::eq(a, b),
            (Speaker::Code(a), Speaker::Code(b)) => std::ptr::eq(a, b),
            _ => false,
        }
    }
}

impl Said {
    fn words(hit: &Hit) -> Self {
        Said::Words {
            start: hit.start as u32,
            len: (hit.end - hit.start) as u32,
        }
    }

    /// How much text, and where it begins; codes have neither.
    fn place(self) -> (u32, u32) {
        match self {
            Said::Words { start, len } => (len, start),
            _ => (0, 0),
        }
    }
}

impl Voice<'_> {
    /// Whether codes speak and no words.
    pub fn is_code(&self) -> bool {
        !matches!(self.said, Said::Words { .. })
    }

    /// The words or codes, as the evidence quotes them.
    pub fn quote(&self, reply: &str) -> Cow<'static, str> {
        match (self.said, self.speaker) {
            (Said::Words { start, len }, _) => {
                let start = start as usize;
                reply[start..start + len as usize].to_owned().into()
            }
            (Said::Enhanced(code), _) => written::enhanced(code),
            (Said::Codes, Speaker::Rule(rule)) => rule.codes.join(", ").into(),
            (Said::Reply, Speaker::Code(code)) => code.code.clone(),
            // Only rules have codes of their own, and only codes of the tables are reply codes.
            (Said::Codes | Said::Reply, _) => Cow::default(),
        }
    }
}

impl<'k> Heard<'k> {
    /// Hears everything that speaks about the reply.
    pub fn new(knowledge: &'k Knowledge, case: &Case<'_>) -> Self {
        let mut heard = Heard {
            voices: Vec::with_capacity(USUAL),
            ..Heard::default()
        };
        let rules = heard.search(knowledge, case);
        heard.words(case, &rules);
        heard.named_lists(case, &rules);
        heard.provider_codes(knowledge, case);
        heard.listed_codes(knowledge, case);
        let shrug = heard.shrug(&rules);
        for v in heard.voices.iter_mut().filter(|v| v.weight < shrug) {
            v.weight *= COVERED;
        }
        heard.domain_lists_are_no_hosts();
        heard.early_answers_are_about_the_sender();
        home_first(&mut heard.voices);
        heard.once_each();
        heard
    }

    /// Looks for all words at once: fills lists and provider, gives the rules whose codes fit too.
    fn search(&mut self, knowledge: &'k Knowledge, case: &Case<'_>) -> Vec<(&'k Rule, Hit)> {
        let mut rules: Vec<(&Rule, Hit)> = Vec::with_capacity(USUAL);
        let mut named_by_token = None;
        let mut named_by_words = None;
        let (lists, asides) = (&mut self.lists, &mut self.asides);
        knowledge.find_in_reply(&case.reply.text, |target, hit| match target {
            Target::Rule(_) | Target::Blocklist(_) if rules.len() + lists.len() == MAX_HITS => {}
            Target::Rule(i) => {
                let rule = &knowledge.rules()[i];
                let fits = rule.code_patterns.is_empty()
                    || rule
                        .code_patterns
                        .iter()
                        .any(|p| p.fits(case.reply.code, case.codes.with_status()));
                if fits {
                    if rule.alone && named_by_words.is_none() {
                        named_by_words = rule.provider;
                    }
                    rules.push((rule, hit));
                }
            }
            Target::Token(i) => named_by_token = named_by_token.or(Some(i)),
            Target::Blocklist(i) => lists.push((&knowledge.blocklists()[i], hit)),
            Target::Aside(aside) => asides.add(aside, hit.start),
        });
        self.provider = case
            .provider
            .filter(|_| case.certain)
            .or(named_by_token)
            .or(case.provider)
            .or(named_by_words);
        rules
    }

    fn at_home(&self, rule: &Rule) -> bool {
        rule.provider.is_some() && rule.provider == self.provider
    }

    /// What is left of the weight of a rule's words, and whether longer words cover them; `None` where another provider's rule speaks.
    fn weight(&self, (rule, hit): &(&Rule, Hit), all: &[(&Rule, Hit)]) -> Option<(f64, bool)> {
        let mut weight = rule.weight;
        let at_home = self.at_home(rule);
        if at_home {
            weight = 1.0 - (1.0 - weight) * PROVIDER_DOUBT;
        } else if rule.provider.is_some() && !rule.alone {
            match self.provider {
                Some(_) => return None,
                None => weight *= PROVIDER_UNKNOWN,
            }
        }
        // The longer words count, and of the same words those of the provider itself.
        let covered = all.iter().any(|(r, h)| match r.provider {
            Some(p) if self.provider == Some(p) => h.covers(hit) || !at_home && h.holds(hit),
            Some(_) if !r.alone => false,
            _ => !at_home && h.covers(hit),
        }) || !at_home && self.lists.iter().any(|(_, h)| h.covers(hit));
        if covered {
            weight *= COVERED;
        }
        Some((weight, covered))
    }

    /// The voices of rules by their words.
    fn words(&mut self, case: &Case<'_>, rules: &[(&'k Rule, Hit)]) {
        for found in rules {
            let (rule, hit) = (found.0, &found.1);
            let Some((mut weight, covered)) = self.weight(found, rules) else {
                continue;
            };
            // Part of longer words it is something else that has ended: an account.
            if rule.category == Category::Expired && !covered {
                self.expired = true;
            }
            if rule.category == Category::Unknown {
                // Such rules only say whether it lasts.
                self.stated = self.stated.or(rule.permanence);
                continue;
            }
            if hit.end <= case.reply.inner && rule.provider.is_none() {
                weight *= OUTSIDE;
            }
            self.voices.push(Voice {
                speaker: Speaker::Rule(rule),
                says: rule.category,
                weight,
                from: case.from,
                said: Said::words(hit),
                home: self.at_home(rule) && !covered,
            });
        }
    }

    /// How surely the provider itself is known to mean nothing by these words.
    fn shrug(&self, rules: &[(&'k Rule, Hit)]) -> f64 {
        rules
            .iter()
            .filter(|(rule, _)| rule.category == Category::Unknown && self.at_home(rule))
            .filter_map(|found| self.weight(found, rules))
            .fold(0.0, |most, (weight, _)| most.max(weight))
    }

    fn named_lists(&mut self, case: &Case<'_>, rules: &[(&'k Rule, Hit)]) {
        for (list, hit) in &self.lists {
            let covered = rules.iter().any(|(_, h)| h.covers(hit))
                || self.lists.iter().any(|(_, h)| h.covers(hit));
            self.voices.push(Voice {
                speaker: Speaker::List(list),
                says: list.category(),
                weight: if covered {
                    BLOCKLIST * COVERED
                } else {
                    BLOCKLIST
                },
                from: case.from,
                said: Said::words(hit),
                home: false,
            });
        }
    }

    /// The codes that mean something of their own at this provider.
    fn provider_codes(&mut self, knowledge: &'k Knowledge, case: &Case<'_>) {
        let Some(p) = self.provider else { return };
        for &i in knowledge.code_rules(p) {
            let rule = &knowledge.rules()[i];
            if rule
                .code_patterns
                .iter()
                .any(|c| c.fits(case.reply.code, case.codes.of_text_first()))
            {
                self.voices.push(Voice {
                    speaker: Speaker::Rule(rule),
                    says: rule.category,
                    weight: rule.weight * CODE_ONLY,
                    from: case.from,
                    said: Said::Codes,
                    home: true,
                });
            }
        }
    }

    /// What the codes say by the tables.
    fn listed_codes(&mut self, knowledge: &'k Knowledge, case: &Case<'_>) {
        let reply = &case.reply;
        if let Some(e) = reply.best {
            self.enhanced(knowledge, e, ENHANCED_IN_TEXT, case.from);
        }
        if let Some(s) = case.status
            && reply.best.is_none_or(|b| b.says_nothing() || b == s)
        {
            self.enhanced(knowledge, s, STATUS_FIELD, "status");
        }
        // The code beside x.4.7 is that of whoever gave up.
        if reply.best.is_some_and(Enhanced::is_expiry) && reply.outer.is_empty() {
            return;
        }
        let Some(code) = reply.code.and_then(|c| knowledge.reply_code(c)) else {
            return;
        };
        if let Some(folk) = code.reads_as.as_deref().and_then(Enhanced::parse)
            && reply.best.is_none()
        {
            self.enhanced(knowledge, folk, REPLY_CODE, case.from);
        } else if let Some(says) = code.category {
            self.voices.push(Voice {
                speaker: Speaker::Code(code),
                says,
                weight: code.weight * REPLY_CODE,
                from: case.from,
                said: Said::Reply,
                home: false,
            });
        }
    }

    fn enhanced(&mut self, knowledge: &'k Knowledge, e: Enhanced, factor: f64, from: &'static str) {
        if let Some(code) = knowledge.enhanced_code(e)
            && let Some(says) = code.category
            && !e.says_nothing()
        {
            self.voices.push(Voice {
                speaker: Speaker::Code(code),
                says,
                weight: code.weight * factor,
                from,
                said: Said::Enhanced(e),
                home: false,
            });
        }
    }

    /// Lists of domains are spoken of in the words that are used for hosts.
    fn domain_lists_are_no_hosts(&mut self) {
        let about = |what| {
            self.lists
                .iter()
                .any(|(l, h)| l.lists == what && !self.lists.iter().any(|(_, o)| o.covers(h)))
        };
        if about(Listed::Domain) && !about(Listed::Ip) {
            for v in self
                .voices
                .iter_mut()
                .filter(|v| v.says == Category::IpBlocklisted && !v.home)
            {
                v.weight *= COVERED;
            }
        }
    }

    /// Who answers MAIL has not heard of any recipient yet, and who refuses before it not even of the sender.
    fn early_answers_are_about_the_sender(&mut self) {
        use Category::{
            AddressInvalid, DomainNotAccepting, DomainUnknown, PolicyRejected, RecipientRefused,
            SenderBlocked, SenderInvalid, UserUnknown,
        };
        if self.asides.refused_before_mail() {
            let of_nobody = |v: &Voice<'_>| matches!(v.says, PolicyRejected | RecipientRefused);
            for v in self.voices.iter_mut().filter(|v| !v.home && of_nobody(v)) {
                v.says = SenderBlocked;
            }
        }
        let about_recipient = |v: &Voice<'_>| {
            !v.home
                && matches!(
                    v.says,
                    UserUnknown | AddressInvalid | DomainUnknown | DomainNotAccepting
                )
        };
        if self.asides.refused_at_mail() {
            for v in self.voices.iter_mut().filter(|v| about_recipient(v)) {
                v.says = SenderInvalid;
            }
        }
    }

    /// The heaviest first. The same rule said twice says no more than once.
    fn once_each(&mut self) {
        self.voices
            .sort_by(|a, b| match b.weight.total_cmp(&a.weight) {
                Ordering::Equal => among_equals(a, b),
                order => order,
            });
        let mut kept = 0;
        for i in 0..self.voices.len() {
            let voice = self.voices[i];
            if !self.voices[..kept]
                .iter()
                .any(|v| v.speaker.is(voice.speaker))
            {
                self.voices[kept] = voice;
                kept += 1;
            }
        }
        self.voices.truncate(kept);
    }
}

/// The order of voices of the same weight, which are few.
#[cold]
fn among_equals(a: &Voice<'_>, b: &Voice<'_>) -> Ordering {
    b.home
        .cmp(&a.home)
        .then(a.is_code().cmp(&b.is_code()))
        .then_with(|| a.speaker.id().cmp(b.speaker.id()))
        // Of one rule's words the longest are kept, the first of these.
        .then_with(|| {
            let ((a_len, a_at), (b_len, b_at)) = (a.said.place(), b.said.place());
            b_len.cmp(&a_len).then(a_at.cmp(&b_at))
        })
}

/// Where a general voice agrees with a rule of the recognised provider, the provider's is not the weaker one: its details
/// and its permanence are the better ones. A provider's words come before its codes.
fn home_first(voices: &mut [Voice<'_>]) {
    for codes in [true, false] {
        for i in 0..voices.len() {
            if voices[i].home && voices[i].is_code() == codes {
                let others = voices
                    .iter()
                    .filter(|v| v.says == voices[i].says && (!v.home || v.is_code() && !codes));
                voices[i].weight = others.map(|v| v.weight).fold(voices[i].weight, f64::max);
            }
        }
    }
}
