use bytes::Bytes;

use super::*;

fn publish(qos: QoS) -> Publish {
    Publish { topic: "t".into(), payload: Bytes::new(), qos, retain: false, extra: None }
}

fn accept(outgoing: &mut Outgoing<u32>, qos: QoS, waiter: u32) {
    outgoing.accept(publish(qos), waiter, false).unwrap();
}

/// Everything there is to send, as text.
fn sent(outgoing: &mut Outgoing<u32>) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(transmit) = outgoing.next() {
        lines.push(match transmit {
            Transmit::Publish { id, dup, .. } => format!("{}{id}", if dup { "dup" } else { "pub" }),
            Transmit::Plain { waiter, .. } => format!("plain{waiter}"),
            Transmit::Release { id } => format!("rel{id}"),
        });
    }
    lines
}

#[test]
fn a_resumed_session_sends_again_in_order_with_the_same_ids() {
    let mut outgoing = Outgoing::new(10);
    for waiter in 1..=4 {
        accept(&mut outgoing, if waiter == 2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce }, waiter);
    }
    assert_eq!(sent(&mut outgoing), ["pub1", "pub2", "pub3", "pub4"]);
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 3, 0), Acked::Done(_, 3)));
    assert_eq!(outgoing.acknowledge(AckKind::Received, 2, 0), Acked::Progress);
    accept(&mut outgoing, QoS::AtLeastOnce, 5);
    assert!(outgoing.lost().is_empty());
    assert!(outgoing.resume(true).is_empty());
    assert_eq!(sent(&mut outgoing), ["rel2", "dup1", "dup4", "pub5"]);
    assert!(matches!(outgoing.acknowledge(AckKind::Complete, 2, 0), Acked::Done(_, 2)));
}

#[test]
fn a_link_that_breaks_while_sending_again_changes_nothing() {
    let mut outgoing = Outgoing::new(10);
    for waiter in 1..=3 {
        accept(&mut outgoing, QoS::AtLeastOnce, waiter);
    }
    assert!(outgoing.next().is_some() && outgoing.next().is_some());
    for _ in 0..3 {
        outgoing.lost();
        outgoing.resume(true);
        assert!(matches!(outgoing.next(), Some(Transmit::Publish { id: 1, dup: true, .. })));
    }
    assert_eq!(sent(&mut outgoing), ["dup2", "pub3"]);
}

#[test]
fn a_lost_session_sends_qos_1_anew_and_gives_up_qos_2_that_was_sent() {
    let mut outgoing = Outgoing::new(10);
    accept(&mut outgoing, QoS::AtLeastOnce, 1);
    accept(&mut outgoing, QoS::ExactlyOnce, 2);
    accept(&mut outgoing, QoS::ExactlyOnce, 3);
    assert_eq!(sent(&mut outgoing).len(), 3);
    assert_eq!(outgoing.acknowledge(AckKind::Received, 3, 0), Acked::Progress);
    accept(&mut outgoing, QoS::ExactlyOnce, 4);
    assert!(outgoing.lost().is_empty());
    let unproven: Vec<u32> = outgoing.resume(false).into_iter().map(|(_, waiter)| waiter).collect();
    assert_eq!(unproven, [2, 3]);
    assert_eq!(sent(&mut outgoing), ["pub1", "pub4"]);
    assert_eq!(outgoing.in_flight(), 2);
}

#[test]
fn acknowledgements_that_fit_nothing_are_unsolicited() {
    let mut outgoing = Outgoing::new(10);
    accept(&mut outgoing, QoS::AtLeastOnce, 1);
    assert_eq!(outgoing.acknowledge(AckKind::Ack, 1, 0), Acked::Unsolicited, "it is not sent yet");
    assert_eq!(sent(&mut outgoing), ["pub1"]);
    for (kind, id) in [(AckKind::Ack, 0), (AckKind::Ack, 2), (AckKind::Complete, 1), (AckKind::Ack, 65_535)] {
        assert_eq!(outgoing.acknowledge(kind, id, 0), Acked::Unsolicited);
    }
    assert_eq!(outgoing.acknowledge(AckKind::Received, 7, 0), Acked::Unsolicited);
    assert_eq!(sent(&mut outgoing), ["rel7"], "a broker that repeats PUBREC waits for its PUBREL");
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 1, 0), Acked::Done(_, 1)));
    assert_eq!(outgoing.acknowledge(AckKind::Ack, 1, 0), Acked::Unsolicited, "it came twice");
}

#[test]
fn qos_0_goes_with_the_link_unless_told_to_wait() {
    let mut outgoing = Outgoing::new(1);
    outgoing.accept(publish(QoS::AtMostOnce), 1, false).unwrap();
    outgoing.accept(publish(QoS::AtMostOnce), 2, true).unwrap();
    accept(&mut outgoing, QoS::AtLeastOnce, 3);
    assert!(outgoing.accept(publish(QoS::AtLeastOnce), 4, false).is_err(), "the window is full");
    assert_eq!(outgoing.lost().into_iter().map(|(_, waiter)| waiter).collect::<Vec<_>>(), [1]);
    outgoing.resume(false);
    assert_eq!(sent(&mut outgoing), ["plain2", "pub1"]);
}

#[test]
fn ids_rest_before_they_are_used_again() {
    let mut outgoing = Outgoing::new(100);
    let mut last = Vec::new();
    for waiter in 0..1000 {
        accept(&mut outgoing, QoS::AtLeastOnce, waiter);
        let Some(Transmit::Publish { id, .. }) = outgoing.next() else { panic!("nothing to send") };
        assert!(!last.iter().rev().take(REST - 1).any(|used| *used == id));
        last.push(id);
        assert!(matches!(outgoing.acknowledge(AckKind::Ack, id, 0), Acked::Done(..)));
    }
    assert!(outgoing.slots.len() <= REST + 1);
}
