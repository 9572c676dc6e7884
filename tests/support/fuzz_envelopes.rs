//! Fuzz body over bytes for message envelopes; it panics when something is wrong.

use wirework::messaging::MessageEnvelope;
use wirework::text::is_unsafe;

/// How many bytes of an error an operator may be shown, whatever the envelope held.
const LONGEST_ERROR: usize = 1024;

/// What is read can be written, and reads the same again; what is not read has an error fit for a terminal.
pub fn envelope(data: &[u8]) {
    match MessageEnvelope::from_json(data) {
        Ok(read) => {
            let written = read.to_json();
            let again = MessageEnvelope::from_json(&written).expect("what was written is read");
            assert_eq!(again.message_id, read.message_id);
            assert_eq!(again.trace_id, read.trace_id);
            assert_eq!(again.message_type, read.message_type);
            assert_eq!(again.payload, read.payload);
            assert_eq!(again.to_json(), written, "a second writing differs");
        }
        Err(error) => {
            let shown = wirework::chain(&error);
            assert!(shown.len() <= LONGEST_ERROR, "{} bytes of error", shown.len());
            assert!(!shown.contains(is_unsafe), "{shown:?}");
        }
    }
}
