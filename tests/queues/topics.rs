//! The topic of each message: kept over bridges, made of a template, told by dead letters.

use std::sync::Arc;
use std::time::Duration;

use wirework::component::{Component, Context};
use wirework::config::from_pairs;
use wirework::messaging::{
    Bridge, BridgeConfig, DeadLetterReason, ListenOptions, MessageEnvelope, MessageQueue,
};
use wirework::mqtt::{MqttConnection, MqttMessageQueue, PublishOptions, QoS};

use crate::behaviours::{next, receive};
use crate::bridge::{bridge, memory};
use crate::kinds::{brokers, connected, context, embedded, queue};
use crate::mqtt::{heard, publish, tapped};
use crate::support::fake_broker::FakeBroker;
use crate::support::fake_broker::five::{PubAck, PubAckReason};
use crate::support::within;

const RAW: (&str, &str) = ("options.serialize_envelope", "false");
const LAZY: (&str, &str) = ("options.autosubscribe", "false");
const AT_ONCE: (&str, &str) = ("options.redelivery_delay", "0");

/// A queue that only sends.
async fn target(
    template: &str,
    connection: &Arc<MqttConnection>,
    more: &[(&str, &str)],
    context: &Context,
) -> Arc<dyn MessageQueue> {
    let pairs = [&[("topic", template), RAW, LAZY], more].concat();
    queue("target", connection, &pairs, context).await
}

#[tokio::test]
async fn from_one_broker_to_another_under_the_same_topics() {
    let (one, others) = (embedded("5").await.unwrap(), brokers().await);
    for other in &others {
        let (context, here, there) = (context(), one.connected().await, other.connected().await);
        let filter = [("topic", "factory/+/temp"), RAW];
        let source = queue("source", &here, &filter, &context).await;
        for (template, prefix) in [("{topic}", ""), ("site/7/{topic}", "site/7/")] {
            let mut tap = tapped(&there, &format!("{prefix}factory/#")).await;
            let target = target(template, &there, &[("options.retain", "true")], &context).await;
            let bridge = bridge(&[], &source, &target, &context).await;
            for (topic, payload) in [("factory/1/temp", &b"21.5"[..]), ("factory//temp", &[0, 255])] {
                publish(&here, "factory/1/humidity", "other").await;
                publish(&here, topic, payload).await;
                let message = heard(&mut tap).await;
                let expected = format!("{prefix}{topic}");
                assert_eq!((&*message.topic, &message.payload[..]), (expected.as_str(), payload));
                assert_eq!(message.qos, QoS::AtLeastOnce);
            }
            within("the end", bridge.close(&context)).await.unwrap();
            // As the target is configured, the broker keeps the last of each topic.
            let late = other.connected().await;
            let mut kept = tapped(&late, &format!("{prefix}factory/1/temp")).await;
            let message = heard(&mut kept).await;
            assert_eq!((message.retain, message.text()), (true, Some("21.5")), "{}", other.version);
            for topic in ["factory/1/temp", "factory//temp"] {
                let options = PublishOptions::at_least_once().retain();
                there.publish(format!("{prefix}{topic}"), "", options).await.unwrap();
            }
        }
        within("the end", source.close(&context)).await.unwrap();
    }
}

/// Over a queue in memory too, and of envelopes.
#[tokio::test]
async fn the_topic_of_a_message_stays_with_it() {
    for other in &brokers().await {
        let (context, connection) = (context(), other.connected().await);
        let envelopes = ("options.serialize_envelope", "true");
        let source = queue("source", &connection, &[("topic", "in/+"), envelopes], &context).await;
        let between = memory("between", &[], &context).await;
        let target = target("out/{topic}/{{x}}", &connection, &[envelopes], &context).await;
        let sink = queue("sink", &connection, &[("topic", "out/#"), envelopes], &context).await;
        let first = bridge(&[], &source, &between, &context).await;
        let second = bridge(&[], &between, &target, &context).await;
        let sent = MessageEnvelope::new("order", "A").with_topic("in/eu");
        publish(&connection, "in/eu", sent.to_json()).await;
        let got = receive(&sink).await;
        assert_eq!((&got.message_id, got.topic.as_deref()), (&sent.message_id, Some("out/in/eu/{x}")));
        sink.complete(&got).await.unwrap();
        // A service may set it too.
        target.send(sent.with_topic("mine")).await.unwrap();
        assert_eq!(receive(&sink).await.topic.as_deref(), Some("out/mine/{x}"));
        for bridge in [first, second] {
            within("the end", bridge.close(&context)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_queue_with_a_template_only_sends_and_needs_a_topic_that_can_be_published_to() {
    let broker = embedded("5").await.unwrap();
    let (context, connection) = (context(), broker.connected().await);
    let target = target("site/{topic}", &connection, &[], &context).await;
    let can = target.capabilities();
    assert!(can.send && !can.receive && !can.peek && !can.dead_letter);
    let refused = [
        within("receiving", target.receive(Duration::from_secs(60))).await.map(drop),
        target.receive(Duration::ZERO).await.map(drop),
        target.peek().await.map(drop),
        target.listen(Arc::new(|_: MessageEnvelope| async { Ok(()) }), ListenOptions::default()).await,
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.code(), "UNSUPPORTED", "{error}");
        assert!(error.to_string().contains("its topic has `{topic}` in it"), "{error}");
    }
    let send = async |topic: Option<&str>| {
        let envelope = MessageEnvelope::new("t", "x");
        let sent = target.send(topic.map_or(envelope.clone(), |topic| envelope.with_topic(topic))).await;
        sent.map_err(|error| (error.category(), error.code().to_owned()))
    };
    let bad = wirework::Category::BadRequest;
    for none in [None, Some("")] {
        assert_eq!(send(none).await, Err((bad, "NO_TOPIC".to_owned())));
    }
    for topic in ["a/+", "a\nb", "a\0"] {
        assert_eq!(send(Some(topic)).await, Err((bad, "BAD_TOPIC".to_owned())), "{topic:?}");
    }
    assert_eq!(send(Some("a")).await, Ok(()));
    let sink = memory("sink", &[], &context).await;
    let error = Bridge::new("test", BridgeConfig::default(), target, sink).err().unwrap().to_string();
    assert_eq!(error, "`references.source` is the queue `target`, from which nothing can be received");
}

/// `$share/` is part of filters only.
#[tokio::test]
async fn a_shared_subscription_is_nothing_to_publish_to() {
    let broker = embedded("5").await.unwrap();
    let (context, connection) = (context(), broker.connected().await);
    let shared = queue("shared", &connection, &[("topic", "$share/g/orders"), LAZY], &context).await;
    let can = shared.capabilities();
    assert!(can.receive && !can.send);
    for (key, value) in [("topic", "$share/g/{topic}"), ("dead_letter_topic", "$share/g/dead")] {
        let config = from_pairs([(key, value)]).unwrap();
        let error =
            MqttMessageQueue::new("x", config, Some(Arc::clone(&connection))).err().unwrap().to_string();
        assert!(error.contains("`$share/` begins a shared subscription"), "{error}");
    }
}

#[tokio::test]
async fn what_leads_back_under_its_own_topics_is_refused() {
    let broker = embedded("3.1.1").await.unwrap();
    let (context, connection) = (context(), broker.connected().await);
    for (filter, template, refused) in [
        ("factory/+/temp", "{topic}", true),
        ("factory/+/temp", "site/{topic}", false),
        ("#", "copy/{topic}", true),
        ("+/temp", "site/{topic}", false),
        ("a/#", "{topic}/copy", true),
        ("site/#", "{topic}/copy", true),
    ] {
        let source = queue("source", &connection, &[("topic", filter), RAW, LAZY], &context).await;
        let target = target(template, &connection, &[], &context).await;
        let bridge = Bridge::new("test", BridgeConfig::default(), source, target).unwrap();
        let opened = bridge.open(&context).await;
        within("the end", bridge.close(&context)).await.unwrap();
        assert_eq!(opened.is_err(), refused, "{filter} to {template}");
    }
}

#[tokio::test]
async fn what_takes_none_of_its_own_connection_may_be_sent_back_to() {
    let broker = embedded("5").await.unwrap();
    let (context, connection) = (context(), broker.connected().await);
    let deaf = [("topic", "factory/#"), ("options.no_local", "true"), RAW];
    let source = queue("source", &connection, &deaf, &context).await;
    let target = target("{topic}", &connection, &[], &context).await;
    let other = broker.connected().await;
    let mut tap = tapped(&other, "factory/#").await;
    let bridge = bridge(&[], &source, &target, &context).await;
    for text in ["one", "two"] {
        publish(&other, "factory/1", text).await;
        // What came, and what the bridge made of it, which the source does not take.
        for _ in 0..2 {
            assert_eq!(heard(&mut tap).await.text(), Some(text));
        }
    }
    within("the end", bridge.close(&context)).await.unwrap();
}

/// Reason, source topic and count: in an envelope always, of raw bytes on MQTT 5.
#[tokio::test]
async fn a_dead_letter_says_how_it_came_to_be_one() {
    use DeadLetterReason::{GivenUp, MaxDeliveries};
    for broker in &brokers().await {
        let (context, connection) = (context(), broker.connected().await);
        for serialized in ["false", "true"] {
            let codec = ("options.serialize_envelope", serialized);
            let dead = queue("dead", &connection, &[("topic", "dead/#"), codec], &context).await;
            let pairs = [
                ("topic", "orders/+"),
                ("dead_letter_topic", "dead/{topic}"),
                ("options.max_deliveries", "2"),
                AT_ONCE,
                codec,
            ];
            let orders = queue("orders", &connection, &pairs, &context).await;
            let told = serialized == "true" || broker.version == "5";
            let bytes = MessageEnvelope::new("t", "poison").to_json();
            for (reason, deliveries) in [(MaxDeliveries, 2), (GivenUp, 1)] {
                publish(&connection, "orders/eu", bytes.clone()).await;
                let message = receive(&orders).await;
                if reason == GivenUp {
                    orders.move_to_dead_letter(&message).await.unwrap();
                } else {
                    orders.abandon(&message).await.unwrap();
                    orders.abandon(&receive(&orders).await).await.unwrap();
                }
                let letter = receive(&dead).await;
                assert_eq!(letter.topic.as_deref(), Some("dead/orders/eu"));
                let facts =
                    letter.dead_letter().map(|dead| (dead.reason, dead.topic.as_deref(), dead.deliveries));
                let expected = told.then_some((reason, Some("orders/eu"), deliveries));
                assert_eq!(facts, expected, "{} {serialized}", broker.version);
                dead.complete(&letter).await.unwrap();
            }
            for queue in [orders, dead] {
                within("the end", queue.close(&context)).await.unwrap();
            }
        }
    }
}

/// Whoever hears it, with whatever means.
#[tokio::test]
async fn a_dead_letter_that_is_no_envelope_says_it_in_properties() {
    for broker in &brokers().await {
        let (context, connection) = (context(), broker.connected().await);
        let orders = [("dead_letter_topic", "garbage")];
        let _orders = queue("work", &connection, &orders, &context).await;
        let mut tap = tapped(&connection, "garbage").await;
        publish(&connection, "work", "garbage").await;
        let letter = heard(&mut tap).await;
        assert_eq!(letter.text(), Some("garbage"));
        let five = broker.version == "5";
        for (name, value) in [
            ("wirework-dead-reason", DeadLetterReason::Malformed.as_str()),
            ("wirework-dead-topic", "work"),
            ("wirework-dead-deliveries", "0"),
        ] {
            assert_eq!(letter.properties.get(name), five.then_some(value), "{name}");
        }
    }
}

/// Of topics that messages bring, the client may publish to some.
#[tokio::test]
async fn what_a_broker_denies_for_its_topic_does_not_stop_a_bridge() {
    for template in ["{topic}", "fixed"] {
        let broker = FakeBroker::start().await;
        let five = [("options.protocol_version", "5")];
        let (connection, (mut peer, _)) =
            tokio::join!(connected(broker.port(), &five), broker.accept_session5(false));
        let context = context();
        let source = memory("source", &[("dead_letter", "dead")], &context).await;
        let dead = memory("dead", &[], &context).await;
        let target = target(template, &connection, &[], &context).await;
        let _bridge = bridge(&[("concurrency", "1")], &source, &target, &context).await;
        for topic in ["secret", "open"] {
            source.send(MessageEnvelope::new("t", topic).with_topic(topic)).await.unwrap();
        }
        let denied = peer.expect_publish().await;
        let answer = |reason| PubAck { pkid: denied.pkid, reason, properties: None };
        peer.send(answer(PubAckReason::NotAuthorized)).await;
        let next = peer.expect_publish().await;
        if template == "fixed" {
            // All messages are denied alike: the operator may help.
            assert_eq!(next.payload, "secret");
            continue;
        }
        assert_eq!(next.topic, "open");
        let letter = receive(&dead).await;
        let reason = letter.dead_letter().map(|dead| dead.reason);
        assert_eq!((letter.text(), reason), (Some("secret"), Some(DeadLetterReason::Refused)));
    }
}

#[tokio::test]
async fn what_ends_links_does_not_stop_a_bridge() {
    let broker = FakeBroker::start().await;
    let quick = [("options.reconnect_timeout", "10")];
    let (connection, (mut peer, _)) =
        tokio::join!(connected(broker.port(), &quick), broker.accept_session(false));
    let context = context();
    let source = memory("source", &[("dead_letter", "dead")], &context).await;
    let dead = memory("dead", &[], &context).await;
    let target = target("fixed", &connection, &[], &context).await;
    let _bridge = bridge(&[], &source, &target, &context).await;
    source.send(MessageEnvelope::new("t", "poison")).await.unwrap();
    let ends_links = async {
        loop {
            peer.expect_publish().await;
            drop(peer);
            (peer, _) = broker.accept_session(false).await;
        }
    };
    let letter = tokio::select! {
        letter = receive(&dead) => letter,
        () = ends_links => unreachable!("it goes on"),
    };
    let reason = letter.dead_letter().map(|dead| dead.reason);
    assert_eq!((letter.text(), reason), (Some("poison"), Some(DeadLetterReason::Refused)));
}

#[tokio::test]
async fn what_a_bridge_gives_to_the_dead_letters_says_why() {
    use DeadLetterReason::{Looped, Refused, Unmatched};
    let broker = embedded("3.1.1").await.unwrap();
    let (context, connection) = (context(), broker.connected().await);
    let source = memory("source", &[("dead_letter", "dead")], &context).await;
    let dead = memory("dead", &[], &context).await;
    let target = target("{topic}", &connection, &[], &context).await;
    let pairs = [("types.0", "t"), ("unmatched", "dead_letter"), ("max_hops", "1")];
    let bridge = bridge(&pairs, &source, &target, &context).await;
    let looped = r#"{"message_type":"t","message":"","wirework_hops":"1 a"}"#;
    let looped = MessageEnvelope::from_json(looped.as_bytes()).unwrap();
    for (sent, reason) in [
        (MessageEnvelope::new("other", ""), Unmatched),
        (MessageEnvelope::new("t", ""), Refused),
        (MessageEnvelope::new("t", "").with_topic("a\u{1}b"), Refused),
        (looped, Looped),
    ] {
        source.send(sent).await.unwrap();
        let letter = receive(&dead).await;
        let facts = letter.dead_letter().map(|dead| (dead.reason, dead.deliveries));
        assert_eq!(facts, Some((reason, 1)));
        dead.complete(&letter).await.unwrap();
    }
    within("the end", bridge.close(&context)).await.unwrap();
    source.send(MessageEnvelope::new("t", "stays")).await.unwrap();
    assert_eq!(next(&source).await, "stays");
}
