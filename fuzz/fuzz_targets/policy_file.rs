//! Any text as a policy file.
#![no_main]
libfuzzer_sys::fuzz_target!(|text: &str| {
    match undeliverable::policy::Policy::parse("own.toml", text) {
        Ok(policy) => assert_eq!(undeliverable::policy::Policy::parse("own.toml", text), Ok(policy)),
        Err(e) => assert!(e.line().is_none_or(|l| l >= 1), "{e}"),
    }
});
