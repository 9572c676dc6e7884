//! The status of a connection, which follows its link.

use std::sync::Arc;

use tokio::sync::watch;

use crate::component::{Context, Status};
use crate::mqtt::driver::DeniedFilters;
use crate::mqtt::{LinkError, LinkState, MqttClient, MqttError};
use crate::text::clip;

/// Has the component's status follow the link, and `no_messages_reason`, until either ends: what the owner of the connection lacks although the link
/// is up, which is part of their common status.
pub fn follow(
    client: &MqttClient,
    mut no_messages_reason: watch::Receiver<Option<Arc<str>>>,
    context: &Context,
) {
    let (mut state, mut denied) = (client.state(), client.handle().denials());
    let mut follower = Follower { recovering: false, reported: None, at: up_at(&state.borrow()) };
    let following = context.clone();
    context.spawn("mqtt status", async move {
        loop {
            let (changed, moved) = tokio::select! {
                changed = state.changed() => (changed, true),
                changed = denied.changed() => (changed, false),
                changed = no_messages_reason.changed() => (changed, false),
                () = following.cancelled() => return Ok(()),
            };
            if changed.is_err() {
                return Err(MqttError::Closed.into());
            }
            let moved = moved || state.has_changed().unwrap_or_default();
            let denied = denied_now(&denied.borrow_and_update());
            let unmet_now = no_messages_reason.borrow_and_update().clone();
            let state = state.borrow_and_update().clone();
            match &state {
                LinkState::Failed(error) => return Err(error.clone().into()),
                LinkState::Closed(_) => return Ok(()),
                _ => {}
            }
            if let Some(status) = follower.status(&state, denied.or(unmet_now), moved) {
                following.set_status(status);
            }
        }
    });
}

/// What has been reported of a link so far.
struct Follower {
    /// Whether the last status was not [`Status::Open`].
    recovering: bool,
    /// The reason of the last status, where it had one.
    reported: Option<Arc<str>>,
    /// Where the link is, or was until it was lost.
    at: Option<Arc<str>>,
}

impl Follower {
    /// Returns the status to report, where that is news: of a link in this state, which has `moved` to it just now or not, and
    /// with what is `missing` although it is up.
    fn status(&mut self, state: &LinkState, missing: Option<Arc<str>>, moved: bool) -> Option<Status> {
        let lost_at = std::mem::replace(&mut self.at, up_at(state));
        let status = match (state, missing) {
            (LinkState::Up { .. }, Some(missing)) => {
                self.recovering = true;
                Status::recovering(missing)
            }
            // The first time is the container's to report.
            (LinkState::Up { .. }, _) if !std::mem::take(&mut self.recovering) => return None,
            (LinkState::Up { .. }, _) => Status::Open,
            // What is denied, or missing, meanwhile is no news.
            (LinkState::Down(_), _) if !moved => return None,
            (LinkState::Down(lost), _) => {
                self.recovering = true;
                Status::recovering(down(lost_at.as_deref(), lost))
            }
            (LinkState::Connecting | LinkState::Failed(_) | LinkState::Closed(_), _) => return None,
        };
        let reason = match &status {
            Status::Recovering(reason) => Some(Arc::clone(reason)),
            _ => None,
        };
        let known = std::mem::replace(&mut self.reported, reason.clone());
        // A change of what the status does not tell is no news.
        (reason.is_none() || reason != known).then_some(status)
    }
}

/// Where the link is, if it is up.
fn up_at(state: &LinkState) -> Option<Arc<str>> {
    match state {
        LinkState::Up { endpoint, .. } => Some(Arc::clone(endpoint)),
        _ => None,
    }
}

/// The reason of a link that is not up; it was lost just now where `at` names its broker.
fn down(at: Option<&str>, lost: &LinkError) -> String {
    let cause = crate::error::chain(lost);
    match at {
        // It was left on purpose, not lost.
        Some(_) if matches!(lost, LinkError::Moving { .. } | LinkError::Renewed) => cause,
        Some(at) => format!("the link to the MQTT broker at {} is lost: {cause}", clip(at)),
        None => cause,
    }
}

/// The reason of filters that the broker does not grant again, where there are any.
fn denied_now(filters: &DeniedFilters) -> Option<Arc<str>> {
    let first = filters.first_error()?;
    let others = match filters.count() - 1 {
        0 => String::new(),
        1 => "; and one more".to_owned(),
        more => format!("; and {more} more"),
    };
    Some(format!("{}{others}", crate::error::chain(first)).into())
}
