//! What auto-replies say about their owner: the samples against their truth.

use std::fs;

use serde_json::Value;
use undeliverable::Engine;

use crate::corpus;

/// Every signal, the end of the absence and the new address of a sample have to be right together.
#[test]
fn signals_are_what_the_owner_says() {
    let engine = Engine::new();
    let mut wrong = Vec::new();
    let mut all = 0;
    for (file, truth) in corpus::truth() {
        if truth["kind"] != "auto_reply" || truth["signals"].is_null() {
            continue;
        }
        all += 1;
        let report = engine.parse(&fs::read(&file).unwrap());
        let seen = serde_json::to_value(&report.signals).unwrap();
        let set = |v: &Value| {
            let mut words: Vec<String> = v["is"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|w| w.as_str().unwrap().to_owned())
                .collect();
            words.sort();
            (words, v["until"].clone(), v["new_address"].clone())
        };
        if set(&seen) != set(&truth["signals"]) {
            wrong.push(format!(
                "{}: {seen} and not {}",
                corpus::name(&file),
                truth["signals"]
            ));
        }
    }
    assert!(all > 140);
    let share = 1.0 - wrong.len() as f64 / all as f64;
    assert!(share >= 0.97, "{share:.4}: {wrong:#?}");
}
