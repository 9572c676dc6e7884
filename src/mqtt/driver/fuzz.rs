//! A broker that sends any bytes: the fuzz bodies for the driver.
//!
//! The first byte of the input chooses what the client has asked for, the next two say how many bytes the first link
//! carries; the rest comes over a second link of the same session. Whatever they are: nothing panics or waits for ever,
//! everybody who waits is answered, and everything that was held is given back.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::core::Core;
use super::drive::{Drive, End};
use super::handshake::Connected;
use super::{Accepted, Answer, Command, Inbox, LinkState, Permits, Settings};
use crate::component::Context;
use crate::connect::Endpoint;
use crate::count::Counters;
use crate::log::Logger;
use crate::mqtt::protocol::{Protocol, Publish, V4, V5};
use crate::mqtt::transport::Counted;
use crate::mqtt::types::Metrics;
use crate::mqtt::{LinkError, MqttConnection, MqttMessage, QoS, SubscribeOptions};

const KEPT: u8 = 1;
const SUBSCRIBES: u8 = 2;
const MANUAL: u8 = 4;
const PUBLISHES: u8 = 8;
/// Otherwise byte by byte: acknowledgements that come before their messages have left mean little.
const AT_ONCE: u8 = 16;

type StaticAnswers = Vec<Answer>;

/// The broker speaks 3.1.1, more or less.
pub fn three(data: &[u8]) {
    let _ = live::<V4>("3.1.1", data);
}

/// The broker speaks 5, more or less.
pub fn five(data: &[u8]) {
    let _ = live::<V5>("5", data);
}

/// How many publishes were acknowledged or written.
fn live<P: Protocol>(version: &str, data: &[u8]) -> usize {
    let [flags, low, high, rest @ ..] = data else { return 0 };
    let first = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
    let (first, second) = rest.split_at(first);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = runtime else { return 0 };
    runtime.block_on(session::<P>(version, *flags, [first, second]))
}

async fn session<P: Protocol>(version: &str, flags: u8, links: [&[u8]; 2]) -> usize {
    let Fixture { mut core, settings, inbox, permits } = Fixture::new(Fixture::settings(version, flags));
    let mut answers = StaticAnswers::new();
    if flags & SUBSCRIBES != 0 {
        subscribe(&inbox, flags);
    }
    for (number, bytes) in links.into_iter().enumerate() {
        if flags & PUBLISHES != 0 {
            publish(&inbox, &permits, &mut answers);
        }
        let (ours, theirs) = duplex(1 << 16);
        tokio::select! {
            biased;
            () = link::<P>(Counted::new(ours), &mut core, &settings, number == 0) => {}
            () = feed(theirs, bytes, flags & AT_ONCE == 0) => {}
        }
        assert!(core.publishing.in_flight() <= 4, "more in flight than the window");
    }
    core.end(None).await;
    core.give_back();
    let answers: Vec<_> = answers.iter_mut().map(oneshot::Receiver::try_recv).collect();
    assert!(answers.iter().all(Result::is_ok), "a publisher was not answered");
    assert_eq!((permits.in_flight(), permits.queued_bytes()), (0, 0), "room was not given back");
    core.receiving.drop_unclaimed();
    let held = core.receiving.held();
    assert_eq!((held.messages(), held.bytes()), (0, 0), "messages are still held");
    answers.into_iter().flatten().filter(Result::is_ok).count()
}

async fn link<P: Protocol>(stream: Counted<DuplexStream>, core: &mut Core, settings: &Settings, first: bool) {
    let endpoint = Fixture::endpoint("broker");
    let connected = Connected::<P, _>::handshake(stream, &endpoint, settings, first, &Notify::new()).await;
    let Ok(Connected { framed, session_present, limits }) = connected else { return };
    let now = Instant::now();
    core.resume(&endpoint, session_present, &limits, now);
    let mut drive = Drive::<P, _>::new(framed, limits, core, settings, now);
    let end = match drive.restore().await {
        Err(end) => end,
        Ok(()) => drive.run().await,
    };
    let lost = if let End::LinkError(lost) = end { lost } else { LinkError::Ended };
    drive.abandon(&lost).await;
    core.link_lost(&lost);
}

/// The broker's side: sends these bytes, then the end; what the client sends is read and dropped. Never ends by itself.
async fn feed(stream: DuplexStream, bytes: &[u8], one_by_one: bool) {
    let (mut from, mut to) = split(stream);
    let write = async {
        for chunk in bytes.chunks(if one_by_one { 1 } else { bytes.len().max(1) }) {
            // The client may have ended the link already.
            let _ = to.write_all(chunk).await;
            tokio::task::yield_now().await;
        }
        let _ = to.shutdown().await;
    };
    let read = async {
        let mut rest = [0; 4096];
        while from.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    };
    tokio::join!(write, read);
    std::future::pending().await
}

/// A core, and what it was made of.
pub(super) struct Fixture {
    pub core: Core,
    pub settings: Arc<Settings>,
    pub inbox: Arc<Inbox>,
    pub permits: Arc<Permits>,
}

impl Fixture {
    pub fn new(settings: Settings) -> Self {
        let (settings, inbox) = (Arc::new(settings), Inbox::new());
        let metrics = Arc::new(Metrics::new(&Counters::default()));
        let permits = Arc::new(Permits::new(4, 4096));
        let state = watch::Sender::new(LinkState::Connecting);
        let parts = (Arc::clone(&settings), Arc::clone(&inbox), Arc::clone(&permits));
        let core = Core::new(parts.0, parts.1, parts.2, Logger::default(), metrics, state);
        Self { core, settings, inbox, permits }
    }

    /// A broker at this host.
    pub fn endpoint(host: &str) -> Endpoint {
        Endpoint {
            protocol: "mqtt",
            host: host.to_owned(),
            port: 1883,
            path: None,
            username: None,
            password: None,
            parameters: Default::default(),
            written: None,
        }
    }

    pub fn settings(version: &str, flags: u8) -> Settings {
        let clean = if flags & KEPT == 0 { "true" } else { "false" };
        let pairs = [
            ("connection.host", "broker"),
            ("client_id", "me"),
            ("options.protocol_version", version),
            ("options.clean_session", clean),
            ("options.keepalive_timeout", "0"),
            ("options.max_inflight", "4"),
            ("options.max_queued_bytes", "4096"),
            ("options.max_incoming_bytes", "16384"),
            ("options.max_packet_size", "16384"),
        ];
        let connection = match MqttConnection::from_pairs(pairs) {
            Ok(connection) => connection,
            Err(error) => unreachable!("{error}"),
        };
        let Ok(descriptor) = "pip-services:connection:mqtt:fuzz:1.0".parse() else {
            unreachable!("a descriptor")
        };
        connection.settings(&Context::standalone(descriptor))
    }
}

fn subscribe(inbox: &Inbox, flags: u8) {
    let mut options = SubscribeOptions::exactly_once();
    if flags & MANUAL != 0 {
        options = options.manual_ack();
    }
    for filter in ["#", "a/+"] {
        let Ok(filter) = filter.parse() else { continue };
        let (reply, _) = oneshot::channel();
        let listener = Arc::new(|message: MqttMessage| {
            // Some are acknowledged by hand, some are left.
            let acknowledgement =
                message.acknowledgement().filter(|_| message.payload.len().is_multiple_of(2));
            async move {
                if let Some(acknowledgement) = acknowledgement {
                    acknowledgement.acknowledge();
                }
                Ok(())
            }
        });
        let _ = inbox.push(Command::Subscribe { filter, options, listener, reply });
    }
}

fn publish(inbox: &Inbox, permits: &Permits, answers: &mut StaticAnswers) {
    for (qos, waits) in [(QoS::AtMostOnce, true), (QoS::AtLeastOnce, false), (QoS::ExactlyOnce, false)] {
        let Ok(permit) = permits.try_take(qos, 100) else { continue };
        let (reply, answer) = oneshot::channel();
        let payload = Bytes::from_static(b"payload");
        let publish = Publish { topic: "t".into(), payload, qos, retain: false, extra: None };
        let cost = permit.cost();
        if inbox.push(Command::Publish(Accepted { publish, waits, cost, reply })).is_ok() {
            permit.forget();
            answers.push(answer);
        }
    }
}

#[cfg(test)]
#[path = "../../../tests/support/mutate.rs"]
mod mutate;

#[cfg(test)]
mod tests {
    use super::{V4, V5, mutate};

    /// Bytes of which nothing comes would prove nothing.
    #[test]
    fn a_seed_takes_publishes_to_their_end() {
        let three = include_bytes!("../../../tests/corpus/driver3/acknowledged");
        let five = include_bytes!("../../../tests/corpus/driver5/acknowledged");
        assert_eq!((super::live::<V4>("3.1.1", three), super::live::<V5>("5", five)), (6, 6));
    }

    /// What may be live at a time: a few packets of 16 KiB, and what a runtime and a connection are made of.
    const MEMORY: u64 = 1024 * 1024;

    fn measured(body: fn(&[u8]), data: &[u8]) {
        let live = allocation_counter::measure(|| body(data)).bytes_max;
        // The input itself goes through a pipe as well.
        let bound = MEMORY + 2 * data.len() as u64;
        assert!(live <= bound, "{live} bytes were live for an input of {}, and {bound} may be", data.len());
    }

    #[test]
    fn ten_seconds_of_a_broker_that_speaks_3_1_1_more_or_less() {
        mutate::for_ten_seconds("driver3", |data| measured(super::three, data));
    }

    #[test]
    fn ten_seconds_of_a_broker_that_speaks_5_more_or_less() {
        mutate::for_ten_seconds("driver5", |data| measured(super::five, data));
    }

    /// The bound says something: it is about what a seed takes, and not far above.
    #[test]
    fn a_seed_takes_memory_that_is_measured() {
        let seed = include_bytes!("../../../tests/corpus/driver5/acknowledged");
        let live = allocation_counter::measure(|| super::five(seed)).bytes_max;
        assert!((30_000..MEMORY).contains(&live), "{live}");
    }
}
