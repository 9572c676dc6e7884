//! The tracer.

use std::sync::Arc;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Deserialize;

use super::connection::OtlpConnection;
use super::error::OtlpError;
use super::logger::{hex, nanos};
use super::protobuf::Message;
use super::queue::{Item, Queue};
use super::resource::attribute;
use super::signal::Signal;
use super::variables::Variables;
use crate::component::{Component, Descriptor, Offer};
use crate::config::Invalid;
use crate::connect::Environment;
use crate::error::chain;
use crate::log::Value;
use crate::text::clip;
use crate::trace::{Sampler, Sampling, SpanKind, TraceContext, TraceRecord, TraceSink};
use crate::{Error, offers, references, register};

/// The status of an operation that failed.
const FAILED: u64 = 2;

/// Says of a span that it is known whether its parent is in another process.
const HAS_IS_REMOTE: u32 = 0x100;

/// The configuration of [`OtlpTracer`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpTracerConfig {
    /// Which operations are sent.
    pub options: OtlpTracerOptions,
}

/// Which operations an [`OtlpTracer`] sends.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpTracerOptions {
    /// The share of the traces that begin here which is sent, from 0 to 1, decided by the trace id; of traces that begin elsewhere, all
    /// those are sent that are sampled there. When not given: `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, or else 1.
    pub sample_ratio: Option<f64>,
}

impl OtlpTracerConfig {
    fn invalid(&self) -> Vec<Invalid> {
        let bad = self.options.sample_ratio.filter(|ratio| !(0.0..=1.0).contains(ratio));
        let invalid = |ratio| {
            Invalid::new(
                "options.sample_ratio",
                format!("is {ratio}, but has to be from 0 to 1; 0.01 is 1 %"),
            )
        };
        bad.map(invalid).into_iter().collect()
    }
}

references! {
    /// What [`OtlpTracer`] needs.
    pub struct OtlpTracerReferences {
        /// By which it sends.
        pub connection: Arc<OtlpConnection> = "*:connection:otlp:*:1.0",
    }
}

crate::opaque::opaque!(OtlpTracerReferences);

/// Sends the operations of all components as spans to a collector of OpenTelemetry, `pip-services:tracer:otlp:*:1.0`.
///
/// A span has ids, parent, kind, beginning and end, the attributes that are known, `component`, and of an operation that failed the status
/// `ERROR` with what is wrong. Its name is `orders.create` for the work of a service itself, and what is done alone for what comes and
/// goes, such as `GET /orders/{id}`. Nobody who traces waits for it.
///
/// ```
/// use std::sync::Arc;
/// use wirework::otlp::{OtlpConnection, OtlpConnectionConfig, OtlpTracer, OtlpTracerConfig};
/// use wirework::trace::Tracer;
/// let identity = "pip-services:connection:otlp:default:1.0".parse()?;
/// let connection = OtlpConnection::new(OtlpConnectionConfig::default(), identity)?;
/// let sink = Arc::new(OtlpTracer::new(&OtlpTracerConfig::default(), &connection)?);
/// let tracer = Tracer::standalone();
/// tracer.bind(vec![sink]);
/// tracer.begin("orders", "create").end();
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct OtlpTracer {
    sampler: Sampler,
    queue: Arc<Queue>,
}

crate::opaque::opaque!(OtlpTracer);

impl OtlpTracer {
    /// A tracer that sends by this connection, which is not open yet; it does not look at the environment.
    ///
    /// # Errors
    /// [`OtlpError::Config`] for a ratio that is none.
    pub fn new(config: &OtlpTracerConfig, connection: &OtlpConnection) -> Result<Self, OtlpError> {
        Self::with(config, connection, &Variables::new(Environment::new(|_| None)))
    }

    fn with(
        config: &OtlpTracerConfig,
        connection: &OtlpConnection,
        variables: &Variables,
    ) -> Result<Self, OtlpError> {
        Invalid::none(config.invalid())?;
        let sampler = match config.options.sample_ratio {
            Some(ratio) => Sampler::ratio(ratio),
            None => variables.sampler()?.unwrap_or(Sampler::ratio(1.0)),
        };
        Ok(Self { sampler, queue: connection.queue(Signal::Traces) })
    }
}

impl TraceSink for OtlpTracer {
    fn trace(&self, record: &TraceRecord<'_>) {
        let own = record.span.is_none().then(|| self.span_of(record.trace_id));
        if let Some(span) = record.span.or(own.as_ref()).filter(|span| span.is_sampled()) {
            self.queue.push(Item { bytes: encode(record, span).into_bytes().into(), records: 1 });
        }
    }

    fn sampling(&self) -> Sampling {
        Sampling::Sampled(self.sampler)
    }
}

impl OtlpTracer {
    /// The span of an operation that has none.
    fn span_of(&self, trace_id: Option<&str>) -> TraceContext {
        let span = trace_id.and_then(TraceContext::of_trace).unwrap_or_else(TraceContext::begin);
        let sampled = self.sampler.samples(&span);
        span.with_sampled(sampled)
    }
}

/// An operation as OTLP has it.
fn encode(record: &TraceRecord<'_>, span: &TraceContext) -> Message {
    let mut message = Message::with_capacity(192);
    let (id, parent) = span.spans();
    message.bytes(1, &hex::<16>(span.trace_id()).unwrap_or_default());
    message.bytes(2, &id.to_be_bytes());
    if let Some(state) = span.state() {
        message.text(3, state);
    }
    if let Some(parent) = parent {
        message.bytes(4, &parent.to_be_bytes());
    }
    match record.kind {
        SpanKind::Internal => message.text(5, &format!("{}.{}", record.component, record.operation)),
        _ => message.text(5, record.operation),
    }
    message.number(6, kind(record.kind));
    message.fixed64(7, nanos(record.began));
    message.fixed64(8, nanos(record.began.checked_add(record.duration).unwrap_or(SystemTime::now())));
    if let Some(source) = record.source {
        attribute(&mut message, 9, "component", Value::Text(source.as_str()));
    }
    for (name, value) in record.attributes {
        attribute(&mut message, 9, name, value.as_value());
    }
    if let Some(text) = record.trace_id.filter(|id| hex::<16>(id).is_none()) {
        // One of its own kind, which is none of OpenTelemetry.
        attribute(&mut message, 9, "trace_id", Value::Text(text));
    }
    if let Some(error) = record.error {
        let mut status = Message::default();
        status.text(2, &clip(&chain(error)));
        status.number(3, FAILED);
        message.message(15, &status);
    }
    message.fixed32(16, u32::from(span.flags()) | HAS_IS_REMOTE | remote(record.kind, parent));
    message
}

/// Whether the parent is in another process: that of what came from outside is.
fn remote(kind: SpanKind, parent: Option<u64>) -> u32 {
    let came = matches!(kind, SpanKind::Server | SpanKind::Consumer) && parent.is_some();
    if came { 0x200 } else { 0 }
}

const fn kind(kind: SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

impl Component for OtlpTracer {
    const DESCRIPTOR: &'static str = "pip-services:tracer:otlp:*:1.0";
    const SUMMARY: &'static str = "Sends traced operations as spans to a collector of OpenTelemetry.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn TraceSink];
    type Config = OtlpTracerConfig;
    type References = OtlpTracerReferences;

    fn validate(_: &Descriptor, config: &OtlpTracerConfig) -> Vec<Invalid> {
        config.invalid()
    }

    fn create(
        _: &Descriptor,
        config: OtlpTracerConfig,
        references: OtlpTracerReferences,
    ) -> Result<Self, Error> {
        let variables = Variables::new(Environment::process());
        Ok(Self::with(&config, &references.connection, &variables)?)
    }
}
register!(OtlpTracer);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::OtlpConnectionConfig;

    fn tracer(config: &str, variables: &[(&str, &str)]) -> Result<OtlpTracer, String> {
        let identity = "pip-services:connection:otlp:default:1.0".parse().unwrap();
        let connection = OtlpConnection::new(OtlpConnectionConfig::default(), identity).unwrap();
        let variables = Variables::new(Environment::of(variables));
        let config = toml::from_str(config).unwrap();
        OtlpTracer::with(&config, &connection, &variables).map_err(|error| error.to_string())
    }

    #[test]
    fn the_manifest_decides_the_ratio_or_else_the_variables_do() {
        let sampler = |config: &str, of: &[(&str, &str)]| tracer(config, of).unwrap().sampler;
        let quarter =
            [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
        assert_eq!(sampler("", &[]), Sampler::ratio(1.0));
        assert_eq!(sampler("", &quarter), Sampler::ratio(0.25));
        assert_eq!(sampler("options.sample_ratio = 0.5", &quarter), Sampler::ratio(0.5));
        assert_eq!(sampler("options.sample_ratio = 0", &quarter), Sampler::ratio(0.0));
        for bad in ["1.5", "-0.1", "nan"] {
            let said = tracer(&format!("options.sample_ratio = {bad}"), &[]).err().unwrap();
            assert!(said.contains("has to be from 0 to 1"), "{bad}: {said}");
        }
    }

    #[test]
    fn what_is_not_sampled_is_not_sent() {
        let tracer = tracer("options.sample_ratio = 0", &[]).unwrap();
        let mut record = TraceRecord::new("orders", "create", std::time::Duration::from_millis(1));
        tracer.trace(&record);
        let sampled = TraceContext::begin();
        record.span = Some(&sampled);
        tracer.trace(&record);
        assert_eq!(tracer.queue.give_up(), 1, "one, of which a caller has decided");
    }
}
