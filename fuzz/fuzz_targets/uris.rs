//! URIs; the bodies are `tests/support/fuzz_uris.rs`.
#![no_main]

#[path = "../../tests/support/fuzz_uris.rs"]
mod fuzz_uris;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_uris::read(data);
    fuzz_uris::mask(data);
});
