//! The listener that tells systemd.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::progress::{Next, Progress};
use super::socket::NotifySocket;
use super::watchdog;
use crate::run::{Event, Listener};

/// The systemd that has started the process.
pub(crate) struct Systemd {
    socket: NotifySocket,
    reports: Arc<Reports>,
    /// How often it is told that the workers are alive.
    watchdog: Option<Duration>,
}

/// What has happened, for the task that tells of it.
struct Reports {
    progress: Mutex<Progress>,
    news: Notify,
}

impl Systemd {
    /// The one that the environment names, to be told of a service with so many components; nothing where there is none.
    pub fn from_environment(components: usize) -> Option<Self> {
        let socket = NotifySocket::from_environment()?;
        let reports = Reports { progress: Mutex::new(Progress::new(components)), news: Notify::new() };
        let watchdog = watchdog::interval_from_environment();
        Some(Self { socket, reports: Arc::new(reports), watchdog })
    }

    /// Whom the container tells what happens.
    pub fn listener(&self) -> Arc<dyn Listener> {
        Arc::clone(&self.reports) as Arc<dyn Listener>
    }

    /// Tells what happens while the service runs, and at last what has happened. It is awaited on the control runtime; `workers` is the
    /// one that the watchdog asks.
    pub async fn tell_while<T>(&self, workers: &Handle, served: impl Future<Output = T>) -> T {
        let served = tokio::select! {
            biased;
            never = self.tell() => match never {},
            never = self.feed_watchdog(workers) => match never {},
            served = served => served,
        };
        let last = self.reports.lock().last(Instant::now());
        if let Next::Send(lines) = last {
            self.socket.send(&lines).await;
        }
        served
    }

    async fn tell(&self) -> Infallible {
        loop {
            let next = self.reports.lock().next(Instant::now());
            match next {
                Next::Send(lines) => self.socket.send(&lines).await,
                Next::Nothing => self.reports.news.notified().await,
                Next::At(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = self.reports.news.notified() => {}
                },
            }
        }
    }

    /// Tells that the service is alive whenever the workers have answered: a task of theirs has run. One that comes late is told late, and
    /// none where each of their threads is blocked.
    async fn feed_watchdog(&self, workers: &Handle) -> Infallible {
        let Some(every) = self.watchdog else { return std::future::pending().await };
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if workers.spawn(async {}).await.is_ok() {
                self.socket.send("WATCHDOG=1").await;
            }
        }
    }
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Reports {
    fn on(&self, event: &Event<'_>) {
        self.lock().note(event, Instant::now());
        self.news.notify_one();
    }
}
