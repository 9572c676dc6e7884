//! What sensors send: the topic says who, the payload how warm it is.

use serde::Deserialize;

/// The largest magnitude that is taken for a measurement. It keeps every sum of readings finite.
const LARGEST: f64 = 1e100;

/// Why a message is no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// The payload is no text.
    #[error("the payload is no UTF-8 text; `21.5` or `{{\"value\":21.5}}` would be right")]
    NotText,
    /// The payload is neither a number nor an object with one.
    #[error("the payload is no number; `21.5` or `{{\"value\":21.5}}` would be right")]
    NotANumber,
    /// Not a number, infinite, or larger than anything measured.
    #[error("the payload is no finite number between -1e100 and 1e100")]
    OutOfRange,
}

/// The longer of the two forms; further keys, such as a unit, are ignored.
#[derive(Deserialize)]
struct Object {
    value: f64,
}

/// Reads a payload: `21.5` or `{"value":21.5}`.
pub fn parse(payload: &[u8]) -> Result<f64, ReadingError> {
    let text = std::str::from_utf8(payload).map_err(|_| ReadingError::NotText)?.trim();
    let value = if text.starts_with('{') {
        serde_json::from_str::<Object>(text).map_err(|_| ReadingError::NotANumber)?.value
    } else {
        text.parse().map_err(|_| ReadingError::NotANumber)?
    };
    if value.is_finite() && value.abs() <= LARGEST { Ok(value) } else { Err(ReadingError::OutOfRange) }
}

/// The sensor of a topic `sensors/<sensor>/temperature`.
pub fn sensor(topic: &str) -> Option<&str> {
    let sensor = topic.strip_prefix("sensors/")?.strip_suffix("/temperature")?;
    (!sensor.is_empty() && !sensor.contains('/')).then_some(sensor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_are_read() {
        for payload in
            ["21.5", " 21.5\n", "+21.5", "2.15e1", r#"{"value":21.5}"#, r#" {"value": 21.5, "unit": "C"} "#]
        {
            assert_eq!(parse(payload.as_bytes()), Ok(21.5), "{payload}");
        }
        assert_eq!(parse(b"-3"), Ok(-3.0));
        assert_eq!(parse(br#"{"value":-3}"#), Ok(-3.0));
    }

    #[test]
    fn anything_else_is_refused() {
        use ReadingError::{NotANumber, NotText, OutOfRange};
        for payload in
            ["", "warm", "21,5", "21.5 C", "{}", r#"{"value":"21.5"}"#, r#"{"value":null}"#, "[21.5]", "{"]
        {
            assert_eq!(parse(payload.as_bytes()), Err(NotANumber), "{payload}");
        }
        for payload in ["NaN", "inf", "-infinity", "1e999", "1e101"] {
            assert_eq!(parse(payload.as_bytes()), Err(OutOfRange), "{payload}");
        }
        assert_eq!(parse(&[0xff, 0x31]), Err(NotText));
    }

    #[test]
    fn the_topic_names_the_sensor() {
        assert_eq!(sensor("sensors/kitchen/temperature"), Some("kitchen"));
        for topic in ["sensors//temperature", "sensors/a/b/temperature", "sensors/temperature", "kitchen", ""]
        {
            assert_eq!(sensor(topic), None, "{topic}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_finite(payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = parse(&payload) {
                prop_assert!(value.is_finite());
            }
        }

        #[test]
        fn numbers_come_through_both_forms(value in -1e100..1e100f64) {
            prop_assert_eq!(parse(value.to_string().as_bytes()), Ok(value));
            let object = serde_json::json!({ "value": value }).to_string();
            let read = parse(object.as_bytes()).unwrap();
            prop_assert!((read - value).abs() <= value.abs() * 1e-15);
        }
    }
}
