use std::collections::VecDeque;

use mqtt5::QoS;
use mqtt5::broker::MemoryBackend;
use mqtt5::broker::storage::{QueueLimits, QueuedMessage};
use mqtt5::packet::publish::PublishPacket;
use proptest::prelude::*;

use super::*;

struct Fixture {
    session_queues: Arc<SessionQueues>,
    storage: Arc<DynamicStorage>,
}

impl Fixture {
    fn new(limit: usize) -> Self {
        Self::with_queues(limit, QueueLimits { max_messages: 5, max_bytes: usize::MAX })
    }

    fn with_queues(limit: usize, queues: QueueLimits) -> Self {
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(queues)));
        let session_queues = SessionQueues::new(limit, 500, Arc::clone(&storage), Logger::standalone());
        Self { session_queues, storage }
    }

    /// A client with one filter that has gone away.
    fn away(&self, id: &str, filter: &str) {
        let connection = self.connected(id, filter);
        self.session_queues.leave(id, &connection, true);
    }

    fn connected(&self, id: &str, filter: &str) -> Arc<ConnectionState> {
        let connection = Arc::new(ConnectionState::default());
        self.session_queues.join(id, None, &connection);
        self.session_queues.subscribed(id, filter, true);
        connection
    }

    /// Counts a message, and queues it as the library does.
    async fn publish(&self, topic: &str, cost: usize, to: &[&str]) -> Result<(), NoRoom> {
        let _coming = self.session_queues.charge(topic, cost)?;
        for id in to {
            self.queue(topic, id).await;
        }
        Ok(())
    }

    async fn queue(&self, topic: &str, id: &str) {
        let packet = PublishPacket::new(topic, "", QoS::AtLeastOnce);
        let message = QueuedMessage::new(packet, id.to_owned(), QoS::AtLeastOnce, None);
        self.storage.queue_message(message).await.unwrap();
    }

    fn count(&self, id: &str) -> usize {
        self.storage.queue_handle(id).count()
    }

    fn held(&self) -> usize {
        let mut sessions = self.session_queues.sessions();
        let held = |queue: &mut SessionQueue| {
            queue.settle();
            queue.queued() + queue.left() + queue.unanswered()
        };
        sessions.queues.values_mut().map(held).sum()
    }
}

#[tokio::test]
async fn the_session_with_the_most_makes_room() {
    let all = Fixture::new(1000);
    all.away("hog", "a/#");
    all.away("other", "c");
    for _ in 0..3 {
        assert_eq!(all.publish("a/x", 150, &["hog"]).await, Ok(()));
    }
    assert_eq!(all.publish("c", 400, &["other"]).await, Ok(()));
    assert_eq!(all.held(), 850);
    assert_eq!(all.publish("nobody", 9999, &[]).await, Ok(()), "nothing is added");
    assert_eq!(all.held(), 850);
    assert_eq!(all.publish("a/x", 50, &["hog"]).await, Ok(()));
    assert_eq!(all.publish("c", 100, &["other"]).await, Ok(()));
    assert_eq!((all.held(), all.count("hog"), all.count("other")), (1000, 4, 2));
    assert_eq!(all.session_queues.charge("c", 1001).err(), Some(NoRoom), "its copies alone are too many");
    assert_eq!(all.held(), 1000, "and nothing is dropped for it");
    all.away("third", "d");
    assert_eq!(all.publish("d", 100, &["third"]).await, Ok(()));
    assert_eq!((all.held(), all.count("hog") * all.count("other")), (600, 0));
}

/// A full queue of the library grows by nothing.
#[tokio::test]
async fn a_message_for_a_full_queue_needs_no_room() {
    let all = Fixture::new(1000);
    all.away("full", "a");
    all.away("small", "b");
    for _ in 0..5 {
        all.publish("a", 100, &["full"]).await.unwrap();
    }
    all.publish("b", 450, &["small"]).await.unwrap();
    for _ in 0..10 {
        all.publish("a", 100, &["full"]).await.unwrap();
    }
    assert_eq!((all.held(), all.count("full"), all.count("small")), (950, 5, 1));
}

#[tokio::test]
async fn what_is_shared_counts_once_and_not_where_a_member_takes_it() {
    let all = Fixture::new(1000);
    for id in ["first", "second", "third"] {
        all.away(id, "$share/g/t");
    }
    all.publish("t", 400, &["first"]).await.unwrap();
    assert_eq!(all.held(), 400);
    let online = all.connected("fourth", "$share/g/t");
    all.publish("t", 999_999, &[]).await.unwrap();
    assert_eq!((all.held(), all.count("first")), (400, 1));
    all.queue("t", "fourth").await;
    all.publish("t", 200, &["fourth"]).await.unwrap();
    assert_eq!(all.held(), 600, "one that is behind has it in its queue");
    all.session_queues.leave("fourth", &online, false);
    all.away("fifth", "$share/h/t");
    all.publish("t", 100, &["first", "fifth"]).await.unwrap();
    assert_eq!(all.held(), 600, "one for each group");
}

#[tokio::test]
async fn each_filter_of_a_session_has_its_copy() {
    let all = Fixture::new(1000);
    all.away("a", "t");
    all.session_queues.subscribed("a", "#", true);
    all.session_queues.subscribed("a", "+", false);
    all.publish("t", 100, &["a", "a"]).await.unwrap();
    assert_eq!(all.held(), 200);
    all.publish("t", 400, &["a", "a"]).await.unwrap();
    assert_eq!(all.held(), 1000, "and the queue grows to its limit only");
    all.session_queues.unsubscribed("a", "#");
    all.storage.queue_handle("a").clear(None);
    all.publish("t", 100, &["a"]).await.unwrap();
    assert_eq!(all.held(), 100);
}

#[tokio::test]
async fn what_waits_stays_counted_where_a_session_has_no_filters_left() {
    let all = Fixture::new(1000);
    all.away("a", "t");
    all.publish("t", 100, &["a"]).await.unwrap();
    let connection = Arc::new(ConnectionState::default());
    all.session_queues.join("a", Some(HashMap::new()), &connection);
    assert_eq!(all.held(), 100);
    all.session_queues.leave("a", &connection, true);
    all.storage.queue_handle("a").clear(None);
    all.session_queues.join("a", None, &connection);
    assert_eq!(all.held(), 0, "it starts again");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_connection_ends_before_one_that_acknowledges() {
    let all = Fixture::new(1750);
    let (stalled, busy) = (all.connected("stalled", "#"), all.connected("busy", "#"));
    stalled.resume(false, 1, 0);
    tokio::time::advance(STALLED).await;
    busy.resume(false, 1, 600);
    assert_eq!(all.publish("t", 100, &[]).await, Ok(()));
    assert_eq!((stalled.ending(), busy.ending()), (None, None), "{}", all.held());
    all.away("away", "#");
    all.away("poor", "u");
    all.publish("u", 100, &["poor"]).await.unwrap();
    assert_eq!(all.publish("t", 100, &["away"]).await, Ok(()));
    assert_eq!((stalled.ending(), busy.ending()), (Some(Violation::Unacknowledged), None));
    assert_eq!((all.count("poor"), all.count("away")), (1, 1));
    // What it leaves behind makes room like a queue.
    all.session_queues.leave("stalled", &stalled, true);
    assert_eq!(all.publish("t", 100, &["away", "stalled"]).await, Ok(()));
    assert_eq!((all.count("poor"), busy.ending()), (1, None));
}

#[tokio::test]
async fn only_sessions_that_are_away_or_behind_get_copies() {
    let all = Fixture::new(1000);
    let _quick = all.connected("quick", "#");
    all.publish("t", 100, &[]).await.unwrap();
    assert_eq!(all.held(), 0);
    let behind = all.connected("behind", "#");
    all.publish("t", 100, &["behind"]).await.unwrap();
    all.publish("t", 100, &["behind"]).await.unwrap();
    assert_eq!(all.held(), 100, "from the second on");
    all.session_queues.leave("behind", &behind, false);
    assert_eq!(all.held(), 0, "its session has ended");
    all.away("gone", "#");
    all.publish("t", 100, &["gone"]).await.unwrap();
    all.session_queues.retain(&HashSet::new());
    assert_eq!(all.held(), 0, "its session has expired");
}

#[derive(Clone, Debug)]
enum Step {
    Publish(usize),
    /// A message is counted, and comes with the next step.
    Late(usize),
    Take(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..200_usize).prop_map(Step::Publish),
        2 => (1..200_usize).prop_map(Step::Late),
        2 => (1..4_usize).prop_map(Step::Take),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// The queue is what really waits, and never less while a message is on its way.
    #[test]
    fn what_is_counted_is_what_waits(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (all, mut waits) = (Fixture::new(usize::MAX), VecDeque::new());
            all.away("a", "#");
            for step in steps {
                let mut push = |cost| {
                    waits.push_back(cost);
                    if waits.len() > 5 {
                        waits.pop_front();
                    }
                };
                match step {
                    Step::Publish(cost) => {
                        all.publish("t", cost, &["a"]).await.unwrap();
                        push(cost);
                    }
                    Step::Late(cost) => {
                        let coming = all.session_queues.charge("t", cost).unwrap();
                        let before = all.held();
                        all.queue("t", "a").await;
                        push(cost);
                        assert!(all.held() >= waits.iter().sum(), "{} of {before}", all.held());
                        drop(coming);
                    }
                    Step::Take(count) => {
                        all.storage.queue_handle("a").take(count).await;
                        waits.drain(..count.min(waits.len()));
                    }
                    Step::Clear => {
                        all.storage.queue_handle("a").clear(None);
                        waits.clear();
                    }
                }
                assert_eq!(all.held(), waits.iter().sum::<usize>());
            }
        });
    }
}
