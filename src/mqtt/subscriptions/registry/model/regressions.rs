//! What the random tests have found, as they have shrunk it.

use std::collections::BTreeMap;

use super::broker::Broker;
use super::ops::{Link, Op, Policy, Temper};
use super::run;
use crate::mqtt::session::SessionPresence;
use crate::mqtt::{QoS, SubscribeOptions};

fn subscribe_at(listener: usize, filter: &str, qos: QoS) -> Op {
    let filter = Op::FILTERS.iter().position(|known| *known == filter).unwrap();
    Op::Subscribe { listener, filter, options: SubscribeOptions { qos, ..SubscribeOptions::default() } }
}

fn subscribe(filter: &str) -> Op {
    subscribe_at(0, filter, QoS::AtMostOnce)
}

fn broker(policies: &[(&str, Policy)], temper: Temper) -> Broker {
    let policies: BTreeMap<_, _> =
        policies.iter().map(|(name, policy)| ((*name).to_owned(), *policy)).collect();
    Broker::new(policies, false, temper)
}

/// The next link to the same session, without wildcards; so many packets of the last one the broker still handles.
fn link_without_wildcards(handled: usize) -> Op {
    let presence = SessionPresence::Present;
    Op::Cut(Link { presence, kept: true, identifiers: false, wildcards: false, shared: false, handled })
}

#[test]
fn who_waits_for_a_packet_of_a_wider_filter_that_goes_unanswered_hears_of_the_refusal() {
    let temper = Temper { mute: ["b".to_owned()].into(), ..Temper::default() };
    let subscribed = ["b", "a/#", "a/b/c"].map(subscribe);
    // Whoever has subscribed `a/#` gives up; `a/b/c` waits for the packet that has it.
    let ops = subscribed.into_iter().chain([Op::Send, Op::GiveUp(1), Op::Send, Op::Send]);
    run(false, broker(&[("a/b/c", Policy::Refused)], temper), true, &ops.collect::<Vec<_>>());
}

#[test]
fn who_waits_for_a_wider_filter_hears_of_the_refusal_that_comes_before_its_answer() {
    let policies = [("#", Policy::Only(0)), ("a/c", Policy::Refused)];
    for late in [false, true] {
        let mut ops = vec![subscribe_at(0, "#", QoS::AtLeastOnce), subscribe("a/c"), subscribe("+/b")];
        ops.extend([Op::Send, Op::GiveUp(0), Op::Send, Op::Handle, Op::Handle, Op::Answer(1), Op::Send]);
        if late {
            // Whoever waits first; nobody waits for `a/c` any more.
            ops.push(Op::GiveUp(0));
        }
        run(false, broker(&policies, Temper::default()), true, &ops);
    }
}

#[test]
fn who_waits_for_a_wider_filter_hears_of_the_refusal_that_comes_before_the_link_is_lost() {
    let mut ops = vec![subscribe_at(1, "#", QoS::AtMostOnce), subscribe_at(0, "b", QoS::AtLeastOnce)];
    ops.extend([subscribe("a/b"), Op::Send, Op::Unsubscribe { listener: 1, filter: 5 }, Op::Send]);
    ops.extend([Op::Handle, Op::Handle, Op::Answer(1), link_without_wildcards(0)]);
    run(false, broker(&[("b", Policy::Only(0))], Temper::default()), true, &ops);
}

#[test]
fn poison_is_not_sent_when_a_wider_filter_is_not_supported_any_more() {
    let temper = Temper { filters: ["a/c".to_owned()].into(), keeps: true, ..Temper::default() };
    let mut ops = vec![subscribe("a/+"), Op::Send, Op::Handle, subscribe("a/b"), Op::Answer(0)];
    ops.extend([link_without_wildcards(0), subscribe("a/c")]);
    run(false, broker(&[], temper), true, &ops);
}

#[test]
fn a_filter_to_blame_stays_at_a_broker_that_has_ended_links_for_no_reason() {
    let mut ops = vec![subscribe("a/+")];
    ops.extend([Op::Send, Op::HangUp(false), Op::Send, Op::HangUp(false), Op::Send]);
    // The broker has granted it on the link that goes; on the next one it is to take it back.
    ops.extend([link_without_wildcards(1), Op::Send, Op::HangUp(true)]);
    run(true, broker(&[], Temper::default()), false, &ops);
    // The same without a SUBSCRIBE among what has ended the three links.
    let mut ops = vec![subscribe("a/+"), Op::Send, Op::Handle, Op::Answer(0)];
    ops.push(Op::Unsubscribe { listener: 0, filter: 2 });
    ops.extend((0..3).flat_map(|_| [Op::Send, Op::HangUp(true)]));
    run(true, broker(&[], Temper::default()), false, &ops);
    // Once it was requested again, it is taken back like any other.
    ops.extend([subscribe("a/+"), Op::Send, Op::Handle, Op::Answer(0)]);
    run(true, broker(&[], Temper::default()), false, &ops);
}
