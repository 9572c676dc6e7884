//! The driver before a broker of any bytes; the body is `src/mqtt/driver/fuzz.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirework::mqtt::fuzz::five(data));
