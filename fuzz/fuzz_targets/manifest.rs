//! A manifest with canaries; the body is `container/src/cli/canary.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirework_container::canary::manifest(data));
