//! MQTT: a connection that loses nothing, on rumqttc's packet codecs and a driver of our own.

pub mod topic;
