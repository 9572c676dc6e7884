//! The status of the component, as its link goes.

use std::sync::Arc;

use tokio::sync::watch;

use super::driver::DeniedFilters;
use super::{LinkState, Lost, MqttClient, MqttError};
use crate::component::{Context, Status};
use crate::text::clip;

/// What the owner of a connection lacks although the link is up; it is part of their common status.
pub(super) type Lack = Option<Arc<str>>;

/// Has the component's status follow the link, and what its owner lacks, until either ends.
pub(super) fn follow(client: &MqttClient, mut lack: watch::Receiver<Lack>, context: &Context) {
    let (mut state, mut denied) = (client.state(), client.denials());
    let mut recovering = false;
    let mut said = None;
    // Where the link is, or was until it was lost.
    let mut at = up_at(&state.borrow());
    let following = context.clone();
    context.spawn("mqtt status", async move {
        loop {
            let (changed, moved) = tokio::select! {
                changed = state.changed() => (changed, true),
                changed = denied.changed() => (changed, false),
                changed = lack.changed() => (changed, false),
                () = following.cancelled() => return Ok(()),
            };
            if changed.is_err() {
                return Err(MqttError::Closed.into());
            }
            let moved = moved || state.has_changed().unwrap_or_default();
            let denied = denied_now(&denied.borrow_and_update());
            let lack = lack.borrow_and_update().clone();
            let lacking = denied.or(lack);
            let state = state.borrow_and_update().clone();
            let lost_at = std::mem::replace(&mut at, up_at(&state));
            let status = match (&state, lacking) {
                (LinkState::Up { .. }, Some(lacking)) => {
                    recovering = true;
                    Status::recovering(lacking)
                }
                // The first time is the container's to say.
                (LinkState::Up { .. }, _) if !std::mem::take(&mut recovering) => continue,
                (LinkState::Up { .. }, _) => Status::Open,
                // What is denied, or lacking, meanwhile is no news.
                (LinkState::Down(_), _) if !moved => continue,
                (LinkState::Down(lost), _) => {
                    recovering = true;
                    Status::recovering(down(lost_at.as_deref(), lost))
                }
                (LinkState::Failed(error), _) => return Err(error.clone().into()),
                (LinkState::Connecting, _) => continue,
                (LinkState::Closed(_), _) => return Ok(()),
            };
            // A change of what is not told of here is no news.
            let news = match &status {
                Status::Recovering(reason) => Some(Arc::clone(reason)),
                _ => None,
            };
            if news.is_none() || news != said {
                following.set_status(status);
            }
            said = news;
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

/// What is to be said of a link that is not up, and which was lost just now where it says `at` which broker.
fn down(at: Option<&str>, lost: &Lost) -> String {
    let cause = crate::error::chain(lost);
    match at {
        // It was left, not lost.
        Some(_) if matches!(lost, Lost::Moving { .. } | Lost::Renewed) => cause,
        Some(at) => format!("the link to the MQTT broker at {} is lost: {cause}", clip(at)),
        None => cause,
    }
}

/// What is to be said of the filters that the broker does not grant again, where there are any.
fn denied_now(filters: &DeniedFilters) -> Lack {
    let first = filters.values().next()?;
    let others = match filters.len() - 1 {
        0 => String::new(),
        1 => "; and one more".to_owned(),
        more => format!("; and {more} more"),
    };
    Some(format!("{}{others}", crate::error::chain(first.error())).into())
}
