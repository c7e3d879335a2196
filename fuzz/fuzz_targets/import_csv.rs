//! Any text as a suppression list of another service; and from the same bytes a list that is right, in one of the shapes.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use undeliverable_fuzz::lists::{Plan, check_plan, check_text};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check_text(&String::from_utf8_lossy(bytes));
    if let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(bytes)) {
        check_plan(&plan);
    }
});
