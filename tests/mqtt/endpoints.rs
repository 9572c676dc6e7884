//! In which order brokers are tried: several of them, fail-back, redirects, take-overs; and what ends an attempt.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use wirework::auth::{CredentialParams, CredentialStore};
use wirework::config::{Millis, Secret};
use wirework::connect::{ConnectionParams, Discovery};
use wirework::mqtt::{
    LinkError, LinkState, MqttConfig, MqttConnection, MqttMessage, PublishOptions, SubscribeOptions,
};
use wirework::{BoxFuture, Category, Error};

use crate::common::{context, listener, opened, until};
use crate::support::fake_broker::{ConnAck, ConnectReturnCode, FakeBroker, Peer, PubAck, QoS, message};
use crate::support::within;

/// A connection to two brokers.
fn to_both(first: &FakeBroker, second: &FakeBroker, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let uri = format!("mqtt://127.0.0.1:{},127.0.0.1:{}", first.port(), second.port());
    let mut pairs = vec![
        ("connection.uri", uri.as_str()),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "10"),
    ];
    pairs.extend_from_slice(more);
    Arc::new(MqttConnection::from_pairs(pairs).unwrap())
}

/// Opens at the second broker: the first hangs up.
async fn at_second(first: &FakeBroker, second: &FakeBroker, connection: &MqttConnection) -> Peer {
    let context = context();
    let script = async {
        first.accept_connect().await.0.reset();
        second.accept_session(false).await.0
    };
    let (opened, peer) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
    peer
}

#[tokio::test]
async fn a_broker_that_failed_rests_while_there_is_another() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let connection = to_both(&first, &second, &[]);
    let peer = at_second(&first, &second, &connection).await;
    // The second is where the session is; then it rests too, and the first has rested longest.
    peer.reset();
    second.accept_connect().await.0.reset();
    let _peer = first.accept_session(false).await;
    within("the link", until(&connection.client().unwrap(), |state| matches!(state, LinkState::Up { .. })))
        .await;
}

#[tokio::test]
async fn it_moves_back_to_the_preferred_broker_and_loses_nothing() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let more = [("options.prefer_first", "true"), ("options.endpoint_cooldown", "60")];
    let connection = to_both(&first, &second, &more);
    let mut peer = at_second(&first, &second, &connection).await;
    let client = connection.client().unwrap();
    let (listener, mut heard) = listener();
    let (granted, _) =
        tokio::join!(connection.subscribe("a", SubscribeOptions::at_least_once(), listener), peer.grant());
    granted.unwrap();
    let held = client.send("t", "held", PublishOptions::at_least_once()).await.unwrap();
    let id = peer.expect_publish().await.pkid;
    // The first is looked for; that something listens there is enough.
    drop(first.accept().await);
    // What is on its way is waited for, and what comes is still handled.
    peer.send(message("a", "late", QoS::AtLeastOnce, 7)).await;
    assert_eq!(peer.expect_puback().await.pkid, 7);
    assert_eq!(heard.line().await, "a late");
    assert!(client.is_up());
    peer.send(PubAck::new(id)).await;
    within("the held one", held).await.unwrap();
    peer.expect_disconnect().await;
    let plain = client.send("t", "between", PublishOptions::default()).await.unwrap();
    let firm = client.send("t", "after", PublishOptions::at_least_once()).await.unwrap();
    drop(peer);
    let (mut peer, _) = first.accept_session(false).await;
    peer.grant().await;
    assert_eq!(&peer.expect_publish().await.payload[..], b"between");
    let publish = peer.expect_publish().await;
    assert_eq!((&publish.payload[..], publish.dup), (&b"after"[..], false));
    peer.send(PubAck::new(publish.pkid)).await;
    within("the plain one", plain).await.unwrap();
    within("the firm one", firm).await.unwrap();
    let wanted = format!("mqtt://127.0.0.1:{}", first.port());
    until(&client, |state| matches!(state, LinkState::Up { endpoint, .. } if **endpoint == *wanted)).await;
}

#[tokio::test]
async fn a_preferred_broker_that_does_not_welcome_leaves_it_where_it_was() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let more = [("options.prefer_first", "true"), ("options.endpoint_cooldown", "60")];
    let connection = to_both(&first, &second, &more);
    let mut peer = at_second(&first, &second, &connection).await;
    drop(first.accept().await);
    peer.expect_disconnect().await;
    drop(peer);
    let client = connection.client().unwrap();
    let waiting = client.send("t", "x", PublishOptions::at_least_once()).await.unwrap();
    first.accept_connect().await.0.reset();
    let (mut peer, _) = second.accept_session(false).await;
    let publish = peer.expect_publish().await;
    peer.send(PubAck::new(publish.pkid)).await;
    within("the delivery", waiting).await.unwrap();
}

#[tokio::test]
async fn a_link_that_cannot_be_left_in_time_goes_on() {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let more = [
        ("options.prefer_first", "true"),
        ("options.endpoint_cooldown", "60"),
        ("options.close_timeout", "50"),
    ];
    let connection = to_both(&first, &second, &more);
    let mut peer = at_second(&first, &second, &connection).await;
    let client = connection.client().unwrap();
    let options = PublishOptions::at_least_once();
    let slow = client.send("t", "slow", options.clone()).await.unwrap();
    let slow_id = peer.expect_publish().await.pkid;
    drop(first.accept().await);
    // Either it is held back until leaving is given up, or leaving has not begun yet: it goes out here.
    let next = client.send("t", "next", options).await.unwrap();
    let next_id = peer.expect_publish().await.pkid;
    drop(first.accept().await);
    for id in [slow_id, next_id] {
        peer.send(PubAck::new(id)).await;
    }
    within("the slow one", slow).await.unwrap();
    within("the next one", next).await.unwrap();
    peer.expect_disconnect().await;
    drop(peer);
    let _peer = first.accept_session(false).await;
}

/// Says what it was told last, or fails.
#[derive(Default)]
struct Changing {
    port: Mutex<Option<u16>>,
    password: Mutex<String>,
    asked: Notify,
}

impl Discovery for Changing {
    fn resolve_all<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<ConnectionParams>, Error>> {
        let port = *self.port.lock().unwrap();
        self.asked.notify_one();
        Box::pin(async move {
            let port = port.ok_or_else(|| Error::new(Category::NoResponse, "TEST", "nobody knows"))?;
            let host = Some("127.0.0.1".to_owned());
            Ok(vec![ConnectionParams { host, port: Some(port), ..ConnectionParams::default() }])
        })
    }
}

impl CredentialStore for Changing {
    fn lookup<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
        let password = Some(Secret::new(self.password.lock().unwrap().clone()));
        let found =
            CredentialParams { username: Some("ann".into()), password, ..CredentialParams::default() };
        Box::pin(async move { Ok(Some(found)) })
    }
}

#[tokio::test]
async fn brokers_and_credentials_are_looked_up_again() {
    let (old, new) = (FakeBroker::start().await, FakeBroker::start().await);
    let known = Arc::new(Changing::default());
    let tell = |port, password: &str| {
        *known.port.lock().unwrap() = port;
        *known.password.lock().unwrap() = password.to_owned();
    };
    tell(Some(old.port()), "first");
    let mut config: MqttConfig =
        wirework::config::from_pairs([("connection.discovery_key", "k"), ("credential.store_key", "k")])
            .unwrap();
    (config.options.reconnect_timeout, config.options.max_reconnect_timeout) =
        (Millis::new(10), Millis::new(10));
    let builder = MqttConnection::builder().config(config).discovery(known.clone());
    let connection = builder.credential_store(known.clone()).build().unwrap();
    let context = context();
    let (opened, (peer, connect)) = tokio::join!(connection.open(&context), old.accept_session(false));
    opened.unwrap();
    assert_eq!(connect.login.unwrap().password, "first");
    // A look-up that fails changes nothing.
    tell(None, "second");
    peer.reset();
    let (peer, connect) = old.accept_session(false).await;
    assert_eq!(connect.login.unwrap().password, "first");
    tell(Some(new.port()), "second");
    peer.reset();
    let (_peer, connect) = new.accept_session(false).await;
    assert_eq!(connect.login.unwrap().password, "second");
}

#[tokio::test]
async fn two_clients_with_one_id_are_named() {
    let broker = FakeBroker::start().await;
    let (connection, peer) = opened(&broker, &[("client_id", "twin")]).await;
    let client = connection.client().unwrap();
    peer.finish().await;
    for _ in 0..2 {
        until(&client, |state| matches!(state, LinkState::Down(_))).await;
        let (peer, _) = broker.accept_session(false).await;
        until(&client, |state| matches!(state, LinkState::Up { .. })).await;
        peer.finish().await;
    }
    let state = until(&client, |state| matches!(state, LinkState::Down(LinkError::TakenOver { .. }))).await;
    let LinkState::Down(lost) = state else { return };
    assert!(
        lost.to_string().contains("3 times soon after CONNACK; another client may use the client id `twin`")
    );
    // It goes on, and never in a hurry: the waits grow, up to their bound.
    broker.accept_session(false).await;
}

/// A connection whose credentials come from a store, and where brokers are looked up.
fn with_store(known: &Arc<Changing>, more: &[(&str, &str)]) -> MqttConnection {
    let pairs = [
        ("connection.discovery_key", "k"),
        ("credential.store_key", "k"),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "20"),
    ];
    let config = wirework::config::from_pairs(pairs.iter().chain(more).copied()).unwrap();
    let builder = MqttConnection::builder().config(config).discovery(Arc::clone(known) as Arc<dyn Discovery>);
    builder.credential_store(Arc::clone(known) as Arc<dyn CredentialStore>).build().unwrap()
}

#[tokio::test]
async fn bad_credentials_at_a_reconnect_are_tried_again_with_fresh_ones() {
    let broker = FakeBroker::start().await;
    let known = Arc::new(Changing { port: Mutex::new(Some(broker.port())), ..Changing::default() });
    let connection = with_store(&known, &[]);
    let context = context();
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    peer.reset();
    let client = connection.client().unwrap();
    for code in [
        ConnectReturnCode::BadUserNamePassword,
        ConnectReturnCode::NotAuthorized,
        ConnectReturnCode::BadClientId,
    ] {
        let (mut peer, _) = broker.accept_connect().await;
        peer.send(ConnAck::new(code, false)).await;
        let refused = |state: &LinkState| matches!(state, LinkState::Down(LinkError::Refused { .. }));
        until(&client, refused).await;
    }
    *known.password.lock().unwrap() = "fresh".to_owned();
    loop {
        let (mut peer, connect) = broker.accept_connect().await;
        // The one that was under way may still have the old one.
        if connect.login.unwrap().password != "fresh" {
            peer.send(ConnAck::new(ConnectReturnCode::NotAuthorized, false)).await;
            continue;
        }
        peer.send(ConnAck::new(ConnectReturnCode::Success, false)).await;
        until(&client, |state| matches!(state, LinkState::Up { .. })).await;
        break;
    }
}

#[tokio::test]
async fn a_client_that_stays_refused_fails_in_the_end() {
    let broker = FakeBroker::start().await;
    let (connection, peer) = opened(&broker, &[("options.refusal_timeout", "200")]).await;
    peer.reset();
    let refuse = async {
        let mut count = 0;
        loop {
            let (mut peer, _) = broker.accept_connect().await;
            peer.send(ConnAck::new(ConnectReturnCode::NotAuthorized, false)).await;
            count += 1;
            if count == 2 {
                // Something else than a refusal: the time begins anew.
                broker.accept_connect().await.0.reset();
            }
        }
    };
    let client = connection.client().unwrap();
    tokio::select! {
        () = refuse => {}
        _ = until(&client, |state| matches!(state, LinkState::Failed(_))) => {}
    }
    let error = Error::from(connection.publish("t", "x", PublishOptions::default()).await.unwrap_err());
    assert_eq!((error.code(), error.category()), ("CONNECT_FAILED", Category::Unauthorized));
}

#[tokio::test]
async fn a_listener_that_holds_a_client_keeps_nothing_alive() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[]).await;
    let client = connection.client().unwrap();
    let (held, guard) = (client.clone(), Arc::new(()));
    let watch = Arc::downgrade(&guard);
    let listener = move |_: MqttMessage| {
        let _both = (&held, &guard);
        async { Ok(()) }
    };
    let options = SubscribeOptions::default();
    let (granted, _) = tokio::join!(connection.subscribe("a", options, Arc::new(listener)), peer.grant());
    drop(granted.unwrap());
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.publish("t", "x", PublishOptions::at_least_once()).await }
    });
    peer.expect_publish().await;
    drop(connection);
    assert!(peer.next("the end of the connection").await.is_none());
    assert!(within("the publish", waiting).await.unwrap().is_err());
    let mut state = client.state();
    within("the end of the driver", async { while state.changed().await.is_ok() {} }).await;
    assert!(!client.is_open() && watch.upgrade().is_none());
    let error = client.publish("t", "x", PublishOptions::at_least_once()).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "NOT_OPEN");
}
