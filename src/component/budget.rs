//! How the time that a call has is shared out among its steps.

use std::time::Duration;

use tokio::time::Instant;

/// The time that a call has left, shared out among its steps; see [`Context::budget`](super::Context::budget).
///
/// A call that waits for one thing after the other must not spend its whole time on the first. Each step waits for
/// its own limit, but no longer than half of the time that is left then; the last step takes four fifths, and the rest is
/// for coming to the end. What a step does not use is left to those after it. Without a deadline each step has its whole
/// limit.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use std::time::Duration;
/// use tokio::time::Instant;
/// use wirework::component::Budget;
///
/// let seconds = Duration::from_secs;
/// let budget = Budget::until(Instant::now() + seconds(10));
/// assert_eq!(budget.step(seconds(3)), seconds(3));
/// assert_eq!(budget.step(seconds(30)), seconds(5));
/// assert_eq!(budget.last_step(seconds(30)), seconds(8));
/// assert_eq!(Budget::unlimited().step(seconds(30)), seconds(30));
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    deadline: Option<Instant>,
}

impl Budget {
    /// Without a deadline: each step has its whole limit.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// All steps together end before `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline) }
    }

    /// What a context has as its deadline, if any.
    pub(super) fn of(deadline: Option<Instant>) -> Self {
        Self { deadline }
    }

    /// How long a step may wait that others follow: `limit`, and at most half of the time that is left.
    #[must_use]
    pub fn step(&self, limit: Duration) -> Duration {
        self.left().map_or(limit, |left| limit.min(left / 2))
    }

    /// How long the last step may wait: `limit`, and at most four fifths of the time that is left.
    #[must_use]
    pub fn last_step(&self, limit: Duration) -> Duration {
        self.left().map_or(limit, |left| limit.min(left / 5 * 4))
    }

    /// How much time is left; none without a deadline.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many steps use all that they may, the last still has time, and all end before the deadline.
    #[tokio::test(start_paused = true)]
    async fn steps_that_use_all_they_may_leave_time_to_the_others() {
        let (begun, all) = (Instant::now(), Duration::from_secs(8));
        let budget = Budget::until(begun + all);
        for expected in [4, 2, 1] {
            let step = budget.step(Duration::MAX);
            assert_eq!(step, Duration::from_secs(expected));
            tokio::time::sleep(step).await;
        }
        assert_eq!(budget.last_step(Duration::MAX), Duration::from_millis(800));
        tokio::time::sleep(all).await;
        assert_eq!((budget.step(all), budget.last_step(all)), (Duration::ZERO, Duration::ZERO));
    }
}
