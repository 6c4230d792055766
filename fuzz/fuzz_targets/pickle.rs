//! `cargo +nightly fuzz run pickle`: a good archive around any pickle.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| barlow_weights::fuzz::pickle(bytes));
