//! Messages and bytes a second: the whole `Engine::parse` beside bare parsers on the same bytes.
//!
//! `cargo bench --bench parse`; the samples are `corpus/`, or every `.eml` below the folder in `MAILS`.
//! The last lines come from runs in turns: on a busy machine only those ratios can be compared.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench prints, and stops where samples are missing"
)]

mod common;

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput};
use undeliverable::Engine;

fn main() {
    let dir = std::env::var("MAILS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/corpus").to_owned());
    let mails = common::mails(Path::new(&dir));
    let bytes: usize = mails.iter().map(Vec::len).sum();
    let engine = Engine::new();
    let ours = || {
        mails
            .iter()
            .for_each(|m| drop(black_box(engine.parse(black_box(m)))))
    };
    let bare = || {
        mails.iter().for_each(|m| {
            drop(black_box(
                mail_parser::MessageParser::default().parse(black_box(m)),
            ))
        })
    };
    let oracle = || {
        mails
            .iter()
            .for_each(|m| drop(black_box(mailparse::parse_mail(black_box(m)))))
    };

    if std::env::var_os("QUICK").is_none() {
        let mut criterion = Criterion::default().sample_size(20).configure_from_args();
        let mut group = criterion.benchmark_group("parse");
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function("mail-parser", |b| b.iter(bare));
        group.bench_function("mailparse", |b| b.iter(oracle));
        group.bench_function("undeliverable", |b| b.iter(ours));
        group.finish();
    }
    let best = common::race(
        40,
        &mut [
            ("mail-parser", &mut { bare }),
            ("mailparse", &mut { oracle }),
            ("undeliverable", &mut { ours }),
        ],
    );
    println!(
        "{} messages, {bytes} bytes, one core, best of 40 runs in turns",
        mails.len()
    );
    for (name, time) in ["mail-parser", "mailparse", "undeliverable"]
        .iter()
        .zip(&best)
    {
        let s = time.as_secs_f64();
        println!(
            "  {name:14} {:8.0} messages/s {:6.0} MB/s {:6.2} us each",
            mails.len() as f64 / s,
            bytes as f64 / s / 1e6,
            s * 1e6 / mails.len() as f64
        );
    }
    println!(
        "parse / bare mail-parser: {:.2}",
        best[2].as_secs_f64() / best[0].as_secs_f64()
    );
}
