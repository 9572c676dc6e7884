//! The states of a service and of its components, and what it logs.

use std::collections::HashSet;

use super::text::{Encoder, Labels, MetricType};
use crate::component::{ComponentState, ServiceView, Status};
use crate::count::component_label;
use crate::log::record_counts;

impl Encoder {
    /// Writes whether the service is ready, and the states of its components: a series for each state, of which one is 1.
    pub(super) fn service(&mut self, service: &ServiceView) {
        let help = "Whether the service is ready for work.";
        self.single("wirework_service_ready", MetricType::Gauge, help, service.readiness().is_ready());
        let components = labelled(service.components());
        let help = "Whether a component is in a state.";
        let mut states = self.family("wirework_component_state", MetricType::Gauge, help);
        for (labels, component) in &components {
            for state in Status::NAMES {
                let state_label = Labels::one("state", state);
                let value = state == component.status.name();
                states.sample("", &[labels.as_str(), state_label.as_str()], value);
            }
        }
        let help = "Changes of the state of a component.";
        let mut changes = self.family("wirework_component_state_changes", MetricType::Counter, help);
        for (labels, component) in &components {
            changes.sample("", &[labels.as_str()], component.changes);
        }
        let help = "How often a component was open again after it had been open before; a restart is none.";
        let mut recoveries = self.family("wirework_component_recoveries", MetricType::Counter, help);
        for (labels, component) in &components {
            recoveries.sample("", &[labels.as_str()], component.recoveries);
        }
        let help = "How often a component was restarted while the service was running.";
        let mut restarts = self.family("wirework_component_restarts", MetricType::Counter, help);
        for (labels, component) in &components {
            restarts.sample("", &[labels.as_str()], component.restarts);
        }
    }

    /// Writes how many records were logged.
    pub(super) fn log(&mut self) {
        let help = "Records that were logged, by level.";
        let mut records = self.family("wirework_log_records", MetricType::Counter, help);
        for (level, count) in record_counts() {
            records.sample("", &[Labels::one("level", level.as_str()).as_str()], count);
        }
    }
}

/// Components with their labels. Those that differ in group or version alone have the whole descriptor but for the first: one series
/// has one component.
fn labelled(components: Vec<ComponentState>) -> Vec<(Labels, ComponentState)> {
    let mut taken = HashSet::new();
    let label = |component: ComponentState| {
        let name = component_label(&component.descriptor);
        let name = if taken.contains(&name) { component.descriptor.as_str().to_owned() } else { name };
        let labels = Labels::one("component", &name);
        taken.insert(name);
        (labels, component)
    };
    components.into_iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::super::format::TextFormat;
    use super::*;
    use crate::component::{NoGraph, ServiceMember, ServiceStates};

    #[test]
    fn a_component_has_one_state_and_a_label_of_its_own() {
        let names = ["a:queue:memory:x:1.0", "b:queue:memory:x:1.0"];
        let members = names.map(|name| ServiceMember::new(name.parse().unwrap()));
        let states = ServiceStates::new("shop", None, members.to_vec(), NoGraph);
        let mut encoder = Encoder::new(TextFormat::Text);
        encoder.service(&ServiceView::of(&states));
        let text = encoder.finish();
        let open = |line: &&str| line.starts_with("wirework_component_state{") && line.ends_with(" 1");
        let expected = [
            r#"wirework_component_state{component="queue:memory:x",state="created"} 1"#,
            r#"wirework_component_state{component="b:queue:memory:x:1.0",state="created"} 1"#,
        ];
        assert_eq!(text.lines().filter(open).collect::<Vec<_>>(), expected, "{text}");
        assert!(text.contains("\nwirework_service_ready 0\n"), "{text}");
    }
}
