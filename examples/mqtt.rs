//! An MQTT connection without a container: `cargo run --example mqtt mqtt://127.0.0.1:1883`.
use wirework::mqtt::{MqttConnection, PublishOptions, SubscribeOptions};

#[tokio::main]
async fn main() -> Result<(), wirework::Error> {
    let broker = std::env::args().nth(1).unwrap_or_else(|| "mqtt://127.0.0.1:1883".to_owned());
    let connection = MqttConnection::connect(&broker).await?;
    let mut messages = connection.messages("hello/+", SubscribeOptions::at_least_once()).await?;
    connection.publish("hello/world", "Hello!", PublishOptions::at_least_once()).await?;
    let heard = messages.next().await;
    println!("{:?}", heard.as_ref().and_then(|message| message.text()));
    drop(messages);
    connection.disconnect().await
}
