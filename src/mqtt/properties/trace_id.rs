//! The trace id of a message, as a user property.
//!
//! A trace id of 32 hexadecimal digits, as those of the container are (dashes, as in a UUID, do not count), goes out as
//! the `traceparent` of W3C Trace Context, which other software knows. Any other text cannot be written there without
//! becoming another id: it goes out as it is, in `trace_id`. Both are read.

use std::sync::Arc;

use super::ReceivedProperties;
use crate::trace::TraceContext;

const TRACEPARENT: &str = "traceparent";
const TRACE_ID: &str = "trace_id";

/// The user property of a trace id.
pub(crate) struct TraceId;

impl TraceId {
    /// The user property that carries this trace id; nothing for an empty one.
    pub fn property(trace_id: &str) -> Option<(Arc<str>, Arc<str>)> {
        match TraceContext::of_trace(trace_id) {
            Some(trace) => Some((TRACEPARENT.into(), trace.to_string().into())),
            None if trace_id.is_empty() || trace_id.len() > 1024 || trace_id.contains('\0') => None,
            None => Some((TRACE_ID.into(), trace_id.into())),
        }
    }

    /// The trace id in the properties of a message.
    pub fn of(properties: &ReceivedProperties) -> Option<&str> {
        properties.get(TRACEPARENT).and_then(of_traceparent).or_else(|| properties.get(TRACE_ID))
    }
}

fn of_traceparent(value: &str) -> Option<&str> {
    let value = value.trim();
    TraceContext::parse(value)?;
    // Behind the version.
    value.split('-').nth(1)
}

#[cfg(test)]
mod tests {
    use super::super::MessageProperties;
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn received(user: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) -> ReceivedProperties {
        let user = user.into_iter().collect();
        ReceivedProperties::from(&MessageProperties { user, ..MessageProperties::default() })
    }

    #[test]
    fn an_id_of_32_digits_is_a_traceparent() {
        for id in [ID, "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736"] {
            let (name, value) = TraceId::property(id).unwrap();
            assert_eq!(
                (&*name, value.len(), value.get(..36)),
                ("traceparent", 55, Some(&*format!("00-{ID}-")))
            );
            assert_eq!(TraceId::of(&received([("x".into(), "y".into()), (name, value)])), Some(ID));
        }
        assert_ne!(TraceId::property(ID), TraceId::property(ID), "each message is a span of its own");
    }

    #[test]
    fn any_other_id_goes_as_it_is() {
        for id in ["4711", "", &"0".repeat(32), &"g".repeat(32)] {
            let property = TraceId::property(id);
            assert_eq!(property.is_some(), !id.is_empty());
            assert_eq!(
                property.as_slice().first().map(|(name, _)| &**name),
                (!id.is_empty()).then_some("trace_id")
            );
            assert_eq!(TraceId::of(&received(property)).unwrap_or_default(), id);
        }
    }

    #[test]
    fn what_is_no_traceparent_is_not_read() {
        let parent = |value: &str| received([(Arc::from("traceparent"), Arc::from(value))]);
        assert_eq!(TraceId::of(&parent(&format!("01-{ID}-00f067aa0ba902b7-01-more"))), Some(ID));
        for value in [
            "",
            "00",
            &format!("00-{ID}"),
            &format!("ff-{ID}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            "00-4711-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceId::of(&parent(value)), None, "{value}");
        }
    }
}
