//! What a counter has counted, and how the counts of several components become one.

use std::fmt;
use std::time::{Instant, SystemTime};

use super::buckets::Buckets;

/// What a counter measures; the names and numbers are those of Pip.Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// How long something takes, in milliseconds.
    Interval = 0,
    /// A value that is replaced.
    LastValue = 1,
    /// The distribution of values.
    Statistics = 2,
    /// When something happened last.
    Timestamp = 3,
    /// How often something happened.
    Increment = 4,
}

impl Kind {
    /// The lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::LastValue => "last",
            Self::Statistics => "statistics",
            Self::Timestamp => "timestamp",
            Self::Increment => "increment",
        }
    }
}

/// Number, extremes, sum, average and last of the values a counter was given.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// How many values.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their sum; infinite where it is greater than a number can be.
    pub sum: f64,
    /// Their mean.
    pub average: f64,
    /// The one given last.
    pub last: f64,
    /// When that was.
    pub at: Instant,
}

impl Statistics {
    pub(super) fn of(value: f64, at: Instant) -> Self {
        Self { count: 1, min: value, max: value, sum: value, average: value, last: value, at }
    }

    /// The statistics of both sets of values together.
    pub(super) fn merge(self, other: Self) -> Self {
        let count = self.count.saturating_add(other.count);
        // By weights, not by the sum: sums of large values could overflow where their mean does not.
        #[allow(clippy::cast_precision_loss, reason = "a weight; the 53 bits of a float are ample")]
        let weight = other.count as f64 / count as f64;
        let newer = if other.at >= self.at { other } else { self };
        Self {
            count,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            average: self.average * (1.0 - weight) + other.average * weight,
            last: newer.last,
            at: newer.at,
        }
    }
}

/// What a counter stands at.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// How often.
    Increment(u64),
    /// The last value, and when it was set.
    Last(f64, Instant),
    /// The distribution of values.
    Statistics(Statistics),
    /// The distribution of durations, in milliseconds, and how many of them are how long.
    Interval(Statistics, Buckets),
    /// When last.
    Timestamp(SystemTime),
}

impl Value {
    /// What kind of counter has such a value.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Increment(_) => Kind::Increment,
            Self::Last(..) => Kind::LastValue,
            Self::Statistics(_) => Kind::Statistics,
            Self::Interval(..) => Kind::Interval,
            Self::Timestamp(_) => Kind::Timestamp,
        }
    }

    /// What two counters of one kind stand at together: sums are added, statistics joined, of last values and times
    /// the later counts. Values of different kinds do not merge: then the first stays.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Increment(a), Self::Increment(b)) => Self::Increment(a.saturating_add(b)),
            (Self::Last(_, a), Self::Last(_, b)) if b >= a => other,
            (Self::Statistics(a), Self::Statistics(b)) => Self::Statistics(a.merge(b)),
            (Self::Interval(a, in_a), Self::Interval(b, in_b)) => {
                Self::Interval(a.merge(b), in_a.merge(in_b))
            }
            (Self::Timestamp(a), Self::Timestamp(b)) => Self::Timestamp(a.max(b)),
            _ => self,
        }
    }
}

/// A counter in a report: `name` and what it stands at.
///
/// As text: `mqtt.publish.count: 12` or `mqtt.publish.time: count=3 min=1.5 max=4 average=2.5 last=1.5 ms`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The dotted name.
    pub name: String,
    /// What it stands at.
    pub value: Value,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.value {
            Value::Increment(count) => write!(f, "{count}"),
            Value::Last(value, _) => write!(f, "{}", Short(*value)),
            Value::Statistics(statistics) => write!(f, "{statistics}"),
            Value::Interval(statistics, _) => write!(f, "{statistics} ms"),
            Value::Timestamp(time) => {
                write!(f, "{}", humantime::format_rfc3339_millis((*time).max(SystemTime::UNIX_EPOCH)))
            }
        }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, min, max, average, last, .. } = *self;
        let [min, max, average, last] = [min, max, average, last].map(Short);
        write!(f, "count={count} min={min} max={max} average={average} last={last}")
    }
}

/// A number with at most three decimals, and none that say nothing.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}", self.0);
        f.write_str(if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn samples_read_well() {
        let text = |value| Sample { name: "a.b".to_owned(), value }.to_string();
        let at = Instant::now();
        let three = Statistics::of(1.0, at).merge(Statistics::of(100.0, at)).merge(Statistics::of(2.0, at));
        assert_eq!(text(Value::Increment(12)), "a.b: 12");
        assert_eq!(text(Value::Last(0.1 + 0.2, at)), "a.b: 0.3");
        assert_eq!(text(Value::Last(-100.0, at)), "a.b: -100");
        assert_eq!(text(Value::Statistics(three)), "a.b: count=3 min=1 max=100 average=34.333 last=2");
        assert_eq!(
            text(Value::Interval(three, Buckets::default())),
            "a.b: count=3 min=1 max=100 average=34.333 last=2 ms"
        );
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
        assert_eq!(text(Value::Timestamp(time)), "a.b: 1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn the_later_of_two_last_values_counts() {
        let early = Instant::now();
        let late = early + Duration::from_millis(1);
        let (a, b) = (Value::Last(1.0, late), Value::Last(2.0, early));
        assert_eq!((a.merge(b), b.merge(a)), (a, a));
        let mean = Statistics::of(f64::MAX, early).merge(Statistics::of(f64::MAX, late)).average;
        assert_eq!(mean, f64::MAX);
    }
}
