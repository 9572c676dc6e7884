//! How a connection comes about, or not.

use std::sync::Arc;
use std::time::Duration;

use wirework::auth::{CredentialConfig, CredentialParams, CredentialStore};
use wirework::config::Secret;
use wirework::mqtt::{LinkError, MqttConfig, MqttConnection, MqttError, PublishOptions, SubscribeOptions};
use wirework::{BoxFuture, Error};

use crate::common::{connection, context, listener};
use crate::support::fake_broker::{ConnAck, ConnectReturnCode, FakeBroker};
use crate::support::process::free_port;
use crate::support::within;

/// A store that knows one key.
struct Store;

impl CredentialStore for Store {
    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<CredentialParams>, Error>> {
        Box::pin(async move {
            let (username, password) = (Some("ann".to_owned()), Some(Secret::new("se:cr@et")));
            let found = CredentialParams { username, password, ..CredentialParams::default() };
            Ok((key == "mqtt").then_some(found))
        })
    }
}

#[tokio::test]
async fn the_broker_sees_what_is_configured() {
    let broker = FakeBroker::start().await;
    let credential = CredentialConfig { store_key: Some("mqtt".into()), ..CredentialConfig::default() };
    let mut config = MqttConfig { credential: Some(credential), ..MqttConfig::default() };
    config.options.keepalive_timeout = wirework::config::Millis::new(1500);
    let connection = MqttConnection::builder()
        .config(config)
        .host("127.0.0.1", broker.port())
        .credential_store(Arc::new(Store))
        .build()
        .unwrap();
    assert!(!connection.is_open());
    let context = context();
    let (opened, (_peer, connect)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    let login = connect.login.unwrap();
    assert_eq!((login.username.as_str(), login.password.as_str()), ("ann", "se:cr@et"));
    assert_eq!((connect.keep_alive, connect.clean_session), (2, true));
    assert!(connect.client_id.starts_with("standalone-default-"), "{}", connect.client_id);
    assert!(connection.is_open());
    connection.open(&context).await.unwrap();
}

#[tokio::test]
async fn a_refusal_fails_at_once_with_the_brokers_reason() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let refuse = async {
        let (mut peer, _) = broker.accept_connect().await;
        peer.send(ConnAck::new(ConnectReturnCode::NotAuthorized, false)).await;
        peer.expect_end().await;
    };
    let context = context();
    let (opened, ()) = tokio::join!(connection.open(&context), refuse);
    let error = opened.unwrap_err();
    assert_eq!((error.code(), error.category()), ("CONNECT_FAILED", wirework::Category::Unauthorized));
    assert!(error.to_string().contains("not authorized"), "{error}");
    assert!(!connection.is_open());
}

#[tokio::test]
async fn a_broker_that_cannot_be_reached_is_tried_again() {
    let port = free_port();
    let text = port.to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", &text),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "10"),
    ];
    let connection = MqttConnection::from_pairs(pairs).unwrap();
    let context = context();
    let late = async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        // The first one is closed at once, as a broker that is only starting does.
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &[0x20, 2, 0, 0]).await.unwrap();
        stream
    };
    let (opened, _stream) = within("the link", async { tokio::join!(connection.open(&context), late) }).await;
    opened.unwrap();
}

#[tokio::test]
async fn time_runs_out_and_the_error_says_what_happened_last() {
    let port = free_port().to_string();
    let pairs = |retry, limit| {
        [
            ("connection.host", "127.0.0.1"),
            ("connection.port", port.as_str()),
            ("options.reconnect_timeout", "10"),
            ("options.retry_connect", retry),
            ("options.connect_timeout", limit),
        ]
    };
    for (retry, limit) in [("true", "100"), ("false", "30000")] {
        let connection = MqttConnection::from_pairs(pairs(retry, limit)).unwrap();
        let error = within("the failure", connection.open(&context())).await.unwrap_err();
        let typed = error.downcast_ref::<MqttError>().unwrap();
        assert!(matches!(typed, MqttError::ConnectFailed { source: LinkError::Io { .. }, .. }), "{error:?}");
        assert!(error.chain().contains("refused"), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_given_up() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("options.connect_timeout", "100")]);
    let (context, silent) = (context(), broker.accept_connect());
    let (opened, _peer) = tokio::join!(connection.open(&context), silent);
    let error = opened.unwrap_err();
    assert!(error.chain().contains("did not answer CONNECT"), "{}", error.chain());
}

#[tokio::test]
async fn the_next_broker_is_tried_when_one_is_not_there() {
    let broker = FakeBroker::start().await;
    let (dead, alive) = (free_port().to_string(), broker.port().to_string());
    let pairs = [
        ("connections.0.host", "127.0.0.1"),
        ("connections.0.port", &dead),
        ("connections.1.host", "127.0.0.1"),
        ("connections.1.port", &alive),
        ("options.retry_connect", "false"),
    ];
    let connection = MqttConnection::from_pairs(pairs).unwrap();
    let context = context();
    let (opened, _) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
}

#[tokio::test]
async fn what_was_never_opened_is_not_open() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let publish = connection.publish("t", "x", PublishOptions::default()).await.unwrap_err();
    let (listener, _heard) = listener();
    let subscribe =
        connection.subscribe("t", SubscribeOptions::default(), listener.clone()).await.unwrap_err();
    let unsubscribe = connection.unsubscribe("t", &listener).await.unwrap_err();
    for error in [publish, subscribe, unsubscribe, connection.client().err().unwrap()] {
        assert_eq!(Error::from(error).code(), "NOT_OPEN");
    }
    connection.close(&context()).await.unwrap();
}

#[tokio::test]
async fn a_close_ends_an_open_at_once() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let opening = {
        let connection = Arc::clone(&connection);
        tokio::spawn(async move { connection.open(&context()).await })
    };
    // The broker has CONNECT and says nothing.
    let (mut peer, _) = broker.accept_connect().await;
    within("the close", connection.close(&context())).await.unwrap();
    let error = within("the open", opening).await.unwrap().unwrap_err();
    assert_eq!(error.code(), "NOT_OPEN");
    assert!(!connection.is_open());
    peer.expect_end().await;
    // It can be opened again.
    let context = context();
    let (opened, _peer) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
}

#[tokio::test]
async fn of_two_opens_at_a_time_the_second_waits_for_the_first() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("client_id", "me")]);
    let context = context();
    let script = async {
        let (mut peer, _) = broker.accept_connect().await;
        // Were there another link, it would be here by now.
        let other = tokio::time::timeout(Duration::from_millis(100), broker.accept()).await;
        assert!(other.is_err(), "two links with one client id");
        peer.send(ConnAck::new(ConnectReturnCode::Success, false)).await;
        peer
    };
    let (one, other, _peer) = tokio::join!(connection.open(&context), connection.open(&context), script);
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn of_two_opens_the_second_tries_itself_when_the_first_fails() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let context = context();
    let script = async {
        let (mut peer, _) = broker.accept_connect().await;
        peer.send(ConnAck::new(ConnectReturnCode::NotAuthorized, false)).await;
        broker.accept_session(false).await
    };
    let (one, other, _peer) = tokio::join!(connection.open(&context), connection.open(&context), script);
    assert_eq!(one.unwrap_err().code(), "CONNECT_FAILED");
    other.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_busy_is_asked_again_until_time_is_up() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[]);
    let context = context();
    let script = async {
        for _ in 0..3 {
            let (mut peer, _) = broker.accept_connect().await;
            peer.send(ConnAck::new(ConnectReturnCode::ServiceUnavailable, false)).await;
        }
        broker.accept_session(false).await
    };
    let (opened, _peer) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}

#[tokio::test]
async fn a_broker_of_version_5_that_is_busy_is_asked_again_too() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("options.protocol_version", "5")]);
    let context = context();
    let script = async {
        for code in [0x80, 0x83, 0x88, 0x89, 0x97, 0x9f] {
            let (mut peer, _) = broker.accept_connect5().await;
            peer.send_raw(&[0x20, 3, 0, code, 0]).await;
        }
        broker.accept_session5(false).await
    };
    let (opened, _peer) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}

#[tokio::test]
async fn a_broker_that_stays_busy_is_named_with_its_answer() {
    let broker = FakeBroker::start().await;
    let connection = connection(&broker, &[("options.connect_timeout", "300")]);
    let busy = async {
        loop {
            let (mut peer, _) = broker.accept_connect().await;
            peer.send(ConnAck::new(ConnectReturnCode::ServiceUnavailable, false)).await;
        }
    };
    let context = context();
    let opened = tokio::select! {
        opened = connection.open(&context) => opened,
        () = busy => return,
    };
    let error = opened.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(MqttError::Refused { code: 3, .. })), "{error:?}");
}

/// The wait after the first attempt would be far longer than the time that is left.
#[tokio::test]
async fn the_last_wait_leaves_time_for_one_more_attempt() {
    let broker = FakeBroker::start().await;
    let times = [
        ("options.connect_timeout", "600"),
        ("options.reconnect_timeout", "60000"),
        ("options.max_reconnect_timeout", "60000"),
    ];
    let connection = connection(&broker, &times);
    let context = context();
    let script = async {
        broker.accept_connect().await.0.reset();
        broker.accept_session(false).await
    };
    let (opened, _peer) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}
