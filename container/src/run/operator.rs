//! Components of the container's own that may operate the service.

use std::any::TypeId;
use std::sync::Arc;

use serde_json::Value;
use wirework::count::CounterSink;
use wirework::log::{LogObserver, Observation};

use super::assembly::Assembly;
use super::control::ServiceControl;
use super::sections::{Kept, Sections};
use crate::manifest::Service;
use crate::plan::{FactoryInfo, effective_section, effective_service};

/// What a component gets that may operate the service.
#[derive(Clone, Debug)]
pub(crate) struct OperatorAccess {
    /// Drains, stops, sets levels.
    pub control: ServiceControl,
    /// The manifest as it takes effect, with secrets masked.
    pub manifest: Arc<MaskedManifest>,
    /// As long as it is there, the operator's observer sees the log.
    _observation: Option<Arc<Observation>>,
}

/// The manifest as it takes effect, with secrets masked.
#[derive(Debug)]
pub(crate) struct MaskedManifest {
    /// `[service]`.
    pub service: Value,
    /// The sections of all components, in manifest order.
    pub sections: Vec<Value>,
}

/// Implemented by a component that may operate the service. The trait does not leave this crate, so that no component from elsewhere
/// gets the control side. One that offers [`CounterSink`] as well is shown the counters of all components, whatever sinks those refer to.
pub(crate) trait Operator: Send + Sync + 'static {
    /// Takes the access, once, before anything opens.
    fn take(&self, access: OperatorAccess);

    /// Who is to see what is logged.
    fn log_observer(&self) -> Arc<dyn LogObserver>;
}

wirework::capability!(dyn Operator);

/// The manifest as its operators see it; nothing where there is no operator.
pub(super) fn masked_manifest(sections: &Sections, service: &Service) -> Option<Arc<MaskedManifest>> {
    let operates =
        |kept: &Kept| kept.known().is_some_and(|known| known.offer(TypeId::of::<dyn Operator>()).is_some());
    if !sections.all().iter().any(operates) {
        return None;
    }
    let section = |kept: &Kept| {
        serde_json::to_value(effective_section(kept.entry(), kept.known().map(|known| &**known)))
    };
    let sections = sections.all().iter().map(|kept| section(kept).unwrap_or_default());
    let service = serde_json::to_value(effective_service(service)).unwrap_or_default();
    Some(Arc::new(MaskedManifest { service, sections: sections.collect() }))
}

/// Gives access to every component among these, by position, that is an [`Operator`].
pub(super) fn give_access(
    assembly: &Assembly,
    selected: &[bool],
    manifest: &Arc<MaskedManifest>,
    control: &ServiceControl,
) {
    let chosen = (0..).zip(selected).filter(|(_, chosen)| **chosen);
    let operators = chosen.filter_map(|(at, _)| assembly.instances().cast::<dyn Operator>(at));
    for operator in operators {
        let observation = assembly.router().map(|router| Arc::new(router.observe(operator.log_observer())));
        let (control, manifest) = (control.clone(), Arc::clone(manifest));
        operator.take(OperatorAccess { control, manifest, _observation: observation });
    }
}

/// The components that are shown the counters of all others.
pub(super) fn counter_observers(sections: &Sections) -> Vec<u32> {
    let sees = |known: &FactoryInfo| {
        let offers = |capability| known.offer(capability).is_some();
        offers(TypeId::of::<dyn Operator>()) && offers(TypeId::of::<dyn CounterSink>())
    };
    let kept = (0..).zip(sections.all());
    kept.filter(|(_, kept)| kept.known().is_some_and(|known| sees(known))).map(|(at, _)| at).collect()
}
