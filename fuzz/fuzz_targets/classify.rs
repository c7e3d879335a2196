//! Any text as a reply, and as what readers of addresses are given.
#![no_main]
libfuzzer_sys::fuzz_target!(|text: &str| {
    undeliverable_fuzz::check_line(text);
    undeliverable::fuzzing::addresses(text);
});
