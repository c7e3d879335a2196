//! Any text as a rule file of a user.
#![no_main]
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(e) = undeliverable::fuzzing::rules_file(text) {
        assert!(e.line().is_none_or(|l| l >= 1 && l <= text.lines().count() + 1), "{e}");
        assert!(!e.message().is_empty());
    }
});
