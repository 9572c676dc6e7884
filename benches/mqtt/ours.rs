//! Wirework's own client, set up for a run.

use wirework::component::Context;
use wirework::mqtt::{MqttClient, MqttConnection};

pub struct Ours {
    connection: MqttConnection,
    pub client: MqttClient,
}

fn context() -> Context {
    Context::standalone("pip-services:connection:mqtt:bench:1.0".parse().expect("a descriptor"))
}

impl Ours {
    pub async fn connect(port: u16, window: u16) -> Self {
        let (port, window) = (port.to_string(), window.to_string());
        let pairs = [
            ("connection.host", "127.0.0.1"),
            ("connection.port", port.as_str()),
            ("options.max_inflight", window.as_str()),
        ];
        let connection = MqttConnection::from_pairs(pairs).expect("a good configuration");
        connection.open(&context()).await.expect("the broker is there");
        let client = connection.client().expect("it is open");
        Self { connection, client }
    }

    pub async fn close(self) {
        self.connection.close(&context()).await.expect("it closes");
    }
}
