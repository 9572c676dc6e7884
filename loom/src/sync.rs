//! The types of the library's `crate::sync`, on those of `loom`. What `tokio` and `futures` have beside `std` is here in its
//! contract, over a mutex: their own tests with `loom` prove that they keep it.

use std::collections::VecDeque;
use std::task::{Poll, Waker};

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use loom::sync::{Mutex, MutexGuard};
pub(crate) use tokio::sync::TryAcquireError;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// Wakes whoever registered last.
pub(crate) struct AtomicWaker(Mutex<Option<Waker>>);

impl AtomicWaker {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn register(&self, waker: &Waker) {
        *lock(&self.0) = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        let waker = lock(&self.0).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Notifies all whose future was made before, or one.
#[derive(Default)]
pub(crate) struct Notify(Mutex<Notices>);

#[derive(Default)]
struct Notices {
    /// How often all were notified.
    all: usize,
    /// Whether one of those to come is notified already.
    one: bool,
    waiting: VecDeque<Waker>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// From this call on it hears of [`Notify::notify_waiters`], polled or not.
    pub(crate) fn notified(&self) -> impl Future<Output = ()> {
        let before = lock(&self.0).all;
        std::future::poll_fn(move |cx| {
            let mut notices = lock(&self.0);
            if notices.all != before || std::mem::take(&mut notices.one) {
                return Poll::Ready(());
            }
            notices.waiting.push_back(cx.waker().clone());
            Poll::Pending
        })
    }

    pub(crate) fn notify_one(&self) {
        let mut notices = lock(&self.0);
        notices.one = true;
        let first = notices.waiting.pop_front();
        drop(notices);
        first.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn notify_waiters(&self) {
        let mut notices = lock(&self.0);
        notices.all += 1;
        let waiting = std::mem::take(&mut notices.waiting);
        drop(notices);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Permits that are waited for. Not in the order of asking, since no test asks for that.
pub(crate) struct Semaphore(Mutex<Permits>);

struct Permits {
    free: usize,
    closed: bool,
    waiting: Vec<Waker>,
}

/// The semaphore is closed.
#[derive(Debug)]
pub(crate) struct AcquireError;

pub(crate) struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl Semaphore {
    pub(crate) const MAX_PERMITS: usize = tokio::sync::Semaphore::MAX_PERMITS;

    pub(crate) fn new(free: usize) -> Self {
        Self(Mutex::new(Permits { free, closed: false, waiting: Vec::new() }))
    }

    pub(crate) fn available_permits(&self) -> usize {
        lock(&self.0).free
    }

    pub(crate) fn add_permits(&self, count: usize) {
        self.change(|permits| permits.free += count);
    }

    pub(crate) fn close(&self) {
        self.change(|permits| permits.closed = true);
    }

    pub(crate) fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    pub(crate) fn try_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.take(&mut lock(&self.0), count as usize)
    }

    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    pub(crate) async fn acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        std::future::poll_fn(|cx| {
            let mut permits = lock(&self.0);
            match self.take(&mut permits, count as usize) {
                Ok(permit) => Poll::Ready(Ok(permit)),
                Err(TryAcquireError::Closed) => Poll::Ready(Err(AcquireError)),
                Err(TryAcquireError::NoPermits) => {
                    permits.waiting.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn take(&self, permits: &mut Permits, count: usize) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        if permits.closed {
            return Err(TryAcquireError::Closed);
        }
        permits.free = permits.free.checked_sub(count).ok_or(TryAcquireError::NoPermits)?;
        Ok(SemaphorePermit { semaphore: self, count })
    }

    fn change(&self, change: impl FnOnce(&mut Permits)) {
        let mut permits = lock(&self.0);
        change(&mut permits);
        let waiting = std::mem::take(&mut permits.waiting);
        drop(permits);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl SemaphorePermit<'_> {
    pub(crate) fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.add_permits(self.count);
        }
    }
}
