//! How a queue over MQTT comes to its messages when it did not subscribe at once.

use std::sync::Arc;
use std::time::Duration;

use wirework::component::Context;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::mqtt::{MqttConnection, MqttMessageQueue};

use crate::behaviours::{next, receive};
use crate::kinds::context;
use crate::support::fake_broker::{
    FakeBroker, Packet, Peer, QoS, SubAck, SubscribeReasonCode, UnsubAck, message,
};
use crate::support::within;

/// A queue that has not subscribed, the broker's end of its connection, and that connection.
async fn queue(broker: &FakeBroker, context: &Context) -> (Arc<dyn MessageQueue>, Peer, Arc<MqttConnection>) {
    let port = broker.port().to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.subscribe_timeout", "50"),
        ("options.reconnect_timeout", "10"),
    ];
    let connection = Arc::new(MqttConnection::from_pairs(pairs).unwrap());
    let (opened, (peer, _)) = tokio::join!(connection.open(context), broker.accept_session(false));
    opened.unwrap();
    let config = wirework::config::from_pairs([("options.qos", "1")]).unwrap();
    let queue = Arc::new(MqttMessageQueue::new("orders", config, Some(Arc::clone(&connection))).unwrap());
    MqttMessageQueue::open(&queue, context).await.unwrap();
    (queue, peer, connection)
}

/// Grants whatever is asked for, late, and sends a message after each grant, for ever.
async fn serve(peer: &mut Peer) {
    let mut id = 0;
    loop {
        match peer.next("a packet").await {
            Some(Packet::Subscribe(subscribe)) => {
                let codes = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
                peer.send(SubAck::new(subscribe.pkid, codes)).await;
                id += 1;
                peer.send(message("orders", "a", QoS::AtLeastOnce, id)).await;
            }
            Some(Packet::Unsubscribe(unsubscribe)) => peer.send(UnsubAck::new(unsubscribe.pkid)).await,
            other => assert!(matches!(other, Some(Packet::PubAck(_))), "unexpected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_wait_is_as_long_as_was_asked_and_the_broker_is_asked_again() {
    let broker = FakeBroker::start().await;
    let context = context();
    let (queue, mut peer, _connection) = queue(&broker, &context).await;
    // Nothing is answered, and nobody waits longer than asked.
    for wait in [Duration::ZERO, Duration::from_millis(200)] {
        let received = within("the end of the wait", queue.receive(wait)).await;
        assert!(received.unwrap().is_none());
    }
    assert!(within("nothing", queue.peek()).await.unwrap().is_none());
    // By now the first attempt has timed out.
    tokio::select! {
        message = receive(&queue) => assert_eq!(message.text(), Some("a")),
        () = serve(&mut peer) => {}
    }
}

#[tokio::test]
async fn listening_outlasts_a_broker_that_does_not_answer() {
    let broker = FakeBroker::start().await;
    let context = context();
    let (queue, mut peer, _connection) = queue(&broker, &context).await;
    let (sender, mut heard) = tokio::sync::mpsc::channel(100);
    let receiver = move |message: MessageEnvelope| {
        let sender = sender.clone();
        async move {
            sender.send(message).await.unwrap();
            Ok(())
        }
    };
    let listening = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.listen(Arc::new(receiver), ListenOptions::default()).await }
    });
    // Long enough for the first attempt to time out.
    tokio::time::sleep(Duration::from_millis(150)).await;
    tokio::select! {
        message = within("the message", heard.recv()) => assert_eq!(message.unwrap().text(), Some("a")),
        () = serve(&mut peer) => {}
    }
    queue.end_listen();
    within("the end", listening).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refusal_is_told_and_what_is_asked_later_is_asked_anew() {
    let broker = FakeBroker::start().await;
    let context = context();
    let (queue, mut peer, _connection) = queue(&broker, &context).await;
    let (refused, _) = tokio::join!(queue.receive(Duration::from_secs(20)), peer.refuse());
    assert!(refused.unwrap_err().to_string().contains("refuses the subscription to `orders`"));
    let (text, _) = tokio::join!(next(&queue), async {
        peer.grant().await;
        peer.send(message("orders", "a", QoS::AtLeastOnce, 1)).await;
    });
    assert_eq!(text, "a");
}

#[tokio::test]
async fn a_queue_that_is_dropped_takes_nothing_more_and_holds_up_nobody() {
    let broker = FakeBroker::start().await;
    let context = context();
    let (queue, mut peer, _connection) = queue(&broker, &context).await;
    let (text, ()) = tokio::join!(next(&queue), async {
        peer.grant().await;
        peer.send(message("orders", "a", QoS::AtLeastOnce, 1)).await;
        assert_eq!(peer.expect_puback().await.pkid, 1);
    });
    assert_eq!(text, "a");
    peer.send(message("orders", "b", QoS::AtLeastOnce, 2)).await;
    // It is here, and was not received.
    while within("a look", queue.peek()).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    drop(queue);
    // The session is clean: nobody would ever receive it.
    assert_eq!(peer.expect_puback().await.pkid, 2);
    assert_eq!(peer.expect_unsubscribe().await.topics, ["orders"]);
}

#[tokio::test]
async fn a_shared_connection_that_is_opened_again_brings_messages_again() {
    let broker = FakeBroker::start().await;
    let context = context();
    let (queue, mut peer, connection) = queue(&broker, &context).await;
    let (text, _) = tokio::join!(next(&queue), async {
        peer.grant().await;
        peer.send(message("orders", "a", QoS::AtLeastOnce, 1)).await;
    });
    assert_eq!(text, "a");
    let (closed, ()) = tokio::join!(connection.close(&context), async {
        assert_eq!(peer.expect_puback().await.pkid, 1);
        peer.expect_end().await;
    });
    closed.unwrap();
    let told = within("the end of the wait", queue.receive(Duration::from_secs(20))).await.unwrap_err();
    assert_eq!(told.code(), "NOT_OPEN");
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    let (text, _) = tokio::join!(next(&queue), async {
        peer.grant().await;
        peer.send(message("orders", "b", QoS::AtLeastOnce, 1)).await;
    });
    assert_eq!(text, "b");
}

/// One that listens is not left waiting for what nobody sends any more.
#[tokio::test]
async fn who_listens_hears_that_the_shared_connection_was_closed() {
    let broker = FakeBroker::start().await;
    let context = context();
    let (queue, mut peer, connection) = queue(&broker, &context).await;
    let receiver = Arc::new(|_: MessageEnvelope| async { Ok::<(), wirework::Error>(()) });
    let mut listening = queue.listen(receiver, ListenOptions::default());
    tokio::select! {
        ended = &mut listening => panic!("it ended: {ended:?}"),
        _ = peer.grant() => {}
    }
    let (closed, ended, ()) = tokio::join!(connection.close(&context), within("the end", listening), async {
        peer.expect_end().await
    });
    closed.unwrap();
    assert_eq!(ended.unwrap_err().code(), "NOT_OPEN");
}

#[tokio::test]
async fn a_subscription_that_is_not_granted_again_is_told_to_whoever_waits() {
    let broker = FakeBroker::start().await;
    let context = context();
    let (queue, mut peer, connection) = queue(&broker, &context).await;
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.receive(Duration::from_secs(600)).await }
    });
    peer.grant().await;
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    peer.refuse().await;
    let error = within("the end of the wait", waiting).await.unwrap().unwrap_err();
    assert_eq!(error.code(), "SUBSCRIPTION_LOST");
    assert!(error.to_string().contains("`orders`"), "{error}");
    // A listener stays, and has the messages when the broker has changed its mind.
    let received = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&received);
    let listening = tokio::spawn({
        let queue = Arc::clone(&queue);
        let receiver = move |_: MessageEnvelope| {
            told.notify_one();
            async { Ok(()) }
        };
        async move { queue.listen(Arc::new(receiver), ListenOptions::default()).await }
    });
    peer.refuse().await;
    peer.grant().await;
    peer.send(message("orders", "a", QoS::AtLeastOnce, 1)).await;
    within("the message", received.notified()).await;
    drop(connection);
    listening.abort();
}

/// A queue that does not want what its own connection publishes.
fn without_own(broker: &FakeBroker, version: &str) -> (Arc<MqttConnection>, Arc<MqttMessageQueue>) {
    let port = broker.port().to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.protocol_version", version),
    ];
    let connection = Arc::new(MqttConnection::from_pairs(pairs).unwrap());
    let config = wirework::config::from_pairs([("options.qos", "1"), ("options.no_local", "true")]).unwrap();
    let queue = MqttMessageQueue::new("orders", config, Some(Arc::clone(&connection))).unwrap();
    (connection, Arc::new(queue))
}

#[tokio::test]
async fn no_local_is_asked_for_in_mqtt_5() {
    let (broker, context) = (FakeBroker::start().await, context());
    let (connection, queue) = without_own(&broker, "5");
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    MqttMessageQueue::open(&queue, &context).await.unwrap();
    let (received, subscribe) = tokio::join!(queue.receive(Duration::from_millis(10)), peer.grant());
    assert!(received.unwrap().is_none() && subscribe.filters[0].nolocal);
}

#[tokio::test]
async fn no_local_is_refused_over_a_connection_of_mqtt_3_1_1() {
    let (broker, context) = (FakeBroker::start().await, context());
    let (connection, queue) = without_own(&broker, "3.1.1");
    let (opened, (_peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    MqttMessageQueue::open(&queue, &context).await.unwrap();
    let error = within("the refusal", queue.receive(Duration::from_secs(60))).await.unwrap_err();
    assert_eq!(error.code(), "NOT_SUPPORTED", "{error}");
    assert!(error.chain().contains("set `options.protocol_version = 5`"), "{}", error.chain());
}
