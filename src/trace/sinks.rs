//! Who is told of operations, and of which.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};

use super::context::TraceContext;
use super::record::{TraceRecord, TraceSink};
use super::sampling::{Sampler, Sampling};
use crate::bound;
use crate::component::Descriptor;

/// The sinks of the tracer of a component.
#[derive(Default)]
pub(super) struct Sinks {
    source: Option<Descriptor>,
    /// Whether somebody is to be told; read alone where nobody is.
    enabled: AtomicBool,
    /// What each message asks for, as `bound` has it, without its lock.
    all: AtomicBool,
    below: AtomicU64,
    bound: RwLock<Bound>,
}

struct Bound {
    /// Weak, because a tracer component may trace too.
    sinks: Arc<[Weak<dyn TraceSink>]>,
    /// Whether one of them is told of all operations.
    all: bool,
    sampler: Sampler,
}

impl Default for Bound {
    fn default() -> Self {
        Self { sinks: Arc::default(), all: false, sampler: Sampler::ratio(1.0) }
    }
}

impl Bound {
    fn of(sinks: Vec<Weak<dyn TraceSink>>) -> Self {
        let (mut all, mut sampler) = (false, None);
        for sink in sinks.iter().filter_map(Weak::upgrade) {
            match sink.sampling() {
                Sampling::All => all = true,
                Sampling::Sampled(one) => sampler = Some(sampler.map_or(one, |other: Sampler| other.or(one))),
            }
        }
        Self { sinks: sinks.into(), all, sampler: sampler.unwrap_or(Sampler::ratio(1.0)) }
    }
}

impl Sinks {
    /// Those of the tracer of this component.
    pub fn of(source: Descriptor) -> Self {
        Self { source: Some(source), ..Self::default() }
    }

    pub fn source(&self) -> Option<&Descriptor> {
        self.source.as_ref()
    }

    /// Tells these too. One that is told already is told once.
    pub fn bind(&self, sinks: Vec<Arc<dyn TraceSink>>) {
        let mut told = self.bound.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = told.sinks.to_vec();
        bound::bind(&mut all, sinks);
        let enabled = !all.is_empty();
        *told = Bound::of(all);
        self.all.store(told.all, Ordering::Relaxed);
        self.below.store(told.sampler.below(), Ordering::Relaxed);
        self.enabled.store(enabled, Ordering::Release);
    }

    #[inline]
    pub fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// A span that answers this call, or begins a trace where there is none.
    pub fn accept(&self, caller: Option<&TraceContext>) -> TraceContext {
        let Some(caller) = caller else { return self.root() };
        let (own, sampler) = (caller.child(), self.bound().sampler);
        if sampler.follows_callers() {
            return own;
        }
        let sampled = sampler.samples(&own);
        own.with_sampled(sampled)
    }

    /// The span of an operation in this context, as far as somebody is told of it.
    pub fn record_in(&self, context: Option<&TraceContext>) -> Option<TraceContext> {
        if !self.enabled() {
            return None;
        }
        let all = self.all.load(Ordering::Relaxed);
        match context {
            Some(context) => (all || context.is_sampled()).then(|| context.child()),
            None if all => Some(self.root()),
            None => {
                let below = self.below.load(Ordering::Relaxed);
                TraceContext::begin_if(|low| Sampler::is_below(low, below))
            }
        }
    }

    /// The span of an operation that answers a message of this context, as far as somebody is told of it.
    pub fn record_from(&self, sender: Option<&TraceContext>) -> Option<TraceContext> {
        match sender {
            Some(_) if self.enabled() => Some(self.accept(sender)).filter(|span| self.records(span)),
            _ => self.record_in(sender),
        }
    }

    /// A new span of the trace with this id; nothing where it is no id of W3C.
    pub fn in_trace(&self, trace_id: &str) -> Option<TraceContext> {
        TraceContext::of_trace(trace_id).map(|span| self.sampled(span))
    }

    /// Whether somebody is told of an operation with this span.
    pub fn records(&self, span: &TraceContext) -> bool {
        self.enabled() && (span.is_sampled() || self.bound().all)
    }

    /// The beginning of a trace.
    pub fn root(&self) -> TraceContext {
        self.sampled(TraceContext::begin())
    }

    fn sampled(&self, span: TraceContext) -> TraceContext {
        let sampled = self.bound().sampler.samples(&span);
        span.with_sampled(sampled)
    }

    fn bound(&self) -> RwLockReadGuard<'_, Bound> {
        self.bound.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those of an operation that want it.
    pub fn tell(&self, record: &TraceRecord<'_>) {
        // No lock is held while they are told.
        let sinks = Arc::clone(&self.bound().sinks);
        let record = TraceRecord { source: record.source.or(self.source.as_ref()), ..*record };
        let sampled = record.span.is_none_or(TraceContext::is_sampled);
        for sink in sinks.iter().filter_map(Weak::upgrade) {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                if sampled || sink.sampling() == Sampling::All {
                    sink.trace(&record);
                }
            }));
        }
    }
}
