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
    while let Some(transmit) = outgoing.next(|_| None) {
        lines.push(match transmit {
            Transmit::Publish { id, dup, .. } => format!("{}{id}", if dup { "dup" } else { "pub" }),
            Transmit::Qos0 { waiter, .. } => format!("qos0-{waiter}"),
            Transmit::Release { id } => format!("rel{id}"),
            Transmit::Unfit { waiter, why, .. } => format!("{why:?}{waiter}"),
        });
    }
    lines
}

#[test]
fn a_resumed_session_sends_again_in_order_with_the_same_ids() {
    let mut outgoing = Outgoing::new(10, 0);
    for waiter in 1..=4 {
        accept(&mut outgoing, if waiter == 2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce }, waiter);
    }
    assert_eq!(sent(&mut outgoing), ["pub1", "pub2", "pub3", "pub4"]);
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 3, 0), Acked::Done(_, 3)));
    assert_eq!(outgoing.acknowledge(AckKind::Received, 2, 0), Acked::Progress);
    accept(&mut outgoing, QoS::AtLeastOnce, 5);
    assert!(outgoing.link_lost().is_empty());
    assert!(outgoing.resume(true, u16::MAX).is_empty());
    assert_eq!(sent(&mut outgoing), ["rel2", "dup1", "dup4", "pub5"]);
    assert!(matches!(outgoing.acknowledge(AckKind::Complete, 2, 0), Acked::Done(_, 2)));
}

#[test]
fn a_link_that_breaks_while_sending_again_changes_nothing() {
    let mut outgoing = Outgoing::new(10, 0);
    for waiter in 1..=3 {
        accept(&mut outgoing, QoS::AtLeastOnce, waiter);
    }
    assert!(outgoing.next(|_| None).is_some() && outgoing.next(|_| None).is_some());
    for _ in 0..3 {
        outgoing.link_lost();
        outgoing.resume(true, u16::MAX);
        assert!(matches!(outgoing.next(|_| None), Some(Transmit::Publish { id: 1, dup: true, .. })));
    }
    assert_eq!(sent(&mut outgoing), ["dup2", "pub3"]);
}

#[test]
fn a_lost_session_sends_qos_1_anew_and_gives_up_qos_2_that_was_sent() {
    let mut outgoing = Outgoing::new(10, 0);
    accept(&mut outgoing, QoS::AtLeastOnce, 1);
    accept(&mut outgoing, QoS::ExactlyOnce, 2);
    accept(&mut outgoing, QoS::ExactlyOnce, 3);
    assert_eq!(sent(&mut outgoing).len(), 3);
    assert_eq!(outgoing.acknowledge(AckKind::Received, 3, 0), Acked::Progress);
    accept(&mut outgoing, QoS::ExactlyOnce, 4);
    assert!(outgoing.link_lost().is_empty());
    let unproven: Vec<u32> = outgoing.resume(false, u16::MAX).into_iter().map(|(_, waiter)| waiter).collect();
    assert_eq!(unproven, [2, 3]);
    assert_eq!(sent(&mut outgoing), ["pub1", "pub4"]);
    assert_eq!(outgoing.in_flight(), 2);
}

#[test]
fn acknowledgements_that_fit_nothing_are_unsolicited() {
    let mut outgoing = Outgoing::new(10, 0);
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
    let mut outgoing = Outgoing::new(1, 0);
    outgoing.accept(publish(QoS::AtMostOnce), 1, false).unwrap();
    outgoing.accept(publish(QoS::AtMostOnce), 2, true).unwrap();
    accept(&mut outgoing, QoS::AtLeastOnce, 3);
    assert!(outgoing.accept(publish(QoS::AtLeastOnce), 4, false).is_err(), "the window is full");
    assert_eq!(outgoing.link_lost().into_iter().map(|(_, waiter)| waiter).collect::<Vec<_>>(), [1]);
    outgoing.resume(false, u16::MAX);
    assert_eq!(sent(&mut outgoing), ["qos0-2", "pub1"]);
}

#[test]
fn ids_rest_before_they_are_used_again() {
    let mut outgoing = Outgoing::new(100, 0);
    let mut last = Vec::new();
    for waiter in 0..1000 {
        accept(&mut outgoing, QoS::AtLeastOnce, waiter);
        let Some(Transmit::Publish { id, .. }) = outgoing.next(|_| None) else { panic!("nothing to send") };
        assert!(!last.iter().rev().take(Slots::<u32>::MIN_FREE - 1).any(|used| *used == id));
        last.push(id);
        assert!(matches!(outgoing.acknowledge(AckKind::Ack, id, 0), Acked::Done(..)));
    }
    assert!(outgoing.slots.ids() <= Slots::<u32>::MIN_FREE + 1);
}

#[test]
fn the_broker_gets_no_more_at_a_time_than_it_takes_and_qos_0_passes() {
    let mut outgoing = Outgoing::new(10, 0);
    outgoing.resume(false, 2);
    for waiter in 1..=4 {
        accept(&mut outgoing, if waiter == 2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce }, waiter);
    }
    accept(&mut outgoing, QoS::AtMostOnce, 5);
    assert_eq!(sent(&mut outgoing), ["pub1", "pub2", "qos0-5"]);
    assert_eq!(outgoing.acknowledge(AckKind::Received, 2, 0), Acked::Progress);
    assert_eq!(sent(&mut outgoing), ["rel2"], "PUBREC makes no room");
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 1, 0), Acked::Done(_, 1)));
    assert_eq!(sent(&mut outgoing), ["pub3"]);
    outgoing.link_lost();
    outgoing.resume(true, 1);
    assert_eq!(sent(&mut outgoing), ["rel2", "dup3"]);
    assert!(matches!(outgoing.acknowledge(AckKind::Complete, 2, 0), Acked::Done(_, 2)));
    assert_eq!(sent(&mut outgoing), [""; 0], "what is only released does not count against this link");
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 3, 0), Acked::Done(_, 3)));
    assert_eq!(sent(&mut outgoing), ["pub4"]);
}

#[test]
fn a_refusal_fails_one_message_and_frees_its_id() {
    let mut outgoing = Outgoing::new(2, 0);
    accept(&mut outgoing, QoS::AtLeastOnce, 1);
    accept(&mut outgoing, QoS::ExactlyOnce, 2);
    sent(&mut outgoing);
    assert!(matches!(outgoing.acknowledge(AckKind::Received, 2, 0x97), Acked::Refused(_, 2)));
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 1, 0x87), Acked::Refused(_, 1)));
    assert_eq!(outgoing.acknowledge(AckKind::Received, 2, 0x97), Acked::Unsolicited);
    assert_eq!(sent(&mut outgoing), [""; 0], "a refusal is not answered");
    assert!(outgoing.is_idle());
    accept(&mut outgoing, QoS::AtLeastOnce, 3);
    accept(&mut outgoing, QoS::AtLeastOnce, 4);
    assert_eq!(sent(&mut outgoing).len(), 2);
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 1, 0x10), Acked::Done(..)), "nobody listens");
}

#[test]
fn what_a_later_link_cannot_take_fails_alone() {
    let mut outgoing = Outgoing::new(10, 0);
    for (waiter, qos) in (1..).zip([QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtLeastOnce]) {
        accept(&mut outgoing, qos, waiter);
    }
    assert!(outgoing.next(|_| None).is_some() && outgoing.next(|_| None).is_some());
    outgoing.link_lost();
    outgoing.resume(true, u16::MAX);
    let why = Unfit::TooLarge { size: 2, max: 1 };
    for waiter in [1, 3] {
        let Some(Transmit::Unfit { waiter: gone, .. }) = outgoing.next(|_| Some(why)) else {
            panic!("unfit")
        };
        assert_eq!(gone, waiter);
        if waiter == 1 {
            let released = outgoing.next(|_| Some(why));
            assert!(matches!(released, Some(Transmit::Release { id: 2 })), "the broker may know the id");
        }
    }
    assert_eq!(outgoing.in_flight(), 1);
    assert!(matches!(outgoing.acknowledge(AckKind::Complete, 2, 0x92), Acked::Unfit(_, 2, _)));
    assert!(outgoing.is_idle());
}

#[test]
fn what_expired_before_it_was_sent_fails_and_what_went_out_goes_on() {
    let mut outgoing = Outgoing::new(10, 0);
    accept(&mut outgoing, QoS::AtLeastOnce, 1);
    assert_eq!(sent(&mut outgoing), ["pub1"]);
    accept(&mut outgoing, QoS::AtLeastOnce, 2);
    outgoing.link_lost();
    outgoing.resume(true, u16::MAX);
    let again = outgoing.next(|_| Some(Unfit::Expired));
    assert!(matches!(again, Some(Transmit::Publish { id: 1, dup: true, .. })));
    let expired = outgoing.next(|_| Some(Unfit::Expired));
    assert!(matches!(expired, Some(Transmit::Unfit { waiter: 2, why: Unfit::Expired, .. })));
}

#[test]
fn it_is_quiet_when_everything_sent_is_acknowledged_and_a_pause_drops_nothing() {
    let mut outgoing = Outgoing::new(10, 0);
    accept(&mut outgoing, QoS::ExactlyOnce, 1);
    assert!(outgoing.is_quiet(), "what waits to be sent does not count");
    assert_eq!(sent(&mut outgoing), ["pub1"]);
    assert!(!outgoing.is_quiet());
    outgoing.acknowledge(AckKind::Received, 1, 0);
    accept(&mut outgoing, QoS::AtMostOnce, 2);
    accept(&mut outgoing, QoS::AtLeastOnce, 3);
    assert_eq!((outgoing.next_release(), outgoing.next_release()), (Some(1), None));
    assert!(!outgoing.is_quiet(), "PUBCOMP is still to come");
    assert!(matches!(outgoing.acknowledge(AckKind::Complete, 1, 0), Acked::Done(_, 1)));
    assert!(outgoing.is_quiet());
    outgoing.pause();
    assert!(outgoing.resume(false, u16::MAX).is_empty());
    assert_eq!(sent(&mut outgoing), ["qos0-2", "pub2"]);
}

#[test]
fn an_acknowledgement_of_another_kind_than_is_due_changes_nothing() {
    let mut outgoing = Outgoing::new(10, 0);
    for (waiter, qos) in (1..).zip([QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]) {
        accept(&mut outgoing, qos, waiter);
    }
    assert_eq!(sent(&mut outgoing), ["pub1", "pub2", "pub3"]);
    assert_eq!(outgoing.acknowledge(AckKind::Received, 3, 0), Acked::Progress);
    for code in [0, 0x97] {
        for (kind, id) in [
            (AckKind::Received, 1),
            (AckKind::Complete, 1),
            (AckKind::Ack, 2),
            (AckKind::Complete, 2),
            (AckKind::Ack, 3),
        ] {
            assert_eq!(outgoing.acknowledge(kind, id, code), Acked::Unsolicited, "{kind:?} {id} {code}");
        }
    }
    assert_eq!(outgoing.in_flight(), 3);
    assert!(matches!(outgoing.acknowledge(AckKind::Ack, 1, 0), Acked::Done(_, 1)));
    assert_eq!(outgoing.acknowledge(AckKind::Received, 2, 0), Acked::Progress);
    for id in [2, 3] {
        assert!(
            matches!(outgoing.acknowledge(AckKind::Complete, id, 0), Acked::Done(_, waiter) if waiter == u32::from(id))
        );
    }
    assert_eq!(outgoing.in_flight(), 0);
}

#[test]
fn a_late_pubrec_says_that_the_broker_has_the_message_and_it_does_not_go_out_again() {
    let mut outgoing = Outgoing::new(10, 0);
    for waiter in 1..=3 {
        accept(&mut outgoing, QoS::ExactlyOnce, waiter);
    }
    assert_eq!(sent(&mut outgoing), ["pub1", "pub2", "pub3"]);
    outgoing.link_lost();
    assert!(outgoing.resume(true, 1).is_empty());
    // One that waits in the queue, and one that waits for the broker to take more.
    assert_eq!(outgoing.acknowledge(AckKind::Received, 1, 0), Acked::Progress);
    assert_eq!(outgoing.release_code(1), 0);
    assert_eq!(sent(&mut outgoing), ["rel1", "dup2"]);
    assert_eq!(outgoing.acknowledge(AckKind::Received, 3, 0), Acked::Progress);
    assert_eq!(sent(&mut outgoing), ["rel3"]);
    for id in [1, 3] {
        assert!(matches!(outgoing.acknowledge(AckKind::Complete, id, 0), Acked::Done(..)));
    }
    assert_eq!(outgoing.acknowledge(AckKind::Received, 2, 0), Acked::Progress);
    assert_eq!(sent(&mut outgoing), ["rel2"]);
    assert!(matches!(outgoing.acknowledge(AckKind::Complete, 2, 0), Acked::Done(_, 2)));
    assert!(outgoing.is_idle());
}
