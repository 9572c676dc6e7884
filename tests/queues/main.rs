//! Message queues: one set of behaviours for every kind of queue, and what each kind has of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod behaviours;
mod bridge;
mod closing;
mod deadlines;
mod files;
mod garbage;
mod groups;
mod kinds;
mod memory;
mod mqtt;
mod outages;
mod redelivery;
mod restarting;
mod standing;
mod subscribing;
mod toolkits;
mod topics;
mod tracing;
mod transports;

behaviours::prove!(in_memory, crate::kinds::Memory);
behaviours::prove!(in_files, crate::kinds::InFiles);
behaviours::prove!(over_the_embedded_broker, crate::kinds::Embedded);
behaviours::prove!(over_the_embedded_broker_in_mqtt_5, crate::kinds::Embedded5);
behaviours::prove!(over_mosquitto, crate::kinds::AtMosquitto);
behaviours::prove!(over_mosquitto_in_mqtt_5, crate::kinds::AtMosquitto5);
