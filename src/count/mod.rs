//! Counting: counters that cost one atomic operation, and the sinks that report them.
//!
//! A component asks its [`Counters`] once for a handle, such as [`Increment`], and uses that; a handle goes straight to
//! its [`Cell`]. [`CounterSink`]s are shown every cell once and read it when they report.

mod buckets;
mod cell;
mod counters;
#[cfg(any(feature = "prometheus", feature = "otlp"))]
mod dotted;
mod handle;
mod log;
#[cfg(any(feature = "prometheus", feature = "otlp"))]
mod series;
mod set;
mod sink;
mod value;

pub use buckets::Buckets;
pub use cell::Cell;
pub use counters::Counters;
#[cfg(any(feature = "prometheus", feature = "otlp"))]
pub(crate) use dotted::DottedName;
#[cfg(feature = "prometheus")]
pub(crate) use dotted::component_label;
pub use handle::{Increment, Last, Stats, Timestamp, Timing, TimingRun};
pub use log::{LogCounters, LogCountersConfig, LogCountersReferences};
#[cfg(any(feature = "prometheus", feature = "otlp"))]
pub(crate) use series::{FamilyValues, MetricName, SeriesTable, SeriesValue, Values};
pub use set::CounterSet;
pub use sink::{CounterSink, NullCounters};
pub use value::{Kind, Sample, Statistics, Value};
