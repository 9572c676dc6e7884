//! An MQTT broker that does what a test tells it, packet by packet, over a real TCP socket, in 3.1.1 and 5.
//!
//! It answers nothing by itself but PINGREQ (and that only while the test waits for something else), so a test can
//! delay, leave out, repeat or reorder every answer. A peer that is not asked for its next packet is not read from:
//! that is a half-open link once the buffers are full.
//!
//! ```ignore
//! let broker = FakeBroker::start().await;
//! // … the client under test is told to connect to broker.address() …
//! let (mut peer, connect) = broker.accept_session(false).await;
//! assert_eq!(connect.client_id, "me");
//! let publish = peer.expect_publish().await;
//! peer.send(PubAck::new(publish.pkid)).await;
//! peer.reset();
//! let (mut peer, _) = broker.accept_session(true).await;
//! ```
//!
//! The same in MQTT 5 begins with `broker.accept_session5(false)`; its packets are those of [`five`]. What both versions
//! have in common is [`Version`], with packets as [`Plain`].

mod peer;
mod v4;
mod v5;
mod version;

pub use peer::{FakeBroker, Peer};
pub use rumqttc::mqttbytes::QoS;
pub use rumqttc::mqttbytes::v4::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, SubAck, Subscribe,
    SubscribeReasonCode, UnsubAck, Unsubscribe,
};
pub use rumqttc::v5::mqttbytes::v5 as five;
pub use v4::{Answer, V4, message};
pub use v5::{V5, message5};
pub use version::{Ack, Plain, Version};
