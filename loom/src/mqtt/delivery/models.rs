//! [`DeliveryCounts`]: whoever waits for listeners is woken by the last of them.

use std::task::Poll;

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::delivery_counts::DeliveryCounts;
use crate::sync::{AtomicBool, AtomicUsize, AtomicWaker, Ordering};

struct Shared<C> {
    counts: C,
    waker: AtomicWaker,
}

/// The driver waits until nothing is held, while two listeners finish.
pub fn the_last_message_wakes_the_driver() {
    crate::model(|| {
        let shared = Arc::new(Shared { counts: DeliveryCounts::new(), waker: AtomicWaker::new() });
        let listeners = [100, 200].map(|bytes| {
            shared.counts.count_in();
            shared.counts.add_bytes(bytes);
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                if shared.counts.count_out(bytes) {
                    shared.waker.wake();
                }
            })
        });
        shared.counts.watch(true);
        block_on(std::future::poll_fn(|cx| {
            shared.waker.register(cx.waker());
            if shared.counts.messages() == 0 { Poll::Ready(()) } else { Poll::Pending }
        }));
        // Whoever sees the messages fall sees the bytes too.
        assert_eq!(shared.counts.bytes(), 0);
        shared.counts.watch(false);
        assert_eq!(shared.counts.messages(), 0);
        listeners.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// The driver waits for bytes, and the first message that goes is enough.
pub fn the_first_bytes_wake_the_driver() {
    crate::model(|| {
        let shared = Arc::new(Shared { counts: DeliveryCounts::new(), waker: AtomicWaker::new() });
        [50, 100].into_iter().for_each(|bytes| {
            shared.counts.count_in();
            shared.counts.add_bytes(bytes);
        });
        let other = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            if other.counts.count_out(100) {
                other.waker.wake();
            }
        });
        shared.counts.watch(true);
        block_on(std::future::poll_fn(|cx| {
            shared.waker.register(cx.waker());
            if shared.counts.bytes() <= 50 { Poll::Ready(()) } else { Poll::Pending }
        }));
        listener.join().unwrap();
        assert_eq!(shared.counts.messages(), 1);
    });
}

/// Count and "watched" in two words, as they once were: the model must find the wake-up that is lost.
pub fn two_words_lose_a_wake_up() {
    #[derive(Default)]
    struct TwoWords {
        messages: AtomicUsize,
        watched: AtomicBool,
    }
    crate::model(|| {
        let shared = Arc::new(Shared { counts: TwoWords::default(), waker: AtomicWaker::new() });
        shared.counts.messages.store(1, Ordering::Release);
        let other = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            other.counts.messages.fetch_sub(1, Ordering::AcqRel);
            if other.counts.watched.load(Ordering::Acquire) {
                other.waker.wake();
            }
        });
        shared.counts.watched.store(true, Ordering::Release);
        block_on(std::future::poll_fn(|cx| {
            shared.waker.register(cx.waker());
            if shared.counts.messages.load(Ordering::Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
        }));
        listener.join().unwrap();
    });
}
