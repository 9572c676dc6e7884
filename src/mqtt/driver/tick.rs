//! The clocks of a link at work: what is due now, and when to look again.

use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use super::alive::Due;
use super::drive::Drive;
use crate::mqtt::Lost;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::Transport;

/// How long an answer to UNSUBSCRIBE is awaited where SUBSCRIBE may take for ever: nothing is lost without one, but what is
/// asked for after it waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

impl<P: Protocol, S: Transport> Drive<'_, P, S> {
    /// Looks at the clocks, and sets the timer to when one of them is due next.
    pub(super) fn tick(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), Lost> {
        let answer = self.answer_due(cx, now)?;
        if self.core.ask_denied(now) {
            cx.waker().wake_by_ref();
        }
        if matches!(self.alive.due(now), Due::Ping) && !self.ended {
            self.alive.pinged(now);
            self.encode(P::ping())?;
            self.write(cx, now)?;
        }
        let alive = match self.alive.due(now) {
            Due::Dead(lost) => return Err(lost),
            Due::Later(due) => due,
            Due::Ping => None,
        };
        let (denied, unclaimed) = (self.core.denied.due(), self.core.unclaimed.due());
        let clocks = [alive, answer, self.stop, unclaimed, denied, self.coalesce.until(now)];
        let Some(due) = clocks.into_iter().flatten().min() else { return Ok(()) };
        // The timer is only moved forward in time when it fires: re-arming it every turn would cost more than a turn now
        // and then for nothing.
        if self.timer.deadline() > due {
            self.timer.as_mut().reset(due);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if due <= now {
                cx.waker().wake_by_ref();
                return Ok(());
            }
            self.timer.as_mut().reset(due);
        }
        Ok(())
    }

    /// When an answer to SUBSCRIBE or UNSUBSCRIBE is overdue.
    fn answer_due(&mut self, cx: &Context<'_>, now: Instant) -> Result<Option<Instant>, Lost> {
        if !self.core.registry.is_waiting() {
            self.asked = None;
        }
        let Some(asked) = self.asked else { return Ok(None) };
        let configured = self.core.settings.connect_timeout;
        let limit = if configured.is_zero() { PATIENCE } else { configured };
        if now < asked + limit {
            return Ok(Some(asked + limit));
        }
        if self.core.registry.give_up() {
            self.asked = None;
            self.core.logger.warn(format_args!("the broker did not answer UNSUBSCRIBE; it counts as done"));
            // What was asked for meanwhile can go out now.
            cx.waker().wake_by_ref();
            return Ok(None);
        }
        if configured.is_zero() {
            self.asked = Some(now);
            return Ok(Some(now + limit));
        }
        Err(Lost::NoAnswer { what: "SUBSCRIBE", limit })
    }
}
