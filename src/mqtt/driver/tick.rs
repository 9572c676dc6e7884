//! The clocks of a link at work: what is due now, and when to look again.

use std::task::Context;

use tokio::time::Instant;

use super::drive::Drive;
use super::keep_alive::Due;
use crate::mqtt::Lost;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::Transport;

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
        // Nothing is asked for any more on a link that is being left.
        let rested = self.core.registry.poison_due().filter(|_| !self.leaving && !self.ended);
        let filters = rested.into_iter().chain(self.trial_due(now)).min();
        let clocks = [alive, answer, filters, self.stop, unclaimed, denied, self.read_pause.until(now)];
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
}
