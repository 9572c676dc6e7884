//! Users that want what is another's.

use super::client::{Client, connect, packet, publish};
use super::served::Served;

const USERS: &str = "
credentials = [{ username = 'ann', password = 'a' }, { username = 'bob', password = 'b' }]
users.ann.publish = ['ann/#']
users.ann.subscribe = ['ann/#', 'news/+']
";
const NOT_AUTHORIZED: u8 = 0x87;

/// The client, or why it was refused.
fn login(broker: &Served, id: &str, user: &str, password: &str) -> Result<Client, u8> {
    let mut client = Client::open(broker.address());
    client.send(&connect(5, id, Some((user, password))));
    match client.reason_of_connack() {
        Some(0) => Ok(client),
        reason => Err(reason.unwrap()),
    }
}

#[test]
fn a_client_identifier_is_not_taken_over_by_another_user() {
    let broker = Served::start(USERS);
    let mut ann = login(&broker, "shared", "ann", "a").unwrap();
    for _ in 0..100 {
        assert_eq!(login(&broker, "shared", "bob", "b").err(), Some(NOT_AUTHORIZED));
    }
    assert!(ann.answers(), "she is still there");
    let mut again = login(&broker, "shared", "ann", "a").unwrap();
    assert_eq!(ann.reason_of_end(), Some(0x8e), "session taken over");
    assert!(again.answers());
    drop((ann, again));
    // Once her session has ended, the identifier is free. The broker hears of the end by and by.
    while login(&broker, "shared", "bob", "b").is_err() {}
    assert!(broker.log().len() < 4096, "{}", broker.log());
}

#[test]
fn users_publish_and_subscribe_what_they_may_and_nothing_else() {
    let broker = Served::start(USERS);
    let mut ann = login(&broker, "ann", "ann", "a").unwrap();
    let mut bob = login(&broker, "bob", "bob", "b").unwrap();
    let asked = ["#", "ann/#", "+/x", "news/+", "news/#", "$share/g/ann/+", "$share/g/#", "$SYS/#"];
    let (yes, no) = (1, NOT_AUTHORIZED);
    assert_eq!(ann.subscribe(&asked), [no, yes, no, yes, no, yes, no, no]);
    assert_eq!(bob.subscribe(&["#"]), [yes]);
    for (id, (topic, reason)) in
        (1..).zip([("news/a", NOT_AUTHORIZED), ("annex", NOT_AUTHORIZED), ("ann/x", 0)])
    {
        ann.send(&publish(2, topic, id, b"hello"));
        let acknowledged = ann.receive_kind(4).expect("PUBACK");
        assert_eq!(acknowledged.get(2).copied().unwrap_or(0), reason, "{topic}");
    }
    let message = bob.receive_kind(3).expect("PUBLISH");
    assert!(message.starts_with(b"\0\x05ann/x"), "the first that he gets is the one that was allowed");
    for id in 10..1000 {
        ann.send(&publish(2, &format!("{id}/{}", "x".repeat(1000)), id, b""));
        ann.receive_kind(4).expect("PUBACK");
    }
    assert!(broker.log().len() < 4096, "{}", broker.log());
}

#[test]
fn a_client_that_returns_keeps_its_filters_where_there_is_room_for_no_more() {
    let broker = Served::start("max_filters_in_all = 1");
    // MQTT 3.1.1, with a persistent session.
    let mut hello = connect(4, "keeps", None);
    hello[9] = 0;
    let mut client = Client::open(broker.address());
    client.send(&hello);
    assert_eq!(client.receive_kind(2), Some(vec![0, 0]));
    client.send(&packet(0x82, &[0, 1, 0, 1, b'a', 1]));
    assert_eq!(client.receive_kind(9), Some(vec![0, 1, 1]));
    drop(client);
    let mut client = Client::open(broker.address());
    client.send(&hello);
    assert_eq!(client.receive_kind(2), Some(vec![1, 0]), "the session is there");
    let mut other = Client::connect(broker.address(), "other");
    assert_eq!(other.subscribe(&["b"]), [NOT_AUTHORIZED]);
    other.send(&publish(2, "a", 1, b"x"));
    let message = client.receive_kind(3).expect("PUBLISH");
    assert!(message.starts_with(b"\0\x01a"));
}
