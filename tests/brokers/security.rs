//! mosquitto behind TLS, mutual TLS and WebSocket, with passwords and an access list, in both versions.

use std::path::Path;
use std::sync::Arc;

use wirework::mqtt::{MqttConnection, MqttMessage, MqttMessageListener, PublishOptions, SubscribeOptions};
use wirework::{Category, Error};

use crate::load::{context, within};
use crate::support::certificates::Authority;
use crate::support::mosquitto::{Mosquitto, installed, plugin};
use crate::support::process::free_port;

const VERSIONS: [&str; 2] = ["3.1.1", "5"];

fn connection(uri: &str, more: &[(&str, &str)]) -> MqttConnection {
    let pairs = [("connection.uri", uri), ("options.reconnect_timeout", "20")];
    MqttConnection::from_pairs(pairs.iter().chain(more).copied()).unwrap()
}

/// A message goes there and comes back.
async fn there_and_back(uri: &str, more: &[(&str, &str)]) {
    let connection = connection(uri, more);
    within("the connection", connection.open(&context())).await.unwrap();
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let listener = Arc::new(move |message: MqttMessage| {
        sender.send(message.payload).unwrap();
        async { Ok(()) }
    });
    let options = SubscribeOptions::exactly_once();
    within("the grant", connection.subscribe("t/+", options, listener)).await.unwrap();
    let payload = vec![7_u8; 30_000];
    connection.publish("t/x", payload.clone(), PublishOptions::exactly_once()).await.unwrap();
    assert!(within("the message", heard.recv()).await.unwrap() == payload);
    within("the close", connection.close(&context())).await.unwrap();
}

async fn refused(uri: &str, more: &[(&str, &str)]) -> Error {
    within("the refusal", connection(uri, more).open(&context())).await.unwrap_err()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn tls_mutual_tls_and_websocket() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (broker, client, stranger) =
        (authority.broker("localhost"), authority.client("client"), other.client("client"));
    let (mutual, websocket) = (free_port(), free_port());
    let (ca, cert, key) = (authority.ca_file(), broker.cert_file.clone(), broker.key_file.clone());
    let tls = format!("cafile {}\ncertfile {}\nkeyfile {}\n", text(&ca), text(&cert), text(&key));
    let settings = format!(
        "allow_anonymous true\n{tls}listener {mutual} 127.0.0.1\n{tls}require_certificate true\n\
         listener {websocket} 127.0.0.1\nprotocol websockets\n"
    );
    let Some(mosquitto) = Mosquitto::start_with(&settings).await else { return };
    let (cert, key) = (client.cert_file.clone(), client.key_file.clone());
    let (wrong_cert, wrong_key) = (stranger.cert_file.clone(), stranger.key_file.clone());
    let trust = ("tls.ca_file", text(&ca));
    for version in VERSIONS {
        let version = ("options.protocol_version", version);
        there_and_back(&format!("mqtts://localhost:{}", mosquitto.port), &[version, trust]).await;
        let uri = format!("mqtts://localhost:{mutual}");
        let own = [("tls.cert_file", text(&cert)), ("tls.key_file", text(&key))];
        there_and_back(&uri, &[version, trust, own[0], own[1]]).await;
        let foreign = [("tls.cert_file", text(&wrong_cert)), ("tls.key_file", text(&wrong_key))];
        let retry = ("options.retry_connect", "false");
        for keys in [&[version, trust, retry][..], &[version, trust, retry, foreign[0], foreign[1]]] {
            let error = refused(&uri, keys).await;
            assert_eq!(error.code(), "CONNECT_FAILED", "{}", error.chain());
        }
        there_and_back(&format!("ws://127.0.0.1:{websocket}/mqtt"), &[version]).await;
    }
}

#[tokio::test]
async fn passwords_and_access_lists() {
    let directory = tempfile::tempdir().unwrap();
    let (passwords, access) = (directory.path().join("passwords"), directory.path().join("access"));
    let Some(program) = installed("mosquitto_passwd") else { return drop(Mosquitto::start().await) };
    let made =
        std::process::Command::new(&program).args(["-b", "-c", text(&passwords), "ann", "se:cr@et"]).status();
    assert!(made.unwrap().success());
    let list = "user ann\ntopic readwrite t/#\nuser tap\ntopic read #\n";
    std::fs::write(&access, list).unwrap();
    let made = std::process::Command::new(&program).args(["-b", text(&passwords), "tap", "tap"]).status();
    assert!(made.unwrap().success());
    let settings =
        format!("allow_anonymous false\npassword_file {}\nacl_file {}\n", text(&passwords), text(&access));
    let Some(mosquitto) = Mosquitto::start_with(&settings).await else { return };
    let uri = format!("mqtt://127.0.0.1:{}", mosquitto.port);
    for version in VERSIONS {
        let version = ("options.protocol_version", version);
        let login = [version, ("credential.username", "ann"), ("credential.password", "se:cr@et")];
        there_and_back(&uri, &login).await;
        let wrong = [version, ("credential.username", "ann"), ("credential.password", "wrong")];
        for keys in [&[version][..], &wrong] {
            let error = refused(&uri, keys).await;
            assert_eq!((error.code(), error.category()), ("CONNECT_FAILED", Category::Unauthorized));
            assert!(!error.chain().contains("wrong"), "{}", error.chain());
        }
        let connection = connection(&uri, &login);
        within("the connection", connection.open(&context())).await.unwrap();
        denied_publish(&connection, version.1, &mosquitto).await;
        within("the close", connection.close(&context())).await.unwrap();
    }
}

/// What ann may not publish reaches nobody; MQTT 5 says so, 3.1.1 has no way to.
async fn denied_publish(ann: &MqttConnection, version: &str, mosquitto: &Mosquitto) {
    let login = [("credential.username", "tap"), ("credential.password", "tap")];
    let tap = connection(&format!("mqtt://127.0.0.1:{}", mosquitto.port), &login);
    within("the connection", tap.open(&context())).await.unwrap();
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let listener = Arc::new(move |message: MqttMessage| {
        sender.send(message.topic.to_string()).unwrap();
        async { Ok(()) }
    });
    let options = SubscribeOptions::at_least_once();
    within("the grant", tap.subscribe("#", options, listener)).await.unwrap();
    let denied = ann.publish("forbidden", "x", PublishOptions::at_least_once()).await;
    match version {
        "3.1.1" => denied.unwrap(),
        _ => assert!(denied.unwrap_err().to_string().contains("not authorized")),
    }
    ann.publish("t/end", "", PublishOptions::at_least_once()).await.unwrap();
    assert_eq!(within("the message", heard.recv()).await.unwrap(), "t/end", "the other one came nowhere");
    within("the close", tap.close(&context())).await.unwrap();
}

/// mosquitto's own access list lets everybody subscribe, and withholds messages; its plugin refuses subscriptions.
#[tokio::test]
async fn subscriptions_that_are_refused() {
    let rules = r#"{
        "defaultACLAccess": { "publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true },
        "roles": [{ "rolename": "reader", "acls": [
            { "acltype": "subscribePattern", "topic": "open/#", "priority": 0, "allow": true }
        ] }],
        "groups": [{ "groupname": "all", "roles": [{ "rolename": "reader" }] }],
        "anonymousGroup": "all"
    }"#;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rules.json");
    std::fs::write(&file, rules).unwrap();
    // mosquitto gives up root before it reads them.
    let readable = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(directory.path(), readable(0o755)).unwrap();
    let Some(plugin) = plugin("mosquitto_dynamic_security.so") else { return };
    let settings =
        format!("allow_anonymous true\nplugin {}\nplugin_opt_config_file {}\n", text(&plugin), text(&file));
    let Some(mosquitto) = Mosquitto::start_with(&settings).await else { return };
    for version in VERSIONS {
        let uri = format!("mqtt://127.0.0.1:{}", mosquitto.port);
        let connection = connection(&uri, &[("options.protocol_version", version)]);
        within("the connection", connection.open(&context())).await.unwrap();
        let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let listener: Arc<dyn MqttMessageListener> = Arc::new(move |message: MqttMessage| {
            sender.send(message.topic.to_string()).unwrap();
            async { Ok(()) }
        });
        let options = SubscribeOptions::at_least_once();
        // On 3.1.1 the wider one goes out for both.
        let (open, closed, all) = tokio::join!(
            connection.subscribe("open/+", options, Arc::clone(&listener)),
            connection.subscribe("closed", options, Arc::clone(&listener)),
            connection.subscribe("#", options, Arc::clone(&listener)),
        );
        within("the grant", async { open.unwrap() }).await;
        for (refused, filter) in [(closed, "`closed`"), (all, "`#`")] {
            let error = Error::from(refused.unwrap_err());
            assert_eq!(error.code(), "SUBSCRIBE_REFUSED", "{error}");
            assert!(error.to_string().contains(filter), "{error}");
        }
        for topic in ["closed", "open/x"] {
            connection.publish(topic, "x", PublishOptions::at_least_once()).await.unwrap();
        }
        assert_eq!(within("the message", heard.recv()).await.unwrap(), "open/x");
        within("the close", connection.close(&context())).await.unwrap();
    }
}
