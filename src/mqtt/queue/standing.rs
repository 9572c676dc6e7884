//! The status of a queue: what its subscription lacks.

use std::sync::Arc;

use super::subscribing::Subscribing;
use crate::component::Status;
use crate::mqtt::client::denial;
use crate::mqtt::{MqttClient, MqttError};
use crate::text::clip;

/// Of a queue with a connection of its own, which has one status with it: says to the connection why messages were asked for in vain
/// so far. What is not granted again the connection knows itself.
pub(super) async fn tell(subscribing: &Subscribing) {
    let mut pending = subscribing.pending();
    loop {
        let unmet = pending.borrow_and_update().as_ref().map(|error| reason(&subscribing.filter, error));
        subscribing.transport.connection.lacks(unmet);
        if pending.changed().await.is_err() {
            return;
        }
    }
}

/// Of a queue over a connection that others share: says so while the broker does not grant its subscription, or has taken it back,
/// and when it is granted again. What becomes of the link is said by its connection; a subscription that was not granted on one link
/// is not until it is on another.
pub(super) async fn follow(subscribing: &Subscribing, say: impl Fn(Status)) {
    let mut pending = subscribing.pending();
    let mut said: Option<Arc<str>> = None;
    loop {
        let client = subscribing.transport.connection.client().ok();
        let mut link = client.as_ref().map(|client| (client.denials(), client.state()));
        let unmet = pending.borrow_and_update().clone();
        let denied = link.as_mut().and_then(|(denied, state)| {
            state.mark_unchanged();
            denial(&denied.borrow_and_update(), &subscribing.filter)
        });
        match unmet.or(denied) {
            Some(error) => {
                let why = reason(&subscribing.filter, &error);
                if said.as_ref() != Some(&why) {
                    say(Status::recovering(Arc::clone(&why)));
                }
                said = Some(why);
            }
            None if said.is_some() && client.as_ref().is_some_and(MqttClient::is_up) => {
                said = None;
                say(Status::Open);
            }
            None => {}
        }
        let changed = async {
            let Some((denied, state)) = &mut link else { return std::future::pending().await };
            let changed = tokio::select! {
                changed = denied.changed() => changed,
                changed = state.changed() => changed,
            };
            if changed.is_err() {
                // The connection has ended; in another opening the queue subscribes anew.
                std::future::pending().await
            }
        };
        tokio::select! {
            changed = pending.changed() => if changed.is_err() { return },
            () = changed => {}
        }
    }
}

fn reason(filter: &str, error: &MqttError) -> Arc<str> {
    format!("no messages come for `{}`: {}", clip(filter), crate::error::chain(error)).into()
}
