//! The embedded MQTT broker, as a component.
