//! MQTT 5 at real brokers.

use std::sync::Arc;
use std::time::Duration;

use wirework::broker::{Broker, BrokerConfig};
use wirework::component::{Component, Context};
use wirework::mqtt::{
    MessageProperties, MqttConnection, MqttVersion, PublishOptions, QoS, RetainHandling, SubscribeOptions,
};

use crate::common::{context, listener};
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

async fn connect(port: u16, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let port = port.to_string();
    let mut pairs = vec![
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.protocol_version", "5"),
    ];
    pairs.extend_from_slice(more);
    let connection = MqttConnection::from_pairs(pairs).unwrap();
    within("the connection", connection.open(&context())).await.unwrap();
    Arc::new(connection)
}

/// Every QoS, with everything that a message can carry.
async fn prove(port: u16, count: u32) {
    let (publisher, subscriber) = (connect(port, &[]).await, connect(port, &[]).await);
    assert_eq!(publisher.client().unwrap().version(), MqttVersion::V5);
    let (listener, mut heard) = listener();
    let subscription =
        subscriber.subscribe("sensors/+", SubscribeOptions::exactly_once(), listener).await.unwrap();
    assert_eq!(subscription.granted(), QoS::ExactlyOnce);
    let properties = MessageProperties::default()
        .content_type("text/plain")
        .response_topic("answers")
        .correlation_data("4711")
        .expiry(Duration::from_secs(60))
        .text()
        .user("unit", "celsius");
    let client = publisher.client().unwrap();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for number in 0..count {
            let options = PublishOptions::default().qos(qos).properties(properties.clone());
            let delivery = client.send("sensors/kitchen", number.to_string(), options).await.unwrap();
            within("a delivery", delivery).await.unwrap();
        }
        for number in 0..count {
            let message = heard.next().await;
            assert_eq!((message.text(), message.qos), (Some(number.to_string().as_str()), qos));
            assert_eq!(&*message.topic, "sensors/kitchen");
            let came = &message.properties;
            assert_eq!(came.content_type(), Some("text/plain"));
            assert_eq!(came.response_topic(), Some("answers"));
            assert_eq!(came.correlation_data(), Some(&b"4711"[..]));
            assert!(came.expiry().is_some_and(|left| left <= Duration::from_secs(60)));
            assert_eq!((came.text(), came.get("unit")), (true, Some("celsius")));
        }
    }
    assert!(subscription.unsubscribe().await.unwrap());
    for connection in [publisher, subscriber] {
        connection.close(&context()).await.unwrap();
    }
}

async fn embedded() -> (Broker, Context) {
    let broker = Broker::new(BrokerConfig { port: 0, ..BrokerConfig::default() }).unwrap();
    let context = Context::standalone("pip-services:broker:mqtt:test:1.0".parse().unwrap());
    broker.open(&context).await.unwrap();
    (broker, context)
}

#[tokio::test]
async fn at_the_embedded_broker() {
    let (broker, context) = embedded().await;
    prove(broker.address().unwrap().port(), 100).await;
    broker.close(&context).await.unwrap();
}

#[tokio::test]
async fn at_mosquitto() {
    let Some(broker) = Mosquitto::start().await else { return };
    prove(broker.port, 100).await;
}

/// A request whose answers come in reverse, and one that nobody answers; the will of a client that is gone.
async fn prove_requests(port: u16) {
    let (asking, answering) = (connect(port, &[]).await, connect(port, &[]).await);
    let (client, answerer) = (asking.client().unwrap(), answering.client().unwrap());
    let (listener, mut heard) = listener();
    answering.subscribe("clock/+", SubscribeOptions::at_least_once(), listener).await.unwrap();
    let options = || PublishOptions::at_least_once();
    let asked = async {
        let ask = |what: &'static str| client.request("clock/now", what, options());
        let all = tokio::join!(ask("1"), ask("2"), ask("3"));
        [all.0, all.1, all.2].map(|answer| answer.unwrap().text().unwrap().to_owned())
    };
    let answered = async {
        let mut requests = [heard.next().await, heard.next().await, heard.next().await];
        requests.reverse();
        for request in &requests {
            let answer = format!("answer {}", request.text().unwrap());
            answerer.answer(request, answer, options()).await.unwrap();
        }
    };
    let (answers, ()) = within("the answers", async { tokio::join!(asked, answered) }).await;
    assert_eq!(answers, ["answer 1", "answer 2", "answer 3"]);
    let unanswered = client.request("nobody", "", options().timeout(Duration::from_millis(50))).await;
    let error = wirework::Error::from(unanswered.unwrap_err());
    assert_eq!(error.code(), "TIMEOUT");
    let plain = wirework::mqtt::MqttMessage::new("t", "");
    let error = wirework::Error::from(answerer.answer(&plain, "", options()).await.unwrap_err());
    assert_eq!(error.code(), "BAD_PROPERTY");
}

#[tokio::test]
async fn requests_are_answered_at_the_embedded_broker() {
    let (broker, context) = embedded().await;
    prove_requests(broker.address().unwrap().port()).await;
    broker.close(&context).await.unwrap();
}

#[tokio::test]
async fn requests_are_answered_at_mosquitto() {
    let Some(broker) = Mosquitto::start().await else { return };
    prove_requests(broker.port).await;
}

#[tokio::test]
async fn the_will_of_a_client_that_is_gone_is_published_and_that_of_one_that_closes_is_not() {
    let Some(broker) = Mosquitto::start().await else { return };
    for version in ["3.1.1", "5"] {
        let watching = connect(broker.port, &[]).await;
        let (listener, mut heard) = listener();
        watching.subscribe("state/#", SubscribeOptions::at_least_once(), listener).await.unwrap();
        let will = |topic| {
            let pairs = [
                ("options.protocol_version", version),
                ("will.topic", topic),
                ("will.payload", "gone"),
                ("will.qos", "1"),
            ];
            let port = broker.port.to_string();
            let mut all = vec![("connection.host", "127.0.0.1"), ("connection.port", port.as_str())];
            all.extend(pairs);
            MqttConnection::from_pairs(all).unwrap()
        };
        let closed = will("state/closed");
        closed.open(&context()).await.unwrap();
        closed.close(&context()).await.unwrap();
        let gone = will("state/gone");
        gone.open(&context()).await.unwrap();
        drop(gone);
        assert_eq!(heard.line().await, "state/gone gone", "{version}");
    }
}

#[tokio::test]
async fn a_trace_id_comes_with_the_message() {
    let (broker, context) = embedded().await;
    let connection = connect(broker.address().unwrap().port(), &[]).await;
    let (listener, mut heard) = listener();
    connection.subscribe("t", SubscribeOptions::default(), listener).await.unwrap();
    for id in [context.trace_id(), "4711"] {
        connection.publish("t", "", PublishOptions::default().trace_id(id)).await.unwrap();
        let message = heard.next().await;
        assert_eq!(message.trace_id(), Some(id));
        let parent = message.properties.get("traceparent").is_some();
        assert_eq!(parent, id.len() == 32);
    }
    broker.close(&context).await.unwrap();
}

/// Filters that overlap in every way, for two listeners: each message once to each, whatever copies the broker sends.
async fn prove_overlaps(port: u16) {
    let connection = connect(port, &[]).await;
    let (first, mut by_first) = listener();
    let (second, mut by_second) = listener();
    let options = SubscribeOptions::at_least_once;
    for filter in ["a/+", "+/b", "a/#", "a/b"] {
        connection.subscribe(filter, options(), Arc::clone(&first)).await.unwrap();
    }
    for filter in ["+/b", "a/b"] {
        connection.subscribe(filter, options(), Arc::clone(&second)).await.unwrap();
    }
    for number in 0..20 {
        connection.publish("a/b", number.to_string(), PublishOptions::exactly_once()).await.unwrap();
    }
    connection.publish("a/c", "one", PublishOptions::at_least_once()).await.unwrap();
    connection.publish("c/b", "end", PublishOptions::at_least_once()).await.unwrap();
    for number in 0..20 {
        let expected = format!("a/b {number}");
        assert_eq!((by_first.line().await, by_second.line().await), (expected.clone(), expected));
    }
    assert_eq!((by_first.line().await, by_first.line().await), ("a/c one".into(), "c/b end".into()));
    assert_eq!(by_second.line().await, "c/b end");
    // The best subscription goes, and others take over.
    for filter in ["a/b", "a/+"] {
        connection.unsubscribe(filter, &first).await.unwrap();
    }
    connection.publish("a/b", "more", PublishOptions::at_least_once()).await.unwrap();
    connection.publish("c/b", "end", PublishOptions::at_least_once()).await.unwrap();
    for expected in ["a/b more", "c/b end"] {
        assert_eq!((by_first.line().await, by_second.line().await), (expected.into(), expected.into()));
    }
    assert!(by_first.is_empty() && by_second.is_empty());
    connection.close(&context()).await.unwrap();
}

/// What a subscription can ask for beside the QoS.
async fn prove_options(port: u16) {
    let connection = connect(port, &[]).await;
    let other = connect(port, &[]).await;
    let kept = PublishOptions::at_least_once().retain();
    other.publish("r/1", "kept", kept.clone()).await.unwrap();
    let (own, mut by_own) = listener();
    let options = SubscribeOptions::at_least_once().no_local().retain_handling(RetainHandling::Never);
    connection.subscribe("r/#", options, own).await.unwrap();
    let (published, mut by_published) = listener();
    let options = SubscribeOptions::at_least_once().retain_as_published();
    connection.subscribe("r/+", options, Arc::clone(&published)).await.unwrap();
    assert_eq!(by_published.line().await, "r/1 kept");
    connection.publish("r/2", "mine", kept.clone()).await.unwrap();
    other.publish("r/2", "other", kept.clone()).await.unwrap();
    other.publish("r/2", "other", kept).await.unwrap();
    for text in ["mine", "other", "other"] {
        let message = by_published.next().await;
        assert_eq!((message.text(), message.retain), (Some(text), true), "as it was published, each time");
    }
    for _ in 0..2 {
        let message = by_own.next().await;
        assert_eq!((message.text(), message.retain), (Some("other"), false), "neither kept nor its own");
    }
    assert!(by_own.is_empty());
    let (both, mut by_both) = listener();
    let without = SubscribeOptions::exactly_once().no_local();
    connection.subscribe("own/#", without, Arc::clone(&both)).await.unwrap();
    connection.subscribe("own/+", SubscribeOptions::at_least_once(), both).await.unwrap();
    connection.publish("own/1", "mine", PublishOptions::at_least_once()).await.unwrap();
    assert_eq!(by_both.line().await, "own/1 mine", "the older one does not get it");
    let (another, _) = listener();
    let differs = connection.subscribe("r/+", SubscribeOptions::at_least_once(), another).await;
    assert_eq!(wirework::Error::from(differs.unwrap_err()).code(), "NOT_SUPPORTED");
    for connection in [connection, other] {
        connection.close(&context()).await.unwrap();
    }
}

/// A group shares what comes.
async fn prove_shared(port: u16) {
    let publisher = connect(port, &[]).await;
    let (one, two) = (connect(port, &[]).await, connect(port, &[]).await);
    let (all, mut by_all) = listener();
    one.subscribe("jobs/#", SubscribeOptions::at_least_once(), all).await.unwrap();
    let (first, mut by_first) = listener();
    let (second, mut by_second) = listener();
    one.subscribe("$share/g/jobs/+", SubscribeOptions::at_least_once(), first).await.unwrap();
    two.subscribe("$share/g/jobs/+", SubscribeOptions::at_least_once(), second).await.unwrap();
    let mut left: std::collections::HashSet<String> =
        (0..40).map(|number| format!("jobs/x {number}")).collect();
    for number in 0..40 {
        publisher.publish("jobs/x", number.to_string(), PublishOptions::at_least_once()).await.unwrap();
    }
    for number in 0..40 {
        assert_eq!(by_all.line().await, format!("jobs/x {number}"));
    }
    while !left.is_empty() {
        let line = tokio::select! { line = by_first.line() => line, line = by_second.line() => line };
        assert!(left.remove(&line), "{line} came to both");
    }
    assert!(by_first.is_empty() && by_second.is_empty() && by_all.is_empty());
}

#[tokio::test]
async fn subscriptions_overlap_at_the_embedded_broker() {
    let (broker, context) = embedded().await;
    let port = broker.address().unwrap().port();
    prove_overlaps(port).await;
    prove_options(port).await;
    prove_shared(port).await;
    broker.close(&context).await.unwrap();
}

#[tokio::test]
async fn subscriptions_overlap_at_mosquitto() {
    let Some(broker) = Mosquitto::start().await else { return };
    prove_overlaps(broker.port).await;
    prove_options(broker.port).await;
    prove_shared(broker.port).await;
}
