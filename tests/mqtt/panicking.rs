//! A task that panics: nobody is left waiting, and everybody is told.

use std::sync::Arc;

use bytes::Bytes;
use wirework::Error;
use wirework::component::{Context, ServiceView};
use wirework::log::Scope;
use wirework::mqtt::{PublishOptions, SubscribeOptions};

use crate::common::{connection, context, listener, opened};
use crate::observing::Seen;
use crate::support::fake_broker::{FakeBroker, PubAck};
use crate::support::within;

/// A payload that the driver of the connection cannot let go of.
struct Trap;

impl AsRef<[u8]> for Trap {
    fn as_ref(&self) -> &[u8] {
        b"trap"
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        // Without a word on stderr.
        std::panic::resume_unwind(Box::new("the trap"));
    }
}

#[tokio::test]
async fn a_driver_that_panics_fails_the_connection_and_everybody_who_waits() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("options.max_inflight", "2")]);
    let seen = Arc::new(Seen::default());
    let scope = Scope::new("pip-services:connection:mqtt:test:1.0".parse().unwrap());
    let component = Context::new(0, ServiceView::standalone("telemetry"), scope, seen.clone());
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&component), broker.accept_session(false));
    opened.unwrap();
    let client = connection.client().unwrap();
    let options = PublishOptions::at_least_once();
    let trap = client.send("t", Bytes::from_owner(Trap), options.clone()).await.unwrap();
    let sent = client.send("t", "sent", options.clone()).await.unwrap();
    let (trapped, _) = (peer.expect_publish().await, peer.expect_publish().await);
    let (listener, _) = listener();
    let subscribing = async { client.subscribe("t", SubscribeOptions::default(), listener).await.map(drop) };
    let waiting = client.publish("t", "there is no room", options.clone());
    let script = async {
        peer.next("SUBSCRIBE").await;
        peer.send(PubAck::new(trapped.pkid)).await;
    };
    let all = async { tokio::join!(subscribing, waiting, script) };
    let (subscribed, waited, ()) = within("the answers", all).await;
    within("the acknowledgement", trap).await.unwrap();
    let late = client.publish("t", "late", options).await;
    for result in [within("the end", sent).await, subscribed, waited, late] {
        let error = Error::from(result.unwrap_err());
        assert_eq!(error.code(), "PANIC");
        assert!(error.chain().contains("the trap"), "{}", error.chain());
    }
    let status = seen.next().await;
    assert!(status.starts_with("failed: ") && status.contains("the trap"), "{status}");
    assert!(!connection.is_open() && !client.is_up());
    // It can be closed, and opened again.
    connection.close(&component).await.unwrap();
    let context = context();
    let (opened, _) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_dropped_leaves_nobody_waiting() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.max_inflight", "1")]).await;
    let client = connection.client().unwrap();
    let options = PublishOptions::at_least_once();
    let sent = client.send("t", "sent", options.clone()).await.unwrap();
    peer.expect_publish().await;
    let waiting = client.publish("t", "there is no room", options.clone());
    let plain = client.try_publish("t", "not taken yet", PublishOptions::default()).unwrap();
    let (waited, ()) = tokio::join!(within("the answer", waiting), async { drop(connection) });
    assert_eq!(Error::from(waited.unwrap_err()).code(), "NOT_OPEN");
    assert_eq!(Error::from(within("the end", sent).await.unwrap_err()).code(), "CLOSED");
    assert_eq!(Error::from(within("the end", plain).await.unwrap_err()).code(), "CLOSED");
    assert!(!client.is_open());
    assert_eq!(Error::from(client.publish("t", "late", options).await.unwrap_err()).code(), "NOT_OPEN");
}
