//! The status of a queue: what its subscription lacks.

use std::sync::Arc;

use super::subscription::QueueSubscription;
use crate::component::Status;
use crate::mqtt::{MqttClient, MqttError};
use crate::text::clip;

/// Reports why no messages come, until the subscription is gone. A queue with a connection of its own has one status with it, so that the
/// connection reports it; else it is reported here.
pub(super) async fn report(subscription: &QueueSubscription, set_status: impl Fn(Status)) {
    if subscription.transport().is_owned() {
        report_to_connection(subscription).await;
    } else {
        report_of_shared_connection(subscription, set_status).await;
    }
}

/// Tells the connection why the attempts to subscribe have failed so far. What is not granted again it knows itself.
async fn report_to_connection(subscription: &QueueSubscription) {
    let mut pending = subscription.pending();
    loop {
        let no_messages_reason =
            pending.borrow_and_update().as_ref().map(|error| reason(subscription.filter(), error));
        subscription.transport().set_no_messages_reason(no_messages_reason);
        if pending.changed().await.is_err() {
            return;
        }
    }
}

/// Sets the status while the broker does not grant the subscription, or has taken it back, and when it is granted again. What becomes
/// of the link is reported by its connection; a subscription that was not granted on one link is not until it is on another.
async fn report_of_shared_connection(subscription: &QueueSubscription, set_status: impl Fn(Status)) {
    let mut pending = subscription.pending();
    let mut reported: Option<Arc<str>> = None;
    loop {
        let client = subscription.transport().client().ok();
        let mut link = client.as_ref().map(|client| (client.denials(), client.state()));
        let no_messages_reason = pending.borrow_and_update().clone();
        let denied = link.as_mut().and_then(|(denied, state)| {
            state.mark_unchanged();
            denied.borrow_and_update().error(subscription.filter()).cloned()
        });
        match no_messages_reason.or(denied) {
            Some(error) => {
                let why = reason(subscription.filter(), &error);
                if reported.as_ref() != Some(&why) {
                    set_status(Status::recovering(Arc::clone(&why)));
                }
                reported = Some(why);
            }
            None if reported.is_some() && client.as_ref().is_some_and(MqttClient::is_up) => {
                reported = None;
                set_status(Status::Open);
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
