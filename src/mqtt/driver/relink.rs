//! From one link to the next: what goes with a link, what waits for another, and what that may know of it.

use tokio::time::Instant;

use super::core::Core;
use super::refusal::RefusalText;
use crate::connect::Endpoint;
use crate::mqtt::protocol::{Limits, Publish};
use crate::mqtt::{Lost, MqttError};

impl Core {
    /// The link is gone.
    pub(super) fn lost(&mut self, reason: &Lost) {
        self.down = Some(reason.clone());
        self.inbox.set_up(false);
        self.incoming.lost();
        self.gauges.forget();
        self.refusals_said = false;
        self.leave_unclaimed();
        self.blame_filters(reason, Instant::now());
        self.blame(reason);
        for (_, waiter) in self.outgoing.lost() {
            self.settle(waiter, Err(MqttError::Down(reason.clone())));
        }
        self.give_back();
    }

    /// Whether no broker has said welcome yet.
    pub(super) fn is_new(&self) -> bool {
        self.new
    }

    /// The link was left in good order for another one: what waits goes there.
    pub(super) fn moved(&mut self) {
        self.denied.link_ends();
        self.incoming.lost();
        self.gauges.forget();
        self.refusals_said = false;
        self.leave_unclaimed();
        self.registry.lost();
        self.outgoing.pause();
        self.give_back();
    }

    /// The broker has welcomed us on a new link.
    pub(super) fn resume(&mut self, at: &Endpoint, session_present: bool, limits: Limits, now: Instant) {
        if std::mem::take(&mut self.new) && session_present {
            self.outgoing.inherit();
        }
        (self.whom, self.limits) = (RefusalText::at(at), limits);
        (self.asked_alone, self.culprit) = (false, false);
        self.take_name();
        self.tell_expiry();
        self.unclaimed.begin(now);
        let unanswered = std::mem::take(&mut self.unanswered);
        let place = self.broker_sessions.welcome(at, session_present, unanswered);
        self.incoming.resume(place.incoming);
        self.registry.resume(place.subscriptions, self.limits.subscription_ids_available, now);
        let proven = session_present && !place.elsewhere;
        for (Publish { topic, .. }, waiter) in self.outgoing.resume(proven, self.limits.receive_maximum) {
            self.settle(waiter, Err(MqttError::SessionLost { topic }));
        }
        if place.elsewhere {
            self.outgoing.inherit();
        }
        self.give_back();
    }
}
