//! What these tests have in common.

use std::sync::Arc;

use tokio::sync::mpsc;
use wirework::component::Context;
use wirework::mqtt::{LinkState, MqttClient, MqttConnection, MqttMessage, MqttMessageListener};

use crate::support::fake_broker::{FakeBroker, Peer, V5};
use crate::support::within;

pub fn context() -> Context {
    Context::standalone("pip-services:connection:mqtt:test:1.0".parse().unwrap())
}

/// A connection to the fake broker, with further keys; not opened. Reconnects are quick.
pub fn connection(broker: &FakeBroker, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    connection_to(broker.port(), more)
}

/// The same to whatever listens there.
pub fn connection_to(port: u16, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let port = port.to_string();
    let mut pairs = vec![
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "20"),
    ];
    pairs.retain(|(key, _)| !more.iter().any(|(other, _)| key == other));
    pairs.extend_from_slice(more);
    Arc::new(MqttConnection::from_pairs(pairs).unwrap())
}

/// An open connection, and the broker's end of it.
pub async fn opened(broker: &FakeBroker, more: &[(&str, &str)]) -> (Arc<MqttConnection>, Peer) {
    let connection = connection(broker, more);
    let context = context();
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    (connection, peer)
}

/// The same with a session that the broker keeps.
pub async fn opened_keeping(broker: &FakeBroker) -> (Arc<MqttConnection>, Peer) {
    opened(broker, &[("client_id", "me"), ("options.clean_session", "false")]).await
}

/// CONNACK of MQTT 5 with these properties, as bytes.
pub fn connack5(session_present: bool, properties: &[u8]) -> Vec<u8> {
    let size = u8::try_from(properties.len()).unwrap();
    [&[0x20, size + 3, u8::from(session_present), 0, size], properties].concat()
}

/// The same as [`opened`] in MQTT 5; CONNACK has these properties.
pub async fn opened5(
    broker: &FakeBroker,
    more: &[(&str, &str)],
    properties: &[u8],
) -> (Arc<MqttConnection>, Peer<V5>) {
    let connection = connection(broker, &[&[("options.protocol_version", "5")], more].concat());
    let context = context();
    let admit = async {
        let (mut peer, _) = broker.accept_connect5().await;
        peer.send_raw(&connack5(false, properties)).await;
        peer
    };
    let (opened, peer) = tokio::join!(connection.open(&context), admit);
    opened.unwrap();
    (connection, peer)
}

/// Waits for a state of the link.
pub async fn until(client: &MqttClient, wanted: impl FnMut(&LinkState) -> bool) -> LinkState {
    let mut state = client.state();
    within("a state of the link", state.wait_for(wanted)).await.unwrap().clone()
}

/// What a listener got.
pub struct Heard(mpsc::UnboundedReceiver<MqttMessage>);

impl Heard {
    pub async fn next(&mut self) -> MqttMessage {
        within("a message for the listener", self.0.recv()).await.expect("the listener is there")
    }

    /// The next message as `topic payload`.
    pub async fn line(&mut self) -> String {
        let message = self.next().await;
        format!("{} {}", message.topic, message.text().unwrap())
    }

    /// A message that has come already.
    pub fn now(&mut self) -> Option<MqttMessage> {
        self.0.try_recv().ok()
    }

    /// Whether nothing more has come; of use only after something that comes later is known to have been handled.
    pub fn is_empty(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// A listener that passes everything on.
pub fn listener() -> (Arc<dyn MqttMessageListener>, Heard) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let listener = move |message: MqttMessage| {
        let sent = sender.send(message);
        async move {
            // A test that is over listens no more.
            let _ = sent;
            Ok(())
        }
    };
    (Arc::new(listener), Heard(receiver))
}

/// Whether a connection can be told this.
pub fn knows(key: &str) -> bool {
    MqttConnection::from_pairs([("connection.host", "127.0.0.1"), (key, "0")]).is_ok()
}
