//! What listeners may do, and closing at bad moments.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, mpsc};
use wirework::mqtt::{MqttClient, MqttMessage, MqttMessageListener, PublishOptions, SubscribeOptions};

use super::life::born;
use crate::common::{connection, context, listener, opened};
use crate::support::fake_broker::{FakeBroker, QoS, V4, message};
use crate::support::honest::Weather;
use crate::support::within;

/// A listener publishes and awaits, subscribes and unsubscribes, itself included, while it handles a message.
#[tokio::test]
async fn publish_subscribe_and_unsubscribe_from_inside_a_listener() {
    let mut life = born::<V4>(vec![], &[("options.max_inflight", "1")]).await;
    life.open().await;
    let client = life.connection.client().unwrap();
    let (sender, mut done) = mpsc::unbounded_channel();
    let (inner, mut heard) = listener();
    let own: Arc<OnceLock<Arc<dyn MqttMessageListener>>> = Arc::default();
    let outer = {
        let (client, own): (MqttClient, _) = (client.clone(), Arc::clone(&own));
        move |message: MqttMessage| {
            let (client, own) = (client.clone(), Arc::clone(&own));
            let (inner, sender) = (Arc::clone(&inner), sender.clone());
            async move {
                let (text, qos2) = (message.text().unwrap().to_owned(), SubscribeOptions::exactly_once());
                client.publish("echo", text.clone(), PublishOptions::exactly_once()).await?;
                match text.as_str() {
                    "subscribe" => drop(client.subscribe("other/#", qos2, inner).await?),
                    "unsubscribe" => assert!(client.unsubscribe("other/#", &inner).await?),
                    "leave" => assert!(client.unsubscribe("in/#", own.get().unwrap()).await?),
                    _ => {}
                }
                sender.send(text).unwrap();
                Ok(())
            }
        }
    };
    let outer: Arc<dyn MqttMessageListener> = Arc::new(outer);
    assert!(own.set(Arc::clone(&outer)).is_ok());
    let options = SubscribeOptions::exactly_once();
    within("the grant", client.subscribe("in/#", options, outer)).await.unwrap();
    for step in ["echo", "subscribe", "unsubscribe", "subscribe"] {
        life.broker.send("in/x", step, 2);
        assert_eq!(within("the listener", done.recv()).await.unwrap(), step);
    }
    life.broker.send("other/x", "heard", 1);
    assert_eq!(heard.line().await, "other/x heard");
    life.broker.send("in/x", "leave", 1);
    assert_eq!(within("the listener", done.recv()).await.unwrap(), "leave");
    life.broker
        .until("the end of it", |state| !state.subscriptions.contains_key("in/#") && state.is_idle())
        .await;
    let state = life.broker.state();
    let echoes = state.arrived.iter().filter(|arrived| arrived.topic == "echo").count();
    assert_eq!((echoes, state.subscriptions.len(), state.violations.len()), (5, 1, 0));
}

/// A listener that never ends does not hold up closing beyond its deadline, and its message is not acknowledged.
#[tokio::test]
async fn a_listener_that_waits_for_ever_at_close() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.close_timeout", "100")]).await;
    let (inside, handled) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let waits = {
        let (inside, handled) = (Arc::clone(&inside), Arc::clone(&handled));
        move |_: MqttMessage| {
            let (inside, handled) = (Arc::clone(&inside), Arc::clone(&handled));
            async move {
                inside.add_permits(1);
                std::future::pending::<()>().await;
                handled.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    };
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, Arc::new(waits)), peer.grant());
    granted.unwrap();
    peer.send(message("t", "1", QoS::AtLeastOnce, 1)).await;
    peer.send(message("t", "2", QoS::AtLeastOnce, 2)).await;
    within("the listener", inside.acquire()).await.unwrap().forget();
    let context = context();
    let (closed, ()) = tokio::join!(connection.close(&context), async {
        peer.expect_disconnect().await;
        peer.expect_end().await;
    });
    closed.unwrap();
    assert_eq!(handled.load(Ordering::Relaxed), 0);
}

/// One that blocks its thread cannot be stopped; closing ends all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_blocks_its_thread_at_close() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.close_timeout", "50")]).await;
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let (entered, mut inside) = mpsc::unbounded_channel();
    let gate = std::sync::Mutex::new(gate);
    let blocks = move |_: MqttMessage| {
        entered.send(()).unwrap();
        // Until the test lets it go.
        let _ = gate.lock().unwrap().recv();
        async { Ok(()) }
    };
    let options = SubscribeOptions::at_least_once();
    let (granted, _) = tokio::join!(connection.subscribe("t", options, Arc::new(blocks)), peer.grant());
    granted.unwrap();
    peer.send(message("t", "1", QoS::AtLeastOnce, 1)).await;
    within("the listener", inside.recv()).await.unwrap();
    within("the close", connection.close(&context())).await.unwrap();
    assert!(!connection.is_open());
    release.send(()).unwrap();
}

#[tokio::test]
async fn close_during_open_ends_both() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let opening = {
        let connection = Arc::clone(&connection);
        tokio::spawn(async move { connection.open(&context()).await })
    };
    let (mut peer, _) = broker.accept_connect().await;
    connection.close(&context()).await.unwrap();
    peer.send(crate::support::fake_broker::ConnAck::new(
        crate::support::fake_broker::ConnectReturnCode::Success,
        false,
    ))
    .await;
    let error = within("the open", opening).await.unwrap().unwrap_err();
    assert_eq!(error.code(), "NOT_OPEN");
    peer.expect_end().await;
    assert!(!connection.is_open());
}

/// At every stage of coming back: while it waits, while it dials, while CONNACK is awaited, while subscriptions are.
#[tokio::test]
async fn close_during_reconnect_ends_at_once_or_at_its_deadline() {
    for stage in 0..4 {
        let broker = FakeBroker::start().await;
        let wait = if stage == 0 { "60000" } else { "1" };
        let more = [
            ("options.reconnect_timeout", wait),
            ("options.max_reconnect_timeout", wait),
            ("options.close_timeout", "50"),
        ];
        let (connection, mut peer) = opened(&broker, &more).await;
        let (one, _heard) = listener();
        let options = SubscribeOptions::default();
        let (granted, _) = tokio::join!(connection.subscribe("t", options, one), peer.grant());
        granted.unwrap();
        let client = connection.client().unwrap();
        let delivery = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
        peer.expect_publish().await;
        peer.reset();
        let next = match stage {
            0 => None,
            1 => Some(broker.accept().await),
            2 => Some(broker.accept_connect().await.0),
            _ => {
                let (mut peer, _) = broker.accept_session(false).await;
                peer.expect_subscribe().await;
                Some(peer)
            }
        };
        within("the close", connection.close(&context())).await.unwrap();
        let error = wirework::Error::from(within("the publish", delivery).await.unwrap_err());
        assert_eq!(error.code(), "CLOSED", "stage {stage}");
        drop(next);
    }
}

/// The links break while listeners publish what they get: both directions are complete in the end.
#[tokio::test]
async fn a_listener_that_publishes_over_links_that_break() {
    let weather = (0..30).map(|step| match step % 2 {
        0 => Weather::cut_reading(120 + step * 11),
        _ => Weather::cut_writing(90 + step * 7),
    });
    let life = born::<V4>(weather.collect(), &[]).await;
    within("the link", life.connection.open(&context())).await.unwrap();
    let client = life.connection.client().unwrap();
    let echo = {
        let client = client.clone();
        move |message: MqttMessage| {
            let client = client.clone();
            async move { Ok(client.publish("echo", message.payload, PublishOptions::exactly_once()).await?) }
        }
    };
    let options = SubscribeOptions::exactly_once();
    within("the grant", client.subscribe("in/#", options, Arc::new(echo))).await.unwrap();
    for number in 0..60 {
        life.broker.send("in/x", number.to_string(), 2);
    }
    let echoes = |state: &crate::support::honest::State| {
        state.arrived.iter().filter(|arrived| arrived.topic == "echo").count()
    };
    life.broker.until("60 echoes", |state| echoes(state) >= 60 && state.is_idle()).await;
    let state = life.broker.state();
    let got: Vec<String> = state
        .arrived
        .iter()
        .filter(|arrived| arrived.topic == "echo")
        .map(|arrived| String::from_utf8_lossy(&arrived.payload).into_owned())
        .collect();
    assert_eq!(got, (0..60).map(|number| number.to_string()).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(state.violations, Vec::<String>::new());
}
