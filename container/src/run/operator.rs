//! Components of the container's own that may operate the service.

use std::any::TypeId;
use std::sync::Arc;

use serde_json::Value;
use wirework::component::AnyArc;

use super::assembly::Assembly;
use super::control::ServiceControl;
use crate::plan::{Planned, effective_section};

/// What a component gets that may operate the service.
#[derive(Clone, Debug)]
pub(crate) struct OperatorAccess {
    /// Drains, stops.
    pub control: ServiceControl,
    /// The sections of all components as they take effect, with secrets masked, in manifest order.
    pub sections: Arc<[Value]>,
}

/// Implemented by a component that may operate the service. The trait does not leave this crate, so that no component from elsewhere
/// gets the control side.
pub(crate) trait Operator: Send + Sync + 'static {
    /// Takes the access, once, before anything opens.
    fn take(&self, access: OperatorAccess);
}

wirework::capability!(dyn Operator);

/// Gives access to every component that is an [`Operator`].
pub(super) fn give_access(assembly: &Assembly, planned: &[Planned], control: &ServiceControl) {
    let operators: Vec<_> = (0..).map_while(|at| assembly.get(at)).filter_map(operator).collect();
    if operators.is_empty() {
        return;
    }
    let sections: Arc<[Value]> = planned
        .iter()
        .map(|planned| serde_json::to_value(effective_section(planned)).unwrap_or_default())
        .collect();
    for operator in operators {
        operator.take(OperatorAccess { control: control.clone(), sections: Arc::clone(&sections) });
    }
}

fn operator(member: &super::assembly::Member) -> Option<Arc<dyn Operator>> {
    let offer = member.known()?.offer(TypeId::of::<dyn Operator>())?;
    let mut operator: Option<Arc<dyn Operator>> = None;
    offer.cast(Arc::clone(member.instance()?) as AnyArc, &mut operator);
    operator
}
