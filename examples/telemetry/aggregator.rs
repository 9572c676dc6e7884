//! `acme:aggregator:window`: averages of what the sensors send.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use wirework::component::{Component, Context};
use wirework::config::Millis;
use wirework::count::{Counters, Increment};
use wirework::log::Logger;
use wirework::mqtt::{MqttConnection, MqttMessage, MqttSubscription, PublishOptions, SubscribeOptions};
use wirework::text::duration;
use wirework::{Category, Coded, Descriptor, Error, references, register};

use crate::reading;
use crate::window::{Average, Report, Window};

/// What is listened to.
const SENSORS: &str = "sensors/+/temperature";
/// How many averages wait for their acknowledgement at a time.
const IN_FLIGHT: usize = 64;
/// How long one average may take to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(2);

/// The configuration of [`Aggregator`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AggregatorConfig {
    /// Length of a window; at least 10 ms.
    window: Millis,
}

impl Default for AggregatorConfig {
    fn default() -> Self {
        Self { window: Millis::new(5000) }
    }
}

references! {
    /// What an [`Aggregator`] asks for.
    pub struct AggregatorReferences {
        /// Where it says what a window held.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it counts readings and what is none.
        counters: Counters = "*:counters:*:*:1.0",
        /// Where it listens and publishes.
        mqtt: Arc<MqttConnection> = "*:connection:mqtt:*:1.0",
    }
}

/// Why an aggregator cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`window` is {}, but has to be at least 10 ms", duration(*.0))]
pub struct WindowTooShort(Duration);

impl Coded for WindowTooShort {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_CONFIG"
    }
}

/// Publishes `{"sensor":…,"count":…,"min":…,"mean":…,"max":…}` to `averages/<sensor>` for each sensor that spoke in a
/// window, and logs a line a window. What was heard in a window that closing cuts short is published too.
pub struct Aggregator {
    length: Duration,
    work: Arc<Work>,
    subscription: Mutex<Option<MqttSubscription>>,
}

/// What the listener and the clock share.
struct Work {
    window: Mutex<Window>,
    readings: Increment,
    refused: Increment,
    logger: Logger,
    mqtt: Arc<MqttConnection>,
}

impl Component for Aggregator {
    const DESCRIPTOR: &'static str = "acme:aggregator:window:*:1.0";
    const SUMMARY: &'static str =
        "Publishes for each sensor the number, extremes and mean of its temperatures.";
    type Config = AggregatorConfig;
    type References = AggregatorReferences;

    fn create(
        _: &Descriptor,
        config: AggregatorConfig,
        references: AggregatorReferences,
    ) -> Result<Self, Error> {
        let length = config.window.0;
        if length < Duration::from_millis(10) {
            return Err(WindowTooShort(length).into());
        }
        let work = Work {
            window: Mutex::default(),
            readings: references.counters.increment("aggregator.readings"),
            refused: references.counters.increment("aggregator.refused"),
            logger: references.logger,
            mqtt: references.mqtt,
        };
        Ok(Self { length, work: Arc::new(work), subscription: Mutex::default() })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let work = Arc::clone(&self.work);
        let listener = move |message: MqttMessage| {
            work.take(&message);
            std::future::ready(Ok(()))
        };
        let options = SubscribeOptions::at_least_once();
        let subscription = self.work.mqtt.subscribe(SENSORS, options, Arc::new(listener)).await?;
        *lock(&self.subscription) = Some(subscription);

        let (work, task, length) = (Arc::clone(&self.work), context.clone(), self.length);
        context.spawn("windows", async move {
            let mut clock = interval_at(Instant::now() + length, length);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = clock.tick() => work.end_window().await,
                    () = task.cancelled() => return Ok(()),
                }
            }
        });
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        let Some(subscription) = lock(&self.subscription).take() else { return Ok(()) };
        let unsubscribed = subscription.unsubscribe().await;
        self.work.end_window().await;
        unsubscribed?;
        Ok(())
    }
}
register!(Aggregator);

impl Work {
    fn take(&self, message: &MqttMessage) {
        let Some(sensor) = reading::sensor(&message.topic) else { return };
        match reading::parse(&message.payload) {
            Ok(value) => {
                self.readings.one();
                lock(&self.window).add(sensor, value);
            }
            Err(error) => {
                self.refused.one();
                lock(&self.window).refuse();
                self.logger.debug(format_args!("`{}` is refused: {error}", message.topic));
            }
        }
    }

    async fn end_window(&self) {
        let report = lock(&self.window).end();
        self.say(&report);
        let sends = stream::iter(report.averages).map(|average| self.publish(average));
        let failures: Vec<_> = sends
            .buffer_unordered(IN_FLIGHT)
            .filter_map(|sent| std::future::ready(sent.err()))
            .collect()
            .await;
        if let Some(first) = failures.first() {
            self.logger.error(Some(first), format_args!("{} averages were not published", failures.len()));
        }
    }

    async fn publish(&self, average: Average) -> Result<(), Error> {
        let payload = serde_json::to_string(&average).map_err(|error| {
            Error::new(Category::Internal, "ENCODE", "cannot encode an average").with_source(error)
        })?;
        let options = PublishOptions::at_least_once().timeout(PATIENCE);
        let topic = format!("averages/{}", average.sensor);
        Ok(self.mqtt.publish(topic, payload, options).await?)
    }

    fn say(&self, report: &Report) {
        let Report { averages, readings, refused, left_out } = report;
        let sensors = u64::try_from(averages.len()).unwrap_or(u64::MAX);
        self.logger.info(format_args!(
            "window: {} of {}",
            Count(*readings, "reading"),
            Count(sensors, "sensor")
        ));
        if *refused > 0 {
            self.logger.warn(format_args!("window: {} refused as no number", Count(*refused, "payload")));
        }
        if *left_out > 0 {
            let left_out = Count(*left_out, "reading");
            self.logger
                .warn(format_args!("window: {left_out} left out: too many sensors, or too long names"));
        }
    }
}

/// So many of something.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, what) = self;
        write!(f, "{number} {what}{}", if *number == 1 { "" } else { "s" })
    }
}

/// A panic cannot leave a window half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
