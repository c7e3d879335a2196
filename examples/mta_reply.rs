//! An MTA that got a reply asks at once what to do: one engine for all threads, no lock, no I/O.
//!
//! `cargo run --example mta_reply`

use std::io::Write as _;

use undeliverable::{AddressAction, Engine, Reply};

/// What a delivery thread knows when the other side has answered.
struct Attempt {
    recipient: &'static str,
    remote_mta: &'static str,
    reply: &'static str,
}

const ATTEMPTS: &[Attempt] = &[
    Attempt {
        recipient: "bob@example.com",
        remote_mta: "mx1.example.com",
        reply: "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown",
    },
    Attempt {
        recipient: "carol@example.net",
        remote_mta: "mx.example.net",
        reply: "450 4.2.0 <carol@example.net>: Greylisted, try again in 300 seconds",
    },
    Attempt {
        recipient: "dave@example.org",
        remote_mta: "mx.example.org",
        reply: "554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org",
    },
];

fn main() -> std::io::Result<()> {
    // Built once; some milliseconds.
    let engine = Engine::new();
    let lines: Vec<String> = std::thread::scope(|threads| {
        let workers: Vec<_> = ATTEMPTS
            .iter()
            .map(|attempt| threads.spawn(|| decide(&engine, attempt)))
            .collect();
        workers.into_iter().filter_map(|w| w.join().ok()).collect()
    });
    let mut out = std::io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn decide(engine: &Engine, attempt: &Attempt) -> String {
    let verdict = engine.classify(
        Reply::new(attempt.reply)
            .recipient(attempt.recipient)
            .remote_mta(attempt.remote_mta),
    );
    let what = match verdict.address_action {
        AddressAction::Suppress | AddressAction::SuppressDomain => "never again".to_owned(),
        AddressAction::Hold => format!("hold, and {}", verdict.sender_action),
        _ => match verdict.details.retry_after {
            Some(seconds) => format!("again in {seconds} s"),
            None => "again later".to_owned(),
        },
    };
    let sure = verdict.confidence;
    format!(
        "{}: {} ({sure:.2}): {what}",
        attempt.recipient, verdict.category
    )
}
