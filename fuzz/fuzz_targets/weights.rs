//! `cargo +nightly fuzz run weights fuzz/corpus/weights reference/data/weights`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| barlow_weights::fuzz::file(bytes));
