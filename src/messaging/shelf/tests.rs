use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::Error;
use crate::messaging::DeadLetterReason::GivenUp;
use crate::messaging::MessageEnvelope;

const RULES: Rules = Rules {
    capacity: 3,
    max_bytes: MAX_BYTES,
    lock: Duration::from_secs(30),
    max_deliveries: 2,
    delay: Duration::from_secs(1),
};

fn item(text: &'static str) -> Item<()> {
    Item::new(MessageEnvelope::new("t", text), ())
}

/// Buries everything, or nothing.
#[derive(Default)]
pub(super) struct Yard {
    pub(super) buried: Mutex<Vec<String>>,
    pub(super) full: AtomicBool,
    /// How many burials take for ever, and how many have begun.
    pub(super) stuck: usize,
    pub(super) begun: AtomicUsize,
    pub(super) expired: Mutex<u64>,
}

impl Bury<()> for Yard {
    async fn bury(&self, item: &Item<()>) -> Result<(), Error> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        if begun < self.stuck {
            std::future::pending::<()>().await;
        }
        if self.full.load(Ordering::Relaxed) {
            return Err(Error::new(crate::Category::Conflict, "FULL", "no room"));
        }
        assert!(item.envelope.text().is_some());
        Ok(())
    }
    fn buried(&self, item: Item<()>) {
        self.buried.lock().unwrap().push(item.envelope.text().unwrap().to_owned());
    }
    fn expired(&self, count: u64) {
        *self.expired.lock().unwrap() += count;
    }
}

/// Lets the sweeper run for so long of the paused time.
pub(super) async fn swept(shelf: &Shelf<()>, yard: &Yard, time: Duration) {
    tokio::select! {
        biased;
        () = shelf.sweep(yard) => {}
        () = tokio::time::sleep(time) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_is_locked_until_it_is_settled() {
    let shelf = Shelf::new(RULES);
    assert!(shelf.try_put(item("a")).is_ok() && shelf.try_put(item("b")).is_ok());
    let a = shelf.take().unwrap();
    assert_eq!((a.text(), a.deliveries()), (Some("a"), 1));
    assert_eq!(shelf.take().unwrap().text(), Some("b"));
    assert!(shelf.take().is_none());
    assert!(shelf.settle(&a).is_some());
    assert!(shelf.settle(&a).is_none(), "once");
    let other = Shelf::new(RULES);
    assert!(other.try_put(item("x")).is_ok());
    let x = other.take().unwrap();
    assert!(shelf.settle(&x).is_none() && !shelf.abandon(&x), "a lock of another shelf is none");
}

#[tokio::test(start_paused = true)]
async fn a_lock_expires_and_the_message_comes_back_until_it_is_dead() {
    let (shelf, yard) = (Shelf::new(RULES), Yard::default());
    assert!(shelf.try_put(item("a")).is_ok());
    let a = shelf.take().unwrap();
    swept(&shelf, &yard, Duration::from_millis(30_500)).await;
    assert!(shelf.settle(&a).is_none(), "too late");
    assert!(shelf.take().is_none(), "its delay is not over");
    assert_eq!(shelf.count(), 1);
    swept(&shelf, &yard, Duration::from_secs(1)).await;
    let a = shelf.take().unwrap();
    assert_eq!(a.deliveries(), 2);
    assert!(shelf.abandon(&a));
    swept(&shelf, &yard, Duration::from_secs(1)).await;
    assert_eq!(*yard.buried.lock().unwrap(), ["a"]);
    assert_eq!((shelf.count(), *yard.expired.lock().unwrap()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lock_lasts() {
    let (shelf, yard) = (Shelf::new(RULES), Yard::default());
    assert!(shelf.try_put(item("a")).is_ok());
    let a = shelf.take().unwrap();
    advance(Duration::from_secs(29)).await;
    assert!(shelf.renew(&a, Duration::from_secs(60)));
    swept(&shelf, &yard, Duration::from_secs(59)).await;
    assert!(shelf.settle(&a).is_some());
    assert!(!shelf.renew(&a, Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn it_is_bounded_by_all_that_is_unfinished() {
    let (shelf, yard) = (Shelf::new(RULES), Yard::default());
    for text in ["a", "b", "c"] {
        assert!(shelf.try_put(item(text)).is_ok());
    }
    let a = shelf.take().unwrap();
    let a_second = tokio::time::sleep(Duration::from_secs(1));
    assert!(shelf.put(item("d"), a_second).await.is_err(), "a locked message takes room");
    let (put, ()) = tokio::join!(shelf.put(item("d"), std::future::pending()), async {
        tokio::task::yield_now().await;
        assert!(shelf.settle(&a).is_some());
    });
    assert!(put.is_ok());
    let b = shelf.take().unwrap();
    assert!(shelf.abandon(&b), "what comes back has its room");
    swept(&shelf, &yard, Duration::from_secs(2)).await;
    assert_eq!(shelf.clear(false).len(), 3);
    assert!(shelf.try_put(item("e")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn those_in_line_have_the_room_that_becomes_free_in_their_order() {
    let (shelf, yard) = (Shelf::new(Rules { capacity: 2, max_deliveries: 1, ..RULES }), Yard::default());
    for text in ["a", "b", "c", "d", "e"] {
        shelf.line_up(item(text));
    }
    shelf.line_up(Item::doomed(MessageEnvelope::new("t", "doomed"), ()));
    shelf.line_up(item("f"));
    assert_eq!((shelf.count(), shelf.peek(9).len()), (6, 6));
    let [a, b] = [(); 2].map(|()| shelf.take().unwrap());
    assert!(shelf.take().is_none(), "the others have no room");
    assert!(shelf.settle(&a).is_some());
    let c = shelf.take().unwrap();
    assert_eq!(c.text(), Some("c"));
    // Buried, these make room too.
    assert!(shelf.abandon(&b) && shelf.abandon(&c));
    swept(&shelf, &yard, Duration::from_secs(1)).await;
    for text in ["d", "e", "f"] {
        let next = shelf.take().unwrap();
        assert_eq!(next.text(), Some(text));
        assert!(shelf.settle(&next).is_some());
        swept(&shelf, &yard, Duration::from_secs(1)).await;
    }
    assert_eq!(*yard.buried.lock().unwrap(), ["b", "c", "doomed"]);
    for text in ["a", "b", "c"] {
        shelf.line_up(item(text));
    }
    assert_eq!(shelf.clear(true).len(), 3);
    assert!(shelf.try_put(item("x")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_buried_is_delivered_again() {
    let (shelf, yard) = (Shelf::new(RULES), Yard { full: true.into(), ..Yard::default() });
    assert!(shelf.try_put(item("a")).is_ok());
    let a = shelf.take().unwrap();
    let told = shelf.give_up(&a, GivenUp).unwrap();
    swept(&shelf, &yard, Duration::from_secs(2)).await;
    assert_eq!(told.await.unwrap().unwrap_err().code(), "FULL");
    assert_eq!(shelf.take().unwrap().deliveries(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_is_where_it_was() {
    for delay in [Duration::ZERO, Duration::from_secs(1)] {
        let (shelf, yard) = (Shelf::new(Rules { capacity: 9, delay, ..RULES }), Yard::default());
        for text in ["a", "b", "c", "d", "e"] {
            assert!(shelf.try_put(item(text)).is_ok());
        }
        let [a, b, c] = [(); 3].map(|()| shelf.take().unwrap());
        // They are given back in another order, and come back at one moment.
        for message in [&c, &a, &b] {
            assert!(shelf.abandon(message));
        }
        swept(&shelf, &yard, Duration::from_secs(2)).await;
        let order: Vec<_> = std::iter::from_fn(|| shelf.take()).map(|next| next.message_id).collect();
        assert_eq!(order[..3], [a, b, c].map(|message| message.message_id));
        // Their locks expire together.
        swept(&shelf, &yard, Duration::from_secs(32)).await;
        let left: Vec<_> = std::iter::from_fn(|| shelf.take()).map(|next| next.message_id).collect();
        assert_eq!(left, order[3..], "the others were delivered too often");
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_to_bury_holds_up_no_lock_and_is_not_lost() {
    let rules = Rules { capacity: 100, max_deliveries: 1, ..RULES };
    let (shelf, yard) = (Shelf::new(rules), Yard { stuck: usize::MAX, ..Yard::default() });
    for _ in 0..40 {
        assert!(shelf.try_put(item("dead")).is_ok());
        assert!(shelf.abandon(&shelf.take().unwrap()));
    }
    assert!(shelf.try_put(item("locked")).is_ok());
    assert!(shelf.take().is_some());
    swept(&shelf, &yard, Duration::from_secs(31)).await;
    assert_eq!(*yard.expired.lock().unwrap(), 1);
    assert_eq!(yard.begun.load(Ordering::Relaxed), 16, "so many at a time");
    // The next sweeper begins anew with what the first has not finished.
    let yard = Yard::default();
    swept(&shelf, &yard, Duration::from_secs(1)).await;
    assert_eq!(yard.buried.lock().unwrap().len(), 41);
    assert_eq!(shelf.state().burying.len(), 0);
}

#[test]
fn timers_of_settled_messages_are_cleared_away() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = runtime.enter();
    let shelf = Shelf::new(RULES);
    let allocated = allocation_counter::measure(|| {
        for _ in 0..100_000 {
            assert!(shelf.try_put(item("a")).is_ok());
            let a = shelf.take().unwrap();
            assert!(shelf.settle(&a).is_some());
        }
    });
    assert!(allocated.bytes_max < 100_000, "{} bytes", allocated.bytes_max);
}

fn large(size: usize) -> Item<()> {
    Item::new(MessageEnvelope::new("t", vec![0; size]), ())
}

/// Room for two messages of a hundred kilobytes, and not for three.
const BYTES: Rules = Rules { capacity: 1000, max_bytes: 300_000, ..RULES };

#[tokio::test]
async fn bytes_are_bounded_and_the_first_message_always_has_room() {
    let shelf = Shelf::new(BYTES);
    assert!(shelf.try_put(large(1_000_000)).is_ok(), "alone");
    assert!(shelf.try_put(large(1)).is_err());
    let taken = shelf.take().unwrap();
    assert!(shelf.try_put(large(1)).is_err(), "with a receiver it is still here");
    assert!(shelf.settle(&taken).is_some());
    for fits in [true, true, false] {
        assert_eq!(shelf.try_put(large(100_000)).is_ok(), fits);
    }
    assert!(shelf.try_put(large(10_000)).is_ok(), "a small one has room");
    assert_eq!(shelf.clear(true).len(), 3);
    for fits in [true, true, false] {
        assert_eq!(shelf.try_put(large(100_000)).is_ok(), fits, "what was cleared counts no more");
    }
}

#[tokio::test]
async fn messages_without_a_payload_take_room_too() {
    let shelf = Shelf::new(Rules { capacity: 1_000_000, ..BYTES });
    let count = (0..10_000).take_while(|_| shelf.try_put(large(0)).is_ok()).count();
    assert!((100..2000).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn room_in_bytes_goes_to_whoever_fits() {
    let shelf = Shelf::new(BYTES);
    for _ in 0..2 {
        assert!(shelf.try_put(large(130_000)).is_ok());
    }
    let never = std::future::pending::<()>;
    let mut larger = Box::pin(shelf.put(large(280_000), never()));
    let mut smaller = Box::pin(shelf.put(large(100_000), never()));
    assert!(futures_util::poll!(&mut larger).is_pending() && futures_util::poll!(&mut smaller).is_pending());
    let first = shelf.take().unwrap();
    assert!(shelf.settle(&first).is_some());
    assert!(futures_util::poll!(&mut larger).is_pending());
    assert!(futures_util::poll!(&mut smaller).is_ready(), "it is told although another one waits longer");
    while let Some(taken) = shelf.take() {
        shelf.settle(&taken);
    }
    assert!(futures_util::poll!(&mut larger).is_ready(), "alone");
}

#[tokio::test]
async fn those_in_line_come_up_as_bytes_become_free() {
    let shelf = Shelf::new(BYTES);
    for _ in 0..4 {
        shelf.line_up(large(130_000));
    }
    for left in (0..4).rev() {
        let taken = shelf.take().unwrap();
        shelf.settle(&taken);
        assert_eq!(shelf.count(), left);
    }
}

#[tokio::test]
async fn an_old_lock_stays_unknown_when_the_places_were_given_back() {
    let shelf = Shelf::new(Rules { capacity: 10_000, ..RULES });
    let many = |shelf: &Shelf<()>| {
        (0..3000).for_each(|_| assert!(shelf.try_put(item("m")).is_ok()));
        std::iter::from_fn(|| shelf.take()).collect::<Vec<_>>()
    };
    let old = many(&shelf);
    for message in &old {
        assert!(shelf.settle(message).is_some());
    }
    let new = many(&shelf);
    assert!(old.iter().all(|message| shelf.settle(message).is_none()));
    assert!(new.iter().all(|message| shelf.settle(message).is_some()));
}

/// A large message waits in line; smaller ones, for which there would be room, stay behind it.
#[tokio::test(start_paused = true)]
async fn small_messages_do_not_overtake_a_large_one_in_line() {
    let shelf = Shelf::new(BYTES);
    assert!(shelf.try_put(large(200_000)).is_ok());
    shelf.line_up(large(150_000));
    assert!(shelf.try_put(item("small")).is_err(), "one that is refused waits, like all others");
    shelf.line_up(item("behind"));
    let mut put = std::pin::pin!(shelf.put(item("last"), std::future::pending()));
    assert!(futures_util::poll!(&mut put).is_pending());
    let first = shelf.take().unwrap();
    assert!(shelf.take().is_none(), "nothing has room before the one in line");
    assert!(shelf.settle(&first).is_some());
    // The line is empty now, which whoever waits for room must be told.
    assert!(tokio::time::timeout(Duration::from_secs(1), put).await.unwrap().is_ok());
    let sizes: Vec<_> = shelf.peek(10).iter().map(|message| message.payload.len()).collect();
    assert_eq!(sizes, [150_000, "behind".len(), "last".len()]);
}
