//! Topics, trie and cover on any bytes: the fuzz bodies on what proptest invents.

mod support;

use proptest::prelude::*;
use support::fuzz_topics;

/// Bytes that are lines of filters more often than by chance.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(b"aab//++#$\n\n\n-\xc3\xa9\0".to_vec());
    prop_oneof![
        4 => prop::collection::vec(byte, 0..120),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => "((-?(\\$share/g/)?([ab+]/){0,2}[ab#+])\n){1,30}[ab](/[abc]){0,3}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn names_hold(data in lines()) {
        fuzz_topics::names(&data);
    }

    #[test]
    fn trie_holds(data in lines()) {
        fuzz_topics::trie(&data);
    }

    #[test]
    fn cover_holds(data in lines()) {
        fuzz_topics::cover(&data);
    }
}

/// One body over the same bytes after the other.
fn all(data: &[u8]) {
    fuzz_topics::names(data);
    fuzz_topics::trie(data);
    fuzz_topics::cover(data);
}

#[test]
fn ten_seconds_of_any_bytes() {
    support::mutate::for_ten_seconds("topics", all);
}
