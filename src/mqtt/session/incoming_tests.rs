use super::*;

fn new(incoming: &mut Incoming, id: u16, qos: QoS) -> Token {
    match incoming.arrive(id, qos, false) {
        Arrival::New(token) => token,
        Arrival::Again => panic!("{id} is new"),
    }
}

fn acks(incoming: &mut Incoming) -> Vec<(AckKind, u16)> {
    std::iter::from_fn(|| incoming.next()).map(|(kind, id, _)| (kind, id)).collect()
}

#[test]
fn a_message_repeated_on_its_own_link_holds_up_nothing() {
    let mut incoming = Incoming::default();
    let token = new(&mut incoming, 7, QoS::ExactlyOnce);
    assert_eq!(incoming.arrive(7, QoS::ExactlyOnce, true), Arrival::Again);
    let other = new(&mut incoming, 8, QoS::AtLeastOnce);
    incoming.done(token);
    incoming.done(other);
    assert_eq!(acks(&mut incoming).len(), 2);
    assert_eq!(incoming.arrive(7, QoS::ExactlyOnce, true), Arrival::Again);
    assert_eq!(acks(&mut incoming).len(), 1, "it is asked for again");
}

#[test]
fn a_release_that_comes_too_early_holds_up_nothing() {
    let mut incoming = Incoming::default();
    let token = new(&mut incoming, 7, QoS::ExactlyOnce);
    let other = new(&mut incoming, 8, QoS::AtLeastOnce);
    incoming.release(7);
    assert_eq!(acks(&mut incoming).len(), 1, "the release is answered");
    incoming.done(token);
    incoming.done(other);
    assert_eq!(acks(&mut incoming).len(), 1);
    assert_eq!(incoming.in_flight(), 0);
}

#[test]
fn acknowledgements_leave_in_the_order_of_arrival() {
    let mut incoming = Incoming::default();
    let first = new(&mut incoming, 5, QoS::AtLeastOnce);
    let second = new(&mut incoming, 3, QoS::ExactlyOnce);
    let third = new(&mut incoming, 4, QoS::AtLeastOnce);
    incoming.done(third);
    incoming.done(second);
    assert!(acks(&mut incoming).is_empty());
    incoming.done(first);
    assert_eq!(acks(&mut incoming), [(AckKind::Ack, 5), (AckKind::Received, 3), (AckKind::Ack, 4)]);
}

#[test]
fn what_a_lost_link_left_is_not_acknowledged_on_the_next() {
    let mut incoming = Incoming::default();
    let stale = new(&mut incoming, 1, QoS::AtLeastOnce);
    incoming.link_ended();
    incoming.resume(true);
    let again = new(&mut incoming, 1, QoS::AtLeastOnce);
    incoming.done(stale);
    assert!(acks(&mut incoming).is_empty());
    incoming.done(again);
    assert_eq!(acks(&mut incoming), [(AckKind::Ack, 1)]);
}

#[test]
fn qos_2_is_delivered_once_across_links_of_one_session() {
    let mut incoming = Incoming::default();
    let token = new(&mut incoming, 7, QoS::ExactlyOnce);
    incoming.link_ended();
    incoming.resume(true);
    assert_eq!(incoming.arrive(7, QoS::ExactlyOnce, true), Arrival::Again);
    assert!(acks(&mut incoming).is_empty(), "its listener is not done");
    incoming.done(token);
    assert_eq!(acks(&mut incoming), [(AckKind::Received, 7)]);
    assert_eq!(incoming.arrive(7, QoS::ExactlyOnce, true), Arrival::Again);
    assert_eq!(acks(&mut incoming), [(AckKind::Received, 7)]);
    incoming.release(7);
    assert_eq!(acks(&mut incoming), [(AckKind::Complete, 7)]);
    assert!(matches!(incoming.arrive(7, QoS::ExactlyOnce, true), Arrival::New(_)), "the id is free again");
}

#[test]
fn what_was_refused_is_passed_over_and_new_on_the_next_link() {
    let mut incoming = Incoming::default();
    let first = new(&mut incoming, 1, QoS::AtLeastOnce);
    let second = new(&mut incoming, 2, QoS::ExactlyOnce);
    let third = new(&mut incoming, 3, QoS::AtLeastOnce);
    incoming.done(third);
    incoming.refuse(second);
    incoming.refuse(first);
    assert_eq!(acks(&mut incoming), [(AckKind::Ack, 3)]);
    incoming.done(first);
    incoming.done(second);
    assert!(acks(&mut incoming).is_empty(), "refused is refused");
    incoming.link_ended();
    incoming.resume(true);
    let first = new(&mut incoming, 1, QoS::AtLeastOnce);
    let second = new(&mut incoming, 2, QoS::ExactlyOnce);
    incoming.done(second);
    incoming.done(first);
    assert_eq!(acks(&mut incoming), [(AckKind::Ack, 1), (AckKind::Received, 2)]);
}

#[test]
fn what_is_refused_after_it_came_again_comes_once_more() {
    let mut incoming = Incoming::default();
    let stale = new(&mut incoming, 1, QoS::AtLeastOnce);
    let token = new(&mut incoming, 7, QoS::ExactlyOnce);
    incoming.link_ended();
    incoming.resume(true);
    let again = new(&mut incoming, 1, QoS::AtLeastOnce);
    assert_eq!(incoming.arrive(7, QoS::ExactlyOnce, true), Arrival::Again);
    incoming.refuse(token);
    incoming.refuse(stale);
    incoming.done(again);
    assert_eq!(acks(&mut incoming), [(AckKind::Ack, 1)]);
    incoming.link_ended();
    incoming.resume(true);
    new(&mut incoming, 7, QoS::ExactlyOnce);
}

#[test]
fn a_session_that_may_be_another_has_new_messages_under_known_ids() {
    let mut incoming = Incoming::default();
    for id in [7, 8] {
        let token = new(&mut incoming, id, QoS::ExactlyOnce);
        incoming.done(token);
    }
    incoming.link_ended();
    incoming.resume(SessionPresence::Uncertain);
    assert_eq!(incoming.arrive(7, QoS::ExactlyOnce, true), Arrival::Again, "the broker knows it");
    let token = new(&mut incoming, 8, QoS::ExactlyOnce);
    incoming.done(token);
    assert_eq!(acks(&mut incoming), [(AckKind::Received, 7), (AckKind::Received, 8)]);
    assert_eq!(incoming.arrive(8, QoS::ExactlyOnce, false), Arrival::Again, "of this link, whatever it says");
}

#[test]
fn what_nobody_got_comes_again_as_new() {
    let mut incoming = Incoming::default();
    let token = new(&mut incoming, 7, QoS::ExactlyOnce);
    incoming.link_ended();
    incoming.forget(token);
    incoming.resume(true);
    let again = new(&mut incoming, 7, QoS::ExactlyOnce);
    incoming.done(token);
    assert!(acks(&mut incoming).is_empty());
    incoming.forget(token);
    incoming.done(again);
    assert_eq!(acks(&mut incoming), [(AckKind::Received, 7)]);
}

#[test]
fn what_the_broker_has_on_its_way_is_counted() {
    let mut incoming = Incoming::default();
    let one = new(&mut incoming, 1, QoS::AtLeastOnce);
    let two = new(&mut incoming, 2, QoS::ExactlyOnce);
    let three = new(&mut incoming, 3, QoS::AtLeastOnce);
    assert_eq!(incoming.in_flight(), 3);
    incoming.done(one);
    incoming.done(two);
    assert_eq!(incoming.in_flight(), 2, "QoS 2 until PUBREL");
    assert_eq!(incoming.arrive(2, QoS::ExactlyOnce, true), Arrival::Again);
    incoming.refuse(three);
    assert_eq!(incoming.in_flight(), 2, "refused, it is never acknowledged");
    incoming.release(2);
    incoming.release(9);
    assert_eq!(incoming.in_flight(), 1);
    let codes: Vec<_> = std::iter::from_fn(|| incoming.next()).collect();
    assert!(codes.contains(&(AckKind::Complete, 2, 0)) && codes.contains(&(AckKind::Complete, 9, UNKNOWN)));
    new(&mut incoming, 4, QoS::ExactlyOnce);
    incoming.link_ended();
    incoming.resume(true);
    assert_eq!(incoming.in_flight(), 0);
    assert_eq!(incoming.arrive(4, QoS::ExactlyOnce, true), Arrival::Again);
    assert_eq!(incoming.in_flight(), 1);
}

#[test]
fn another_session_knows_nothing() {
    let mut incoming = Incoming::default();
    let stale = new(&mut incoming, 7, QoS::ExactlyOnce);
    incoming.link_ended();
    incoming.resume(false);
    new(&mut incoming, 7, QoS::ExactlyOnce);
    incoming.done(stale);
    assert!(acks(&mut incoming).is_empty());
}
