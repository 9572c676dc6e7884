//! The status of a connection, which follows its link.

use std::sync::Arc;

use tokio::sync::watch;

use super::driver::DeniedFilters;
use super::{LinkState, Lost, MqttClient, MqttError};
use crate::component::{Context, Status};
use crate::text::clip;

/// Has the component's status follow the link, and `unmet`, until either ends: what the owner of the connection lacks although the link
/// is up, which is part of their common status.
pub fn follow(client: &MqttClient, mut unmet: watch::Receiver<Option<Arc<str>>>, context: &Context) {
    let (mut state, mut denied) = (client.state(), client.denials());
    let mut recovering = false;
    let mut reported = None;
    // Where the link is, or was until it was lost.
    let mut at = up_at(&state.borrow());
    let following = context.clone();
    context.spawn("mqtt status", async move {
        loop {
            let (changed, moved) = tokio::select! {
                changed = state.changed() => (changed, true),
                changed = denied.changed() => (changed, false),
                changed = unmet.changed() => (changed, false),
                () = following.cancelled() => return Ok(()),
            };
            if changed.is_err() {
                return Err(MqttError::Closed.into());
            }
            let moved = moved || state.has_changed().unwrap_or_default();
            let denied = denied_now(&denied.borrow_and_update());
            let unmet_now = unmet.borrow_and_update().clone();
            let missing = denied.or(unmet_now);
            let state = state.borrow_and_update().clone();
            let lost_at = std::mem::replace(&mut at, up_at(&state));
            let status = match (&state, missing) {
                (LinkState::Up { .. }, Some(missing)) => {
                    recovering = true;
                    Status::recovering(missing)
                }
                // The first time is reported by the container.
                (LinkState::Up { .. }, _) if !std::mem::take(&mut recovering) => continue,
                (LinkState::Up { .. }, _) => Status::Open,
                // What is denied, or missing, meanwhile is not reported.
                (LinkState::Down(_), _) if !moved => continue,
                (LinkState::Down(lost), _) => {
                    recovering = true;
                    Status::recovering(down(lost_at.as_deref(), lost))
                }
                (LinkState::Failed(error), _) => return Err(error.clone().into()),
                (LinkState::Connecting, _) => continue,
                (LinkState::Closed(_), _) => return Ok(()),
            };
            // A change that leaves the status as it was is not reported.
            let news = match &status {
                Status::Recovering(reason) => Some(Arc::clone(reason)),
                _ => None,
            };
            if news.is_none() || news != reported {
                following.set_status(status);
            }
            reported = news;
        }
    });
}

/// Where the link is, if it is up.
fn up_at(state: &LinkState) -> Option<Arc<str>> {
    match state {
        LinkState::Up { endpoint, .. } => Some(Arc::clone(endpoint)),
        _ => None,
    }
}

/// The reason of a link that is not up; it was lost just now where `at` names its broker.
fn down(at: Option<&str>, lost: &Lost) -> String {
    let cause = crate::error::chain(lost);
    match at {
        // It was left on purpose, not lost.
        Some(_) if matches!(lost, Lost::Moving { .. } | Lost::Renewed) => cause,
        Some(at) => format!("the link to the MQTT broker at {} is lost: {cause}", clip(at)),
        None => cause,
    }
}

/// The reason of filters that the broker does not grant again, where there are any.
fn denied_now(filters: &DeniedFilters) -> Option<Arc<str>> {
    let first = filters.values().next()?;
    let others = match filters.len() - 1 {
        0 => String::new(),
        1 => "; and one more".to_owned(),
        more => format!("; and {more} more"),
    };
    Some(format!("{}{others}", crate::error::chain(&first.error)).into())
}
