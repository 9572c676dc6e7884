//! What a counter is called as a metric.

use super::text::Labels;
use crate::component::Descriptor;
use crate::count::{DottedName, Kind, MetricName};

impl MetricName<Labels> {
    /// That of a counter with this dotted name: with the unit, and without the suffix of its type.
    pub(super) fn of(dotted: &str, kind: Kind, component: Option<&Descriptor>) -> Self {
        let DottedName { name, shown, attributes } = DottedName::of(dotted, component);
        let labels =
            attributes.iter().fold(Labels::default(), |labels, (name, value)| labels.with(name, value));
        let name = format!("wirework_{}", valid(&name));
        let bare = |suffix| name.strip_suffix(suffix).unwrap_or(&name);
        let (metric, what) = match kind {
            // The suffix of a counter is written with each sample.
            Kind::Increment => (bare("_total").to_owned(), "How often"),
            Kind::Interval => (format!("{}_seconds", bare("_seconds")), "How long"),
            Kind::Timestamp => (format!("{name}_timestamp_seconds"), "When last, since 1970"),
            Kind::Statistics => (name, "The values"),
            Kind::LastValue => (name, "The last value"),
        };
        Self { metric, help: format!("{what}: {shown}"), labels }
    }
}

/// Lower case, and `_` for all that has no place in the name of a metric.
fn valid(dotted: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    dotted.chars().map(valid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(dotted: &str, kind: Kind) -> String {
        MetricName::of(dotted, kind, None).metric
    }

    #[test]
    fn names_are_valid_and_have_their_unit() {
        assert_eq!(named("mqtt.publish.sent", Kind::Increment), "wirework_mqtt_publish_sent");
        assert_eq!(
            named("mqtt.publish.round_trip", Kind::Interval),
            "wirework_mqtt_publish_round_trip_seconds"
        );
        assert_eq!(named("Größe/ Alter-1", Kind::LastValue), "wirework_gr__e__alter_1");
        assert_eq!(named("job.ended", Kind::Timestamp), "wirework_job_ended_timestamp_seconds");
        assert_eq!(named("size", Kind::Statistics), "wirework_size");
        assert_eq!(named("jobs.total", Kind::Increment), "wirework_jobs", "its samples have the suffix");
        assert_eq!(named("wait.seconds", Kind::Interval), "wirework_wait_seconds");
    }

    #[test]
    fn the_names_of_queues_and_components_are_labels() {
        let component = "pip-services:queue-factory:memory:default:1.0".parse().unwrap();
        let name = MetricName::of("queue.reply.a\"1.sent_messages", Kind::Increment, Some(&component));
        assert_eq!(name.metric, "wirework_queue_sent_messages");
        assert_eq!(name.help, "How often: queue.NAME.sent_messages");
        assert_eq!(name.labels.as_str(), r#"component="queue-factory:memory:default",queue="reply.a\"1""#);
        let name = MetricName::of("http.route.GET /tea/{kind}.json 2xx.time", Kind::Interval, None);
        assert_eq!(name.metric, "wirework_http_route_time_seconds");
        assert_eq!(name.labels.as_str(), r#"method="GET",route="/tea/{kind}.json",code="2xx""#);
        for other in ["queue.length", "queues.a.b", "queue", "http.route.time", "http.route.a b.time"] {
            assert_eq!(MetricName::of(other, Kind::LastValue, None).labels.as_str(), "", "{other}");
        }
    }
}
