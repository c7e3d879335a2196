//! What the guides to bounce codes claim, where nothing better is known against it; see `docs/claims.md`.

use serde::Deserialize;
use undeliverable::Engine;

#[derive(Deserialize)]
struct File {
    claim: Vec<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    says: String,
    from: Vec<String>,
    input: String,
    category: String,
    permanence: String,
    #[serde(rename = "type")]
    bounce_type: String,
    address_action: String,
}

#[test]
fn claims_hold() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/claims.toml")).unwrap();
    let file: File = toml::from_str(&text).unwrap();
    let engine = Engine::new();
    let mut broken = Vec::new();
    for claim in &file.claim {
        assert!(!claim.from.is_empty(), "{}: nobody claims it", claim.says);
        let v = engine.classify(&claim.input);
        let got = [
            v.category.as_str(),
            v.permanence.as_str(),
            v.bounce_type.as_str(),
            v.address_action.as_str(),
        ];
        let wanted = [
            &claim.category,
            &claim.permanence,
            &claim.bounce_type,
            &claim.address_action,
        ];
        if got != wanted.map(String::as_str) {
            broken.push(format!(
                "{} ({}): wanted {wanted:?}, got {got:?}",
                claim.says, claim.input
            ));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
