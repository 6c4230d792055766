//! `cargo +nightly fuzz run decode fuzz/corpus/decode reference/data/formats`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| barlow_data::decode::fuzz_decode(bytes));
