//! Fail-back: replacing a link that works by one to the preferred broker, with nothing in flight.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::connector::Connector;
use super::drive::{Drive, End};
use super::inbox::Inbox;
use super::settings::Settings;
use crate::connect::Endpoint;
use crate::mqtt::protocol::Protocol;
use crate::mqtt::transport::{Transport, dial};

/// Looking for the preferred broker more often would be a load on it.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// How long what is in flight may take when a link is left, also where closing does not wait for it.
const MIN_PATIENCE: Duration = Duration::from_secs(1);

/// How often the interval is doubled at most.
const MAX_DOUBLINGS: u32 = 5;

/// The search for the preferred broker while the link is to another one.
pub(super) struct FailBack {
    preferred: Endpoint,
    interval: Duration,
    /// How often the broker was found and the link was not left for it.
    futile: u32,
}

impl FailBack {
    /// Returns the search for the preferred broker, where the link is to another one. `futile` says how often a link was left
    /// for it, and it did not accept the client.
    pub fn from(endpoint: &Endpoint, connector: &Connector, futile: u32) -> Option<Self> {
        let (preferred, cooldown) = connector.preferred(endpoint)?;
        let interval = backed_off(cooldown.max(MIN_INTERVAL), futile);
        Some(Self { preferred: preferred.clone(), interval, futile: 0 })
    }

    /// Returns the preferred broker.
    pub fn preferred(&self) -> &Endpoint {
        &self.preferred
    }

    /// Waits until something listens at the preferred broker.
    async fn is_back(&self, settings: &Settings) {
        loop {
            sleep(backed_off(self.interval, self.futile)).await;
            // No CONNECT: a broker that is the same behind both addresses would end the link that works.
            let dialled = timeout(settings.connect_limit(), dial(&self.preferred, &settings.tls)).await;
            if matches!(dialled, Ok(Ok(_))) {
                return;
            }
        }
    }
}

/// Returns the interval after so many futile attempts: each takes something from a link that works.
fn backed_off(interval: Duration, futile: u32) -> Duration {
    interval.saturating_mul(2_u32.pow(futile.min(MAX_DOUBLINGS)))
}

/// Works on a link until it ends, a new one is asked for, or the preferred broker is back; in the last two cases until the link
/// can be left with nothing lost.
pub(super) async fn stay<P: Protocol, S: Transport>(
    drive: &mut Drive<'_, P, S>,
    fail_back: &mut Option<FailBack>,
    inbox: &Inbox,
    settings: &Settings,
) -> End {
    let patience = settings.close_timeout.max(MIN_PATIENCE);
    loop {
        let is_back = async {
            match fail_back.as_ref() {
                Some(fail_back) => fail_back.is_back(settings).await,
                None => std::future::pending().await,
            }
        };
        let renew = tokio::select! {
            biased;
            end = drive.run() => return end,
            () = inbox.renewal() => true,
            () = is_back => false,
        };
        let end = if renew { drive.renew(patience).await } else { drive.leave(patience).await };
        if let Some(end) = end {
            return end;
        }
        // Where something is always in flight, to be held up again and again would cost more than the move gains.
        if let Some(fail_back) = fail_back.as_mut().filter(|_| !renew) {
            fail_back.futile += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_a_bound() {
        let second = Duration::from_secs(1);
        let intervals: Vec<u64> = (0..8).map(|futile| backed_off(second, futile).as_secs()).collect();
        assert_eq!(intervals, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(backed_off(Duration::MAX, 3), Duration::MAX);
    }
}
