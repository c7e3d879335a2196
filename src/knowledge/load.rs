//! From rule files to [`Knowledge`]: the built-in ones first, then the user's, who may replace and switch off.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use super::file::{
    AsideEntry, At, BLOCKLIST, CODE, CategoryEntry, DatesEntry, DetailsEntry, Listed, Matching,
    Place, RuleFile, Says, Text,
};
use super::kept::without;
use super::{
    AsideIndex, Blocklist, CategoryText, Code, CodePattern, Dialect, DialectIndex, FieldGlobs,
    HeaderSign, Knowledge, MailSystems, Provider, Rule, Sign, SplitSet, check_pattern, mail_system,
    number_of,
};
use crate::error::Error;
use crate::words::Category;

/// Fewest bytes of a pattern's longest word.
const SHORTEST: usize = 3;
/// Weight of a rule that gives none.
const DEFAULT_WEIGHT: f64 = 0.9;

/// The version since when a rule is known that does not say.
const FIRST: &str = "0.1.0";

/// Collects files, then builds the whole.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    rules: Vec<Rule>,
    rule_by_id: HashMap<Cow<'static, str>, usize>,
    providers: Vec<Provider>,
    blocklists: Vec<Blocklist>,
    codes: HashMap<Cow<'static, str>, Code>,
    signs: Vec<Sign>,
    headers: Vec<HeaderSign>,
    dates: Vec<(String, DatesEntry)>,
    categories: HashMap<Category, CategoryText>,
    dialects: Vec<Dialect>,
    /// Where each dialect was read, for errors that show when all are there.
    dialect_places: HashMap<String, (String, usize)>,
    asides: Vec<(String, At<AsideEntry<'static>>)>,
    command_leads: Vec<String>,
    mail_system_names: Vec<String>,
    mail_system_mailboxes: Vec<String>,
    /// Provider names of rules, resolved when all files are there.
    wanted: Vec<(usize, String)>,
    off: Vec<(String, String, usize)>,
}

impl Loader {
    /// The files of `rules/`.
    pub fn built_in() -> Result<Self, Error> {
        let mut loader = Loader::default();
        let unreadable = |e| {
            Error::new(
                "rules/",
                None,
                format!("the stored rules cannot be read: {e}"),
            )
        };
        let files: Vec<(String, RuleFile<'static>)> =
            postcard::from_bytes(super::BUILT_IN).map_err(unreadable)?;
        for (name, file) in files {
            loader.add(&name, file, false, Text::inner)?;
        }
        Ok(loader)
    }

    /// Adds a file of the user, whose entries replace those of the same id.
    pub fn file(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let file = RuleFile::read(text).map_err(|e| Error::from_toml(name, text, &e))?;
        self.add(name, file, true, Text::owned)
    }

    /// Takes in a file of the user's `own` or a built-in one; `keep` makes its words last.
    fn add<'f>(
        &mut self,
        name: &str,
        file: RuleFile<'f>,
        own: bool,
        keep: fn(Text<'f>) -> Cow<'static, str>,
    ) -> Result<(), Error> {
        let RuleFile {
            provider,
            defaults,
            rule,
            sign,
            header,
            code,
            blocklist,
            category,
            dialect,
            aside,
            command_leads,
            mail_system_names,
            mail_system_mailboxes,
            off,
            language,
            dates,
            ..
        } = file;
        let foreign = language.as_deref().is_some_and(|l| l != "en");
        if let Some(dates) = dates {
            self.dates.push((language.unwrap_or_default(), dates));
        }
        let home = provider.as_ref().map(|p| p.id.to_string());
        if let Some(p) = provider {
            let entry = Provider {
                id: keep(p.id),
                name: p.name,
                hosts: p.hosts,
                domains: p.domains,
                tokens: p.tokens,
                notes: p.notes,
                sources: p.sources,
            };
            match self.providers.iter_mut().find(|q| q.id == entry.id) {
                Some(old) => *old = entry,
                None => self.providers.push(entry),
            }
        }
        for at in rule {
            let At { line, entry: r } = at;
            let fail = |m: String| Error::new(name, Some(line), format!("rule {:?}: {m}", &*r.id));
            // The built-in patterns are checked by a test: it costs more than loading them.
            for t in r.text.iter().filter(|_| own) {
                if let Some(why) = check_pattern(t, SHORTEST) {
                    return Err(fail(format!("text {t:?}: {why}")));
                }
            }
            let code_patterns = r
                .codes
                .iter()
                .map(|c| {
                    CodePattern::parse(c).ok_or_else(|| {
                        fail(format!("code {c:?} is not like 550, 5.7.1, \"550 5.7.1\", x.7.1, 5.7.606-649 or 4xx"))
                    })
                })
                .collect::<Result<Vec<_>, _>>()?;
            let weight = r.weight.or(defaults.weight).unwrap_or(DEFAULT_WEIGHT);
            if !(0.0..=1.0).contains(&weight) {
                return Err(fail("weight must be between 0 and 1".into()));
            }
            let provider_name = r.provider.clone().or_else(|| home.clone());
            if r.text.is_empty() && (r.codes.is_empty() || provider_name.is_none()) {
                return Err(fail("has neither text nor, with a provider, codes".into()));
            }
            if self.rule_by_id.contains_key(&*r.id) && !own {
                return Err(fail("this id is taken; ids are never used twice".into()));
            }
            let rule = Rule {
                category: r.category,
                text: r.text,
                codes: r.codes,
                code_patterns,
                provider: None,
                permanence: r.permanence,
                sender_action: r.sender_action,
                weight,
                alone: r.alone,
                says: r.says,
                fix: r.fix,
                unverified: r.unverified || (r.source.is_none() && defaults.unverified),
                source: r.source.or_else(|| defaults.source.clone()),
                checked: r.checked.or_else(|| defaults.checked.clone()),
                since: r
                    .since
                    .or_else(|| defaults.since.clone())
                    .unwrap_or_else(|| FIRST.to_owned()),
                examples: r.examples,
                not: r.not,
                has_details: r.details != DetailsEntry::default(),
                details: r.details.kept(keep),
                foreign,
                file: name.to_owned(),
                line,
                id: keep(r.id),
            };
            let at = match self.rule_by_id.get(&rule.id) {
                Some(&at) => at,
                None => {
                    self.rule_by_id.insert(rule.id.clone(), self.rules.len());
                    self.rules.len()
                }
            };
            self.wanted.retain(|(i, _)| *i != at);
            if let Some(p) = provider_name {
                self.wanted.push((at, p));
            }
            if at == self.rules.len() {
                self.rules.push(rule);
            } else {
                self.rules[at] = rule;
            }
        }
        for at in sign {
            let At { line, entry: s } = at;
            for t in s.text.iter().filter(|_| own) {
                // The border of the subject is part of the pattern there.
                let shortest = if s.matching == Matching::Contains {
                    SHORTEST
                } else {
                    1
                };
                if let Some(why) = check_pattern(t, shortest) {
                    let message = format!("sign {:?}: text {t:?}: {why}", s.id);
                    return Err(Error::new(name, Some(line), message));
                }
            }
            self.signs.retain(|old| old.id != s.id || !own);
            self.signs.push(Sign {
                id: s.id,
                place: s.place,
                matching: s.matching,
                means: s.means,
                signal: s.signal,
                strength: s.strength,
                text: s.text,
                foreign,
            });
        }
        for at in header {
            let h = at.entry;
            self.headers.retain(|old| old.id != h.id || !own);
            self.headers.push(HeaderSign {
                id: h.id,
                name: h.name,
                value: h.value,
                means: h.means,
                signal: h.signal,
                strength: h.strength,
            });
        }
        for at in code {
            let c = at.entry;
            let spoken = keep(c.id);
            let entry = Code {
                code: without(CODE, spoken.clone()),
                spoken,
                name: c.name,
                category: c.category,
                permanence: c.permanence,
                weight: c.weight.unwrap_or(0.5),
                reads_as: c.reads_as,
                says: c.says,
                fix: c.fix,
                note: c.note,
                source: c.source,
            };
            self.codes.insert(entry.code.clone(), entry);
        }
        for at in blocklist {
            let b = at.entry;
            let spoken = keep(b.id);
            self.blocklists.retain(|old| old.spoken != spoken);
            self.blocklists.push(Blocklist {
                id: without(BLOCKLIST, spoken.clone()),
                spoken,
                name: b.name,
                lists: b.lists,
                text: b.text,
                delist: b.delist.map(keep),
                says: b.says,
                source: b.source,
            });
        }
        for c in category {
            let CategoryEntry {
                id,
                name,
                says,
                address,
                sender,
                esp,
            } = c;
            self.categories.insert(
                id,
                CategoryText {
                    name,
                    says,
                    address,
                    sender,
                    esp,
                },
            );
        }
        for at in dialect {
            let At { line, entry: d } = at;
            let known = self.dialects.iter().position(|o| o.id == d.id);
            if known.is_some() && !own {
                return Err(Error::new(
                    name,
                    Some(line),
                    format!("dialect {:?}: this id is taken", d.id),
                ));
            }
            self.dialect_places
                .insert(d.id.clone(), (name.to_owned(), line));
            let (id, unverified) = (d.id, d.unverified);
            let entry = Dialect {
                id,
                name: d.name,
                marks: d.marks,
                over: d.over,
                source: d.source,
                unverified,
                own,
            };
            match known {
                Some(i) => self.dialects[i] = entry,
                None => self.dialects.push(entry),
            }
        }
        self.command_leads.extend(command_leads);
        mail_system::check(&mail_system_names, &mail_system_mailboxes)
            .map_err(|(line, why)| Error::new(name, Some(line), why))?;
        let words = |of: Vec<At<String>>| of.into_iter().map(|at| at.entry);
        self.mail_system_names.extend(words(mail_system_names));
        self.mail_system_mailboxes
            .extend(words(mail_system_mailboxes));
        for at in aside {
            let (line, a) = (at.line, &at.entry);
            for t in a.text.iter().filter(|_| own) {
                if let Some(why) = check_pattern(t, SHORTEST) {
                    let message = format!("aside: text {t:?}: {why}");
                    return Err(Error::new(name, Some(line), message));
                }
            }
            if a.name.is_none() == matches!(a.says, Says::Command | Says::Scope) {
                let message = "aside: a command or a scope has a `name`, and nothing else has one";
                return Err(Error::new(name, Some(line), message.to_owned()));
            }
            let entry = AsideEntry {
                says: at.entry.says,
                name: at.entry.name.map(|name| keep(name).into()),
                text: at.entry.text,
                examples: at.entry.examples,
            };
            self.asides.push((name.to_owned(), At { line, entry }));
        }
        for at in off {
            self.off.push((at.entry, name.to_owned(), at.line));
        }
        Ok(())
    }

    /// Resolves names and builds the automata.
    pub fn build(mut self) -> Result<Knowledge, Error> {
        for (at, name) in &self.wanted {
            let found = self.providers.iter().position(|p| p.id == *name);
            let rule = &mut self.rules[*at];
            if found.is_none() {
                let message = format!("rule {:?}: there is no provider {name:?}", rule.id);
                return Err(Error::new(&rule.file, Some(rule.line), message));
            }
            rule.provider = found;
        }
        for (id, file, line) in &self.off {
            match self.rule_by_id.get(id.as_str()) {
                Some(&i) => {
                    self.rules[i].text.clear();
                    self.rules[i].code_patterns.clear();
                    self.rules[i].codes.clear();
                    self.rules[i].examples.clear();
                    self.rules[i].weight = 0.0;
                }
                None => {
                    let before = self.signs.len() + self.headers.len();
                    self.signs.retain(|s| s.id != *id);
                    self.headers.retain(|h| h.id != *id);
                    if before == self.signs.len() + self.headers.len() {
                        let message = format!("off: there is no rule {id:?}");
                        return Err(Error::new(file, Some(*line), message));
                    }
                }
            }
        }
        let dialect_index = DialectIndex::new(&self.dialects).map_err(|(id, message)| {
            let (file, line) = self.dialect_places.get(&id).cloned().unwrap_or_default();
            Error::new(&file, Some(line), format!("dialect {id:?}: {message}"))
        })?;
        let mut code_rules: HashMap<usize, Vec<usize>> = HashMap::new();
        for (i, r) in self.rules.iter().enumerate() {
            if let (true, false, Some(p)) = (r.text.is_empty(), r.codes.is_empty(), r.provider) {
                code_rules.entry(p).or_default().push(i);
            }
        }
        let mut provider_hosts = HashMap::new();
        let mut provider_domains = HashMap::new();
        for (i, p) in self.providers.iter().enumerate() {
            for host in &p.hosts {
                let bare = host.trim_start_matches('.').to_ascii_lowercase();
                provider_hosts.entry(bare).or_insert(i);
            }
            for domain in &p.domains {
                provider_domains
                    .entry(domain.to_ascii_lowercase())
                    .or_insert(i);
            }
        }
        let mut field_globs = FieldGlobs::default();
        for (i, h) in self.headers.iter().enumerate() {
            h.value.iter().for_each(|v| field_globs.add(&h.name, v, i));
        }
        for (name, pattern, condition) in &dialect_index.fields {
            field_globs.add(name, pattern, self.headers.len() + condition);
        }
        field_globs.ready();
        let codes: Vec<Code> = self.codes.into_values().collect();
        let numbers = codes.iter().enumerate();
        let mut code_by_number: Vec<(u32, usize)> = numbers
            .filter_map(|(i, c)| Some((number_of(&c.code)?, i)))
            .collect();
        code_by_number.sort_unstable();
        let code_by_name = codes
            .iter()
            .enumerate()
            .map(|(i, c)| (c.code.clone(), i))
            .collect();
        Ok(Knowledge {
            rules: self.rules,
            rule_by_id: self.rule_by_id,
            providers: self.providers,
            blocklists: self.blocklists,
            codes,
            code_by_name,
            code_by_number,
            signs: self.signs,
            headers: self.headers,
            categories: self.categories,
            field_globs,
            dialects: self.dialects,
            dialect_index,
            code_rules,
            provider_hosts,
            provider_domains,
            asides: AsideIndex::new(self.asides, &self.command_leads),
            mail_systems: MailSystems::new(&self.mail_system_names, self.mail_system_mailboxes),
            replies: SplitSet::default(),
            subject_signs: SplitSet::default(),
            body_signs: SplitSet::default(),
            dates: self.dates,
            date_words: OnceLock::new(),
        })
    }
}

impl Blocklist {
    /// What a reply that names this list says.
    pub fn category(&self) -> Category {
        match self.lists {
            Listed::Ip => Category::IpBlocklisted,
            Listed::Domain => Category::DomainBlocklisted,
        }
    }
}

impl Sign {
    /// Whether it is looked for in the body.
    pub(crate) fn in_body(&self) -> bool {
        self.place == Place::Body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_patterns_are_in_normal_form() {
        let loader = Loader::built_in().unwrap();
        for r in &loader.rules {
            for t in &r.text {
                assert_eq!(check_pattern(t, SHORTEST), None, "{} {t:?}", r.id);
            }
        }
        for s in &loader.signs {
            let shortest = if s.matching == Matching::Contains {
                SHORTEST
            } else {
                1
            };
            for t in &s.text {
                assert_eq!(check_pattern(t, shortest), None, "{} {t:?}", s.id);
            }
        }
        for d in &loader.dialects {
            assert_eq!(
                d.source.is_none(),
                d.unverified,
                "{} has a source or says that it has none",
                d.id
            );
        }
        for t in loader.asides.iter().flat_map(|(_, a)| &a.entry.text) {
            assert_eq!(check_pattern(t, SHORTEST), None, "{t:?}");
        }
        let checked: Vec<Dialect> = loader
            .dialects
            .into_iter()
            .map(|d| Dialect { own: true, ..d })
            .collect();
        assert_eq!(DialectIndex::new(&checked).err(), None);
    }
}
