//! The handle with which a component traces its operations.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::context::TraceContext;
use super::record::{TraceRecord, TraceSink};
use super::sinks::Sinks;
use super::span::SpanKind;
use super::timing::Timing;
use crate::component::{Cardinality, Descriptor, Found, Slot};
use crate::error::Error;

/// Traces the operations of a component. Cheap to clone.
///
/// As a reference it takes every matching tracer, is bound late and never required; what ends before that is told to
/// nobody.
///
/// Each operation is a span of a trace: one that [`begin`](Self::begin)s by itself begins a trace, one that begins
/// [in](Self::begin_in) a context, such as that of a request, a message or another operation, is a part of that. Whether a trace is
/// sampled is decided where it begins, by the [`Sampler`](super::Sampler)s of the sinks.
///
/// ```
/// use wirework::trace::Tracer;
/// let tracer = Tracer::standalone();
/// let timing = tracer.begin("orders", "create").with_trace_id("4711");
/// match "5".parse::<u8>() {
///     Ok(_) => timing.end(),
///     Err(error) => timing.fail(&error),
/// }
/// ```
#[derive(Clone, Default)]
pub struct Tracer(Arc<Sinks>);

impl Tracer {
    /// A tracer of no component, which tells nobody unless it is bound.
    #[must_use]
    pub fn standalone() -> Self {
        Self::default()
    }

    /// A tracer of a component.
    #[must_use]
    pub fn of(source: Descriptor) -> Self {
        Self(Arc::new(Sinks::of(source)))
    }

    /// Tells these sinks too. One that is told already is told once.
    pub fn bind(&self, sinks: Vec<Arc<dyn TraceSink>>) {
        self.0.bind(sinks);
    }

    /// Whether somebody is told of operations; where nobody is, this is all that tracing costs.
    #[inline]
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.0.enabled()
    }

    /// Begins an operation: of which part of the service, such as `orders`, and what is done, such as `create`. It begins a trace.
    #[must_use = "an operation that is dropped without an end is told to nobody"]
    pub fn begin(
        &self,
        component: impl Into<Cow<'static, str>>,
        operation: impl Into<Cow<'static, str>>,
    ) -> Timing {
        let span = self.enabled().then(|| self.0.root());
        Timing::begin(Arc::clone(&self.0), span, SpanKind::Internal, (component.into(), operation.into()))
    }

    /// The same as part of another operation, here or elsewhere.
    ///
    /// ```
    /// use wirework::trace::{TraceContext, Tracer};
    /// # let tracer = Tracer::standalone();
    /// let caller = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    /// let outer = tracer.begin_in(&caller, "orders", "create");
    /// if let Some(context) = outer.context() {
    ///     tracer.begin_in(context, "orders", "check").end();
    /// }
    /// outer.end();
    /// ```
    #[must_use = "an operation that is dropped without an end is told to nobody"]
    pub fn begin_in(
        &self,
        context: &TraceContext,
        component: impl Into<Cow<'static, str>>,
        operation: impl Into<Cow<'static, str>>,
    ) -> Timing {
        // Where nobody is told, what is called from here belongs to the caller's.
        let span = if self.enabled() { context.child() } else { context.clone() };
        Timing::begin(
            Arc::clone(&self.0),
            Some(span),
            SpanKind::Internal,
            (component.into(), operation.into()),
        )
    }

    /// A span that answers this call from elsewhere, or begins a trace where there is none. Sampled as the caller has decided, unless
    /// the sampler ignores that; and where nobody here has a sampler, always.
    #[cfg(feature = "http")]
    pub(crate) fn accept(&self, caller: Option<&TraceContext>) -> TraceContext {
        self.0.accept(caller)
    }

    /// The span of an operation in this context, as far as somebody is told of it: nothing, and at little cost, where nobody is.
    pub(crate) fn record_in(&self, context: Option<&TraceContext>) -> Option<TraceContext> {
        self.0.record_in(context)
    }

    /// The same of what answers a message that was sent in this context.
    pub(crate) fn record_from(&self, sender: Option<&TraceContext>) -> Option<TraceContext> {
        self.0.record_from(sender)
    }

    /// The same in the trace with this id; where it is no id of W3C, one that begins a trace.
    pub(crate) fn record_in_trace(&self, trace_id: &str) -> Option<TraceContext> {
        match self.0.in_trace(trace_id) {
            Some(span) => Some(span).filter(|span| self.0.records(span)),
            None => self.0.record_in(None),
        }
    }

    /// A new span of the trace with this id; nothing where it is no id of W3C.
    #[cfg(feature = "mqtt")]
    pub(crate) fn in_trace(&self, trace_id: &str) -> Option<TraceContext> {
        self.0.in_trace(trace_id)
    }

    /// Whether somebody is told of an operation with this span.
    #[cfg(feature = "http")]
    pub(crate) fn records(&self, span: &TraceContext) -> bool {
        self.0.records(span)
    }

    /// An operation with this span, which begins now.
    pub(crate) fn time(
        &self,
        span: TraceContext,
        kind: SpanKind,
        component: &'static str,
        operation: impl Into<Cow<'static, str>>,
    ) -> Timing {
        Timing::begin(Arc::clone(&self.0), Some(span), kind, (component.into(), operation.into()))
    }

    /// Tells of an operation that was timed elsewhere.
    pub fn tell(&self, record: &TraceRecord<'_>) {
        self.0.tell(record);
    }
}

impl Slot for Tracer {
    type Capability = dyn TraceSink;
    const CARDINALITY: Cardinality = Cardinality::Late;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        let tracer = Self::of(found.scope().descriptor().clone());
        let late = tracer.clone();
        found.defer::<dyn TraceSink>(move |sinks| late.bind(sinks));
        Ok(tracer)
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("source", &self.0.source()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::trace::{Sampler, Sampling};

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl TraceSink for Told {
        fn trace(&self, record: &TraceRecord<'_>) {
            let record = TraceRecord { duration: Duration::from_micros(1500), ..*record };
            let from = record.source.map_or("-", |source| source.name());
            let trace = record.trace_id.filter(|id| id.len() < 32).unwrap_or("-");
            self.0.lock().unwrap().push(format!("{from} {trace} {record}"));
        }
    }

    #[test]
    fn operations_are_told_when_they_end() {
        struct Bad;
        impl TraceSink for Bad {
            fn trace(&self, _: &TraceRecord<'_>) {
                panic!("on purpose")
            }
        }
        let tracer = Tracer::of("a:b:c:me:1.0".parse().unwrap());
        let (told, bad) = (Arc::new(Told::default()), Arc::new(Bad));
        tracer.begin("too", "early").end();
        tracer.bind(vec![bad.clone(), told.clone()]);
        tracer.begin("orders", "create").end();
        let cause = std::io::Error::other("refused");
        let error = crate::Error::new(crate::Category::NoResponse, "X", "link is down").with_source(cause);
        tracer.begin("orders", String::from("send")).with_trace_id("t1").fail(&error);
        drop(tracer.begin("orders", "cancelled"));
        let expected = [
            "me - executed orders.create in 1.5 ms",
            "me t1 failed to execute orders.send in 1.5 ms: link is down: refused",
        ];
        assert_eq!(*told.0.lock().unwrap(), expected);
    }

    /// Keeps the spans of what it is told, by operation.
    struct Spans(Mutex<Vec<(String, TraceContext)>>, Sampling);

    impl Spans {
        fn of(tracer: &Tracer, sampling: Sampling) -> Arc<Self> {
            let spans = Arc::new(Self(Mutex::default(), sampling));
            tracer.bind(vec![spans.clone()]);
            spans
        }

        fn names(&self) -> Vec<String> {
            self.0.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
        }

        fn span(&self, name: &str) -> TraceContext {
            let spans = self.0.lock().unwrap();
            spans.iter().find(|(other, _)| other == name).map(|(_, span)| span.clone()).unwrap()
        }
    }

    impl TraceSink for Spans {
        fn trace(&self, record: &TraceRecord<'_>) {
            let span = record.span.cloned().unwrap();
            self.0.lock().unwrap().push((record.operation.to_owned(), span));
        }
        fn sampling(&self) -> Sampling {
            self.1
        }
    }

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn an_operation_within_another_is_its_child() {
        let tracer = Tracer::standalone();
        let spans = Spans::of(&tracer, Sampling::All);
        let caller = TraceContext::parse(CALLER).unwrap();
        let outer = tracer.begin_in(&caller, "orders", "outer");
        tracer.begin_in(outer.context().unwrap(), "orders", "inner").end();
        outer.end();
        tracer.begin("orders", "alone").end();
        tracer.begin("orders", "known").with_trace_id(caller.trace_id()).end();
        let (outer, inner, alone) = (spans.span("outer"), spans.span("inner"), spans.span("alone"));
        assert_eq!((outer.trace_id(), outer.parent_id()), (caller.trace_id(), Some(caller.span_id())));
        assert_eq!((inner.trace_id(), inner.parent_id()), (caller.trace_id(), Some(outer.span_id())));
        assert_eq!(alone.parent_id(), None);
        assert_ne!(alone.trace_id(), caller.trace_id());
        assert_eq!(
            (spans.span("known").trace_id(), spans.span("known").parent_id()),
            (caller.trace_id(), None)
        );
    }

    #[test]
    fn where_a_trace_begins_it_is_decided_for_all_of_it() {
        let caller = TraceContext::parse(CALLER).unwrap();
        let unsampled = caller.clone().with_sampled(false);
        let told = |sampling| {
            let tracer = Tracer::standalone();
            let spans = Spans::of(&tracer, sampling);
            let root = tracer.begin("a", "root");
            tracer.begin_in(root.context().unwrap(), "a", "child").end();
            root.end();
            tracer.begin_in(&caller, "a", "sampled").end();
            tracer.begin_in(&unsampled, "a", "unsampled").end();
            (spans.names(), tracer.accept(Some(&unsampled)).is_sampled(), tracer.record_in(None).is_some())
        };
        let all = ["child", "root", "sampled", "unsampled"];
        assert_eq!(told(Sampling::All), (all.map(str::to_owned).into(), false, true));
        let none = Sampler::ratio(0.0);
        assert_eq!(told(Sampling::Sampled(none)), (vec!["sampled".to_owned()], false, false));
        let every = Sampler::ratio(1.0);
        assert_eq!(
            told(Sampling::Sampled(every)),
            (all[..3].iter().map(|&name| name.to_owned()).collect(), false, true)
        );
        assert!(told(Sampling::Sampled(every.ignoring_callers())).1);
    }

    #[test]
    fn who_wants_all_gets_all_beside_one_who_samples() {
        let tracer = Tracer::standalone();
        let all = Spans::of(&tracer, Sampling::All);
        let none = Spans::of(&tracer, Sampling::Sampled(Sampler::ratio(0.0)));
        tracer.begin("a", "b").end();
        assert_eq!((all.names().len(), none.names().len()), (1, 0));
        assert!(!all.span("b").is_sampled(), "others need not record what only a log shows");
    }

    #[test]
    fn where_nobody_is_told_the_context_of_the_caller_is_passed_on() {
        let (tracer, caller) = (Tracer::standalone(), TraceContext::parse(CALLER).unwrap());
        assert_eq!(tracer.begin_in(&caller, "a", "b").context(), Some(&caller));
        assert!(tracer.begin("a", "b").context().is_none());
        assert!(tracer.record_in(Some(&caller)).is_none() && !tracer.enabled());
    }

    #[test]
    fn durations_are_told_as_everywhere() {
        let record = TraceRecord::new("a", "b", Duration::from_micros(12_345));
        assert_eq!(record.to_string(), "executed a.b in 12.3 ms");
    }
}
