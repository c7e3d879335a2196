//! `undeliverable rules`: whether the rules are sound, the built-in and the user's.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use undeliverable::knowledge::{Finding, FindingKind, Rule};
use undeliverable::{Engine, Reply};

use super::Outcome;
use crate::args::{EngineArgs, Format, FormatArgs};
use crate::output::{json, safe};

/// Check and test rules, the built-in and your own
#[derive(Args, Debug)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Find what is wrong: a rule without source or example, a dead one, a double one, a line it loses
    #[command(after_help = "Examples:
  undeliverable rules check
  undeliverable rules check own.toml

One line is printed for each fault: file, line, rule, what was found and what was expected. The exit code is 1 if there is
one. A file is joined to the built-in rules as with --rules, so that a rule of it that takes an example away from a
built-in rule is found as well.")]
    Check(FilesArgs),
    /// Judge the examples of the rules and show who wins them
    #[command(after_help = "Examples:
  undeliverable rules test own.toml
  undeliverable rules test

With files their examples are shown one by one, with the verdict each gets; the examples of all other rules are tested as
well, and those that are lost are shown.")]
    Test(FilesArgs),
}

#[derive(Args, Debug)]
struct FilesArgs {
    /// Rule files of your own
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Checks or tests.
pub(crate) fn run(args: &RulesArgs) -> anyhow::Result<Outcome> {
    let (RulesCommand::Check(files) | RulesCommand::Test(files)) = &args.command;
    let mut builder = files.engine.builder()?;
    let mut names = Vec::new();
    for path in &files.files {
        let name = path.to_string_lossy().into_owned();
        let text = fs::read_to_string(path).with_context(|| format!("rule file {name}"))?;
        builder = builder.rules(name.as_str(), text);
        names.push(name);
    }
    let engine = builder.build()?;
    let testing = matches!(args.command, RulesCommand::Test(_));
    let findings: Vec<Finding> = engine
        .check_rules()
        .into_iter()
        .filter(|f| !testing || f.kind == FindingKind::Line)
        .collect();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let table = files.format.pick() != Format::Jsonl;
    if testing && table {
        for rule in engine
            .knowledge()
            .rules()
            .iter()
            .filter(|r| names.contains(&r.file))
        {
            show(&engine, rule, &mut out)?;
        }
    }
    let mut line = Vec::new();
    for finding in &findings {
        line.clear();
        if table {
            line.extend_from_slice(safe::text(&finding.to_string()).as_bytes());
            line.push(b'\n');
        } else {
            json::write(finding, &mut line)?;
        }
        out.write_all(&line)?;
    }
    out.flush()?;
    let rules = engine.knowledge().rules();
    let examples: usize = rules.iter().map(|r| r.examples.len()).sum();
    let what = if testing { "lost" } else { "faults" };
    writeln!(
        io::stderr(),
        "{} rules, {examples} examples, {what}: {}",
        rules.len(),
        findings.len()
    )?;
    Ok(if findings.is_empty() {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

/// The examples of one rule and what becomes of them.
fn show(engine: &Engine, rule: &Rule, out: &mut impl Write) -> io::Result<()> {
    let provider = engine.knowledge().provider_of(rule);
    for example in &rule.examples {
        let mut reply = Reply::new(example);
        if let Some(p) = provider {
            reply = reply.provider(&p.id);
        }
        let v = engine.classify(reply);
        let winner = v.evidence.iter().find(|e| e.says == v.category);
        let mark = if v.category == rule.category {
            "ok  "
        } else {
            "LOST"
        };
        writeln!(
            out,
            "{mark} {}: {}",
            safe::text(&rule.id),
            safe::text(example)
        )?;
        writeln!(
            out,
            "     {} {} {}, {:.0}% sure, by {}",
            v.category,
            v.permanence,
            v.address_action,
            v.confidence * 100.0,
            winner.map_or("no rule".into(), |e| safe::text(&e.rule))
        )?;
    }
    Ok(())
}
