use super::*;
use crate::mqtt::protocol::Limits;

fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

/// Adds a subscription that waits for its grant.
fn subscribe(wire: &mut Wire<u32>, subscription: u32, text: &str, qos: QoS) {
    wire.add(&filter(text), qos);
    let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
    wire.ask(Waiting { subscription, filter: filter(text), options, waiter: subscription });
}

/// The next packet as text.
fn next(wire: &mut Wire<u32>) -> Option<(u16, String)> {
    let (control, _) = wire.next(true, Instant::now())?;
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

fn granted(wire: &mut Wire<u32>, id: u16, code: u8) -> Vec<u32> {
    let count = wire.sent.subscribes().next().expect("a SUBSCRIBE is out").filters.len();
    let answers = wire.subscribed(id, &vec![code; count]).unwrap();
    answers.into_iter().flat_map(|answer| answer.waiting).map(|waiting| waiting.waiter).collect()
}

impl<W> Wire<W> {
    /// What the broker should hold.
    pub fn wanted(&self) -> std::collections::BTreeSet<String> {
        self.cover.wire().map(|(filter, _)| filter.as_str().to_owned()).collect()
    }

    /// How many entries are left of what there was.
    pub fn leftovers(&self) -> usize {
        self.held.len() + self.waiting.len() + self.options.len() + self.cover.wire().count()
    }
}

#[test]
fn a_wider_filter_goes_out_before_the_narrow_one_is_taken_back() {
    let mut wire = Wire::new(100..=101, 64);
    subscribe(&mut wire, 1, "a/b", QoS::AtLeastOnce);
    assert_eq!(next(&mut wire), Some((100, "sub a/b@1".to_owned())));
    assert_eq!(next(&mut wire), None, "one at a time");
    subscribe(&mut wire, 2, "a/#", QoS::AtMostOnce);
    subscribe(&mut wire, 3, "a/c", QoS::AtMostOnce);
    assert_eq!(granted(&mut wire, 100, 1), [1]);
    assert_eq!(next(&mut wire), Some((101, "sub a/#@1".to_owned())));
    assert_eq!(granted(&mut wire, 101, 1), [2, 3]);
    assert_eq!(next(&mut wire), Some((100, "unsub a/b".to_owned())));
    assert!(!wire.unsubscribed(101) && wire.unsubscribed(100));
    assert!(wire.is_settled());
}

#[test]
fn a_listener_under_a_live_cover_has_it_sent_again() {
    let mut wire = Wire::new(1..=9, 64);
    subscribe(&mut wire, 1, "a/#", QoS::AtLeastOnce);
    next(&mut wire);
    assert_eq!(granted(&mut wire, 1, 1), [1]);
    subscribe(&mut wire, 2, "a/b", QoS::AtMostOnce);
    assert_eq!(next(&mut wire), Some((2, "sub a/#@1".to_owned())));
    assert!(wire.replacing().is_empty());
    assert_eq!(granted(&mut wire, 2, 1), [2]);
    wire.remove(&filter("a/#"), QoS::AtLeastOnce);
    assert_eq!(next(&mut wire), Some((3, "sub a/b@0".to_owned())));
    assert_eq!(wire.replacing(), [filter("a/b")]);
}

#[test]
fn those_who_wait_follow_their_filter_to_the_one_that_covers_it() {
    let mut wire = Wire::new(1..=9, 64);
    subscribe(&mut wire, 1, "a/b", QoS::AtMostOnce);
    subscribe(&mut wire, 2, "a/+", QoS::AtMostOnce);
    assert_eq!(next(&mut wire), Some((1, "sub a/+@0".to_owned())));
    assert_eq!(granted(&mut wire, 1, 0), [1, 2]);
    assert!(wire.is_settled(), "a/b never went out");
}

#[test]
fn what_was_out_when_the_link_broke_goes_out_again() {
    let mut wire = Wire::new(1..=9, 64);
    subscribe(&mut wire, 1, "a", QoS::AtMostOnce);
    next(&mut wire);
    wire.lost();
    wire.resume(true);
    assert_eq!(next(&mut wire), Some((2, "sub a@0".to_owned())));
    assert_eq!(granted(&mut wire, 2, 0), [1]);
    wire.remove(&filter("a"), QoS::AtMostOnce);
    assert_eq!(next(&mut wire), Some((3, "unsub a".to_owned())));
    wire.lost();
    wire.resume(false);
    assert_eq!(next(&mut wire), None, "the broker has forgotten it");
}

#[test]
fn answers_that_fit_nothing_are_refused() {
    let mut wire = Wire::new(1..=9, 64);
    assert!(wire.subscribed(1, &[0]).is_none() && !wire.unsubscribed(1));
    subscribe(&mut wire, 1, "a", QoS::AtMostOnce);
    next(&mut wire);
    assert!(wire.subscribed(2, &[0]).is_none() && wire.subscribed(1, &[0, 0]).is_none());
    assert_eq!(wire.forget(1, &filter("a")), [1]);
    assert!(granted(&mut wire, 1, 0x80).is_empty());
}

#[test]
fn filters_that_stand_for_themselves_go_out_one_by_one_without_waiting() {
    let mut wire = Wire::new(1..=16, 64);
    wire.switch(true, std::iter::empty());
    for (number, text) in (1..).zip(["a/#", "a/b", "+/b"]) {
        subscribe(&mut wire, number, text, QoS::AtMostOnce);
    }
    for (id, text) in (1..).zip(["sub a/#@0", "sub a/b@0", "sub +/b@0"]) {
        assert_eq!(next(&mut wire), Some((id, text.to_owned())));
    }
    assert_eq!(granted(&mut wire, 2, 0), [2]);
    wire.remove(&filter("+/b"), QoS::AtMostOnce);
    assert_eq!(next(&mut wire), Some((4, "unsub +/b".to_owned())));
    wire.lost();
    wire.resume(true);
    // `+/b` may have been granted and not taken back.
    assert_eq!(next(&mut wire), Some((5, "sub a/#@0".to_owned())));
    assert_eq!(next(&mut wire), Some((6, "unsub +/b".to_owned())));
    assert!(granted(&mut wire, 5, 0) == [1] && wire.unsubscribed(6) && wire.is_settled());
}

#[test]
fn a_broker_that_names_no_filters_any_more_is_asked_for_the_cover() {
    let mut wire = Wire::new(1..=16, 64);
    wire.switch(true, std::iter::empty());
    subscribe(&mut wire, 1, "a/#", QoS::AtMostOnce);
    subscribe(&mut wire, 2, "a/b", QoS::AtLeastOnce);
    let _ = (next(&mut wire), next(&mut wire));
    assert_eq!((granted(&mut wire, 1, 0), granted(&mut wire, 2, 1)), (vec![1], vec![2]));
    wire.lost();
    let (wide, narrow) = (filter("a/#"), filter("a/b"));
    let options = |qos| SubscribeOptions::default().qos(qos);
    wire.switch(false, [(&wide, options(QoS::AtMostOnce)), (&narrow, options(QoS::AtLeastOnce))].into_iter());
    wire.resume(true);
    assert_eq!(next(&mut wire), Some((3, "sub a/#@1".to_owned())));
    assert_eq!(granted(&mut wire, 3, 1), [0; 0]);
    assert_eq!(next(&mut wire), Some((4, "unsub a/b".to_owned())));
}

#[test]
fn a_cover_without_identifiers_brings_what_is_under_it() {
    let mut wire = Wire::<u32>::new(1..=16, 64);
    wire.switch(true, std::iter::empty());
    let no_local = SubscribeOptions::default().no_local();
    let filters = ["a/#", "a/b", "b/#", "c/#", "c/d"].map(filter);
    let [a, ab, b, c, cd] = &filters;
    let all =
        [(a, no_local), (ab, SubscribeOptions::default()), (b, no_local), (c, no_local), (cd, no_local)];
    for (filter, options) in all {
        wire.prefer(filter, options);
        wire.add(filter, options.qos);
    }
    wire.resume(false);
    wire.switch(false, all.into_iter());
    wire.resume(false);
    let asked = |wire: &mut Wire<u32>| match wire.next(true, Instant::now()) {
        Some((Control::Subscribe { filters, .. }, _)) => {
            let mut asked: Vec<_> =
                filters.iter().map(|(filter, one)| format!("{filter} {}", one.no_local)).collect();
            asked.sort();
            asked
        }
        other => panic!("{:?}", other.map(|(control, _)| format!("{control:?}"))),
    };
    assert_eq!(asked(&mut wire), ["a/# false", "b/# true", "c/# true"]);
    wire.sent.take();
    // Somebody new under a cover: that is weaker from now on.
    subscribe(&mut wire, 9, "b/c", QoS::AtMostOnce);
    assert_eq!(asked(&mut wire), ["b/# false"]);
    wire.sent.take();
    // And what comes in the place of another: nobody can be left out who is under it.
    let filters = ["a/#", "a/+", "a/b"].map(filter);
    let each = [SubscribeOptions::default(), no_local, SubscribeOptions::default()];
    wire.switch(false, filters.iter().zip(each));
    assert_eq!(asked(&mut wire), ["a/# false"]);
    wire.sent.take();
    wire.remove(&filters[0], QoS::AtMostOnce);
    assert_eq!(asked(&mut wire), ["a/+ false"]);
    wire.sent.take();
    // A broker that names filters again is told what was wanted.
    wire.switch(true, all.into_iter());
    let first: Vec<_> = std::iter::from_fn(|| wire.next(true, Instant::now()).map(|_| ())).collect();
    assert_eq!(first.len(), all.len());
    assert!(
        wire.sent
            .subscribes()
            .flat_map(|one| &one.filters)
            .all(|(filter, one)| one.no_local == (filter != ab))
    );
}

#[test]
fn options_of_filters_under_a_cover_are_forgotten() {
    let mut wire = Wire::<u32>::new(1..=9, 64);
    let narrow = filter("a/b");
    wire.add(&filter("a/#"), QoS::AtMostOnce);
    wire.prefer(&narrow, SubscribeOptions::default());
    assert!(wire.options.is_empty(), "nothing but what is not the default");
    wire.prefer(&narrow, SubscribeOptions::default().no_local());
    wire.add(&narrow, QoS::AtMostOnce);
    wire.remove(&narrow, QoS::AtMostOnce);
    wire.forget_options(&narrow);
    assert!(wire.options.is_empty());
}

#[test]
fn what_a_broker_does_not_take_is_looked_for_only_in_the_next_packet() {
    let mut wire = Wire::<u32>::new(1..=16, 64);
    wire.switch(true, std::iter::empty());
    let limits = Limits { wildcard_available: false, ..Limits::default() };
    for number in 0..200 {
        subscribe(&mut wire, number, &format!("a/{number}/+"), QoS::AtMostOnce);
    }
    subscribe(&mut wire, 200, "a", QoS::AtMostOnce);
    subscribe(&mut wire, 201, "b/+", QoS::AtMostOnce);
    assert_eq!(wire.unfit(&limits, false).len(), 200, "those before the first that it takes");
    assert_eq!(next(&mut wire), Some((1, "sub a@0".to_owned())));
    assert_eq!(wire.unfit(&limits, false).len(), 1, "and right behind it");
    assert!(next(&mut wire).is_none() && wire.waiting.is_empty());
}

/// What is looked at is what goes out next, and that passes over what may end the link.
#[test]
fn what_a_broker_does_not_take_does_not_go_out_from_behind_suspects() {
    let mut wire = Wire::<u32>::new(1..=16, 1);
    let limits = Limits { wildcard_available: false, ..Limits::default() };
    for number in 0..20 {
        subscribe(&mut wire, number, &format!("a/{number}"), QoS::AtMostOnce);
        wire.expect(&filter(&format!("a/{number}")));
    }
    subscribe(&mut wire, 20, "b/+", QoS::AtMostOnce);
    let refused = wire.unfit(&limits, false);
    assert!(matches!(&refused[..], [Answer { filter, code: 0xa2, .. }] if filter.as_str() == "b/+"));
    assert!(wire.next(false, Instant::now()).is_none());
    // And the other way around: one that may end the link is looked at when its turn comes.
    subscribe(&mut wire, 21, "c/+", QoS::AtMostOnce);
    wire.expect(&filter("c/+"));
    assert!(wire.unfit(&limits, false).is_empty() && wire.unfit(&limits, true).is_empty());
    (0..20).for_each(|_| {
        let (id, _) = next(&mut wire).unwrap();
        granted(&mut wire, id, 0);
    });
    assert!(wire.unfit(&limits, true).len() == 1 && next(&mut wire).is_none());
}
