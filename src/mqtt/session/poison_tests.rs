use bytes::Bytes;

use super::*;

const FUTILE_LINKS: u32 = PoisonSearch::FUTILE_LINKS;
const LINKS_ALONE: u32 = PoisonSearch::LINKS_ALONE;

fn accept(outgoing: &mut Outgoing<u32>, qos: QoS, waiter: u32) {
    accept_on(outgoing, "t", qos, waiter);
}

fn accept_on(outgoing: &mut Outgoing<u32>, topic: &str, qos: QoS, waiter: u32) {
    let publish = Publish { topic: topic.into(), payload: Bytes::new(), qos, retain: false, extra: None };
    outgoing.accept(publish, waiter, true).unwrap();
}

/// The ids of the messages that go out now; 0 is QoS 0.
fn sent(outgoing: &mut Outgoing<u32>) -> Vec<u16> {
    std::iter::from_fn(|| match outgoing.next(|_| None)? {
        Transmit::Publish { id, .. } => Some(id),
        Transmit::Qos0 { .. } => Some(0),
        _ => panic!("only messages are sent here"),
    })
    .collect()
}

fn next_link(outgoing: &mut Outgoing<u32>, theirs: bool) -> Option<u32> {
    let blamed = outgoing.find_poison(theirs);
    outgoing.link_lost();
    assert!(outgoing.resume(true, u16::MAX).is_empty());
    blamed.map(|(_, waiter)| waiter)
}

#[test]
fn the_message_that_ends_each_link_is_found_and_given_up() {
    let mut outgoing = Outgoing::new(10, 0);
    for (qos, waiter) in [(QoS::AtLeastOnce, 1), (QoS::ExactlyOnce, 2), (QoS::AtLeastOnce, 3)] {
        accept(&mut outgoing, qos, waiter);
    }
    for _ in 0..FUTILE_LINKS {
        assert_eq!(sent(&mut outgoing), [1, 2, 3]);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    accept(&mut outgoing, QoS::AtMostOnce, 4);
    assert_eq!(sent(&mut outgoing), [0, 1], "one at a time now, and QoS 0 passes");
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 1, 0), Acked::Done(_, 1)));
    assert_eq!(sent(&mut outgoing), [2]);
    assert_eq!(next_link(&mut outgoing, true), None, "QoS 0 went out on that link");
    for link in 1..=LINKS_ALONE {
        assert_eq!(sent(&mut outgoing), [2], "nothing beside it");
        let blamed = next_link(&mut outgoing, true);
        assert_eq!(blamed, (link == LINKS_ALONE).then_some(2));
    }
    assert_eq!(sent(&mut outgoing), [3], "still one of those that were out");
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 3, 0), Acked::Done(_, 3)));
    assert!(sent(&mut outgoing).is_empty() && outgoing.is_idle());
}

#[test]
fn an_id_that_the_broker_may_know_rests_while_the_session_lives() {
    let mut outgoing = Outgoing::new(1, 2);
    accept(&mut outgoing, QoS::ExactlyOnce, 1);
    for _ in 0..FUTILE_LINKS + LINKS_ALONE - 1 {
        assert_eq!(sent(&mut outgoing), [1]);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    assert_eq!(sent(&mut outgoing), [1]);
    assert_eq!(next_link(&mut outgoing, true), Some(1));
    for waiter in 2..5 {
        accept(&mut outgoing, QoS::AtLeastOnce, waiter);
        assert_eq!(sent(&mut outgoing), [4], "2 and 3 are not for messages");
        assert!(matches!(outgoing.acknowledge(AckKind::Ack, 4, 0), Acked::Done(..)));
    }
    outgoing.link_lost();
    outgoing.resume(false, u16::MAX);
    accept(&mut outgoing, QoS::AtLeastOnce, 5);
    let publish = Publish {
        topic: "t".into(),
        payload: Bytes::new(),
        qos: QoS::AtLeastOnce,
        retain: false,
        extra: None,
    };
    assert!(outgoing.accept(publish, 6, true).is_err(), "the window stays as it is");
}

#[test]
fn qos_0_that_ends_links_has_nobody_else_blamed() {
    let mut outgoing = Outgoing::new(10, 0);
    (1..=3).for_each(|waiter| accept(&mut outgoing, QoS::AtLeastOnce, waiter));
    for _ in 0..FUTILE_LINKS {
        accept(&mut outgoing, QoS::AtMostOnce, 0);
        assert_eq!(sent(&mut outgoing), [1, 2, 3, 0]);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    accept(&mut outgoing, QoS::AtMostOnce, 0);
    assert_eq!(sent(&mut outgoing), [1], "the suspects go first");
    acknowledge(&mut outgoing, &[1]);
    assert_eq!(sent(&mut outgoing), [2], "all of them, before QoS 0");
    acknowledge(&mut outgoing, &[2]);
    assert_eq!(sent(&mut outgoing), [3]);
    acknowledge(&mut outgoing, &[3]);
    assert_eq!(sent(&mut outgoing), [0]);
    assert_eq!(next_link(&mut outgoing, true), None);
    assert!(outgoing.is_idle());
}

#[test]
fn a_suspect_is_found_beside_qos_0_on_every_other_link() {
    let mut outgoing = Outgoing::new(10, 0);
    accept(&mut outgoing, QoS::AtLeastOnce, 1);
    for _ in 0..FUTILE_LINKS {
        assert_eq!(sent(&mut outgoing), [1]);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    let mut blamed = Vec::new();
    for _ in 0..LINKS_ALONE * 2 {
        accept(&mut outgoing, QoS::AtMostOnce, 0);
        assert!(sent(&mut outgoing).contains(&1));
        blamed.push(next_link(&mut outgoing, true));
    }
    assert_eq!(blamed, [None, None, None, None, None, Some(1)]);
}

fn acknowledge(outgoing: &mut Outgoing<u32>, ids: &[u16]) {
    for id in ids {
        assert!(matches!(outgoing.acknowledge(AckKind::Ack, *id, 0), Acked::Done(..)));
    }
}

#[test]
fn others_pass_between_suspects_but_for_those_of_their_topics() {
    let mut outgoing = Outgoing::new(10, 0);
    accept_on(&mut outgoing, "bad", QoS::AtLeastOnce, 1);
    accept_on(&mut outgoing, "good", QoS::AtLeastOnce, 2);
    for _ in 0..FUTILE_LINKS {
        assert_eq!(sent(&mut outgoing), [1, 2]);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    for (topic, waiter) in [("bad", 3), ("other", 4), ("good", 5), ("more", 6)] {
        accept_on(&mut outgoing, topic, QoS::AtLeastOnce, waiter);
    }
    assert_eq!(sent(&mut outgoing), [4, 6], "not before those of the same topic");
    acknowledge(&mut outgoing, &[4, 6]);
    for link in 1..=LINKS_ALONE {
        accept_on(&mut outgoing, "later", QoS::AtLeastOnce, 10 + link);
        let passed = sent(&mut outgoing);
        if link == 1 {
            assert_eq!(passed, [1], "it came while the suspect was out");
        } else {
            // Of each link, before the suspect is alone.
            acknowledge(&mut outgoing, &passed);
            assert_eq!(sent(&mut outgoing), [1]);
        }
        assert_eq!(next_link(&mut outgoing, true), (link == LINKS_ALONE).then_some(1));
    }
    let mut rest = Vec::new();
    while !outgoing.is_idle() {
        let now = sent(&mut outgoing);
        assert!(!now.is_empty());
        acknowledge(&mut outgoing, &now);
        rest.extend(now);
    }
    let place = |id| rest.iter().position(|sent| *sent == id).unwrap();
    assert!(place(2) < place(5), "{rest:?}");
}

#[test]
fn one_that_passes_and_ends_links_is_found_as_well() {
    let mut outgoing = Outgoing::new(100, 0);
    accept_on(&mut outgoing, "bad", QoS::AtLeastOnce, 1);
    for _ in 0..FUTILE_LINKS {
        assert_eq!(sent(&mut outgoing), [1]);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    for waiter in 2..=10 {
        accept_on(&mut outgoing, &format!("worse/{waiter}"), QoS::AtLeastOnce, waiter);
    }
    // Each of them ends any link on which it is.
    let (mut links, mut given_up) = (0, Vec::new());
    while !outgoing.is_idle() {
        assert!(!sent(&mut outgoing).is_empty());
        given_up.extend(next_link(&mut outgoing, true));
        links += 1;
    }
    assert_eq!((given_up.len(), links), (10, 1 + 10 * LINKS_ALONE), "one link for those that passed");
}

#[test]
fn many_innocent_ones_take_few_round_trips() {
    let mut outgoing = Outgoing::new(2000, 0);
    (0..2000).for_each(|waiter| accept(&mut outgoing, QoS::AtLeastOnce, waiter));
    for _ in 0..FUTILE_LINKS {
        sent(&mut outgoing);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    let mut groups = Vec::new();
    while !outgoing.is_idle() {
        let now = sent(&mut outgoing);
        acknowledge(&mut outgoing, &now);
        groups.push(now.len());
    }
    assert_eq!(groups[..10], [1, 1, 1, 1, 1, 1, 1, 1, 2, 4]);
    assert!(groups.len() < 20, "{groups:?}");
}

#[test]
fn no_group_is_larger_than_what_the_broker_takes_at_a_time() {
    let mut outgoing = Outgoing::new(200, 0);
    (0..200).for_each(|waiter| accept(&mut outgoing, QoS::AtLeastOnce, waiter));
    for _ in 0..FUTILE_LINKS {
        assert_eq!(sent(&mut outgoing).len(), 200);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    // Another broker of the same session.
    outgoing.link_lost();
    assert!(outgoing.resume(true, 10).is_empty());
    let mut most = 0;
    while !outgoing.is_idle() {
        let now = sent(&mut outgoing);
        assert!(!now.is_empty());
        most = most.max(now.len());
        acknowledge(&mut outgoing, &now);
    }
    assert_eq!(most, 10);
}

/// By the square of their number it takes minutes.
#[test]
fn every_suspect_of_a_full_window_is_tried() {
    let mut outgoing = Outgoing::new(60_000, 0);
    (0..60_000).for_each(|waiter| accept(&mut outgoing, QoS::AtLeastOnce, waiter));
    for _ in 0..FUTILE_LINKS {
        sent(&mut outgoing);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    let mut tried = 0;
    while !outgoing.is_idle() {
        let now = sent(&mut outgoing);
        assert!(!now.is_empty());
        acknowledge(&mut outgoing, &now);
        tried += now.len();
    }
    assert_eq!(tried, 60_000);
}

#[test]
fn a_group_that_did_not_go_out_is_not_lost() {
    let mut outgoing = Outgoing::new(600, 0);
    (0..600).for_each(|waiter| accept(&mut outgoing, QoS::AtLeastOnce, waiter));
    for _ in 0..FUTILE_LINKS {
        sent(&mut outgoing);
        assert_eq!(next_link(&mut outgoing, true), None);
    }
    for _ in 0..60 {
        let mut now = Vec::new();
        while let Some(Transmit::Publish { id, .. }) = outgoing.next(|_| None) {
            now.push(id);
            if now.len() == 10 {
                break;
            }
        }
        acknowledge(&mut outgoing, &now);
        if now.len() == 10 {
            // In the middle of a group, and the broker has forgotten the session: all of them are new.
            outgoing.link_lost();
            assert!(outgoing.resume(false, u16::MAX).is_empty());
        }
    }
    let mut rest = Vec::new();
    while !outgoing.is_idle() {
        let now = sent(&mut outgoing);
        assert!(!now.is_empty(), "{} are lost", outgoing.in_flight());
        acknowledge(&mut outgoing, &now);
        rest.extend(now);
    }
    assert!(rest.is_sorted(), "in their order");
}

#[test]
fn links_that_break_or_bear_fruit_blame_nobody() {
    let mut outgoing = Outgoing::new(10, 0);
    accept(&mut outgoing, QoS::AtLeastOnce, 1);
    for _ in 0..20 {
        assert_eq!(sent(&mut outgoing), [1]);
        assert_eq!(next_link(&mut outgoing, false), None);
    }
    for waiter in 2..20 {
        accept(&mut outgoing, QoS::AtLeastOnce, waiter);
        let out = sent(&mut outgoing);
        assert_eq!(out.len(), 2, "the one that was left and the new one");
        assert!(matches!(outgoing.acknowledge(AckKind::Ack, out[0], 0), Acked::Done(..)));
        assert_eq!(next_link(&mut outgoing, true), None);
    }
}
