//! Topics, filters, trie and cover; the bodies are `tests/support/fuzz_topics.rs`.
#![no_main]

#[path = "../../tests/support/fuzz_topics.rs"]
mod fuzz_topics;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_topics::names(data);
    fuzz_topics::trie(data);
    fuzz_topics::cover(data);
});
