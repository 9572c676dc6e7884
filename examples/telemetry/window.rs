//! What was heard in one window of time, sensor by sensor. No I/O, no clock.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many sensors a window tells apart; readings of further ones are only counted.
pub const MAX_SENSORS: usize = 10_000;
/// The longest name of a sensor, in bytes; readings of one with a longer name are only counted.
pub const MAX_NAME: usize = 128;

/// What is published for a sensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Average {
    /// Which sensor.
    pub sensor: String,
    /// How many readings it sent.
    pub count: u64,
    /// The lowest.
    pub min: f64,
    /// Their mean.
    pub mean: f64,
    /// The highest.
    pub max: f64,
}

/// One window. Its memory is bounded by [`MAX_SENSORS`] and [`MAX_NAME`].
#[derive(Debug, Default)]
pub struct Window {
    sensors: BTreeMap<String, Summary>,
    refused: u64,
    left_out: u64,
}

/// A window that is over.
#[derive(Debug, Default, PartialEq)]
pub struct Report {
    /// The averages, by name of the sensor.
    pub averages: Vec<Average>,
    /// How many readings they hold together.
    pub readings: u64,
    /// How many messages were no readings.
    pub refused: u64,
    /// How many readings came from sensors past the limits.
    pub left_out: u64,
}

#[derive(Debug)]
struct Summary {
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
}

impl Window {
    /// Takes a finite reading.
    pub fn add(&mut self, sensor: &str, value: f64) {
        if let Some(summary) = self.sensors.get_mut(sensor) {
            summary.add(value);
        } else if self.sensors.len() < MAX_SENSORS && sensor.len() <= MAX_NAME {
            self.sensors.insert(sensor.to_owned(), Summary { count: 1, min: value, max: value, sum: value });
        } else {
            self.left_out += 1;
        }
    }

    /// Counts a message that is no reading.
    pub fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Ends the window; the next one begins empty.
    pub fn end(&mut self) -> Report {
        let window = std::mem::take(self);
        let averages: Vec<_> =
            window.sensors.into_iter().map(|(sensor, summary)| summary.average(sensor)).collect();
        let readings = averages.iter().map(|average| average.count).sum();
        Report { averages, readings, refused: window.refused, left_out: window.left_out }
    }
}

impl Summary {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
    }

    fn average(self, sensor: String) -> Average {
        #[allow(clippy::cast_precision_loss, reason = "a window does not hold 2^53 readings")]
        let mean = self.sum / self.count as f64;
        // A sum is rounded, and a mean that leaves its range for that would look wrong.
        let mean = mean.clamp(self.min, self.max);
        Average { sensor, count: self.count, min: self.min, mean, max: self.max }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_sensor_has_its_numbers() {
        let mut window = Window::default();
        for (sensor, value) in [("kitchen", 20.0), ("attic", 30.5), ("kitchen", 23.0), ("kitchen", 21.5)] {
            window.add(sensor, value);
        }
        window.refuse();
        let report = window.end();
        let average = |sensor: &str, count, min, mean, max| Average {
            sensor: sensor.to_owned(),
            count,
            min,
            mean,
            max,
        };
        assert_eq!(
            report.averages,
            [average("attic", 1, 30.5, 30.5, 30.5), average("kitchen", 3, 20.0, 21.5, 23.0)]
        );
        assert_eq!((report.readings, report.refused, report.left_out), (4, 1, 0));
        assert_eq!(window.end(), Report::default());
    }

    #[test]
    fn an_average_is_published_as_documented() {
        let mut window = Window::default();
        window.add("kitchen", 21.5);
        let text = serde_json::to_string(&window.end().averages[0]).unwrap();
        assert_eq!(text, r#"{"sensor":"kitchen","count":1,"min":21.5,"mean":21.5,"max":21.5}"#);
    }

    #[test]
    fn memory_is_bounded() {
        let mut window = Window::default();
        for number in 0..MAX_SENSORS + 3 {
            window.add(&number.to_string(), 1.0);
        }
        window.add("0", 3.0);
        let report = window.end();
        assert_eq!((report.averages.len(), report.left_out), (MAX_SENSORS, 3));
        assert_eq!(report.averages[0].mean, 2.0);
        window.add(&"x".repeat(MAX_NAME + 1), 1.0);
        assert_eq!(window.end().left_out, 1);
    }

    proptest! {
        #[test]
        fn the_mean_is_in_its_range(values in proptest::collection::vec(-1e100..1e100f64, 1..50)) {
            let mut window = Window::default();
            values.iter().for_each(|value| window.add("s", *value));
            let Average { count, min, max, mean, .. } = window.end().averages[0].clone();
            prop_assert_eq!(count, values.len() as u64);
            prop_assert!(values.contains(&min) && values.contains(&max));
            prop_assert!(min <= mean && mean <= max);
        }
    }
}
