//! What a program does beside its service from when that has started.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use wirework::component::ServiceView;

use super::control::ServiceControl;

type Beside = Arc<dyn Fn(ServiceView, ServiceControl) -> BoxFuture<'static, ()> + Send + Sync>;

/// What a program does beside its service; see [`Host::on_start`](crate::Host::on_start).
#[derive(Clone, Default)]
pub struct OnStart(Vec<Beside>);

wirework::opaque!(OnStart);

impl OnStart {
    /// With one more.
    #[must_use]
    pub fn and<F>(mut self, beside: impl Fn(ServiceView, ServiceControl) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.push(Arc::new(move |view, control| beside(view, control).boxed()));
        self
    }

    /// All of it, for this service.
    pub(super) fn all(&self, view: &ServiceView, control: &ServiceControl) -> Vec<BoxFuture<'static, ()>> {
        self.0.iter().map(|beside| beside(view.clone(), control.clone())).collect()
    }
}
