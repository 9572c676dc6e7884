//! The status of the component, as its link goes.

use std::sync::Arc;

use super::{LinkState, MqttClient, MqttError};
use crate::component::{Context, Status};
use crate::text::clip;

/// Has the component's status follow the link, until either ends.
pub(super) fn follow(client: &MqttClient, context: &Context) {
    let mut state = client.state();
    let mut recovering = false;
    let following = context.clone();
    context.spawn("mqtt status", async move {
        loop {
            let changed = tokio::select! {
                changed = state.changed() => changed,
                () = following.cancelled() => return Ok(()),
            };
            if changed.is_err() {
                return Err(MqttError::Closed.into());
            }
            let status = match &*state.borrow_and_update() {
                LinkState::Up { missing, .. } if !missing.is_empty() => {
                    recovering = true;
                    Status::recovering(starving(missing))
                }
                // The first time is the container's to say.
                LinkState::Up { .. } if !std::mem::take(&mut recovering) => continue,
                LinkState::Up { .. } => Status::Open,
                LinkState::Down(lost) => {
                    recovering = true;
                    Status::recovering(crate::error::chain(lost))
                }
                LinkState::Failed(error) => return Err(error.clone().into()),
                LinkState::Connecting => continue,
                LinkState::Closed(_) => return Ok(()),
            };
            following.set_status(status);
        }
    });
}

/// What is missing while the link is up.
fn starving(missing: &[Arc<str>]) -> String {
    const NAMED: usize = 4;
    let named: Vec<String> = missing.iter().take(NAMED).map(|filter| format!("`{}`", clip(filter))).collect();
    let more = missing.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the MQTT broker sends no messages for {}{more}", named.join(", "))
}
