//! Texts with parameters, and files of parameters; the body is `container/src/manifest/fuzz.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirework_container::manifest::fuzz::parameters(data));
