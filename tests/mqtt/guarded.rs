//! mosquitto behind TLS, WebSocket, passwords and access lists, where it is installed.

use std::sync::Arc;

use wirework::mqtt::{LinkError, MqttConnection, MqttError, PublishOptions, SubscribeOptions};
use wirework::{Category, Error};

use crate::common::{context, listener};
use crate::support::certificates::{Authority, Identity};
use crate::support::mosquitto::{Mosquitto, installed};
use crate::support::process::free_port;
use crate::support::within;

fn to(uri: &str, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let mut pairs = vec![("connection.uri", uri), ("options.reconnect_timeout", "20")];
    pairs.extend_from_slice(more);
    Arc::new(MqttConnection::from_pairs(pairs).unwrap())
}

/// More than one write takes.
const LARGE: usize = 300_000;

/// The same for WebSocket, of which mosquitto 2.0.11 reads 4 KiB every 100 ms.
const SLOW: usize = 10_000;

/// Messages of all three QoS go there and come back, small and large.
async fn carries(connection: &MqttConnection, large: usize) {
    within("the connection", connection.open(&context())).await.unwrap();
    let (listener, mut heard) = listener();
    connection.subscribe("t/#", SubscribeOptions::exactly_once(), listener).await.unwrap();
    for options in
        [PublishOptions::default(), PublishOptions::at_least_once(), PublishOptions::exactly_once()]
    {
        for size in [0, 10, large] {
            within("the publish", connection.publish("t/x", vec![7; size], options.clone())).await.unwrap();
            assert!(heard.next().await.payload == vec![7; size]);
        }
    }
    connection.close(&context()).await.unwrap();
}

fn files(authority: &Authority, broker: &Identity) -> String {
    format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\n",
        authority.ca_file().display(),
        broker.cert_file.display(),
        broker.key_file.display()
    )
}

/// A second listener for WebSocket: mosquitto 2.0.11 does not run with such a one alone.
async fn with_websocket(settings: &str) -> Option<(Mosquitto, u16)> {
    let port = free_port();
    let listener = format!("listener {port} 127.0.0.1\nprotocol websockets\nsocket_domain ipv4\n{settings}");
    Some((Mosquitto::start_with(&listener).await?, port))
}

#[tokio::test]
async fn tls_and_secure_websocket() {
    let authority = Authority::new();
    let (files, ca) = (files(&authority, &authority.broker("localhost")), authority.ca_file());
    let ca = ("tls.ca_file", ca.to_str().unwrap());
    let Some(broker) = Mosquitto::start_with(&files).await else { return };
    for version in ["3.1.1", "5"] {
        let more = [ca, ("options.protocol_version", version)];
        carries(&to(&format!("mqtts://localhost:{}", broker.port), &more), LARGE).await;
    }
    let stranger = to(&format!("mqtts://localhost:{}", broker.port), &[]);
    let error = within("the failure", stranger.open(&context())).await.unwrap_err();
    assert!(error.chain().contains("is vouched for by nobody who is trusted here"), "{}", error.chain());
    let Some((_broker, port)) = with_websocket(&files).await else { return };
    carries(&to(&format!("wss://localhost:{port}"), &[ca]), SLOW).await;
}

#[tokio::test]
async fn websocket() {
    let Some((_broker, port)) = with_websocket("allow_anonymous true\n").await else { return };
    carries(&to(&format!("ws://127.0.0.1:{port}"), &[]), SLOW).await;
    carries(&to(&format!("ws://127.0.0.1:{port}/any/path"), &[]), SLOW).await;
}

#[tokio::test]
async fn mutual_tls() {
    let authority = Authority::new();
    let files = files(&authority, &authority.broker("127.0.0.1"));
    let settings = format!("{files}require_certificate true\nuse_identity_as_username true\n");
    let Some(broker) = Mosquitto::start_with(&settings).await else { return };
    let (client, ca, uri) =
        (authority.client("sensor"), authority.ca_file(), format!("mqtts://127.0.0.1:{}", broker.port));
    let ca = ("tls.ca_file", ca.to_str().unwrap());
    let mine = [
        ca,
        ("tls.cert_file", client.cert_file.to_str().unwrap()),
        ("tls.key_file", client.key_file.to_str().unwrap()),
    ];
    carries(&to(&uri, &mine), LARGE).await;
    let error = within("the failure", to(&uri, &[ca]).open(&context())).await.unwrap_err();
    assert!(
        error.chain().contains("the server wants a certificate of this client; give this client one"),
        "{}",
        error.chain()
    );
    let found = error.downcast_ref::<MqttError>();
    assert!(matches!(found, Some(MqttError::ConnectFailed { source: LinkError::Tls(_), .. })), "{error:?}");
}

#[tokio::test]
async fn passwords_and_access_lists() {
    let directory = tempfile::tempdir().unwrap();
    let (passwords, access) = (directory.path().join("passwords"), directory.path().join("access"));
    let Some(tool) = installed("mosquitto_passwd") else { return };
    let mut hash = tokio::process::Command::new(tool);
    assert!(
        hash.arg("-b").arg("-c").arg(&passwords).args(["ann", "se cr:et"]).status().await.unwrap().success()
    );
    std::fs::write(&access, "user ann\ntopic readwrite t/#\n").unwrap();
    let settings = format!(
        "allow_anonymous false\npassword_file {}\nacl_file {}\n",
        passwords.display(),
        access.display()
    );
    let Some(broker) = Mosquitto::start_with(&settings).await else { return };
    let uri = format!("mqtt://127.0.0.1:{}", broker.port);
    carries(&to(&uri.replace("127", "ann:se%20cr:et@127"), &[]), LARGE).await;
    for version in ["3.1.1", "5"] {
        let wrong = [
            ("credential.username", "ann"),
            ("credential.password", "wrong"),
            ("options.protocol_version", version),
        ];
        let error = within("the refusal", to(&uri, &wrong).open(&context())).await.unwrap_err();
        assert_eq!((error.code(), error.category()), ("CONNECT_FAILED", Category::Unauthorized));
        assert!(!error.chain().contains("wrong"), "{}", error.chain());
    }
    // 3.1.1 has no word for it; 5 has.
    let right = [
        ("credential.username", "ann"),
        ("credential.password", "se cr:et"),
        ("options.protocol_version", "5"),
    ];
    let connection = to(&uri, &right);
    within("the connection", connection.open(&context())).await.unwrap();
    let refused = connection.publish("other", "x", PublishOptions::at_least_once());
    let error = within("the refusal", refused).await.unwrap_err();
    assert!(matches!(error, MqttError::PublishRefused { code: 0x87, .. }), "{error:?}");
    assert_eq!(Error::from(error).category(), Category::Unauthorized);
    connection.publish("t/x", "x", PublishOptions::at_least_once()).await.unwrap();
    connection.close(&context()).await.unwrap();
}
