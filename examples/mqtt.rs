//! An MQTT connection without a container: `cargo run --example mqtt mqtt://127.0.0.1:1883`.
use std::sync::Arc;
use wirework::component::Context;
use wirework::mqtt::{MqttConnection, MqttMessage, PublishOptions, SubscribeOptions};

#[tokio::main]
async fn main() -> Result<(), wirework::Error> {
    let broker = std::env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());
    let connection = MqttConnection::builder().uri(broker.parse()?).build()?;
    let context = Context::standalone("pip-services:connection:mqtt:default:1.0".parse()?);
    connection.open(&context).await?;
    let (heard, mut messages) = tokio::sync::mpsc::channel(8);
    let listener = Arc::new(move |message: MqttMessage| {
        // A message beyond the eighth would be dropped.
        let _ = heard.try_send(message);
        async { Ok(()) }
    });
    connection.subscribe("hello/+", SubscribeOptions::at_least_once(), listener).await?;
    connection.publish("hello/world", "Hello!", PublishOptions::at_least_once()).await?;
    println!("{:?}", messages.recv().await.as_ref().and_then(MqttMessage::text));
    connection.close(&context).await
}
