//! The subscription of a queue, and what the status says of it: receivers request it, and a task of the queue subscribes, again and again where
//! the broker does not answer. So waiting for a message is never longer than was asked, and giving up ends no subscription.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{sleep, timeout};

use super::transport::Transport;
use crate::backoff::Backoff;
use crate::component::{Budget, Status};
use crate::error::{Coded, chain};
use crate::log::Logger;
use crate::mqtt::{MqttClient, MqttError, MqttMessageListener, SubscribeOptions};
use crate::text::clip;
use crate::time::NEVER;
use crate::{Category, Error};

/// The first and the longest wait before the broker is asked again.
const BACKOFF_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What a queue subscribes to, and how far that has come.
pub(super) struct QueueSubscription {
    filter: String,
    options: SubscribeOptions,
    listener: Arc<dyn MqttMessageListener>,
    transport: Transport,
    /// The opening of the connection in which it was granted, from 1; 0 is none.
    granted: AtomicU64,
    /// Held while the broker is asked.
    transition: Mutex<()>,
    /// Somebody wants messages.
    requested: Notify,
    /// Why there will be none, until somebody wants them again.
    refused: watch::Sender<Option<MqttError>>,
    /// Why the attempts so far have failed.
    pending: watch::Sender<Option<MqttError>>,
}

impl QueueSubscription {
    pub fn new(
        filter: String,
        options: SubscribeOptions,
        listener: Arc<dyn MqttMessageListener>,
        transport: Transport,
    ) -> Self {
        Self {
            filter,
            options,
            listener,
            transport,
            granted: AtomicU64::new(0),
            transition: Mutex::new(()),
            requested: Notify::new(),
            refused: watch::Sender::new(None),
            pending: watch::Sender::new(None),
        }
    }

    /// Asks for messages; does not wait. Fails with what has become of the last attempt, once, and as long as the broker does not
    /// grant again what it had granted.
    pub fn request(&self) -> Result<(), Error> {
        if self.is_granted() {
            let denied = self.transport.denied_now(&self.filter);
            return denied.map_or(Ok(()), |denied| Err(self.lost_for_now(denied)));
        }
        let refused = self.refused.send_replace(None);
        self.requested.notify_one();
        refused.map_or(Ok(()), |refused| Err(refused.into()))
    }

    /// Resolves when messages were asked for and cannot be had.
    pub async fn failure(&self) -> Error {
        let mut refused = self.refused.subscribe();
        let refused = async {
            let refused = refused.wait_for(Option::is_some).await.map(|refused| refused.clone());
            // The sender is here, so this cannot fail.
            refused.ok().flatten().unwrap_or(MqttError::NotOpen)
        };
        tokio::select! {
            refused = refused => refused.into(),
            denied = self.transport.denied(&self.filter) => self.lost_for_now(denied),
        }
    }

    /// What was granted before is asked for again, so that a receiver that can wait does, whatever the broker has answered.
    fn lost_for_now(&self, denied: MqttError) -> Error {
        if matches!(denied.category(), Category::NoResponse | Category::InvalidState) {
            return denied.into();
        }
        let message = format!("no messages come for `{}` at present", clip(&self.filter));
        Error::new(Category::NoResponse, denied.code(), message).with_source(Error::from(denied))
    }

    /// Why the attempts so far have failed, to look at and to wait for; it changes with each grant.
    fn pending(&self) -> watch::Receiver<Option<MqttError>> {
        self.pending.subscribe()
    }

    /// Subscribes whenever that is asked for, until it is dropped.
    pub async fn run(&self, name: &str, logger: &Logger) {
        loop {
            self.requested.notified().await;
            let (mut backoff, mut reported) = (Backoff::new(BACKOFF_BOUNDS.0, BACKOFF_BOUNDS.1), false);
            while let Err(error) = self.begin().await {
                self.pending.send_replace(Some(error.clone()));
                if !matches!(error, MqttError::TimedOut { .. } | MqttError::Down(_)) {
                    self.refused.send_replace(Some(error));
                    break;
                }
                if !std::mem::replace(&mut reported, true) {
                    let why = Error::from(error).chain();
                    logger.warn(format_args!(
                        "the queue `{name}` is not subscribed yet, and tries again: {why}"
                    ));
                }
                sleep(backoff.next()).await;
            }
        }
    }

    /// Subscribes, where that is not done.
    pub async fn begin(&self) -> Result<(), MqttError> {
        let _transition = self.transition.lock().await;
        if self.is_granted() {
            return Ok(());
        }
        let not_open = || self.transport.not_open().unwrap_or(MqttError::NotOpen);
        let opening = self.transport.opening().ok_or_else(not_open)?;
        let listener = Arc::clone(&self.listener);
        self.transport.subscribe(&self.filter, self.options, listener).await?;
        self.granted.store(opening, Ordering::Release);
        self.pending.send_replace(None);
        Ok(())
    }

    /// Unsubscribes, where the subscription was granted; something else follows in the same budget. Where the time runs out, the
    /// broker is sent UNSUBSCRIBE all the same, and nobody waits for its answer.
    pub async fn end(&self, budget: Budget) -> Result<(), MqttError> {
        let _transition = self.transition.lock().await;
        let granted = self.is_granted();
        self.granted.store(0, Ordering::Release);
        self.pending.send_replace(None);
        if !granted {
            return Ok(());
        }
        let limit = budget.step(NEVER);
        let taken_back = timeout(limit, self.transport.unsubscribe(&self.filter, &self.listener));
        taken_back.await.unwrap_or(Err(MqttError::TimedOut {
            operation: "unsubscribe",
            limit,
            accepted: true,
        }))
    }

    fn is_granted(&self) -> bool {
        self.transport.opening() == Some(self.granted.load(Ordering::Acquire))
    }

    /// Reports why no messages come, until the subscription is gone. A queue with a connection of its own has one status with it, so that the
    /// connection reports it; else it is reported here.
    pub async fn report_status(&self, set_status: impl Fn(Status)) {
        if self.transport.is_owned() {
            self.report_to_connection().await;
        } else {
            self.report_of_shared_connection(set_status).await;
        }
    }

    /// Tells the connection why the attempts to subscribe have failed so far. What is not granted again it knows itself.
    async fn report_to_connection(&self) {
        let mut pending = self.pending();
        loop {
            let no_messages_reason = pending.borrow_and_update().as_ref().map(|error| self.reason(error));
            self.transport.set_no_messages_reason(no_messages_reason);
            if pending.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sets the status while the broker does not grant the subscription, or has taken it back, and when it is granted again. What becomes
    /// of the link is reported by its connection; a subscription that was not granted on one link is not until it is on another.
    async fn report_of_shared_connection(&self, set_status: impl Fn(Status)) {
        let mut pending = self.pending();
        let mut reported: Option<Arc<str>> = None;
        loop {
            let client = self.transport.client().ok();
            let mut link = client.as_ref().map(|client| (client.handle().denials(), client.state()));
            let no_messages_reason = pending.borrow_and_update().clone();
            let denied = link.as_mut().and_then(|(denied, state)| {
                state.mark_unchanged();
                denied.borrow_and_update().error(&self.filter).cloned()
            });
            match no_messages_reason.or(denied) {
                Some(error) => {
                    let why = self.reason(&error);
                    if reported.as_ref() != Some(&why) {
                        set_status(Status::recovering(Arc::clone(&why)));
                    }
                    reported = Some(why);
                }
                None if reported.is_some() && client.as_ref().is_some_and(MqttClient::is_up) => {
                    reported = None;
                    set_status(Status::Open);
                }
                None => {}
            }
            let changed = async {
                let Some((denied, state)) = &mut link else { return std::future::pending().await };
                let changed = tokio::select! {
                    changed = denied.changed() => changed,
                    changed = state.changed() => changed,
                };
                if changed.is_err() {
                    // The connection has ended; in another opening the queue subscribes anew.
                    std::future::pending().await
                }
            };
            tokio::select! {
                changed = pending.changed() => if changed.is_err() { return },
                () = changed => {}
            }
        }
    }

    fn reason(&self, error: &MqttError) -> Arc<str> {
        format!("no messages come for `{}`: {}", clip(&self.filter), chain(error)).into()
    }
}
