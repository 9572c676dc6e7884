//! URIs of any bytes: the fuzz bodies on what proptest invents.

mod support;

use proptest::prelude::*;
use support::fuzz_uris;

/// Texts that are URIs more often than by chance.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "([a-z]{1,4}:)?(//)?([a-z:@%0-9 ]{0,9}@)?([a-z0-9.:,\\[\\]-]{0,12})(/[a-z%]{0,5})?(\\?[a-z=&%40]{0,9})?",
        1 => "[a-c:/@?#%,\\[\\]24053A é]{0,24}",
        1 => any::<String>(),
    ]
}

fn both(data: &[u8]) {
    fuzz_uris::read(data);
    fuzz_uris::mask(data);
}

/// `PROPTEST_CASES` sets another number.
#[test]
fn uris_hold() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(4000);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(text in texts())| both(text.as_bytes()));
}

#[test]
fn the_corpus_holds() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/uris");
    for entry in std::fs::read_dir(directory).expect("the corpus is there") {
        both(&std::fs::read(entry.expect("an entry").path()).expect("a file"));
    }
}
