//! Labelled replies of our own, none of them a rule's example: floors that only rise, and confidence that keeps its word.

use serde_json::Value;
use undeliverable::{BounceType, Engine};

#[test]
fn labelled_lines() {
    let engine = Engine::new();
    let (mut category, mut hard) = ((0, 0), (0, 0));
    let (mut sure, mut doubtful) = ((0, 0), (0, 0));
    let mut wrong = Vec::new();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/lines.jsonl"))
        .unwrap();
    for line in text.lines() {
        let label: Value = serde_json::from_str(line).unwrap();
        let reply = label["text"].as_str().unwrap();
        let verdict = engine.classify(reply);
        let right = label["accept"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c == verdict.category.as_str());
        let add = |share: &mut (u32, u32), right: bool| {
            share.0 += u32::from(right);
            share.1 += 1;
        };
        add(&mut category, right);
        if let Some(wanted) = label["hard"].as_bool() {
            add(
                &mut hard,
                wanted == (verdict.bounce_type == BounceType::Hard),
            );
        }
        if verdict.confidence >= 0.9 {
            add(&mut sure, right);
        } else if verdict.confidence < 0.5 {
            add(&mut doubtful, right);
        }
        if !right {
            wrong.push(format!("{reply}: {}", verdict.category));
        }
    }
    let share = |(right, all): (u32, u32)| f64::from(right) / f64::from(all.max(1));
    assert!(category.1 >= 300, "{} lines", category.1);
    assert!(
        share(category) >= 0.97,
        "category {category:?}; wrong: {wrong:#?}"
    );
    assert!(share(hard) >= 0.99, "hard {hard:?}; wrong: {wrong:#?}");
    assert!(
        share(sure) >= 0.93,
        "said 0.9 or more: {sure:?}; wrong: {wrong:#?}"
    );
    assert!(share(doubtful) <= 0.75, "said less than 0.5: {doubtful:?}");
}
