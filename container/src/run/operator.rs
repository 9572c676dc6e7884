//! Components of the container's own that may operate the service.

use std::any::TypeId;
use std::sync::Arc;

use serde_json::Value;
use wirework::component::AnyArc;
use wirework::count::CounterSink;
use wirework::log::{LogObserver, Observation};

use super::assembly::Assembly;
use super::control::ServiceControl;
use crate::manifest::Service;
use crate::plan::{FactoryInfo, Plan, Planned, effective_section, effective_service};

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

/// Gives access to every component that is an [`Operator`].
pub(super) fn give_access(
    assembly: &Assembly,
    service: &Service,
    planned: &[Planned],
    control: &ServiceControl,
) {
    let operators: Vec<_> = (0..).map_while(|at| assembly.get(at)).filter_map(operator).collect();
    if operators.is_empty() {
        return;
    }
    let sections =
        planned.iter().map(|planned| serde_json::to_value(effective_section(planned)).unwrap_or_default());
    let service = serde_json::to_value(effective_service(service)).unwrap_or_default();
    let manifest = Arc::new(MaskedManifest { service, sections: sections.collect() });
    for operator in operators {
        let observation = assembly.router().map(|router| Arc::new(router.observe(operator.log_observer())));
        let (control, manifest) = (control.clone(), Arc::clone(&manifest));
        operator.take(OperatorAccess { control, manifest, _observation: observation });
    }
}

/// The components of a plan that are shown the counters of all others.
pub(super) fn counter_observers(plan: &Plan) -> Vec<u32> {
    let sees = |known: &FactoryInfo| {
        let offers = |capability| known.offer(capability).is_some();
        offers(TypeId::of::<dyn Operator>()) && offers(TypeId::of::<dyn CounterSink>())
    };
    let planned = (0..).zip(&plan.components);
    planned.filter(|(_, planned)| planned.known.as_deref().is_some_and(sees)).map(|(at, _)| at).collect()
}

fn operator(member: &super::assembly::Member) -> Option<Arc<dyn Operator>> {
    let offer = member.known()?.offer(TypeId::of::<dyn Operator>())?;
    let mut operator: Option<Arc<dyn Operator>> = None;
    offer.cast(Arc::clone(member.instance()?) as AnyArc, &mut operator);
    operator
}
