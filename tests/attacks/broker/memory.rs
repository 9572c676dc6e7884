//! Clients that make the broker keep what they send.

use super::client::{Client, connect_to_stay, connect_with_will, publish};
use super::served::Served;

const MEBIBYTE: usize = 1024 * 1024;
/// The limits in these tests.
const SMALL: &str =
    "max_memory = 8388608\nmax_retained_bytes = 8388608\nmax_queued_bytes = 4194304\nmax_filters = 100";
/// What the broker may take beside what the limits count: code that is used for the first time, buffers of connections, and
/// what the allocator keeps.
const BESIDE: u64 = 16 * MEBIBYTE as u64;
/// Flags of a PUBLISH.
const RETAIN: u8 = 1;
const QOS_1: u8 = 2;
const QOS_2: u8 = 4;
/// Reason codes.
const QUOTA_EXCEEDED: u8 = 0x97;
const ERROR: u8 = 0x80;

/// The payload of these attacks, and how many come: 100 MiB in all.
fn flood() -> impl Iterator<Item = (u16, Vec<u8>)> {
    (1..=400).map(|id: u16| (id, vec![u8::try_from(id % 256).unwrap(); MEBIBYTE / 4]))
}

#[test]
fn retained_messages_take_no_more_than_they_may() {
    let broker = Served::start(SMALL);
    let mut client = Client::connect(broker.address(), "retains");
    let mut refused = 0;
    for (id, payload) in flood() {
        client.send(&publish(QOS_1 | RETAIN, &format!("topic/{id}"), id, &payload));
        let acknowledged = client.receive_kind(4).expect("PUBACK");
        refused += usize::from(acknowledged.get(2) == Some(&QUOTA_EXCEEDED));
    }
    assert!(refused >= 380, "{refused}");
    // What takes the place of another one, or frees it, is still taken.
    client.send(&publish(QOS_1 | RETAIN, "topic/1", 500, b""));
    client.send(&publish(QOS_1 | RETAIN, "topic/1", 501, &[1; 1000]));
    client.receive_kind(4).expect("PUBACK");
    let taken = client.receive_kind(4).expect("PUBACK");
    assert!(taken.get(2).is_none_or(|reason| *reason < ERROR), "{taken:?}");
    assert!(broker.growth() < 8 * MEBIBYTE as u64 + BESIDE, "{}", broker.growth());
    assert!(broker.log().len() < 4096, "{}", broker.log());
}

#[test]
fn a_subscriber_that_reads_nothing_holds_no_more_than_it_may() {
    let broker = Served::start(SMALL);
    let mut silent = Client::connect(broker.address(), "silent");
    assert_eq!(silent.subscribe(&["#"]), [1]);
    let mut client = Client::connect(broker.address(), "speaks");
    for (_, payload) in flood() {
        assert!(client.send(&publish(0, "topic", 0, &payload)));
    }
    assert!(client.answers(), "at QoS 0, what finds no memory is dropped");
    for (id, payload) in flood().take(100) {
        client.send(&publish(QOS_1, "topic", id, &payload));
        assert!(client.receive_kind(4).is_some(), "at QoS 1, the subscriber is ended before the publisher");
    }
    assert!(broker.growth() < 12 * MEBIBYTE as u64 + BESIDE, "{}", broker.growth());
    broker.await_log("takes nothing of what is sent to it");
    assert!(broker.log().len() < 4096, "{}", broker.log());
}

/// Forty sessions that are away and get everything.
fn sleepers(broker: &Served) {
    for number in 0..40 {
        let mut sleeper = Client::open(broker.address());
        sleeper.send(&connect_to_stay(&format!("sleeper {number}")));
        assert_eq!(sleeper.reason_of_connack(), Some(0));
        assert_eq!(sleeper.subscribe(&["#"]), [1]);
        sleeper.send(&[0xe0, 0]);
        assert_eq!(sleeper.reason_of_end(), None);
    }
}

/// Many sessions that are away, each within its own limit.
#[test]
fn queues_of_all_sessions_take_no_more_than_they_may_together() {
    let all = format!("{SMALL}\nmax_queued_bytes_in_all = 8388608");
    let broker = Served::start(&all);
    sleepers(&broker);
    let mut speaker = Client::connect(broker.address(), "speaks");
    for (id, payload) in flood().take(200) {
        let payload = &payload[..MEBIBYTE / 16];
        speaker.send(&publish(QOS_1, "topic", id, payload));
        assert!(speaker.receive_kind(4).is_some(), "there is room once what waits for others is dropped");
    }
    for (id, payload) in flood().take(100) {
        speaker.send(&publish(QOS_2, "topic", id, &payload[..MEBIBYTE / 16]));
        speaker.receive_kind(5).expect("PUBREC");
        speaker.send(&[0x62, 2, 0, u8::try_from(id).unwrap()]);
        speaker.receive_kind(7).expect("PUBCOMP");
    }
    // A message of which there would be 40 copies of 256 KiB goes to those that are connected, and its client stays.
    let mut hears = Client::connect(broker.address(), "hears");
    assert_eq!(hears.subscribe(&["topic"]), [1]);
    let (id, payload) = flood().next().unwrap();
    speaker.send(&publish(QOS_1, "topic", id, &payload));
    assert!(speaker.receive_kind(4).is_some());
    assert!(hears.receive_kind(3).is_some_and(|message| message.len() > payload.len()));
    speaker.send(&publish(QOS_2, "topic", id, &payload));
    speaker.receive_kind(5).expect("PUBREC");
    speaker.send(&[0x62, 2, 0, u8::try_from(id).unwrap()]);
    speaker.receive_kind(7).expect("PUBCOMP");
    assert!(hears.receive_kind(3).is_some_and(|message| message.len() > payload.len()));
    assert!(broker.growth() < 16 * MEBIBYTE as u64 + BESIDE, "{}", broker.growth());
    broker.await_log("queues have reached `max_queued_bytes_in_all`");
    assert!(broker.log().len() < 4096, "{}", broker.log());
}

#[test]
fn wills_count_like_other_messages() {
    let broker = Served::start(&format!("{SMALL}\nmax_queued_bytes_in_all = 8388608"));
    sleepers(&broker);
    let mut hears = Client::connect(broker.address(), "hears");
    assert_eq!(hears.subscribe(&["topic"]), [1]);
    for (id, payload) in flood().take(20) {
        let mut mortal = Client::open(broker.address());
        mortal.send(&connect_with_will(&format!("mortal {id}"), "topic", &payload[..60_000]));
        assert_eq!(mortal.reason_of_connack(), Some(0));
        drop(mortal);
        let (first, message) = hears.receive().expect("the will");
        assert_eq!(first >> 4, 3);
        // Its identifier is behind the topic.
        hears.send(&[&[0x40, 2], &message[7..9]].concat());
    }
    assert!(broker.growth() < 16 * MEBIBYTE as u64 + BESIDE, "{}", broker.growth());
    broker.await_log("queues have reached `max_queued_bytes_in_all`");
}

/// Many clients that read everything and acknowledge nothing.
#[test]
fn what_nobody_acknowledges_takes_no_more_than_it_may() {
    let all = format!("{SMALL}\nmax_queued_bytes_in_all = 8388608");
    let broker = Served::start(&all);
    let readers: Vec<_> = (0..40)
        .map(|number| {
            let mut reader = Client::open(broker.address());
            reader.send(&connect_to_stay(&format!("reader {number}")));
            assert_eq!(reader.reason_of_connack(), Some(0));
            assert_eq!(reader.subscribe(&["#"]), [1]);
            std::thread::spawn(move || while reader.receive().is_some() {})
        })
        .collect();
    let mut speaker = Client::connect(broker.address(), "speaks");
    for (id, payload) in flood().take(60) {
        speaker.send(&publish(QOS_1, "topic", id, &payload[..MEBIBYTE / 16]));
        assert!(speaker.receive_kind(4).is_some(), "it makes the others end");
    }
    assert!(broker.growth() < 16 * MEBIBYTE as u64 + BESIDE, "{}", broker.growth());
    broker.await_log("has not acknowledged what was sent to it");
    drop(broker);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

#[test]
fn messages_of_qos_2_that_are_not_released_end_their_client() {
    let broker = Served::start(SMALL);
    let mut client = Client::connect(broker.address(), "holds");
    for (id, payload) in flood() {
        if !client.send(&publish(QOS_2, "topic", id, &payload)) {
            break;
        }
    }
    while client.receive().is_some() {}
    assert!(broker.growth() < 8 * MEBIBYTE as u64 + BESIDE, "{}", broker.growth());
    broker.await_log("without PUBREL");
    assert!(broker.log().len() < 4096, "{}", broker.log());

    // The same for one that waits for each answer, and hears why it is ended.
    let mut client = Client::connect(broker.address(), "waits");
    let mut sent = 0;
    for (id, payload) in flood() {
        client.send(&publish(QOS_2, "topic", id, &payload));
        match client.receive() {
            Some((0x50, _)) => sent += 1,
            end => {
                assert_eq!(end, Some((0xe0, vec![QUOTA_EXCEEDED, 0])));
                break;
            }
        }
    }
    assert!((1..16).contains(&sent), "{sent}");
}

#[test]
fn filters_and_topics_have_a_depth_a_length_and_a_number() {
    let broker = Served::start(SMALL);
    let mut client = Client::connect(broker.address(), "deep");
    let deep = format!("{}x", "+/".repeat(30_000));
    for filter in [deep.as_str(), &"a/".repeat(65), &"a".repeat(1025)] {
        let codes = client.subscribe(&[filter]);
        assert!(codes[0] >= ERROR, "{codes:?}");
    }
    let filters: Vec<String> = (0..1000).map(|index| format!("topic/{index}/+")).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let codes = client.subscribe(&filters);
        assert_eq!(codes.iter().filter(|code| **code < ERROR).count(), 100, "again, they are the same");
    }
    assert!(client.answers());
    for topic in ["a/".repeat(65), "a".repeat(1025)] {
        let mut client = Client::connect(broker.address(), "deeper");
        client.send(&publish(0, &topic, 0, b""));
        assert_eq!(client.reason_of_end(), Some(0x90), "topic name invalid");
    }
    assert!(broker.growth() < BESIDE, "{}", broker.growth());
    assert!(broker.log().len() < 4096, "{}", broker.log());
}

#[test]
fn properties_have_a_size_and_a_number() {
    let broker = Served::start(SMALL);
    let with = |count: usize| {
        let properties = [0x26, 0, 0, 0, 0].repeat(count);
        let length = u16::try_from(properties.len()).unwrap();
        let digits = [u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()];
        let body = [&[0, 1, b't'][..], &digits, &properties].concat();
        super::client::packet(0x30, &body)
    };
    for (count, reason) in [(64, None), (65, Some(0x95)), (1700, Some(0x95))] {
        let mut client = Client::connect(broker.address(), "describes");
        client.send(&with(count));
        match reason {
            None => assert!(client.answers(), "{count}"),
            // Once the message has been read, only the connection tells that it has been refused.
            Some(_) if count < 1000 => assert!(!client.answers(), "{count}"),
            Some(_) => assert_eq!(client.reason_of_end(), reason, "packet too large"),
        }
    }
}
