//! `acme:sensor:simulated`: a sensor for a service that has none yet.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::MissedTickBehavior;
use wirework::component::{Component, Context};
use wirework::config::Millis;
use wirework::log::Logger;
use wirework::mqtt::{MqttConnection, PublishOptions};
use wirework::{Category, Coded, Descriptor, Error, references, register};

/// The configuration of [`SimulatedSensor`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SensorConfig {
    /// Time from one reading to the next; at least 1 ms.
    interval: Millis,
    /// What the readings swing about, by up to 3 degrees.
    temperature: f64,
}

impl Default for SensorConfig {
    fn default() -> Self {
        Self { interval: Millis::new(1000), temperature: 21.0 }
    }
}

references! {
    /// What a [`SimulatedSensor`] asks for.
    pub struct SensorReferences {
        /// Where it says that a reading could not be sent.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where it publishes.
        mqtt: Arc<MqttConnection> = "*:connection:mqtt:*:1.0",
    }
}

/// Why a sensor cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`interval` is 0 ms, but has to be at least 1 ms")]
pub struct NoInterval;

impl Coded for NoInterval {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_CONFIG"
    }
}

/// Publishes to `sensors/<name of the component>/temperature`.
pub struct SimulatedSensor {
    topic: Arc<str>,
    config: SensorConfig,
    references: SensorReferences,
}

impl Component for SimulatedSensor {
    const DESCRIPTOR: &'static str = "acme:sensor:simulated:*:1.0";
    const SUMMARY: &'static str =
        "Publishes made-up temperatures; the name of the component is that of the sensor.";
    type Config = SensorConfig;
    type References = SensorReferences;

    fn create(
        identity: &Descriptor,
        config: SensorConfig,
        references: SensorReferences,
    ) -> Result<Self, Error> {
        if config.interval.0.is_zero() {
            return Err(NoInterval.into());
        }
        Ok(Self { topic: format!("sensors/{}/temperature", identity.name()).into(), config, references })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let (topic, task) = (Arc::clone(&self.topic), context.clone());
        let (logger, mqtt) = (self.references.logger.clone(), Arc::clone(&self.references.mqtt));
        let SensorConfig { interval, temperature } = self.config;
        context.spawn("measure", async move {
            let mut clock = tokio::time::interval(interval.0);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let started = tokio::time::Instant::now();
            loop {
                tokio::select! {
                    now = clock.tick() => {
                        let payload = reading(temperature, now - started);
                        // A lost reading is made good by the next one.
                        if let Err(error) = mqtt.publish(topic.clone(), payload, PublishOptions::default()).await {
                            logger.debug(format_args!("reading not sent: {error}"));
                        }
                    }
                    () = task.cancelled() => return Ok(()),
                }
            }
        });
        Ok(())
    }
}
register!(SimulatedSensor);

/// The temperature after so much time: a wave of a minute, with one decimal.
fn reading(temperature: f64, since: Duration) -> String {
    let phase = since.as_secs_f64() / 60.0 * std::f64::consts::TAU;
    format!("{:.1}", temperature + 3.0 * phase.sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_swing_about_the_temperature() {
        let at = |seconds| reading(21.0, Duration::from_secs(seconds));
        assert_eq!([at(0), at(15), at(30), at(45)], ["21.0", "24.0", "21.0", "18.0"]);
    }

    #[test]
    fn a_sensor_has_an_interval() {
        let error = Error::from(NoInterval);
        assert_eq!((error.category(), error.code()), (Category::Misconfiguration, "BAD_CONFIG"));
    }
}
