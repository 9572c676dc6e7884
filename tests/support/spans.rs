//! A tracer that keeps what it is told.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use wirework::component::{Component, InstanceFactory, NoConfig, Offer};
use wirework::trace::{Sampling, SpanKind, SpanValue, TraceContext, TraceRecord, TraceSink, Tracer};
use wirework::{Category, Descriptor, Error, offers};

use super::within;

/// An operation that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    pub name: String,
    pub kind: SpanKind,
    pub context: TraceContext,
    pub error: Option<String>,
    pub attributes: Vec<(&'static str, SpanValue)>,
}

impl Span {
    pub fn attribute(&self, name: &str) -> Option<&SpanValue> {
        self.attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Whether it is a part of that one, in the same trace.
    #[track_caller]
    pub fn is_child_of(&self, parent: &Self) {
        let (own, of) = (&self.context, &parent.context);
        assert_eq!(own.trace_id(), of.trace_id(), "{self:?} {parent:?}");
        assert_eq!(own.parent_id(), Some(of.span_id()), "{self:?} {parent:?}");
    }
}

pub struct Spans {
    told: Mutex<Vec<Span>>,
    more: Notify,
    sampling: Sampling,
}

impl Spans {
    pub fn new(sampling: Sampling) -> Arc<Self> {
        Arc::new(Self { told: Mutex::default(), more: Notify::new(), sampling })
    }

    pub fn factory(self: &Arc<Self>) -> InstanceFactory<Self> {
        InstanceFactory::new("t:tracer:spans:a:1.0".parse().expect("a descriptor"), Arc::clone(self))
    }

    /// A tracer that tells it.
    pub fn tracer(self: &Arc<Self>) -> Tracer {
        let tracer = Tracer::standalone();
        tracer.bind(vec![self.clone()]);
        tracer
    }

    /// What was told so far.
    pub fn told(&self) -> Vec<Span> {
        self.told.lock().expect("nobody panics with it").clone()
    }

    /// The first span of this name and destination; waits for it.
    pub async fn span(&self, name: &str, destination: Option<&str>) -> Span {
        within(format_args!("the span {name} {destination:?}"), async {
            loop {
                let more = self.more.notified();
                let goes = |span: &Span| {
                    let found = span.attribute("messaging.destination.name");
                    destination.is_none_or(|wanted| found == Some(&SpanValue::from(wanted)))
                };
                if let Some(found) = self.told().into_iter().find(|span| span.name == name && goes(span)) {
                    return found;
                }
                more.await;
            }
        })
        .await
    }
}

impl TraceSink for Spans {
    fn trace(&self, record: &TraceRecord<'_>) {
        self.told.lock().expect("nobody panics with it").push(Span {
            name: record.operation.to_owned(),
            kind: record.kind,
            context: record.span.expect("a span").clone(),
            error: record.error.map(ToString::to_string),
            attributes: record.attributes.to_vec(),
        });
        self.more.notify_waiters();
    }

    fn sampling(&self) -> Sampling {
        self.sampling
    }
}

impl Component for Spans {
    const DESCRIPTOR: &'static str = "t:tracer:spans:*:1.0";
    const SUMMARY: &'static str = "Keeps what it is told.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn TraceSink];
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Err(Error::new(Category::Internal, "TEST", "made only as an instance"))
    }
}
