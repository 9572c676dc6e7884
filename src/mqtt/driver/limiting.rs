//! What a broker does not permit fails alone, and the link goes on.

use std::sync::Arc;

use tokio::time::Instant;

use super::LinkState;
use super::core::{Core, Grant, Waiter};
use crate::mqtt::protocol::{Publish, Unfit};
use crate::mqtt::subscriptions::{Outcome, Recheck};
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, QoS};
use crate::text::clip;

/// What stands beside the reason of a refusal that the broker did not even have to speak.
const ANNOUNCED: &str = "it said so when it admitted the client";

impl Core {
    /// A message cannot be sent on this link.
    pub(super) fn unfit(&mut self, publish: Publish, waiter: Waiter, why: Unfit) {
        let topic = publish.topic;
        let error = match why {
            Unfit::TooLarge { size, max } => MqttError::TooLarge { topic, size, max },
            Unfit::Expired => MqttError::Expired { topic },
            Unfit::Retained => {
                MqttError::Unsupported { what: "a retained message", why: "the broker keeps no messages" }
            }
            Unfit::Qos(QoS::AtMostOnce) => {
                MqttError::Unsupported { what: "QoS 1 or 2", why: "the broker takes messages of QoS 0 only" }
            }
            Unfit::Qos(_) => {
                MqttError::Unsupported { what: "QoS 2", why: "the broker takes messages of QoS 0 and 1 only" }
            }
        };
        self.settle(waiter, Err(error));
    }

    /// Takes out filters that rest, since links have ended on them, and asks for those that have rested.
    pub(super) fn rest_filters(&mut self, now: Instant) {
        self.registry.release_poison(now);
        let resting = self.registry.refuse_poison();
        self.refused(resting, None, now);
    }

    /// Refuses filters of the next packet that the broker of this link has said it does not take. `alone` says that a filter
    /// which may end the link can go out.
    pub(super) fn refuse_filters(&mut self, alone: bool, now: Instant) {
        let unfit = self.registry.refuse_unsupported(&self.limits, alone, now);
        if !unfit.is_empty() {
            self.refused(unfit, Some(ANNOUNCED), now);
            // What they covered is asked for in their place.
            self.rest_filters(now);
        }
    }

    fn refused(&mut self, outcomes: Vec<Outcome<Grant>>, said: Option<&str>, now: Instant) {
        outcomes.into_iter().for_each(|outcome| self.answer(outcome, said, now));
        let left = self.registry.take_undelivered();
        self.keep(left);
    }

    /// What the code for a filter means.
    fn filter_reason(&self, code: u8, said: Option<&str>) -> Arc<str> {
        self.whom.filter_reason(self.settings.version, code, said)
    }

    /// Passes on what became of a subscription.
    pub(super) fn answer(&mut self, outcome: Outcome<Grant>, said: Option<&str>, now: Instant) {
        let refused = |filter: &Filter, code| {
            let (filter, reason) = (filter.as_str().into(), self.filter_reason(code, said));
            MqttError::SubscriptionRefused { filter, code, reason }
        };
        match outcome {
            Outcome::Granted { waiter, code } => {
                // The subscriber may have gone; the subscription stays until it is taken back.
                let _ = waiter.send(Ok(QoS::from_number(code).unwrap_or_default()));
            }
            Outcome::Refused { waiter, filter, code } => {
                let error = self.poisoned(&filter).map_or_else(|| refused(&filter, code), |(error, _)| error);
                // The subscriber may have gone; then nothing is left to be told.
                let _ = waiter.send(Err(error));
            }
            Outcome::Unanswered { waiter, filter } => {
                let _ = waiter.send(Err(self.unanswered(&filter)));
            }
            Outcome::NotTakenBack { filter } => self.not_taken_back(&filter),
            Outcome::TakenBack { filter, code } => match self.poisoned(&filter) {
                Some((error, wait)) => {
                    self.logger.error(
                        Some(&error),
                        format_args!(
                            "a subscription is given up for now and asked for again in {} s",
                            wait.as_secs()
                        ),
                    );
                    self.denied.rests(&filter, error);
                }
                None => {
                    let (name, reason) = (filter.as_str().into(), self.filter_reason(code, said));
                    let error = MqttError::SubscriptionLost { filter: name, code, reason };
                    if self.denied.refused(&filter, &error, now) {
                        self.logger.error(Some(&error), format_args!("a subscription did not come back"));
                    }
                }
            },
        }
    }

    /// Looks again at filters of which the broker has granted something, or which nobody listens to any more.
    pub(super) fn review_denied(&mut self) {
        let Self { registry, denied, .. } = self;
        match registry.recheck() {
            Recheck::Nothing => return,
            Recheck::These(filters) => {
                let granted = filters.iter().filter(|filter| !registry.is_missing(filter));
                granted.for_each(|filter| denied.remove(filter));
                return;
            }
            Recheck::All => denied.retain(|filter| registry.is_missing(filter)),
        }
        // What came through a wider filter misses it now.
        let missing = registry.missing().filter(|filter| !denied.has(filter));
        let missing: Vec<Filter> = missing.cloned().collect();
        let mut ask = false;
        for filter in missing {
            match self.poisoned(&filter) {
                Some((error, _)) => self.denied.rests(&filter, error),
                None => ask = true,
            }
        }
        if ask {
            self.registry.request_suspended(Instant::now());
            self.intake.wake();
        }
    }

    /// Tells which filters no messages come for, where those have changed while the link is up. While answers to many come in
    /// one by one, now and then is enough.
    pub(super) fn tell_missing(&mut self) {
        if !self.denied.is_news(self.registry.is_restored()) {
            return;
        }
        let now = self.denied.names();
        self.state.send_if_modified(|state| match state {
            LinkState::Up { missing, .. } => {
                *missing = now;
                true
            }
            _ => false,
        });
    }

    /// Goes by the client id that the broker has assigned, so that the next link finds the session of this one.
    pub(super) fn take_name(&mut self) {
        let Some(assigned) = self.limits.assigned_client_id.take() else { return };
        if self.settings.client_id.assign(assigned) {
            let assigned = clip(self.settings.client_id.get());
            self.logger.info(format_args!("The MQTT broker knows this client as `{assigned}`"));
        }
    }

    /// Says so where the broker keeps the session for a shorter time than it was asked to.
    pub(super) fn tell_expiry(&self) {
        let asked = self.settings.session_expiry;
        if let Some(kept) = self.limits.session_expiry.filter(|kept| *kept < asked) {
            self.logger.warn(format_args!(
                "the broker keeps the session for {kept} s after the connection is lost, not as long as it was asked to"
            ));
        }
    }
}
