//! The status of the component, as its link goes.

use std::sync::Arc;

use super::driver::DeniedFilters;
use super::{LinkState, MqttClient, MqttError};
use crate::component::{Context, Status};

/// Has the component's status follow the link, until either ends.
pub(super) fn follow(client: &MqttClient, context: &Context) {
    let (mut state, mut denied) = (client.state(), client.denials());
    let mut recovering = false;
    let mut said = None;
    let following = context.clone();
    context.spawn("mqtt status", async move {
        loop {
            let changed = tokio::select! {
                changed = state.changed() => changed,
                changed = denied.changed() => changed,
                () = following.cancelled() => return Ok(()),
            };
            if changed.is_err() {
                return Err(MqttError::Closed.into());
            }
            let denied = denied_now(&denied.borrow_and_update());
            let status = match (&*state.borrow_and_update(), denied) {
                (LinkState::Up { .. }, Some(denied)) => {
                    recovering = true;
                    Status::recovering(denied)
                }
                // The first time is the container's to say.
                (LinkState::Up { .. }, _) if !std::mem::take(&mut recovering) => continue,
                (LinkState::Up { .. }, _) => Status::Open,
                (LinkState::Down(lost), _) => {
                    recovering = true;
                    Status::recovering(crate::error::chain(lost))
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

/// What is to be said of the filters that the broker does not grant again, where there are any.
fn denied_now(filters: &DeniedFilters) -> Option<String> {
    let first = filters.values().next()?;
    let others = match filters.len() - 1 {
        0 => String::new(),
        1 => "; and one more".to_owned(),
        more => format!("; and {more} more"),
    };
    Some(format!("{}{others}", crate::error::chain(&first.error)))
}
