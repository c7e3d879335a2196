//! Every answer is as `docs/report.schema.json` says, and every key of the contract is filled by some sample.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use undeliverable::Engine;

use crate::corpus;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Keys of an object schema, as dotted paths; arrays are walked through.
fn keys(schema: &Value, root: &Value, path: &str, out: &mut BTreeSet<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(r) => root.pointer(r.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    if let Some(items) = schema.get("items") {
        keys(items, root, path, out);
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        keys(alternative, root, path, out);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let here = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        keys(inner, root, &here, out);
        out.insert(here);
    }
}

/// Keys of a value that hold something.
fn filled(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let here = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                let empty = inner.is_null()
                    || inner.as_array().is_some_and(Vec::is_empty)
                    || inner.as_object().is_some_and(serde_json::Map::is_empty);
                if !empty {
                    filled(inner, &here, out);
                    out.insert(here);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|i| filled(i, path, out)),
        _ => {}
    }
}

#[test]
fn answers_fit_the_schema_and_fill_it() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let engine = Engine::new();
    let mut seen = BTreeSet::new();
    for file in corpus::files() {
        let mut report = engine.parse(&fs::read(&file).unwrap());
        report.source = Some(corpus::name(&file));
        let value = serde_json::to_value(&report).unwrap();
        if let Err(e) = validator.validate(&value) {
            panic!("{}: {e} at {}", corpus::name(&file), e.instance_path());
        }
        filled(&value, "", &mut seen);
    }
    let mut wanted = BTreeSet::new();
    keys(&schema, &schema, "", &mut wanted);
    let unfilled: Vec<_> = wanted.difference(&seen).collect();
    assert!(unfilled.is_empty(), "no sample fills {unfilled:?}");
}
