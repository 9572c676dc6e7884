//! Families of metrics as text: the format 0.0.4 of Prometheus, and OpenMetrics 1.0.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::format::TextFormat;

/// Labels as they stand between the braces, escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels(String);

impl Labels {
    /// One label.
    pub(super) fn one(name: &str, value: &str) -> Self {
        Self::default().with(name, value)
    }

    /// The same with one more; `name` is valid.
    pub(super) fn with(self, name: &str, value: &str) -> Self {
        let mut text = self.0;
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        escape(&mut text, value, true);
        text.push('"');
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a family of metrics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricType {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl MetricType {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }

    /// What is put behind the name of a family whose name is taken. Names with the word of the type are no good style for Prometheus.
    const fn distinction(self) -> &'static str {
        match self {
            Self::Counter => "_events",
            Self::Gauge => "_value",
            Self::Histogram => "_distribution",
            Self::Summary => "_values",
        }
    }

    /// What its samples, and that of its beginning, add to its name: no other family may have any of these names.
    const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["", "_total", "_created"],
            Self::Gauge => &[""],
            Self::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
            Self::Summary => &["", "_sum", "_count", "_created"],
        }
    }
}

/// The value of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(u64),
    Float(f64),
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<bool> for Number {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// Writes families one after the other.
#[derive(Debug)]
pub(super) struct Encoder {
    format: TextFormat,
    text: String,
    /// The names of samples so far.
    taken: HashSet<String>,
}

impl Encoder {
    pub(super) fn new(format: TextFormat) -> Self {
        Self { format, text: String::new(), taken: HashSet::new() }
    }

    /// Begins a family; `name` is valid, and without the `_total` of counters. Where it is taken by another, a word for its type is
    /// put behind it, so that no name has two meanings. A family without samples is not written.
    pub(super) fn family(&mut self, name: &str, of: MetricType, help: &str) -> Family<'_> {
        let mut name = name.to_owned();
        while of.suffixes().iter().any(|suffix| self.taken.contains(&format!("{name}{suffix}"))) {
            name.push_str(of.distinction());
        }
        self.taken.extend(of.suffixes().iter().map(|suffix| format!("{name}{suffix}")));
        Family { encoder: self, name, of, help: help.to_owned(), is_begun: false }
    }

    /// A family of one sample without labels.
    pub(super) fn single(&mut self, name: &str, of: MetricType, help: &str, value: impl Into<Number>) {
        self.family(name, of, help).sample("", &[], value);
    }

    /// Ends the text and returns it.
    pub(super) fn finish(mut self) -> String {
        if self.format == TextFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// A family that is being written.
#[derive(Debug)]
pub(super) struct Family<'a> {
    encoder: &'a mut Encoder,
    name: String,
    of: MetricType,
    help: String,
    is_begun: bool,
}

impl Family<'_> {
    /// Writes one sample; `suffix` is what it adds to the name beside the `_total` of counters, `labels` are those of several, one
    /// behind the other.
    pub(super) fn sample(&mut self, suffix: &str, labels: &[&str], value: impl Into<Number>) {
        self.begin();
        let text = &mut self.encoder.text;
        text.push_str(&self.name);
        text.push_str(if self.of == MetricType::Counter { "_total" } else { suffix });
        let mut separator = '{';
        for labels in labels.iter().filter(|labels| !labels.is_empty()) {
            text.push(separator);
            text.push_str(labels);
            separator = ',';
        }
        if separator == ',' {
            text.push('}');
        }
        text.push(' ');
        match value.into() {
            // Writing to a string does not fail.
            Number::Whole(value) => _ = write!(text, "{value}"),
            Number::Float(value) => write_float(text, value),
        }
        text.push('\n');
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let open_metrics = self.encoder.format == TextFormat::OpenMetrics;
        // The format 0.0.4 knows a counter only by the name of its samples.
        let total = if self.of == MetricType::Counter && !open_metrics { "_total" } else { "" };
        let text = &mut self.encoder.text;
        let _ = write!(text, "# HELP {}{total} ", self.name);
        escape(text, &self.help, open_metrics);
        let _ = writeln!(text, "\n# TYPE {}{total} {}", self.name, self.of.name());
    }
}

/// A number as both formats have it; a whole one has a decimal point, which OpenMetrics wants of bounds.
pub(super) fn write_float(text: &mut String, value: f64) {
    if value.is_finite() {
        let _ = write!(text, "{value:?}");
    } else {
        text.push_str(if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        });
    }
}

fn escape(text: &mut String, value: &str, quotes: bool) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: TextFormat) -> String {
        let mut encoder = Encoder::new(format);
        let mut jobs = encoder.family("jobs", MetricType::Counter, "Jobs \"done\"\\\nall.");
        jobs.sample("", &[], 3_u64);
        jobs.sample("", &[Labels::one("a", "x\"\\\ny").as_str(), "", "b=\"1\""], 4_u64);
        encoder.family("nothing", MetricType::Gauge, "Not written.");
        encoder.single("size", MetricType::Gauge, "Size.", 0.0005);
        encoder.finish()
    }

    #[test]
    fn the_formats_differ_in_the_name_of_counters_and_in_their_end() {
        let prometheus = "# HELP jobs_total Jobs \"done\"\\\\\\nall.\n# TYPE jobs_total counter\njobs_total 3\n\
                          jobs_total{a=\"x\\\"\\\\\\ny\",b=\"1\"} 4\n# HELP size Size.\n# TYPE size gauge\nsize 0.0005\n";
        assert_eq!(text(TextFormat::Text), prometheus);
        let open_metrics = prometheus
            .replace("# HELP jobs_total Jobs \"done\"", "# HELP jobs Jobs \\\"done\\\"")
            .replace("# TYPE jobs_total", "# TYPE jobs");
        assert_eq!(text(TextFormat::OpenMetrics), open_metrics + "# EOF\n");
    }

    #[test]
    fn no_name_has_two_meanings() {
        let mut encoder = Encoder::new(TextFormat::Text);
        encoder.single("x", MetricType::Gauge, "One.", 1_u64);
        encoder.single("x_total", MetricType::Gauge, "Two.", 2_u64);
        encoder.single("x", MetricType::Counter, "Three.", 3_u64);
        encoder.family("x", MetricType::Summary, "Four.").sample("_sum", &[], 4_u64);
        encoder.single("x_values_count", MetricType::Gauge, "Five.", 5_u64);
        let text = encoder.finish();
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            ["x 1", "x_total 2", "x_events_total 3", "x_values_sum 4", "x_values_count_value 5"]
        );
    }

    #[test]
    fn numbers_are_those_of_the_formats() {
        let written = |value| {
            let mut text = String::new();
            write_float(&mut text, value);
            text
        };
        let values = [1.0, -0.0, 1e300, 1e-9, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        assert_eq!(values.map(written), ["1.0", "-0.0", "1e300", "1e-9", "+Inf", "-Inf", "NaN"]);
    }
}
