//! Publishes and messages as spans of traces, over a real broker.

use std::sync::Arc;

use tokio::sync::mpsc;
use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::mqtt::{
    MessageProperties, MqttConnection, MqttMessage, MqttOptions, MqttVersion, PublishOptions,
    SubscribeOptions,
};
use wirework::trace::{Sampler, Sampling, SpanKind, SpanValue, TraceContext, Tracer};
use wirework::{Category, Error};

use crate::common::{context, listener};
use crate::support::spans::Spans;
use crate::support::within;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn broker() -> (Broker, Context) {
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&context).await.unwrap();
    (broker, context)
}

async fn connect(broker: &Broker, version: MqttVersion, tracer: Tracer) -> Arc<MqttConnection> {
    let options = MqttOptions { protocol_version: version, ..MqttOptions::default() };
    let connection = MqttConnection::builder().host("127.0.0.1", broker.address().unwrap().port());
    let connection = connection.options(options).tracer(tracer).build().unwrap();
    within("the connection", connection.open(&context())).await.unwrap();
    Arc::new(connection)
}

/// A message that was received, and whether a trace came with it.
async fn got(heard: &mut crate::common::Heard) -> (MqttMessage, Option<String>) {
    let message = heard.next().await;
    let traceparent = message.properties.get("traceparent").map(str::to_owned);
    (message, traceparent)
}

#[tokio::test]
async fn a_publish_because_of_a_message_is_part_of_its_trace() {
    let (broker, life) = broker().await;
    let spans = Spans::new(Sampling::Sampled(Sampler::ratio(1.0)));
    let connection = connect(&broker, MqttVersion::V5, spans.tracer()).await;
    let plain = connect(&broker, MqttVersion::V5, Tracer::standalone()).await;
    let client = connection.client().unwrap();
    let answering = move |message: MqttMessage| {
        let client = client.clone();
        async move {
            let trace = message.trace().expect("its own span");
            client.publish("answers", "", PublishOptions::at_least_once().trace(&trace)).await?;
            Ok(())
        }
    };
    let options = SubscribeOptions::at_least_once();
    connection.subscribe("requests", options, Arc::new(answering)).await.unwrap();
    let (failing, (observer, mut heard)) =
        (|_: MqttMessage| async { Err(Error::new(Category::Internal, "TEST", "on purpose")) }, listener());
    connection.subscribe("answers", options, Arc::new(failing)).await.unwrap();
    // Who does not trace sees what was sent.
    plain.subscribe("#", options, observer).await.unwrap();

    let caller = TraceContext::read([CALLER], ["a=1"]).unwrap();
    let publish = PublishOptions::at_least_once().trace(&caller);
    within("a publish", connection.publish("requests", "", publish)).await.unwrap();
    let requested = spans.span("publish", Some("requests")).await;
    let processed = spans.span("process", Some("requests")).await;
    let answered = spans.span("publish", Some("answers")).await;
    let failed = spans.span("process", Some("answers")).await;
    assert_eq!(
        (requested.context.trace_id(), requested.context.parent_id()),
        (caller.trace_id(), Some(caller.span_id()))
    );
    processed.is_child_of(&requested);
    answered.is_child_of(&processed);
    failed.is_child_of(&answered);
    assert_eq!(failed.context.state(), Some("a=1"));
    assert_eq!([&requested, &processed].map(|span| span.kind), [SpanKind::Producer, SpanKind::Consumer]);
    assert_eq!((processed.error.as_deref(), failed.error.as_deref()), (None, Some("on purpose")));
    assert_eq!(requested.attribute("messaging.system"), Some(&SpanValue::from("mqtt")));
    for span in [requested, answered] {
        let (message, traceparent) = got(&mut heard).await;
        assert_eq!(traceparent, Some(span.context.to_string()), "the span of the publish goes out");
        assert_eq!(message.properties.get("tracestate"), Some("a=1"));
        assert_eq!(message.trace().map(|trace| trace.span_id()), Some(span.context.span_id()));
    }
    for connection in [connection, plain] {
        connection.close(&context()).await.unwrap();
    }
    broker.close(&life).await.unwrap();
}

#[tokio::test]
async fn what_is_not_sampled_goes_without_a_context_and_what_is_given_goes_on() {
    let (broker, life) = broker().await;
    let none = Spans::new(Sampling::Sampled(Sampler::ratio(0.0)));
    let tracing = connect(&broker, MqttVersion::V5, none.tracer()).await;
    let silent = connect(&broker, MqttVersion::V5, Tracer::standalone()).await;
    let (observer, mut heard) = listener();
    silent.subscribe("#", SubscribeOptions::at_least_once(), observer).await.unwrap();
    let caller = TraceContext::parse(CALLER).unwrap();
    let unsampled = caller.clone().with_sampled(false);
    let publish = PublishOptions::at_least_once;
    for connection in [&tracing, &silent] {
        connection.publish("plain", "", publish()).await.unwrap();
        assert_eq!(got(&mut heard).await.1, None);
        connection.publish("unsampled", "", publish().trace(&unsampled)).await.unwrap();
        assert_eq!(got(&mut heard).await.1, Some(unsampled.to_string()));
        // One that is passed on with all its properties has one context.
        let passed = MessageProperties::default().user("traceparent", CALLER).user("x", "y");
        connection.publish("passed", "", publish().properties(passed).trace(&unsampled)).await.unwrap();
        let message = heard.next().await;
        // The broker adds who has sent it.
        let user: Vec<_> = message.properties.user().take(2).collect();
        assert_eq!(user, [("x", "y"), ("traceparent", &*unsampled.to_string())]);
    }
    assert!(none.told().is_empty());
    silent.publish("id", "", publish().trace_id(caller.trace_id())).await.unwrap();
    let own = got(&mut heard).await.1.and_then(|text| TraceContext::parse(&text)).unwrap();
    assert_eq!((own.trace_id(), own.is_sampled()), (caller.trace_id(), true));
    tracing.publish("text", "", publish().trace_id("order 7").trace(&caller)).await.unwrap();
    let (message, traceparent) = got(&mut heard).await;
    assert_eq!(message.trace_id(), Some("order 7"), "a text of its own stays");
    assert!(traceparent.is_some_and(|text| text != CALLER && text.contains(caller.trace_id())));
    assert_eq!(none.told().len(), 1, "that caller has decided");
    for connection in [tracing, silent] {
        connection.close(&context()).await.unwrap();
    }
    broker.close(&life).await.unwrap();
}

#[tokio::test]
async fn mqtt_3_carries_nothing_and_what_fails_or_is_dropped_is_told_of() {
    let (broker, life) = broker().await;
    let spans = Spans::new(Sampling::All);
    let connection = connect(&broker, MqttVersion::V4, spans.tracer()).await;
    let (sender, mut seen) = mpsc::channel(1);
    let listening = move |message: MqttMessage| {
        let (sender, trace) = (sender.clone(), message.trace());
        async move {
            let _ = sender.send((message, trace)).await;
            Ok(())
        }
    };
    connection.subscribe("t", SubscribeOptions::at_least_once(), Arc::new(listening)).await.unwrap();
    let caller = TraceContext::parse(CALLER).unwrap();
    let client = connection.client().unwrap();
    drop(client.send("t", "", PublishOptions::at_least_once().trace(&caller)).await.unwrap());
    let (message, trace) = within("the message", seen.recv()).await.unwrap();
    assert!(message.properties.is_empty());
    assert_ne!(trace.unwrap().trace_id(), caller.trace_id(), "it begins a trace");
    let sent = spans.span("publish", Some("t")).await;
    assert_eq!(sent.context.parent_id(), Some(caller.span_id()));
    within("the end", connection.close(&context())).await.unwrap();
    client.publish("late", "", PublishOptions::at_least_once()).await.unwrap_err();
    let late = spans.span("publish", Some("late")).await;
    assert!(late.error.is_some_and(|error| error.contains("closed")), "what is not accepted has failed");
    broker.close(&life).await.unwrap();
}
