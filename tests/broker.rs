//! The embedded broker as a component, with a client that is not ours.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod support;

use std::net::{SocketAddr, TcpListener};

use rumqttc::{AsyncClient, ConnectReturnCode, ConnectionError, Event, Incoming, MqttOptions, QoS};
use support::within;
use wirework::Error;
use wirework::broker::{Broker, BrokerConfig, BrokerError};
use wirework::component::{Claim, Component, Context};

fn context() -> Context {
    Context::standalone("pip-services:broker:mqtt:default:1.0".parse().unwrap())
}

fn broker(port: u16) -> Broker {
    Broker::new(BrokerConfig { port, ..BrokerConfig::default() }).unwrap()
}

fn client(address: SocketAddr, login: Option<(&str, &str)>) -> (AsyncClient, rumqttc::EventLoop) {
    let mut options = MqttOptions::new("tester", address.ip().to_string(), address.port());
    if let Some((user, password)) = login {
        options.set_credentials(user, password);
    }
    AsyncClient::new(options, 10)
}

/// Whether the broker admits a client.
async fn connect(address: SocketAddr, login: Option<(&str, &str)>) -> Result<(), ConnectionError> {
    let (_client, mut events) = client(address, login);
    within("CONNACK", events.poll())
        .await
        .map(|event| assert!(matches!(event, Event::Incoming(Incoming::ConnAck(_)))))
}

#[tokio::test]
async fn a_client_publishes_and_subscribes_until_it_closes() {
    let (broker, context) = (broker(0), context());
    broker.open(&context).await.unwrap();
    let address = broker.address().unwrap();
    assert!(address.ip().is_loopback() && address.port() != 0);
    let (client, mut events) = client(address, Some(("any", "body")));
    client.subscribe("a/+", QoS::AtLeastOnce).await.unwrap();
    client.publish("a/b", QoS::AtLeastOnce, false, "hello").await.unwrap();
    let message = within("the message", async {
        loop {
            if let Event::Incoming(Incoming::Publish(publish)) = events.poll().await.unwrap() {
                return publish;
            }
        }
    });
    assert_eq!(&message.await.payload[..], b"hello");

    let again = broker.open(&context).await.unwrap_err();
    assert_eq!(again.to_string(), format!("the broker is open already, at {address}"));
    let polling = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    within("close", broker.close(&context)).await.unwrap();
    within("the connection to end", polling).await.unwrap();
    assert_eq!(broker.address(), None);
    TcpListener::bind(address).expect("the port is free again");
    broker.close(&context).await.unwrap();
    assert!(context.end_tasks(std::time::Duration::ZERO).await.is_empty(), "nothing is left to abort");
    assert!(!std::path::Path::new("mqtt_storage").exists(), "nothing is written");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = broker(port).open(&context()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} on 127.0.0.1 is in use; set `port` to another one, or to 0 for one that the system chooses"
        )
    );
    assert_eq!(error.code(), "PORT_IN_USE");
    let closing = broker(port);
    closing.close(&context()).await.unwrap();
}

#[tokio::test]
async fn a_host_without_address_is_named() {
    let config =
        BrokerConfig { host: "192.0.2.1".to_owned(), allow_anonymous: Some(true), ..BrokerConfig::default() };
    let error = Broker::new(config).unwrap().open(&context()).await.unwrap_err();
    assert!(error.chain().starts_with("cannot listen on port 1883 of 192.0.2.1: "), "{}", error.chain());
    let config = BrokerConfig { host: "no such host".to_owned(), ..BrokerConfig::default() };
    let error = Broker::new(config).unwrap().open(&context()).await.unwrap_err();
    assert!(error.to_string().starts_with("`host` is `no such host`, which leads to no address"), "{error}");
}

#[tokio::test]
async fn passwords_are_checked() {
    let config: BrokerConfig =
        toml::from_str("port = 0\ncredential = { username = 'ann', password = 'secret' }").unwrap();
    let (broker, context) = (Broker::new(config).unwrap(), context());
    broker.open(&context).await.unwrap();
    let address = broker.address().unwrap();
    connect(address, Some(("ann", "secret"))).await.unwrap();
    for login in [None, Some(("ann", "wrong")), Some(("bob", "secret"))] {
        let error = connect(address, login).await.unwrap_err();
        let ConnectionError::ConnectionRefused(code) = error else { panic!("{error}") };
        assert_eq!(code, ConnectReturnCode::BadUserNamePassword);
    }
    broker.close(&context).await.unwrap();
}

#[tokio::test]
async fn a_failed_open_leaves_nothing() {
    let config: BrokerConfig = toml::from_str("host = '0.0.0.0'\nport = 0").unwrap();
    let (broker, context) = (Broker::new(config).unwrap(), context());
    let error: Error = broker.open(&context).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(BrokerError::OpenToAll { .. })));
    assert_eq!(broker.address(), None);
    broker.close(&context).await.unwrap();
}

#[test]
fn limits_and_claims_come_from_the_configuration() {
    let error = Broker::new(BrokerConfig { max_packet_size: 100, ..BrokerConfig::default() }).err().unwrap();
    assert_eq!(error.to_string(), "`max_packet_size` is 100, but has to be at least 1024");
    let identity = "pip-services:broker:mqtt:default:1.0".parse().unwrap();
    let claims = Broker::claims(&identity, &BrokerConfig::default());
    assert_eq!(claims, [Claim::Port { host: "127.0.0.1".to_owned(), port: 1883 }]);
}

#[test]
fn access_is_checked_before_anything_runs() {
    let found = |config: &str| {
        let config: BrokerConfig = toml::from_str(config).unwrap();
        let descriptor = "pip-services:broker:mqtt:default:1.0".parse().unwrap();
        Broker::validate(&descriptor, &config).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let ann = "credential = { username = 'ann', password = 'secret' }\n";
    assert_eq!(found(&format!("{ann}users.ann.publish = ['a/+', '#']")), [""; 0]);
    assert_eq!(
        found(&format!("{ann}users.ann.subscribe = ['a#']\nanonymous.publish = ['+b']")),
        ["anonymous.publish", "users.ann.subscribe"].map(|key| format!(
            "`{key}` has a filter that is none: `+` and `#` stand for whole levels, and `#` is the last"
        ))
    );
    let nobody = "`users.bob` gives rights to a user that the broker does not have; a `credential` with that user name is missing, or the name is misspelt";
    assert_eq!(found(&format!("{ann}users.bob.publish = []")), [nobody]);
    assert_eq!(found("users.bob.publish = []"), [nobody]);
    assert_eq!(found("credential.store_key = 'who'\nusers.bob.publish = []"), [""; 0], "it is known later");
    assert_eq!(
        found("max_filters = 0\nwrite_timeout = 0"),
        ["`max_filters` is 0, but has to be at least 1", "`write_timeout` is 0, but has to be at least 1 ms"]
    );
}
