//! Bridges from a queue that keeps its messages through a crash to one that does not.

use wirework::component::Flow;
use wirework::config::{Problem, Problems};

use super::planned::Planned;
use super::queue_flows::{flows, queue_of};

/// Warns of bridges whose target forgets in a crash what the source would keep: a bridge completes what the target has taken.
pub(super) fn check_durable(components: &[Planned], problems: &mut Problems) {
    for (component, planned) in (0..).zip(components) {
        let found = flows(planned).iter().filter_map(|flow| match flow {
            Flow::Bridge { source, target, .. } => warning(components, component, planned, (source, target)),
            _ => None,
        });
        problems.extend(found);
    }
}

fn warning(
    components: &[Planned],
    component: u32,
    planned: &Planned,
    (source, target): (&str, &str),
) -> Option<Problem> {
    let (from, to) = (queue_of(components, component, source)?, queue_of(components, component, target)?);
    if to.1.durable || !from.1.durable {
        return None;
    }
    let name = |position: u32| {
        components.get(position as usize).map_or("", |planned| planned.entry.descriptor.as_str())
    };
    let given = planned.entry.references.iter().find(|(field, ..)| **field == *target);
    let span = given.map_or(planned.entry.span, |(_, _, span)| *span);
    let message = format!(
        "`{}` forgets in a crash of the process what `{}` would keep: the bridge completes each message when the target has \
         taken it",
        name(to.0),
        name(from.0)
    );
    let help = format!(
        "let `references.{target}` be a queue that keeps its messages, such as one over MQTT with `options.qos = 1`, or take from \
         the source without the bridge"
    );
    Some(Problem::warning("NOT_DURABLE", span, message).with_help(help))
}
