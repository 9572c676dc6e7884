use super::*;
use crate::mqtt::protocol::Limits;

fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

/// Adds a subscription that waits for its grant.
fn subscribe(broker: &mut BrokerFilters<u32>, subscription: u32, text: &str, qos: QoS) {
    broker.add(&filter(text), qos);
    let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
    broker.request(Waiting { subscription, filter: filter(text), options, waiter: subscription });
}

/// The next packet as text.
fn next(broker: &mut BrokerFilters<u32>) -> Option<(u16, String)> {
    let (control, _) = broker.next(true, Instant::now())?;
    Some(match control {
        Control::Subscribe { id, filters } => {
            let each = filters.iter().map(|(filter, options)| format!("{filter}@{}", options.qos as u8));
            (id, format!("sub {}", each.collect::<Vec<_>>().join(" ")))
        }
        Control::Unsubscribe { id, filters } => {
            let each = filters.iter().map(ToString::to_string);
            (id, format!("unsub {}", each.collect::<Vec<_>>().join(" ")))
        }
    })
}

/// The filters of the last SUBSCRIBE for which nobody waits.
fn replacing(broker: &BrokerFilters<u32>) -> Vec<Filter> {
    let last = broker.exchange.in_flight().last_subscribe();
    last.into_iter().flat_map(|one| one.unawaited().cloned()).collect()
}

fn granted(broker: &mut BrokerFilters<u32>, id: u16, code: u8) -> Vec<u32> {
    let count =
        broker.exchange.in_flight().subscribes().next().expect("a SUBSCRIBE is in flight").filters().len();
    let answers = broker.on_suback(id, &vec![code; count]).unwrap();
    answers.into_iter().flat_map(|answer| answer.waiting).map(|waiting| waiting.waiter).collect()
}

impl<W> BrokerFilters<W> {
    /// What the broker should hold.
    pub fn wanted(&self) -> std::collections::BTreeSet<String> {
        self.cover.wire().map(|(filter, _)| filter.as_str().to_owned()).collect()
    }

    /// How many entries are left of what there was.
    pub fn leftovers(&self) -> usize {
        self.granted.len()
            + self.exchange.backlog().waiting_len()
            + self.options.len()
            + self.cover.wire().count()
    }
}

#[test]
fn a_wider_filter_goes_out_before_the_narrow_one_is_taken_back() {
    let mut broker = BrokerFilters::new(100..=101, 64);
    subscribe(&mut broker, 1, "a/b", QoS::AtLeastOnce);
    assert_eq!(next(&mut broker), Some((100, "sub a/b@1".to_owned())));
    assert_eq!(next(&mut broker), None, "one at a time");
    subscribe(&mut broker, 2, "a/#", QoS::AtMostOnce);
    subscribe(&mut broker, 3, "a/c", QoS::AtMostOnce);
    assert_eq!(granted(&mut broker, 100, 1), [1]);
    assert_eq!(next(&mut broker), Some((101, "sub a/#@1".to_owned())));
    assert_eq!(granted(&mut broker, 101, 1), [2, 3]);
    assert_eq!(next(&mut broker), Some((100, "unsub a/b".to_owned())));
    assert!(!broker.on_unsuback(101) && broker.on_unsuback(100));
    assert!(broker.exchange.is_idle());
}

#[test]
fn a_listener_under_a_live_cover_has_it_sent_again() {
    let mut broker = BrokerFilters::new(1..=9, 64);
    subscribe(&mut broker, 1, "a/#", QoS::AtLeastOnce);
    next(&mut broker);
    assert_eq!(granted(&mut broker, 1, 1), [1]);
    subscribe(&mut broker, 2, "a/b", QoS::AtMostOnce);
    assert_eq!(next(&mut broker), Some((2, "sub a/#@1".to_owned())));
    assert!(replacing(&broker).is_empty());
    assert_eq!(granted(&mut broker, 2, 1), [2]);
    broker.remove(&filter("a/#"), QoS::AtLeastOnce);
    assert_eq!(next(&mut broker), Some((3, "sub a/b@0".to_owned())));
    assert_eq!(replacing(&broker), [filter("a/b")]);
}

#[test]
fn those_who_wait_follow_their_filter_to_the_one_that_covers_it() {
    let mut broker = BrokerFilters::new(1..=9, 64);
    subscribe(&mut broker, 1, "a/b", QoS::AtMostOnce);
    subscribe(&mut broker, 2, "a/+", QoS::AtMostOnce);
    assert_eq!(next(&mut broker), Some((1, "sub a/+@0".to_owned())));
    assert_eq!(granted(&mut broker, 1, 0), [1, 2]);
    assert!(broker.exchange.is_idle(), "a/b never went out");
}

#[test]
fn what_was_out_when_the_link_broke_goes_out_again() {
    let mut broker = BrokerFilters::new(1..=9, 64);
    subscribe(&mut broker, 1, "a", QoS::AtMostOnce);
    next(&mut broker);
    broker.lost();
    broker.resume(true);
    assert_eq!(next(&mut broker), Some((2, "sub a@0".to_owned())));
    assert_eq!(granted(&mut broker, 2, 0), [1]);
    broker.remove(&filter("a"), QoS::AtMostOnce);
    assert_eq!(next(&mut broker), Some((3, "unsub a".to_owned())));
    broker.lost();
    broker.resume(false);
    assert_eq!(next(&mut broker), None, "the broker has forgotten it");
}

#[test]
fn answers_that_fit_nothing_are_refused() {
    let mut broker = BrokerFilters::new(1..=9, 64);
    assert!(broker.on_suback(1, &[0]).is_none() && !broker.on_unsuback(1));
    subscribe(&mut broker, 1, "a", QoS::AtMostOnce);
    next(&mut broker);
    assert!(broker.on_suback(2, &[0]).is_none() && broker.on_suback(1, &[0, 0]).is_none());
    assert_eq!(broker.forget_waiting(1, &filter("a"), |_| true), [1]);
    assert!(granted(&mut broker, 1, 0x80).is_empty());
}

#[test]
fn filters_that_stand_for_themselves_go_out_one_by_one_without_waiting() {
    let mut broker = BrokerFilters::new(1..=16, 64);
    broker.switch(true, std::iter::empty());
    for (number, text) in (1..).zip(["a/#", "a/b", "+/b"]) {
        subscribe(&mut broker, number, text, QoS::AtMostOnce);
    }
    for (id, text) in (1..).zip(["sub a/#@0", "sub a/b@0", "sub +/b@0"]) {
        assert_eq!(next(&mut broker), Some((id, text.to_owned())));
    }
    assert_eq!(granted(&mut broker, 2, 0), [2]);
    broker.remove(&filter("+/b"), QoS::AtMostOnce);
    assert_eq!(next(&mut broker), Some((4, "unsub +/b".to_owned())));
    broker.lost();
    broker.resume(true);
    // `+/b` may have been granted and not taken back.
    assert_eq!(next(&mut broker), Some((5, "sub a/#@0".to_owned())));
    assert_eq!(next(&mut broker), Some((6, "unsub +/b".to_owned())));
    assert!(granted(&mut broker, 5, 0) == [1] && broker.on_unsuback(6) && broker.exchange.is_idle());
}

#[test]
fn a_broker_that_names_no_filters_any_more_is_asked_for_the_cover() {
    let mut broker = BrokerFilters::new(1..=16, 64);
    broker.switch(true, std::iter::empty());
    subscribe(&mut broker, 1, "a/#", QoS::AtMostOnce);
    subscribe(&mut broker, 2, "a/b", QoS::AtLeastOnce);
    let _ = (next(&mut broker), next(&mut broker));
    assert_eq!((granted(&mut broker, 1, 0), granted(&mut broker, 2, 1)), (vec![1], vec![2]));
    broker.lost();
    let (wide, narrow) = (filter("a/#"), filter("a/b"));
    let options = |qos| SubscribeOptions::default().qos(qos);
    broker
        .switch(false, [(&wide, options(QoS::AtMostOnce)), (&narrow, options(QoS::AtLeastOnce))].into_iter());
    broker.resume(true);
    assert_eq!(next(&mut broker), Some((3, "sub a/#@1".to_owned())));
    assert_eq!(granted(&mut broker, 3, 1), [0; 0]);
    assert_eq!(next(&mut broker), Some((4, "unsub a/b".to_owned())));
}

#[test]
fn a_cover_without_identifiers_brings_what_is_under_it() {
    let mut broker = BrokerFilters::<u32>::new(1..=16, 64);
    broker.switch(true, std::iter::empty());
    let no_local = SubscribeOptions::default().no_local();
    let filters = ["a/#", "a/b", "b/#", "c/#", "c/d"].map(filter);
    let [a, ab, b, c, cd] = &filters;
    let all =
        [(a, no_local), (ab, SubscribeOptions::default()), (b, no_local), (c, no_local), (cd, no_local)];
    for (filter, options) in all {
        broker.options.set(filter, options);
        broker.add(filter, options.qos);
    }
    broker.resume(false);
    broker.switch(false, all.into_iter());
    broker.resume(false);
    let asked = |broker: &mut BrokerFilters<u32>| match broker.next(true, Instant::now()) {
        Some((Control::Subscribe { filters, .. }, _)) => {
            let mut asked: Vec<_> =
                filters.iter().map(|(filter, one)| format!("{filter} {}", one.no_local)).collect();
            asked.sort();
            asked
        }
        other => panic!("{:?}", other.map(|(control, _)| format!("{control:?}"))),
    };
    assert_eq!(asked(&mut broker), ["a/# false", "b/# true", "c/# true"]);
    broker.exchange.in_flight_mut().take_all();
    // Somebody new under a cover: that is weaker from now on.
    subscribe(&mut broker, 9, "b/c", QoS::AtMostOnce);
    assert_eq!(asked(&mut broker), ["b/# false"]);
    broker.exchange.in_flight_mut().take_all();
    // And what comes in the place of another: nobody can be left out who is under it.
    let filters = ["a/#", "a/+", "a/b"].map(filter);
    let each = [SubscribeOptions::default(), no_local, SubscribeOptions::default()];
    broker.switch(false, filters.iter().zip(each));
    assert_eq!(asked(&mut broker), ["a/# false"]);
    broker.exchange.in_flight_mut().take_all();
    broker.remove(&filters[0], QoS::AtMostOnce);
    assert_eq!(asked(&mut broker), ["a/+ false"]);
    broker.exchange.in_flight_mut().take_all();
    // A broker that names filters again is told what was wanted.
    broker.switch(true, all.into_iter());
    let first: Vec<_> = std::iter::from_fn(|| broker.next(true, Instant::now()).map(|_| ())).collect();
    assert_eq!(first.len(), all.len());
    let mut requests = broker.exchange.in_flight().subscribes().flat_map(|one| one.requests());
    assert!(requests.all(|(filter, one)| one.no_local == (filter != ab)));
}

#[test]
fn options_of_filters_under_a_cover_are_forgotten() {
    let mut broker = BrokerFilters::<u32>::new(1..=9, 64);
    let narrow = filter("a/b");
    broker.add(&filter("a/#"), QoS::AtMostOnce);
    broker.options.set(&narrow, SubscribeOptions::default());
    assert!(broker.options.len() == 0, "nothing but what is not the default");
    broker.options.set(&narrow, SubscribeOptions::default().no_local());
    broker.add(&narrow, QoS::AtMostOnce);
    broker.remove(&narrow, QoS::AtMostOnce);
    broker.options.forget(&narrow);
    assert!(broker.options.len() == 0);
}

#[test]
fn what_a_broker_does_not_take_is_looked_for_only_in_the_next_packet() {
    let mut broker = BrokerFilters::<u32>::new(1..=16, 64);
    broker.switch(true, std::iter::empty());
    let limits = Limits { wildcard_available: false, ..Limits::default() };
    for number in 0..200 {
        subscribe(&mut broker, number, &format!("a/{number}/+"), QoS::AtMostOnce);
    }
    subscribe(&mut broker, 200, "a", QoS::AtMostOnce);
    subscribe(&mut broker, 201, "b/+", QoS::AtMostOnce);
    assert_eq!(
        broker.exchange.refuse_unsupported(&limits, false).len(),
        200,
        "those before the first that it takes"
    );
    assert_eq!(next(&mut broker), Some((1, "sub a@0".to_owned())));
    assert_eq!(broker.exchange.refuse_unsupported(&limits, false).len(), 1, "and right behind it");
    assert!(next(&mut broker).is_none() && broker.exchange.backlog_mut().waiting_len() == 0);
}

/// What is looked at is what goes out next, and that passes over what may end the link.
#[test]
fn what_a_broker_does_not_take_does_not_go_out_from_behind_suspects() {
    let mut broker = BrokerFilters::<u32>::new(1..=16, 1);
    let limits = Limits { wildcard_available: false, ..Limits::default() };
    for number in 0..20 {
        subscribe(&mut broker, number, &format!("a/{number}"), QoS::AtMostOnce);
        broker.exchange.suspect(&filter(&format!("a/{number}")));
    }
    subscribe(&mut broker, 20, "b/+", QoS::AtMostOnce);
    let refused = broker.exchange.refuse_unsupported(&limits, false);
    assert!(matches!(&refused[..], [Answer { filter, code: 0xa2, .. }] if filter.as_str() == "b/+"));
    assert!(broker.next(false, Instant::now()).is_none());
    // And the other way around: one that may end the link is looked at when its turn comes.
    subscribe(&mut broker, 21, "c/+", QoS::AtMostOnce);
    broker.exchange.suspect(&filter("c/+"));
    assert!(
        broker.exchange.refuse_unsupported(&limits, false).is_empty()
            && broker.exchange.refuse_unsupported(&limits, true).is_empty()
    );
    (0..20).for_each(|_| {
        let (id, _) = next(&mut broker).unwrap();
        granted(&mut broker, id, 0);
    });
    assert!(broker.exchange.refuse_unsupported(&limits, true).len() == 1 && next(&mut broker).is_none());
}
