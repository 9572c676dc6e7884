//! The values of counters as families of metrics.

use std::time::SystemTime;

use super::text::{Encoder, Labels, MetricType, write_float};
use crate::count::{Buckets, FamilyValues, Kind, SeriesValue, Statistics, Value, Values};

impl Encoder {
    /// Writes all counters.
    pub(super) fn counters(&mut self, values: &Values<Labels>) {
        let help = "Counters that had no series of their own, because their metric had options.max_series.";
        self.single("wirework_metrics_overflowed_counters", MetricType::Counter, help, values.overflowed);
        // Counters first: no other kind takes their name.
        let (counters, others): (Vec<_>, Vec<_>) =
            values.families.iter().partition(|family| family.kind == Kind::Increment);
        for family in counters.into_iter().chain(others) {
            match family.kind {
                Kind::Increment => self.plain(family, MetricType::Counter),
                Kind::LastValue | Kind::Timestamp => self.plain(family, MetricType::Gauge),
                Kind::Interval => self.histogram(family),
                Kind::Statistics => self.summary(family),
            }
        }
    }

    fn plain(&mut self, values: &FamilyValues<Labels>, of: MetricType) {
        let mut family = self.family(&values.metric, of, &values.help);
        for SeriesValue { labels, value, .. } in &values.series {
            let labels = [labels.as_str()];
            match value {
                Value::Increment(count) => family.sample("", &labels, *count),
                Value::Last(value, _) => family.sample("", &labels, *value),
                Value::Timestamp(time) => {
                    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                    family.sample("", &labels, since.as_secs_f64());
                }
                // Of other kinds, which are written otherwise.
                Value::Interval(..) | Value::Statistics(_) => {}
            }
        }
    }

    /// Durations in seconds by the bounds of their buckets.
    fn histogram(&mut self, values: &FamilyValues<Labels>) {
        let bounds = Buckets::BOUNDS.map(|millis| bound(millis / 1e3));
        let all = bound(f64::INFINITY);
        let mut family = self.family(&values.metric, MetricType::Histogram, &values.help);
        for SeriesValue { labels, value, .. } in &values.series {
            let Value::Interval(times, buckets) = value else { continue };
            let labels = labels.as_str();
            for (bound, (_, count)) in bounds.iter().zip(buckets.cumulative()) {
                family.sample("_bucket", &[labels, bound.as_str()], count);
            }
            family.sample("_bucket", &[labels, all.as_str()], buckets.count());
            family.sample("_sum", &[labels], times.sum / 1e3);
            family.sample("_count", &[labels], buckets.count());
        }
    }

    /// Values of which nobody knows bounds: number and sum, and the extremes as two more metrics.
    fn summary(&mut self, values: &FamilyValues<Labels>) {
        let mut family = self.family(&values.metric, MetricType::Summary, &values.help);
        for (labels, statistics) in statistics(values) {
            family.sample("_sum", &[labels.as_str()], statistics.sum);
            family.sample("_count", &[labels.as_str()], statistics.count);
        }
        self.extreme(values, "min", |all| all.min);
        self.extreme(values, "max", |all| all.max);
    }

    fn extreme(&mut self, values: &FamilyValues<Labels>, which: &str, extreme: impl Fn(Statistics) -> f64) {
        let (name, help) = (format!("{}_{which}", values.metric), format!("{} ({which})", values.help));
        let mut family = self.family(&name, MetricType::Gauge, &help);
        for (labels, all) in statistics(values) {
            family.sample("", &[labels.as_str()], extreme(all));
        }
    }
}

fn statistics(values: &FamilyValues<Labels>) -> impl Iterator<Item = (&Labels, Statistics)> {
    values.series.iter().filter_map(|SeriesValue { labels, value, .. }| match value {
        Value::Statistics(statistics) => Some((labels.as_ref(), *statistics)),
        _ => None,
    })
}

fn bound(seconds: f64) -> Labels {
    let mut text = String::new();
    write_float(&mut text, seconds);
    Labels::one("le", &text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::format::TextFormat;
    use super::super::table::MetricTable;
    use super::*;
    use crate::count::Counters;

    fn text(table: &MetricTable) -> String {
        let mut encoder = Encoder::new(TextFormat::Text);
        encoder.counters(&table.values());
        encoder.finish()
    }

    #[test]
    fn every_kind_is_written_with_its_type_once() {
        let table = Arc::new(MetricTable::new(10));
        let components = ["x:y:z:a:1.0", "x:y:z:b:1.0"].map(|name| Counters::of(name.parse().unwrap()));
        for (counters, n) in components.iter().zip(1_u32..) {
            counters.bind(vec![table.clone()]);
            counters.increment("job.done").add(n.into());
            counters.last("length").set(-f64::from(n) / 2.0);
            counters.stats("size").record(n.into());
            counters.stats("size").record(10.0);
            counters.timestamp("ended").at(SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
            let _never = counters.timestamp("never");
        }
        insta::assert_snapshot!(text(&table));
    }

    #[test]
    fn a_timing_is_a_cumulative_histogram_in_seconds() {
        let table = Arc::new(MetricTable::new(10));
        let counters = Counters::standalone();
        counters.bind(vec![table.clone()]);
        let times = counters.timing("http.request.time");
        for millis in [0, 3, 3, 400, 120_000] {
            times.record(Duration::from_millis(millis));
        }
        let once = text(&table);
        insta::assert_snapshot!(once);
        assert_eq!(text(&table), once, "a scrape changes nothing");
    }
}
