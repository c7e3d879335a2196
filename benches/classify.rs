//! Reply lines a second: the whole `Engine::classify` beside one plain Aho-Corasick pass with the same literals.
//!
//! `cargo bench --bench classify`; the lines are the examples of the rules.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench prints, and stops where samples are missing"
)]

mod common;

use std::collections::BTreeSet;
use std::hint::black_box;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use criterion::{Criterion, Throughput};
use undeliverable::Engine;
use undeliverable::knowledge::{Knowledge, normalise};

/// The longest literal of each pattern: what any matcher must look for first.
fn literals(knowledge: &Knowledge) -> Vec<String> {
    let rules = knowledge.rules().iter().flat_map(|r| &r.text);
    let tokens = knowledge.providers().iter().flat_map(|p| &p.tokens);
    let lists = knowledge.blocklists().iter().flat_map(|b| &b.text);
    let longest = |p: &String| {
        p.split('*')
            .map(str::trim)
            .max_by_key(|s| s.len())
            .map(str::to_owned)
    };
    let set: BTreeSet<String> = rules
        .chain(tokens)
        .chain(lists)
        .filter_map(longest)
        .filter(|l| l.len() >= 3)
        .collect();
    set.into_iter().collect()
}

fn main() {
    let engine = Engine::new();
    let lines: Vec<&str> = engine
        .knowledge()
        .rules()
        .iter()
        .flat_map(|r| &r.examples)
        .map(String::as_str)
        .collect();
    let normal: Vec<String> = lines.iter().map(|l| normalise(l)).collect();
    let literals = literals(engine.knowledge());
    let automaton = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(&literals)
        .unwrap();
    let ours = || {
        lines
            .iter()
            .for_each(|l| drop(black_box(engine.classify(black_box(*l)))))
    };
    let plain = || {
        let hits: usize = normal
            .iter()
            .map(|l| automaton.find_overlapping_iter(black_box(l)).count())
            .sum();
        black_box(hits);
    };

    if std::env::var_os("QUICK").is_none() {
        let mut criterion = Criterion::default().sample_size(20).configure_from_args();
        let mut group = criterion.benchmark_group("classify");
        group.throughput(Throughput::Elements(lines.len() as u64));
        group.bench_function("aho-corasick", |b| b.iter(plain));
        group.bench_function("undeliverable", |b| b.iter(ours));
        group.finish();
    }
    let best = common::race(
        40,
        &mut [
            ("aho-corasick", &mut { plain }),
            ("undeliverable", &mut { ours }),
        ],
    );
    println!(
        "{} lines, {} literals, one core, best of 40 runs in turns",
        lines.len(),
        literals.len()
    );
    for (name, time) in ["aho-corasick", "undeliverable"].iter().zip(&best) {
        let s = time.as_secs_f64();
        println!(
            "  {name:14} {:9.0} lines/s {:6.2} us each",
            lines.len() as f64 / s,
            s * 1e6 / lines.len() as f64
        );
    }
    println!(
        "classify / plain Aho-Corasick: {:.2}",
        best[1].as_secs_f64() / best[0].as_secs_f64()
    );
}
