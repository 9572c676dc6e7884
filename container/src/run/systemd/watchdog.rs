//! systemd's watchdog: how often it wants to hear that the service is alive.

use std::time::Duration;

use wirework::environment::variable;
use wirework::text::escape;

use crate::run::LOG;

/// The variable with the time in microseconds after which systemd takes the service for dead.
const TIME: &str = "WATCHDOG_USEC";

/// The variable with the process that is watched; every one where it is not set.
const PROCESS: &str = "WATCHDOG_PID";

/// How often to tell systemd that the service is alive: at half of the time that the environment sets. Nothing where it sets none, sets
/// it for another process, or, after a warning, sets what is no time.
pub(super) fn interval_from_environment() -> Option<Duration> {
    let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
    let time = text(TIME)?;
    if text(PROCESS).is_some_and(|watched| watched != std::process::id().to_string()) {
        return None;
    }
    let interval = interval(&time);
    if interval.is_none() {
        let shown = escape(&time);
        tracing::warn!(
            target: LOG,
            "{TIME} is `{shown}`, but expected are microseconds, more than 1; systemd's watchdog is told nothing"
        );
    }
    interval
}

/// Half of a time in microseconds.
fn interval(time: &str) -> Option<Duration> {
    let half = time.parse::<u64>().ok()? / 2;
    (half > 0).then_some(Duration::from_micros(half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_time() {
        assert_eq!(interval("30000000"), Some(Duration::from_secs(15)));
        assert_eq!(interval("2"), Some(Duration::from_micros(1)));
        for bad in ["0", "1", "-2", "30s", "", "99999999999999999999"] {
            assert_eq!(interval(bad), None, "{bad}");
        }
    }
}
