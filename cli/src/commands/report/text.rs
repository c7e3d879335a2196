//! A report for a terminal.

use std::fmt::Write as _;

use super::gather::{Gathered, Row};
use crate::output::safe;

/// Writes it.
pub(super) fn write(g: &Gathered) -> String {
    let mut t = String::new();
    let t_ = &mut t;
    head(t_, "All");
    rows(t_, std::slice::from_ref(&g.total));
    let _ = writeln!(
        t_,
        "complaints {}, suspicious reports that count for nothing {}",
        g.complaints, g.suspicious
    );
    for b in &g.benchmarks {
        let _ = writeln!(
            t_,
            "{}: {} %, below {} % is {} ({})",
            b.name,
            b.rate,
            b.below,
            if b.ok { "met" } else { "MISSED" },
            b.from
        );
    }
    if !g.fix_first.is_empty() {
        head(
            t_,
            "What to fix first, by how many recipients it would free",
        );
        for f in &g.fix_first {
            let list = f
                .blocklist
                .as_deref()
                .map_or_else(String::new, |b| format!(" ({b})"));
            line(
                t_,
                &format!(
                    "{:>8}  {:<20} {:<18} {}{list}",
                    f.recipients, f.action, f.category, f.provider
                ),
            );
        }
    }
    if !g.clusters.is_empty() {
        head(t_, "Soft bounces in clusters");
        for c in &g.clusters {
            line(
                t_,
                &format!(
                    "{:>8}  {}  {} (usual: {})",
                    c.soft, c.day, c.provider, c.usual
                ),
            );
        }
    }
    if !g.domains.is_empty() {
        head(t_, "Domains");
        for d in &g.domains {
            line(t_, &format!("{:>8}  {}: {}", d.dead, d.domain, d.why));
        }
    }
    for (name, all) in [
        ("By category", &g.by_category),
        ("By fault", &g.by_fault),
        ("By provider", &g.by_provider),
        ("By campaign", &g.by_campaign),
        ("By day", &g.by_day),
    ] {
        head(t_, name);
        rows(t_, all);
    }
    if !g.unclassified.is_empty() {
        head(t_, "What nobody could classify, alike together");
        for u in &g.unclassified {
            line(t_, &format!("{:>8}  {}", u.count, u.example));
        }
    }
    t
}

fn head(t: &mut String, name: &str) {
    if !t.is_empty() {
        t.push('\n');
    }
    let _ = writeln!(t, "{name}");
}

fn line(t: &mut String, words: &str) {
    t.push_str(&safe::text(words));
    t.push('\n');
}

fn rows(t: &mut String, all: &[Row]) {
    let _ = writeln!(
        t,
        "{:>8} {:>8} {:>8} {:>8} {:>9} {:>7} {:>7}",
        "BOUNCES", "HARD", "BLOCK", "SOFT", "SENT", "RATE", "HARD"
    );
    for r in all {
        let percent = |p: Option<f64>| p.map_or_else(String::new, |p| format!("{p:.2} %"));
        let sent = r.sent.map_or_else(String::new, |s| s.to_string());
        line(
            t,
            &format!(
                "{:>8} {:>8} {:>8} {:>8} {sent:>9} {:>7} {:>7}  {}",
                r.bounces,
                r.hard,
                r.block,
                r.soft,
                percent(r.rate),
                percent(r.hard_rate),
                r.name
            ),
        );
    }
}
