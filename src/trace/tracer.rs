//! The handle with which a component traces its operations.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Instant, SystemTime};

use super::record::{TraceRecord, TraceSink};
use crate::bound;
use crate::component::{Cardinality, Descriptor, Found, Slot};
use crate::error::Error;

/// Traces the operations of a component. Cheap to clone.
///
/// As a reference it takes every matching tracer, is bound late and never required; what ends before that is told to
/// nobody.
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
pub struct Tracer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    source: Option<Descriptor>,
    /// Weak, because a tracer component may trace too.
    sinks: RwLock<Arc<[Weak<dyn TraceSink>]>>,
}

impl Tracer {
    /// A tracer of no component, which tells nobody unless it is bound.
    #[must_use]
    pub fn standalone() -> Self {
        Self::default()
    }

    /// A tracer of a component.
    #[must_use]
    pub fn of(source: Descriptor) -> Self {
        Self(Arc::new(Inner { source: Some(source), sinks: RwLock::default() }))
    }

    /// Tells these sinks too. One that is told already is told once.
    pub fn bind(&self, sinks: Vec<Arc<dyn TraceSink>>) {
        let mut told = self.0.sinks.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = told.to_vec();
        bound::bind(&mut all, sinks);
        *told = all.into();
    }

    /// Begins an operation: of which part of the service, such as `orders`, and what is done, such as `create`.
    #[must_use = "an operation that is dropped without an end is told to nobody"]
    pub fn begin(
        &self,
        component: impl Into<Cow<'static, str>>,
        operation: impl Into<Cow<'static, str>>,
    ) -> Timing {
        Timing {
            tracer: self.clone(),
            component: component.into(),
            operation: operation.into(),
            trace_id: None,
            began: SystemTime::now(),
            start: Instant::now(),
        }
    }

    /// Tells of an operation that was timed elsewhere.
    pub fn tell(&self, record: &TraceRecord<'_>) {
        let sinks = self.0.sinks.read().unwrap_or_else(PoisonError::into_inner).clone();
        let record = TraceRecord { source: record.source.or(self.0.source.as_ref()), ..*record };
        for sink in sinks.iter().filter_map(Weak::upgrade) {
            let _ = catch_unwind(AssertUnwindSafe(|| sink.trace(&record)));
        }
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
        f.debug_struct("Tracer").field("source", &self.0.source).finish_non_exhaustive()
    }
}

/// A running operation. Dropped without an end, as when its task is cancelled, it is not reported.
#[derive(Debug)]
pub struct Timing {
    tracer: Tracer,
    component: Cow<'static, str>,
    operation: Cow<'static, str>,
    trace_id: Option<Box<str>>,
    began: SystemTime,
    start: Instant,
}

impl Timing {
    /// The same operation as part of a traced call.
    #[must_use]
    pub fn with_trace_id(mut self, trace_id: &str) -> Self {
        self.trace_id = Some(trace_id.into());
        self
    }

    /// It went well.
    pub fn end(self) {
        self.finish(None);
    }

    /// It failed.
    pub fn fail(self, error: &(dyn StdError + 'static)) {
        self.finish(Some(error));
    }

    fn finish(self, error: Option<&(dyn StdError + 'static)>) {
        self.tracer.tell(&TraceRecord {
            began: self.began,
            duration: self.start.elapsed(),
            component: &self.component,
            operation: &self.operation,
            error,
            trace_id: self.trace_id.as_deref(),
            source: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl TraceSink for Told {
        fn trace(&self, record: &TraceRecord<'_>) {
            let record = TraceRecord { duration: Duration::from_micros(1500), ..*record };
            let from = record.source.map_or("-", |source| source.name());
            self.0.lock().unwrap().push(format!("{from} {} {record}", record.trace_id.unwrap_or("-")));
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

    #[test]
    fn durations_are_told_as_everywhere() {
        let record = TraceRecord::new("a", "b", Duration::from_micros(12_345));
        assert_eq!(record.to_string(), "executed a.b in 12.3 ms");
    }
}
