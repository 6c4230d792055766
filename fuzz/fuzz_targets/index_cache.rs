//! `cargo +nightly fuzz run index_cache`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    barlow_data::source::fuzz::index_cache(bytes);
});
