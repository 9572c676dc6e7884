//! What changes in a service, as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use wirework::component::{Change, Changes, ServiceView};
use wirework::http::axum::response::IntoResponse;
use wirework::http::axum::response::sse::{Event, KeepAlive, Sse};

use super::answers::{Component, Service};

/// How often a stream says something though nothing changes, so that proxies and clients see that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client that has lost the stream waits before it asks again.
const RETRY: Duration = Duration::from_secs(1);

type Events = Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>;

/// The states as they change: `service` with the service, at first and whenever its state or readiness may be another; `component` with one
/// component; `missed` where the client was too slow to get all, and has to ask for the states again.
pub(super) fn events(service: &ServiceView, ended: CancellationToken) -> impl IntoResponse + use<> {
    let following = Following { changes: service.changes(), service: service.clone(), ended, first: true };
    let events: Events = Box::pin(stream::unfold(following, Following::next));
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

struct Following {
    service: ServiceView,
    changes: Changes,
    ended: CancellationToken,
    first: bool,
}

impl Following {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if std::mem::take(&mut self.first) {
            let event = json("service", &Service::of(&self.service)).retry(RETRY);
            return Some((Ok(event), self));
        }
        loop {
            let change = tokio::select! {
                biased;
                () = self.ended.cancelled() => return None,
                change = self.changes.next() => change?,
            };
            let event = match change {
                Change::Component { position, .. } => {
                    let Some(state) = self.service.component(position) else { continue };
                    json(
                        "component",
                        &Changed { component: Component::of(&state), service: Service::of(&self.service) },
                    )
                }
                Change::Service(_) => json("service", &Service::of(&self.service)),
                Change::Missed(missed) => json("missed", &missed),
                _ => continue,
            };
            return Some((Ok(event), self));
        }
    }
}

/// A component whose state has changed, and what that makes of the service.
#[derive(Serialize)]
struct Changed {
    component: Component,
    service: Service,
}

fn json(name: &str, data: &impl Serialize) -> Event {
    // Our own types have no maps with keys that JSON does not know.
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
