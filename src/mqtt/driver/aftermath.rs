//! What holds when the task of a connection is gone, however that came about: nobody waits for it.

use std::sync::Arc;

use tokio::sync::watch;

use super::state::{LinkState, Remaining};
use super::{Intake, Permits};
use crate::mqtt::MqttError;
use crate::mqtt::subscriptions::InDelivery;

/// Settles what the task leaves behind where it could not do so itself, because it was aborted or panicked.
pub(super) struct Aftermath {
    pub(super) intake: Arc<Intake>,
    pub(super) permits: Arc<Permits>,
    pub(super) held: Arc<InDelivery>,
    pub(super) state: watch::Sender<LinkState>,
}

impl Drop for Aftermath {
    fn drop(&mut self) {
        let reason = self.intake.end(MqttError::Closed);
        self.permits.close();
        self.state.send_if_modified(|state| {
            if matches!(state, LinkState::Closed(_) | LinkState::Failed(_)) {
                return false;
            }
            *state = match reason {
                // Its owner has done with it.
                MqttError::NotOpen => LinkState::Closed(Remaining {
                    publishes: self.permits.in_flight(),
                    messages: self.held.messages(),
                    filters: 0,
                }),
                reason => LinkState::Failed(reason),
            };
            true
        });
    }
}
