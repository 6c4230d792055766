//! `cargo +nightly fuzz run tar_index`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    barlow_data::source::fuzz::tar_index(bytes);
});
