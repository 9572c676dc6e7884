//! A publish as a span of a trace, and what of that goes out with the message.

use std::sync::Arc;

use crate::mqtt::properties::TraceId;
use crate::mqtt::{MqttError, PublishOptions};
use crate::trace::{SpanKind, Timing, Tracer};

/// A publish of which the tracers are told; nothing where they are not. Dropped, as when somebody waits no longer for
/// room, nobody is told of it.
#[derive(Debug, Default)]
pub(super) struct PublishSpan(Option<Box<Timing>>);

impl PublishSpan {
    /// The span of a message that is to be published. Where nobody traces, it costs a look at that.
    #[inline]
    pub fn begin(tracer: &Tracer, topic: &Arc<str>, options: &PublishOptions) -> Self {
        if tracer.enabled() { Self::record(tracer, topic, options) } else { Self(None) }
    }

    fn record(tracer: &Tracer, topic: &Arc<str>, options: &PublishOptions) -> Self {
        let span = match (options.trace.as_deref(), options.trace_id.as_deref()) {
            (None, Some(trace_id)) => tracer.record_in_trace(trace_id),
            (context, _) => tracer.record_in(context),
        };
        Self(span.map(|span| {
            let timing = tracer.time(span, SpanKind::Producer, "mqtt", "publish");
            let timing =
                timing.attribute("messaging.system", "mqtt").attribute("messaging.operation.type", "send");
            Box::new(timing.attribute("messaging.destination.name", Arc::clone(topic)))
        }))
    }

    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// The user properties by which who gets the message knows where it comes from. A context that the properties of the message have
    /// already, as those of one that is passed on, is replaced.
    pub fn mark(&self, tracer: &Tracer, options: &PublishOptions, user: &mut Vec<(Arc<str>, Arc<str>)>) {
        let own = self.0.as_ref().and_then(|timing| timing.context());
        let trace_id = options.trace_id.as_deref();
        let of_id = trace_id.and_then(|trace_id| tracer.in_trace(trace_id));
        if let Some(context) = own.or(options.trace.as_deref()).or(of_id.as_ref()) {
            TraceId::replace(user, context);
        }
        // A text of the caller's own, which is in no `traceparent`.
        user.extend(trace_id.filter(|_| of_id.is_none()).and_then(TraceId::property));
    }

    /// The message is not accepted.
    pub fn fail(mut self, error: MqttError) -> MqttError {
        if let Some(timing) = self.0.take() {
            timing.fail(&error);
        }
        error
    }

    /// The broker has the message, or will not get it.
    pub fn end(&mut self, result: &Result<(), MqttError>) {
        let Some(timing) = self.0.take() else { return };
        match result {
            Ok(()) => timing.end(),
            Err(error) => timing.fail(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Sampler, Sampling, TraceRecord, TraceSink};

    struct Never;

    impl TraceSink for Never {
        fn trace(&self, _: &TraceRecord<'_>) {}
        fn sampling(&self) -> Sampling {
            Sampling::Sampled(Sampler::ratio(0.0))
        }
    }

    #[test]
    fn what_is_not_recorded_takes_no_memory() {
        let (topic, options) = (Arc::from("t"), PublishOptions::at_least_once());
        let (off, never) = (Tracer::standalone(), Arc::new(Never));
        let unsampled = Tracer::standalone();
        unsampled.bind(vec![never.clone()]);
        for tracer in [&off, &unsampled] {
            // Once before, for what a thread makes when it first needs chance.
            assert!(!PublishSpan::begin(tracer, &topic, &options).is_recorded());
            let taken = allocation_counter::measure(|| drop(PublishSpan::begin(tracer, &topic, &options)));
            assert_eq!(taken.count_total, 0);
        }
    }
}
