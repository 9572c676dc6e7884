//! Envelopes of any bytes; the body is `tests/support/fuzz_envelopes.rs`.
#![no_main]

#[path = "../../tests/support/fuzz_envelopes.rs"]
mod fuzz_envelopes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_envelopes::envelope(data));
