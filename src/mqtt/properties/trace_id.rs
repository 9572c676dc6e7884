//! The trace id of a message, as a user property.
//!
//! A trace id of 32 hexadecimal digits, as those of the container are (dashes, as in a UUID, do not count), goes out as
//! the `traceparent` of W3C Trace Context, which other software knows. Any other text cannot be written there without
//! becoming another id: it goes out as it is, in `trace_id`. Both are read.

use std::sync::Arc;

use super::ReceivedProperties;
use crate::trace::TraceContext;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const TRACE_ID: &str = "trace_id";

/// The user property of a trace id.
pub(crate) struct TraceId;

impl TraceId {
    /// The user property that carries a trace id that is none of W3C; nothing for an empty one.
    pub fn property(trace_id: &str) -> Option<(Arc<str>, Arc<str>)> {
        let fits = !trace_id.is_empty() && trace_id.len() <= 1024 && !trace_id.contains('\0');
        fits.then(|| (TRACE_ID.into(), trace_id.into()))
    }

    /// Puts the context of a message among its user properties, instead of the one that is there.
    pub fn replace(user: &mut Vec<(Arc<str>, Arc<str>)>, context: &TraceContext) {
        user.retain(|(name, _)| ![TRACEPARENT, TRACESTATE].contains(&&**name));
        user.push((TRACEPARENT.into(), context.to_string().into()));
        user.extend(context.state().map(|state| (TRACESTATE.into(), state.into())));
    }

    /// The context in the properties of a message: that of its sender.
    pub fn context(properties: &ReceivedProperties) -> Option<TraceContext> {
        properties.get(TRACEPARENT)?;
        let values =
            |name| properties.user().filter(move |(known, _)| *known == name).map(|(_, value)| value.trim());
        TraceContext::read(values(TRACEPARENT), values(TRACESTATE))
    }

    /// The trace id in the properties of a message: the text that its sender has chosen, or else that of its context.
    pub fn of(properties: &ReceivedProperties) -> Option<&str> {
        properties.get(TRACE_ID).or_else(|| properties.get(TRACEPARENT).and_then(of_traceparent))
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
    fn a_context_goes_out_and_comes_in_as_it_is() {
        let parent = format!("00-{ID}-00f067aa0ba902b7-00");
        let context = TraceContext::read([&*parent], ["a=1,b=2"]).unwrap();
        let mut user = vec![("traceparent".into(), "old".into()), ("x".into(), "y".into())];
        TraceId::replace(&mut user, &context);
        assert_eq!(user.len(), 3, "{user:?}");
        let received = received(user.clone());
        assert_eq!((TraceId::context(&received), TraceId::of(&received)), (Some(context), Some(ID)));
        user.push(("trace_id".into(), "4711".into()));
        assert_eq!(TraceId::of(&self::received(user)), Some("4711"), "the sender's own text");
    }

    #[test]
    fn any_other_id_goes_as_it_is() {
        for id in ["4711", "", &"0".repeat(32), &"g".repeat(32), &"x".repeat(1025)] {
            let property = TraceId::property(id);
            assert_eq!(property.is_some(), (1..=1024).contains(&id.len()));
            assert_eq!(
                property.as_slice().first().map(|(name, _)| &**name),
                property.is_some().then_some("trace_id")
            );
            let read = TraceId::of(&received(property.clone())).map(str::to_owned);
            assert_eq!(read.is_some(), property.is_some());
            assert_eq!(read.unwrap_or_else(|| id.to_owned()), id);
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
