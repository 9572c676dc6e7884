//! Nothing that is said holds a password, and each attempt to connect is a span. A process of its own, since it listens to
//! everything that is said in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, span};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use wirework::component::Context;
use wirework::mqtt::{LinkState, MqttConnection, PublishOptions};

use support::fake_broker::{ConnAck, ConnectReturnCode, FakeBroker};
use support::within;

/// Everything that was said, at every level, with the fields of all spans.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Said {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: LayerContext<'_, S>) {
        let metadata = attributes.metadata();
        let mut line = format!("{} span {}", metadata.level(), metadata.name());
        attributes.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push(line);
    }

    fn on_event(&self, event: &Event<'_>, scope: LayerContext<'_, S>) {
        let within = scope.lookup_current().map_or("-", |span| span.name());
        let mut line = format!("{} event in {within}:", event.metadata().level());
        event.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push(line);
    }
}

impl Said {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Refuses the next client for good.
async fn refuse(broker: &FakeBroker) {
    let (mut peer, connect) = broker.accept_connect().await;
    assert_eq!(connect.login.unwrap().password, "canarypass");
    peer.send(ConnAck::new(ConnectReturnCode::BadUserNamePassword, false)).await;
}

/// Lives through an opening in which one of two brokers refuses, a loss, and a refusal by both.
async fn live(said: &Said) -> Vec<String> {
    let (first, second) = (FakeBroker::start().await, FakeBroker::start().await);
    let ports = [first.port(), second.port()];
    let uri = format!("mqtt://ann:canarypass@127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
    let with_query = format!("{uri}?k=canaryquery");
    let refused = MqttConnection::from_pairs([("connection.uri", with_query.as_str())]).err().unwrap();
    let refused = refused.chain();
    assert!(
        refused.contains("has a parameter which nobody takes") && !refused.contains("canary"),
        "{refused}"
    );
    let pairs = [
        ("connection.uri", uri.as_str()),
        ("options.reconnect_timeout", "10"),
        ("options.refusal_timeout", "0"),
    ];
    let connection = MqttConnection::from_pairs(pairs).unwrap();
    let context = Context::standalone("pip-services:connection:mqtt:test:1.0".parse().unwrap());
    let brokers = async {
        refuse(&first).await;
        second.accept_session(false).await
    };
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), brokers);
    opened.unwrap();
    let client = connection.client().unwrap();
    let mut state = client.state();
    within("the link", state.wait_for(|state| matches!(state, LinkState::Up { .. }))).await.unwrap();
    peer.reset();
    refuse(&second).await;
    refuse(&first).await;
    let failed = state.wait_for(|state| matches!(state, LinkState::Failed(_)));
    let state = format!("{:?}", *within("the failure", failed).await.unwrap());
    let error =
        wirework::Error::from(connection.publish("t", "x", PublishOptions::default()).await.unwrap_err());
    connection.close(&context).await.unwrap();
    let mut lines = said.lines();
    lines.extend([state, format!("{error:?} {}", error.chain())]);
    lines
}

#[tokio::test]
async fn no_credential_shows_and_each_attempt_has_its_span() {
    let said = Said::default();
    let subscriber = tracing_subscriber::registry().with(said.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let lines = live(&said).await;
    let all = lines.join("\n");
    assert!(!all.contains("canary"), "{all}");
    assert!(all.contains("Connected to MQTT broker at mqtt://127.0.0.1:"), "{all}");
    assert!(
        all.contains("bad user name or password, as user `ann`, with the client id `standalone-"),
        "{all}"
    );
    let spans: Vec<_> = lines.iter().filter(|line| line.contains(" span mqtt_connect ")).collect();
    let mut attempts: BTreeMap<&str, usize> = BTreeMap::new();
    for span in &spans {
        assert!(span.starts_with("DEBUG span mqtt_connect endpoint=mqtt://127.0.0.1:"), "{span}");
        assert!(span.contains(" transport=\"tcp\" attempt="), "{span}");
        *attempts.entry(span.rsplit('=').next().unwrap()).or_default() += 1;
    }
    // The first refuses and the second welcomes; after the loss both refuse.
    assert_eq!(attempts, BTreeMap::from([("1", 2), ("2", 2)]), "{spans:?}");
    let failure = lines.iter().find(|line| line.contains("No connection to the MQTT broker at")).unwrap();
    assert!(failure.starts_with("DEBUG event in mqtt_connect:"), "{failure}");
}
