//! The routes of components, and whose they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{Instrument as _, Span};

use super::base_route::BaseRoute;
use super::error::HttpError;
use crate::component::Descriptor;
use crate::error::Error;

/// An endpoint on which components have routes.
///
/// A component reserves its base route when it is created and opens its routes when it opens, so that requests that come too early or
/// too late are answered with 503 and not with 404:
///
/// ```
/// use std::sync::Arc;
/// use wirework::component::{Component, Context, NoConfig};
/// use wirework::http::axum::{Router, routing::get};
/// use wirework::http::{HttpRoutes, Mount};
/// use wirework::{Descriptor, Error, references, register};
///
/// references! {
///     pub struct HelloReferences {
///         /// Where it has its routes.
///         endpoint: Arc<dyn HttpRoutes> = "*:endpoint:http:*:1.0",
///     }
/// }
///
/// struct Hello(Mount);
///
/// impl Component for Hello {
///     const DESCRIPTOR: &'static str = "acme:controller:hello:*:1.0";
///     const SUMMARY: &'static str = "Says hello at /hello/world.";
///     type Config = NoConfig;
///     type References = HelloReferences;
///
///     fn create(identity: &Descriptor, _: NoConfig, references: HelloReferences) -> Result<Self, Error> {
///         Ok(Self(references.endpoint.reserve(identity, &"hello".parse()?)?))
///     }
///     async fn open(&self, _: &Context) -> Result<(), Error> {
///         self.0.open(Router::new().route("/world", get(async || "Hello, World!")));
///         Ok(())
///     }
///     async fn close(&self, _: &Context) -> Result<(), Error> {
///         self.0.close().await;
///         Ok(())
///     }
/// }
/// register!(Hello);
/// ```
pub trait HttpRoutes: Send + Sync + 'static {
    /// Reserves a base route for a component. The longest base route that a path begins with has the request. A component that is
    /// restarted reserves its base route anew before its predecessor gives it back: both have it then, so that requests in between are
    /// answered with 503 too.
    ///
    /// # Errors
    /// `ROUTE_TAKEN` where another component has it, or the endpoint itself.
    fn reserve(&self, owner: &Descriptor, base: &BaseRoute) -> Result<Mount, Error>;
}

crate::capability!(dyn HttpRoutes);

/// A base route that belongs to a component. It is given back when this is dropped, and those that the component has for the same base
/// route are.
#[must_use = "a mount that is dropped gives its base route back"]
pub struct Mount {
    table: Arc<RouteTable>,
    base: BaseRoute,
    entry: Arc<Entry>,
}

impl Mount {
    /// Answers requests under the base route with this router from now on. Its routes are relative to the base route. Called in the
    /// component's `open`, so that what is logged while it answers is the component's.
    pub fn open(&self, router: Router) {
        let router = router.layer(from_fn_with_state(self.base.clone(), note_pattern));
        let opened = Opened {
            router,
            requests: TaskTracker::new(),
            cancelled: CancellationToken::new(),
            span: Span::current(),
        };
        *self.entry.opened.write().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    }

    /// Answers requests under the base route with 503 from now on, and waits until those that came before are answered; what is not
    /// after the endpoint's `options.shutdown_timeout` is answered with 503 too.
    pub async fn close(&self) {
        let opened = self.entry.opened.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Opened { requests, cancelled, .. }) = opened else { return };
        requests.close();
        if timeout(self.table.grace, requests.wait()).await.is_err() {
            cancelled.cancel();
            requests.wait().await;
        }
    }

    /// The base route.
    #[must_use]
    pub fn base(&self) -> &BaseRoute {
        &self.base
    }

    /// Where the base route is found, such as `http://127.0.0.1:8080/admin`: an address for each TCP port on which the endpoint
    /// listens. None while it is not open.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let origins = self.table.origins.read().unwrap_or_else(PoisonError::into_inner);
        origins.iter().map(|origin| format!("{origin}{}", self.base.as_str())).collect()
    }
}

/// A request is for the base route itself, without a `/` behind it: relative links of a page there would lead beside the route. It is in
/// the extensions of such requests, so that a component can redirect them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WithoutSlash {}

impl Drop for Mount {
    fn drop(&mut self) {
        let mut bases = self.table.bases();
        let mounts = self.entry.mounts.fetch_sub(1, Ordering::Relaxed) - 1;
        if mounts == 0 {
            bases.remove(&self.base);
        }
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("base", &self.base)
            .field("owner", &self.entry.owner)
            .finish_non_exhaustive()
    }
}

/// The base routes of an endpoint.
pub(super) struct RouteTable {
    bases: RwLock<HashMap<BaseRoute, Arc<Entry>>>,
    /// How long requests may take to end.
    grace: Duration,
    /// Where the endpoint listens for TCP, such as `http://127.0.0.1:8080`.
    origins: RwLock<Vec<String>>,
}

struct Entry {
    owner: Descriptor,
    /// How many mounts there are of it; changed under the lock of the table.
    mounts: AtomicUsize,
    opened: RwLock<Option<Opened>>,
}

/// The routes of a component from its open to its close.
struct Opened {
    router: Router,
    requests: TaskTracker,
    /// Requests are not waited for any more.
    cancelled: CancellationToken,
    /// That of the component.
    span: Span,
}

/// A request that is being answered: the component waits for it when it closes.
pub(super) struct InFlight {
    _token: TaskTrackerToken,
    cancelled: CancellationToken,
    span: Span,
}

impl InFlight {
    /// The answer; nothing where the component did not wait for it any longer.
    pub(super) async fn run<T>(self, answer: impl Future<Output = T>) -> Option<T> {
        self.cancelled.run_until_cancelled(answer.instrument(self.span)).await
    }
}

/// Who has a path.
pub(super) enum Route {
    /// A component that is open.
    Open {
        router: Router,
        /// How many bytes of the path are its base route.
        base: usize,
        in_flight: InFlight,
    },
    /// A component that is not open.
    NotOpen(Descriptor),
    /// Nobody.
    Nobody,
}

/// The route by which a router answers, as it was written: `/orders/{id}`. It is known as soon as the router has found it, so that
/// also what does not answer in time, or fails, has its route.
#[derive(Clone, Default)]
pub(super) struct RoutePattern(Arc<OnceLock<Box<str>>>);

impl RoutePattern {
    /// Nothing where no route was found.
    pub(super) fn as_str(&self) -> Option<&str> {
        self.0.get().map(|pattern| &**pattern)
    }
}

impl RouteTable {
    /// Without routes; requests have `grace` to end when a component closes.
    pub(super) fn new(grace: Duration) -> Self {
        Self { bases: RwLock::default(), grace, origins: RwLock::default() }
    }

    /// The endpoint listens there now.
    pub(super) fn set_origins(&self, origins: Vec<String>) {
        *self.origins.write().unwrap_or_else(PoisonError::into_inner) = origins;
    }

    /// Reserves a base route.
    pub(super) fn reserve(
        self: &Arc<Self>,
        owner: &Descriptor,
        base: &BaseRoute,
    ) -> Result<Mount, HttpError> {
        let entry = match self.bases().entry(base.clone()) {
            Slot::Occupied(taken) if taken.get().owner == *owner => {
                taken.get().mounts.fetch_add(1, Ordering::Relaxed);
                Arc::clone(taken.get())
            }
            Slot::Occupied(taken) => {
                return Err(HttpError::RouteTaken { base: base.clone(), owner: taken.get().owner.clone() });
            }
            Slot::Vacant(free) => {
                let (owner, mounts) = (owner.clone(), AtomicUsize::new(1));
                let entry = Entry { owner, mounts, opened: RwLock::default() };
                Arc::clone(free.insert(Arc::new(entry)))
            }
        };
        Ok(Mount { table: Arc::clone(self), base: base.clone(), entry })
    }

    /// Who has the longest base route that `path` begins with.
    pub(super) fn find(&self, path: &str) -> Route {
        let bases = self.bases.read().unwrap_or_else(PoisonError::into_inner);
        let mut base = path.strip_suffix('/').unwrap_or(path);
        loop {
            if let Some(entry) = bases.get(base) {
                return entry.route(base.len());
            }
            match base.rfind('/') {
                Some(end) => base = base.get(..end).unwrap_or_default(),
                None => return Route::Nobody,
            }
        }
    }

    fn bases(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<BaseRoute, Arc<Entry>>> {
        self.bases.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn route(&self, base: usize) -> Route {
        match &*self.opened.read().unwrap_or_else(PoisonError::into_inner) {
            // The token is taken under the lock, so that a close waits for it.
            Some(Opened { router, requests, cancelled, span }) => {
                let in_flight =
                    InFlight { _token: requests.token(), cancelled: cancelled.clone(), span: span.clone() };
                Route::Open { router: router.clone(), base, in_flight }
            }
            None => Route::NotOpen(self.owner.clone()),
        }
    }
}

/// Keeps the route of a request for those who count it: a router tells it to what is within it alone.
async fn note_pattern(State(base): State<BaseRoute>, request: Request, next: Next) -> Response {
    let (matched, kept) =
        (request.extensions().get::<MatchedPath>(), request.extensions().get::<RoutePattern>());
    if let (Some(matched), Some(kept)) = (matched, kept) {
        kept.0.get_or_init(|| match (base.as_str(), matched.as_str()) {
            ("", below) => below.into(),
            (base, "/") => base.into(),
            (base, below) => format!("{base}{below}").into(),
        });
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(name: &str) -> Descriptor {
        format!("acme:controller:http:{name}:1.0").parse().unwrap()
    }

    fn reserve(table: &Arc<RouteTable>, name: &str, base: &str) -> Result<Mount, HttpError> {
        table.reserve(&descriptor(name), &base.parse().unwrap())
    }

    fn found(table: &RouteTable, path: &str) -> String {
        match table.find(path) {
            Route::Open { base, .. } => format!("open {base}"),
            Route::NotOpen(owner) => owner.name().to_owned(),
            Route::Nobody => "nobody".to_owned(),
        }
    }

    #[test]
    fn the_longest_base_route_has_the_request() {
        let table = Arc::new(RouteTable::new(Duration::from_secs(60)));
        let one = reserve(&table, "one", "api").unwrap();
        let _two = reserve(&table, "two", "api/v2").unwrap();
        one.open(Router::new());
        let paths = ["/api", "/api/", "/api/v1", "/api/v2", "/api/v2/x", "/apis", "/", "", "*"];
        let expected = ["open 4", "open 4", "open 4", "two", "two", "nobody", "nobody", "nobody", "nobody"];
        assert_eq!(paths.map(|path| found(&table, path)), expected);
        let _root = reserve(&table, "root", "/").unwrap();
        assert_eq!(
            ["/", "", "/apis", "/api/v2"].map(|path| found(&table, path)),
            ["root", "root", "root", "two"]
        );
    }

    #[test]
    fn a_base_route_has_one_owner_until_it_is_given_back() {
        let table = Arc::new(RouteTable::new(Duration::from_secs(60)));
        let one = reserve(&table, "one", "api").unwrap();
        let error = reserve(&table, "two", "/api/").unwrap_err();
        assert!(
            matches!(&error, HttpError::RouteTaken { owner, .. } if *owner == descriptor("one")),
            "{error}"
        );
        drop(one);
        assert_eq!(found(&table, "/api"), "nobody");
        assert!(reserve(&table, "two", "api").is_ok());
    }

    #[tokio::test]
    async fn a_component_that_is_made_anew_takes_its_base_route_over() {
        let table = Arc::new(RouteTable::new(Duration::from_secs(60)));
        let old = reserve(&table, "one", "api").unwrap();
        old.open(Router::new());
        let new = reserve(&table, "one", "api").unwrap();
        assert_eq!(found(&table, "/api"), "open 4");
        old.close().await;
        drop(old);
        assert_eq!(found(&table, "/api"), "one", "503, and not 404");
        new.open(Router::new());
        assert_eq!(found(&table, "/api"), "open 4");
        drop(new);
        assert_eq!(found(&table, "/api"), "nobody");
    }

    #[tokio::test]
    async fn a_close_waits_for_what_is_being_answered() {
        let table = Arc::new(RouteTable::new(Duration::from_secs(60)));
        let one = reserve(&table, "one", "api").unwrap();
        one.open(Router::new());
        let request = table.find("/api/x");
        let mut closing = Box::pin(one.close());
        assert!(futures_util::poll!(&mut closing).is_pending());
        assert_eq!(found(&table, "/api/y"), "one");
        drop(request);
        closing.await;
        one.open(Router::new());
        assert_eq!(found(&table, "/api/y"), "open 4");
    }
}
