//! A message has come to the return path: who failed, and why?
//!
//! `cargo run --example mta_dsn corpus/dsn/postfix-user-unknown.eml`

use std::io::Write as _;

use undeliverable::{Engine, Kind};

fn main() -> std::io::Result<()> {
    let Some(path) = std::env::args_os().nth(1) else {
        return Err(std::io::Error::other("usage: mta_dsn FILE"));
    };
    let mail = std::fs::read(path)?;
    let report = Engine::new().parse(&mail);
    let mut out = std::io::stdout().lock();
    match report.kind {
        Kind::Bounce | Kind::Delay => {
            for r in &report.recipients {
                let address = r.final_recipient.as_deref().unwrap_or("somebody");
                let verdict = &r.verdict;
                let category = verdict.category.map_or("nothing", |c| c.as_str());
                writeln!(out, "{}: {address}: {category}", report.kind)?;
                for e in &verdict.evidence {
                    writeln!(out, "  {} says {} because of {:?}", e.rule, e.says, e.text)?;
                }
            }
            Ok(())
        }
        kind => writeln!(out, "no bounce: {kind}"),
    }
}
