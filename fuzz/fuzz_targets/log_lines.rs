//! Any text as the logs of each mail server that `classify --input` reads.
#![no_main]
libfuzzer_sys::fuzz_target!(|text: &str| {
    undeliverable_fuzz::log_lines(text);
});
