use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::Error;
use crate::messaging::DeadLetterReason::GivenUp;
use crate::messaging::MessageEnvelope;
use crate::messaging::kit::options::MAX_BYTES;

const OPTIONS: StoreOptions = StoreOptions {
    capacity: 3,
    max_bytes: MAX_BYTES,
    lock_timeout: Duration::from_secs(30),
    max_deliveries: 2,
    redelivery_delay: Duration::from_secs(1),
};

fn item(text: &'static str) -> StoredMessage<()> {
    StoredMessage::new(MessageEnvelope::new("t", text), ())
}

/// Takes everything, or nothing.
#[derive(Default)]
pub(super) struct TestSink {
    pub(super) moved: Mutex<Vec<String>>,
    pub(super) full: AtomicBool,
    /// How many moves take for ever, and how many have begun.
    pub(super) stuck: usize,
    pub(super) begun: AtomicUsize,
    pub(super) expired: Mutex<u64>,
}

impl DeadLetterSink<()> for TestSink {
    async fn put(&self, message: &StoredMessage<()>) -> Result<(), Error> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        if begun < self.stuck {
            std::future::pending::<()>().await;
        }
        if self.full.load(Ordering::Relaxed) {
            return Err(Error::new(crate::Category::Conflict, "FULL", "no room"));
        }
        assert!(message.envelope().text().is_some());
        Ok(())
    }
    async fn moved(&self, message: StoredMessage<()>) {
        self.moved.lock().unwrap().push(message.envelope().text().unwrap().to_owned());
    }
    fn expired(&self, count: u64) {
        *self.expired.lock().unwrap() += count;
    }
}

/// Lets the maintenance task run for so long of the paused time.
pub(super) async fn maintained(store: &MessageStore<()>, sink: &TestSink, time: Duration) {
    tokio::select! {
        biased;
        () = maintain(store, sink) => {}
        () = tokio::time::sleep(time) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_is_locked_until_it_is_settled() {
    let store = MessageStore::new(OPTIONS);
    assert!(store.try_put(item("a")).is_ok() && store.try_put(item("b")).is_ok());
    let a = store.take().unwrap();
    assert_eq!((a.text(), a.deliveries()), (Some("a"), 1));
    assert_eq!(store.take().unwrap().text(), Some("b"));
    assert!(store.take().is_none());
    assert!(store.settle(&a).is_some());
    assert!(store.settle(&a).is_none(), "once");
    let other = MessageStore::new(OPTIONS);
    assert!(other.try_put(item("x")).is_ok());
    let x = other.take().unwrap();
    assert!(store.settle(&x).is_none() && !store.abandon(&x), "a lock of another store is none");
}

#[tokio::test(start_paused = true)]
async fn a_lock_expires_and_the_message_comes_back_until_it_is_dead() {
    let (store, sink) = (MessageStore::new(OPTIONS), TestSink::default());
    assert!(store.try_put(item("a")).is_ok());
    let a = store.take().unwrap();
    maintained(&store, &sink, Duration::from_millis(30_500)).await;
    assert!(store.settle(&a).is_none(), "too late");
    assert!(store.take().is_none(), "its delay is not over");
    assert_eq!(store.count(), 1);
    maintained(&store, &sink, Duration::from_secs(1)).await;
    let a = store.take().unwrap();
    assert_eq!(a.deliveries(), 2);
    assert!(store.abandon(&a));
    maintained(&store, &sink, Duration::from_secs(1)).await;
    assert_eq!(*sink.moved.lock().unwrap(), ["a"]);
    assert_eq!((store.count(), *sink.expired.lock().unwrap()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lock_lasts() {
    let (store, sink) = (MessageStore::new(OPTIONS), TestSink::default());
    assert!(store.try_put(item("a")).is_ok());
    let a = store.take().unwrap();
    advance(Duration::from_secs(29)).await;
    assert!(store.renew(&a, Duration::from_secs(60)));
    maintained(&store, &sink, Duration::from_secs(59)).await;
    assert!(store.settle(&a).is_some());
    assert!(!store.renew(&a, Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn it_is_bounded_by_all_that_is_unfinished() {
    let (store, sink) = (MessageStore::new(OPTIONS), TestSink::default());
    for text in ["a", "b", "c"] {
        assert!(store.try_put(item(text)).is_ok());
    }
    let a = store.take().unwrap();
    let a_second = tokio::time::sleep(Duration::from_secs(1));
    assert!(store.put(item("d"), a_second).await.is_err(), "a locked message takes room");
    let (put, ()) = tokio::join!(store.put(item("d"), std::future::pending()), async {
        tokio::task::yield_now().await;
        assert!(store.settle(&a).is_some());
    });
    assert!(put.is_ok());
    let b = store.take().unwrap();
    assert!(store.abandon(&b), "what comes back has its room");
    maintained(&store, &sink, Duration::from_secs(2)).await;
    assert_eq!(store.clear(false).len(), 3);
    assert!(store.try_put(item("e")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn those_in_the_overflow_have_the_room_that_becomes_free_in_their_order() {
    let (store, sink) =
        (MessageStore::new(StoreOptions { capacity: 2, max_deliveries: 1, ..OPTIONS }), TestSink::default());
    for text in ["a", "b", "c", "d", "e"] {
        store.put_or_overflow(item(text));
    }
    store.put_or_overflow(StoredMessage::malformed(MessageEnvelope::new("t", "malformed"), ()));
    store.put_or_overflow(item("f"));
    assert_eq!((store.count(), store.peek(9).len()), (6, 6));
    let [a, b] = [(); 2].map(|()| store.take().unwrap());
    assert!(store.take().is_none(), "the others have no room");
    assert!(store.settle(&a).is_some());
    let c = store.take().unwrap();
    assert_eq!(c.text(), Some("c"));
    // Buried, these make room too.
    assert!(store.abandon(&b) && store.abandon(&c));
    maintained(&store, &sink, Duration::from_secs(1)).await;
    for text in ["d", "e", "f"] {
        let next = store.take().unwrap();
        assert_eq!(next.text(), Some(text));
        assert!(store.settle(&next).is_some());
        maintained(&store, &sink, Duration::from_secs(1)).await;
    }
    assert_eq!(*sink.moved.lock().unwrap(), ["b", "c", "malformed"]);
    for text in ["a", "b", "c"] {
        store.put_or_overflow(item(text));
    }
    assert_eq!(store.clear(true).len(), 3);
    assert!(store.try_put(item("x")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_buried_is_delivered_again() {
    let (store, sink) = (MessageStore::new(OPTIONS), TestSink { full: true.into(), ..TestSink::default() });
    assert!(store.try_put(item("a")).is_ok());
    let a = store.take().unwrap();
    let outcome = store.reject(&a, GivenUp).unwrap();
    maintained(&store, &sink, Duration::from_secs(2)).await;
    assert_eq!(outcome.await.unwrap().unwrap_err().code(), "FULL");
    assert_eq!(store.take().unwrap().deliveries(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_is_where_it_was() {
    for delay in [Duration::ZERO, Duration::from_secs(1)] {
        let (store, sink) = (
            MessageStore::new(StoreOptions { capacity: 9, redelivery_delay: delay, ..OPTIONS }),
            TestSink::default(),
        );
        for text in ["a", "b", "c", "d", "e"] {
            assert!(store.try_put(item(text)).is_ok());
        }
        let [a, b, c] = [(); 3].map(|()| store.take().unwrap());
        // They are given back in another order, and come back at one moment.
        for message in [&c, &a, &b] {
            assert!(store.abandon(message));
        }
        maintained(&store, &sink, Duration::from_secs(2)).await;
        let order: Vec<_> = std::iter::from_fn(|| store.take()).map(|next| next.message_id).collect();
        assert_eq!(order[..3], [a, b, c].map(|message| message.message_id));
        // Their locks expire together.
        maintained(&store, &sink, Duration::from_secs(32)).await;
        let left: Vec<_> = std::iter::from_fn(|| store.take()).map(|next| next.message_id).collect();
        assert_eq!(left, order[3..], "the others were delivered too often");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_takes_long_holds_up_no_lock_and_is_not_lost() {
    let options = StoreOptions { capacity: 100, max_deliveries: 1, ..OPTIONS };
    let (store, sink) = (MessageStore::new(options), TestSink { stuck: usize::MAX, ..TestSink::default() });
    for _ in 0..40 {
        assert!(store.try_put(item("dead")).is_ok());
        assert!(store.abandon(&store.take().unwrap()));
    }
    assert!(store.try_put(item("locked")).is_ok());
    assert!(store.take().is_some());
    maintained(&store, &sink, Duration::from_secs(31)).await;
    assert_eq!(*sink.expired.lock().unwrap(), 1);
    assert_eq!(sink.begun.load(Ordering::Relaxed), 16, "so many at a time");
    // The next task begins anew with what the first has not finished.
    let sink = TestSink::default();
    maintained(&store, &sink, Duration::from_secs(1)).await;
    assert_eq!(sink.moved.lock().unwrap().len(), 41);
    assert!(!store.is_moving_any());
}

#[test]
fn timers_of_settled_messages_are_cleared_away() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = runtime.enter();
    let store = MessageStore::new(OPTIONS);
    let allocated = allocation_counter::measure(|| {
        for _ in 0..100_000 {
            assert!(store.try_put(item("a")).is_ok());
            let a = store.take().unwrap();
            assert!(store.settle(&a).is_some());
        }
    });
    assert!(allocated.bytes_max < 100_000, "{} bytes", allocated.bytes_max);
}

fn large(size: usize) -> StoredMessage<()> {
    StoredMessage::new(MessageEnvelope::new("t", vec![0; size]), ())
}

/// Room for two messages of a hundred kilobytes, and not for three.
const BYTES: StoreOptions = StoreOptions { capacity: 1000, max_bytes: 300_000, ..OPTIONS };

#[tokio::test]
async fn bytes_are_bounded_and_the_first_message_always_has_room() {
    let store = MessageStore::new(BYTES);
    assert!(store.try_put(large(1_000_000)).is_ok(), "alone");
    assert!(store.try_put(large(1)).is_err());
    let taken = store.take().unwrap();
    assert!(store.try_put(large(1)).is_err(), "with a receiver it is still here");
    assert!(store.settle(&taken).is_some());
    for fits in [true, true, false] {
        assert_eq!(store.try_put(large(100_000)).is_ok(), fits);
    }
    assert!(store.try_put(large(10_000)).is_ok(), "a small one has room");
    assert_eq!(store.clear(true).len(), 3);
    for fits in [true, true, false] {
        assert_eq!(store.try_put(large(100_000)).is_ok(), fits, "what was cleared counts no more");
    }
}

#[tokio::test]
async fn messages_without_a_payload_take_room_too() {
    let store = MessageStore::new(StoreOptions { capacity: 1_000_000, ..BYTES });
    let count = (0..10_000).take_while(|_| store.try_put(large(0)).is_ok()).count();
    assert!((100..2000).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn room_in_bytes_goes_to_whoever_fits() {
    let store = MessageStore::new(BYTES);
    for _ in 0..2 {
        assert!(store.try_put(large(130_000)).is_ok());
    }
    let never = std::future::pending::<()>;
    let mut larger = Box::pin(store.put(large(280_000), never()));
    let mut smaller = Box::pin(store.put(large(100_000), never()));
    assert!(futures_util::poll!(&mut larger).is_pending() && futures_util::poll!(&mut smaller).is_pending());
    let first = store.take().unwrap();
    assert!(store.settle(&first).is_some());
    assert!(futures_util::poll!(&mut larger).is_pending());
    assert!(futures_util::poll!(&mut smaller).is_ready(), "it is notified although another one waits longer");
    while let Some(taken) = store.take() {
        store.settle(&taken);
    }
    assert!(futures_util::poll!(&mut larger).is_ready(), "alone");
}

#[tokio::test]
async fn those_in_the_overflow_come_up_as_bytes_become_free() {
    let store = MessageStore::new(BYTES);
    for _ in 0..4 {
        store.put_or_overflow(large(130_000));
    }
    for left in (0..4).rev() {
        let taken = store.take().unwrap();
        store.settle(&taken);
        assert_eq!(store.count(), left);
    }
}

#[tokio::test]
async fn an_old_lease_stays_unknown_when_the_slots_were_given_back() {
    let store = MessageStore::new(StoreOptions { capacity: 10_000, ..OPTIONS });
    let many = |store: &MessageStore<()>| {
        (0..3000).for_each(|_| assert!(store.try_put(item("m")).is_ok()));
        std::iter::from_fn(|| store.take()).collect::<Vec<_>>()
    };
    let old = many(&store);
    for message in &old {
        assert!(store.settle(message).is_some());
    }
    let new = many(&store);
    assert!(old.iter().all(|message| store.settle(message).is_none()));
    assert!(new.iter().all(|message| store.settle(message).is_some()));
}

/// A large message waits in the overflow; smaller ones, for which there would be room, stay behind it.
#[tokio::test(start_paused = true)]
async fn small_messages_do_not_overtake_a_large_one_in_the_overflow() {
    let store = MessageStore::new(BYTES);
    assert!(store.try_put(large(200_000)).is_ok());
    store.put_or_overflow(large(150_000));
    assert!(store.try_put(item("small")).is_err(), "one that is refused waits, like all others");
    store.put_or_overflow(item("behind"));
    let mut put = std::pin::pin!(store.put(item("last"), std::future::pending()));
    assert!(futures_util::poll!(&mut put).is_pending());
    let first = store.take().unwrap();
    assert!(store.take().is_none(), "nothing has room before the one in the overflow");
    assert!(store.settle(&first).is_some());
    // The overflow is empty now, which whoever waits for room must be told.
    assert!(tokio::time::timeout(Duration::from_secs(1), put).await.unwrap().is_ok());
    let sizes: Vec<_> = store.peek(10).iter().map(|message| message.payload.len()).collect();
    assert_eq!(sizes, [150_000, "behind".len(), "last".len()]);
}
