//! Envelopes of any bytes: the fuzz body on the committed corpus, and on what comes of it by small changes.

mod support;

use support::{fuzz_envelopes, mutate};

#[test]
fn ten_seconds_of_any_bytes() {
    mutate::for_ten_seconds("envelopes", fuzz_envelopes::envelope);
}
