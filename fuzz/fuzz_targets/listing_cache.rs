//! `cargo +nightly fuzz run listing_cache`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    barlow_data::source::fuzz::listing_cache(bytes);
});
