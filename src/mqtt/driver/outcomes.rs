//! What becomes of subscriptions: those who wait for it are answered; where nobody waits any more, it is logged and recorded.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::denied::Denied;
use super::refusal::RefusalText;
use super::settings::Settings;
use crate::log::Logger;
use crate::mqtt::subscriptions::{Cause, Outcome, Recheck, Registry};
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, QoS};
use crate::text::{clip, duration};

/// Tells a subscriber what the broker has granted.
pub(super) type Grant = oneshot::Sender<Result<QoS, MqttError>>;

/// Reports the outcomes of subscriptions.
pub(super) struct Outcomes {
    settings: Arc<Settings>,
    logger: Logger,
    /// Filters that the broker had granted, and does not grant any more.
    denied: Denied,
    refusal: RefusalText,
}

impl Outcomes {
    pub fn new(settings: Arc<Settings>, denied: Denied, logger: Logger) -> Self {
        Self { settings, logger, denied, refusal: RefusalText::default() }
    }

    /// Reports outcomes in their order. The broker may have given a `reason`.
    pub fn report(
        &mut self,
        outcomes: Vec<Outcome<Grant>>,
        registry: &Registry<Grant>,
        reason: Option<&str>,
        now: Instant,
    ) {
        outcomes.into_iter().for_each(|outcome| self.report_one(outcome, registry, reason, now));
    }

    fn report_one(
        &mut self,
        outcome: Outcome<Grant>,
        registry: &Registry<Grant>,
        reason: Option<&str>,
        now: Instant,
    ) {
        // The subscriber may have gone. A granted subscription stays until it is unsubscribed from.
        match outcome {
            Outcome::Granted { waiter, code } => {
                let _ = waiter.send(Ok(QoS::from_number(code).unwrap_or_default()));
            }
            Outcome::Refused { waiter, filter, code } => {
                let error = match poison_error(registry, &filter) {
                    Some((error, _)) => error,
                    None => {
                        let (filter, reason) = (filter.as_str().into(), self.reason(code, reason));
                        MqttError::SubscriptionRefused { filter, code, reason }
                    }
                };
                let _ = waiter.send(Err(error));
            }
            Outcome::Unanswered { waiter, filter } => {
                let (filter, limit) = (filter.as_str().into(), self.settings.connect_timeout);
                let _ = waiter.send(Err(MqttError::SubscribeUnanswered { filter, limit }));
            }
            Outcome::NotTakenBack { filter } => self.logger.warn(format_args!(
                "the MQTT broker does not answer UNSUBSCRIBE of `{}`, or ends the link for it; it counts as done",
                clip(filter.as_str())
            )),
            Outcome::TakenBack { filter, code } => match poison_error(registry, &filter) {
                Some((error, wait)) => {
                    let wait = duration(Duration::from_secs(wait.as_secs()));
                    self.logger.error(
                        Some(&error),
                        format_args!("a subscription is given up for now and asked for again in {wait}"),
                    );
                    self.denied.quarantined(&filter, error);
                }
                None => self.refused(&filter, code, reason, now),
            },
        }
    }

    /// The broker refuses a filter that it had granted.
    fn refused(&mut self, filter: &Filter, code: u8, reason: Option<&str>, now: Instant) {
        let (name, reason) = (filter.as_str().into(), self.reason(code, reason));
        let error = MqttError::SubscriptionLost { filter: name, code, reason };
        if self.denied.refused(filter, &error, now) {
            self.logger.error(Some(&error), format_args!("a subscription did not come back"));
        }
    }

    /// Returns what the code for a filter means.
    fn reason(&self, code: u8, reason: Option<&str>) -> Arc<str> {
        self.refusal.of_filter(self.settings.version, code, reason)
    }

    /// Looks again at denied filters of which the broker has granted something, or which nobody listens to any more. Returns
    /// whether others have come up that are to be asked for.
    pub fn review(&mut self, registry: &mut Registry<Grant>) -> bool {
        let denied = &mut self.denied;
        match registry.recheck() {
            Recheck::Nothing => return false,
            Recheck::These(filters) => {
                let granted = filters.iter().filter(|filter| !registry.is_missing(filter));
                granted.for_each(|filter| denied.remove(filter));
                return false;
            }
            Recheck::All => denied.retain(|filter| registry.is_missing(filter)),
        }
        // What came through a wider filter misses it now.
        let missing = registry.missing().filter(|filter| !denied.has(filter));
        let missing: Vec<Filter> = missing.cloned().collect();
        let mut ask = false;
        for filter in missing {
            match poison_error(registry, &filter) {
                Some((error, _)) => denied.quarantined(&filter, error),
                None => ask = true,
            }
        }
        ask
    }

    /// Whether refused filters are to be asked for again now.
    pub fn denied_come_due(&mut self, now: Instant) -> bool {
        self.denied.comes_due(now)
    }

    /// Returns when refused filters are to be asked for again.
    pub fn denied_due(&self) -> Option<Instant> {
        self.denied.due()
    }

    /// Returns the filters that no messages come for.
    pub fn missing(&mut self) -> Arc<[Arc<str>]> {
        self.denied.names()
    }

    /// Returns those filters where they have changed. Before all is `settled`, only where many have.
    pub fn changed_missing(&mut self, settled: bool) -> Option<Arc<[Arc<str>]>> {
        self.denied.is_news(settled).then(|| self.denied.names())
    }

    /// Forgets refusals, as the link has ended: the next one may grant what this one did not.
    pub fn forget_refusals(&mut self) {
        self.denied.link_ends();
    }

    /// Explains refusals by the broker of this link.
    pub fn refusal(&self) -> &RefusalText {
        &self.refusal
    }

    /// From now on explains refusals by the broker of a new link.
    pub fn set_refusal(&mut self, refusal: RefusalText) {
        self.refusal = refusal;
    }
}

/// Returns why a filter is not asked for, and for how long, where that is so.
fn poison_error(registry: &Registry<Grant>, filter: &Filter) -> Option<(MqttError, Duration)> {
    let (cause, wait) = registry.cause(filter)?;
    let name = filter.as_str().into();
    let error = match cause {
        Cause::EndsLinks { links, last } => MqttError::SubscribeEndsLinks { filter: name, links, last },
        Cause::Unanswered(limit) => MqttError::SubscribeUnanswered { filter: name, limit },
    };
    Some((error, wait))
}
