//! Asks for what is hung up on, beside all that goes well: it must fail by name, and nothing else with it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::interval;
use wirework::Error;
use wirework::mqtt::{MqttClient, MqttMessage, PublishOptions, SubscribeOptions};

use crate::temper::{FORBIDDEN, MOST_BYTES, MOST_FILTERS};

const TICK: Duration = Duration::from_secs(5);

pub struct Provoker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Vec<String>>,
}

impl Provoker {
    /// Begins; messages go through `publisher`, filters through `subscriber`.
    pub fn start(publisher: MqttClient, subscriber: MqttClient) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let (mut ticks, mut problems) = (interval(TICK), Vec::new());
            while stopped.try_recv().is_err() && problems.len() < 10 {
                ticks.tick().await;
                problems.extend(too_large(&publisher).await);
                problems.extend(many_filters(&subscriber).await);
                problems.extend(forbidden(&subscriber).await);
            }
            problems
        });
        Self { stop, task }
    }

    /// Stops; says what went otherwise than it should.
    pub async fn finish(self) -> Vec<String> {
        let _ = self.stop.send(());
        self.task.await.expect("the provoker does not panic")
    }
}

async fn too_large(client: &MqttClient) -> Option<String> {
    let payload = vec![b'x'; 2 * MOST_BYTES];
    let end = client.publish("soak/large", payload, PublishOptions::at_least_once()).await;
    fails("a message that is too large", end, "PUBLISH_ENDS_LINKS")
}

async fn forbidden(client: &MqttClient) -> Option<String> {
    let listener = Arc::new(|_: MqttMessage| async { Ok(()) });
    let end = client.subscribe(FORBIDDEN, SubscribeOptions::at_least_once(), listener).await;
    fails("a filter without permission", end.map(drop), "SUBSCRIBE_ENDS_LINKS")
}

fn fails(what: &str, end: Result<(), wirework::mqtt::MqttError>, code: &str) -> Option<String> {
    let error = end.map_err(Error::from).err();
    match error {
        Some(error) if error.code() == code => None,
        other => Some(format!("{what} should end with {code}: {other:?}")),
    }
}

/// More at a time than a packet may have.
async fn many_filters(client: &MqttClient) -> Vec<String> {
    let names: Vec<String> = (0..3 * MOST_FILTERS).map(|number| format!("soak/many/{number}")).collect();
    let subscribed = join_all(names.iter().map(|name| {
        let listener = Arc::new(|_: MqttMessage| async { Ok(()) });
        client.subscribe(name, SubscribeOptions::at_least_once(), listener)
    }));
    let mut problems = Vec::new();
    for subscribed in subscribed.await {
        let end = match subscribed {
            Ok(subscription) => subscription.unsubscribe().await.map(drop),
            Err(error) => Err(error),
        };
        problems.extend(end.err().map(|error| format!("one of many filters failed: {error}")));
    }
    problems
}
