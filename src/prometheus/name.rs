//! What a counter is called as a metric.

use super::text::Labels;
use crate::component::Descriptor;
use crate::count::Kind;

/// First segments of dotted names whose middle is the name of one thing, such as `queue.orders.sent_messages`: as a metric that name
/// is a label, so that one metric has all queues, and a limit.
const NAMED: [&str; 2] = ["queue", "bridge"];

/// The first segments of the dotted names by which requests are counted, `http.route.METHOD ROUTE CLASS.time`: all three are labels.
const ROUTE: &str = "http.route";

/// A counter's name as a metric, and its labels.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MetricName {
    /// The name of the metric, with the unit and without the suffix of its type.
    pub(super) metric: String,
    /// What it is for those who read it.
    pub(super) help: String,
    /// What tells it from others of the same metric.
    pub(super) labels: Labels,
}

impl MetricName {
    /// That of a counter with this dotted name.
    pub(super) fn of(dotted: &str, kind: Kind, component: Option<&Descriptor>) -> Self {
        let mut labels = Labels::default();
        if let Some(component) = component {
            labels = labels.with("component", &short(component));
        }
        let (segments, shown) = match (named(dotted), routed(dotted)) {
            (Some((what, name, metric)), _) => {
                labels = labels.with(what, name);
                (format!("{what}.{metric}"), format!("{what}.NAME.{metric}"))
            }
            (None, Some((method, route, code, metric))) => {
                labels = labels.with("method", method).with("route", route).with("code", code);
                (format!("{ROUTE}.{metric}"), format!("{ROUTE}.NAME.{metric}"))
            }
            (None, None) => (dotted.to_owned(), dotted.to_owned()),
        };
        let name = format!("wirework_{}", valid(&segments));
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

/// Of what a dotted name counts, the name of the one thing, and what is counted of it.
fn named(dotted: &str) -> Option<(&str, &str, &str)> {
    NAMED.into_iter().find_map(|what| {
        let (name, metric) = dotted.strip_prefix(what)?.strip_prefix('.')?.rsplit_once('.')?;
        Some((what, name, metric))
    })
}

/// Method, route and class of the code of requests, and what is counted of them.
fn routed(dotted: &str) -> Option<(&str, &str, &str, &str)> {
    let (name, metric) = dotted.strip_prefix(ROUTE)?.strip_prefix('.')?.rsplit_once('.')?;
    let (method, rest) = name.split_once(' ')?;
    let (route, code) = rest.rsplit_once(' ')?;
    Some((method, route, code, metric))
}

/// `type:kind:name`, the label of a component.
pub(super) fn short(component: &Descriptor) -> String {
    format!("{}:{}:{}", component.r#type(), component.kind(), component.name())
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
