//! [`Cancellation`]: said once, heard by all.

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::cancellation::Cancellation;

/// Whoever waits ends, whenever the word comes.
pub fn whoever_waits_hears_of_it() {
    crate::model(|| {
        let cancellation = Arc::new(Cancellation::default());
        let waiting = [(); 2].map(|()| {
            let cancellation = Arc::clone(&cancellation);
            thread::spawn(move || block_on(cancellation.cancelled()))
        });
        cancellation.cancel();
        waiting.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// What was written before the word is there for whoever has seen it.
pub fn what_was_written_before_is_seen() {
    crate::model(|| {
        let shared = Arc::new((Cancellation::default(), AtomicUsize::new(0)));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            if other.0.is_cancelled() {
                assert_eq!(other.1.load(Ordering::Relaxed), 7);
            }
        });
        shared.1.store(7, Ordering::Relaxed);
        shared.0.cancel();
        thread.join().unwrap();
    });
}
