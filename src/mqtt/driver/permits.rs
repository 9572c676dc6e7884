//! How much publishers may have in flight: messages in the window, and bytes.
//!
//! Both are given out in the order in which they were asked for. A publisher that is dropped while it waits has sent
//! nothing; the driver gives back what a message held when it is settled.

use crate::mqtt::QoS;
use crate::sync::{Semaphore, SemaphorePermit, TryAcquireError};

/// The room that the publishers of a connection share.
pub(crate) struct Permits {
    window: Semaphore,
    bytes: Semaphore,
    max_window: usize,
    max_bytes: u32,
}

/// What one message holds until it is settled.
pub(crate) struct Permit<'a> {
    window: Option<SemaphorePermit<'a>>,
    bytes: SemaphorePermit<'a>,
    cost: u32,
}

impl Permit<'_> {
    /// Returns how many bytes it holds.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// Forgets the permit, as the message is accepted: the driver gives back what it held.
    pub fn forget(self) {
        if let Some(window) = self.window {
            window.forget();
        }
        self.bytes.forget();
    }
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPermit {
    /// There is no room now.
    Full,
    /// The connection has closed.
    Closed,
}

impl Permits {
    pub fn new(window: u16, bytes: u32) -> Self {
        // Where addresses have 32 bits this is half a gigabyte, which is all that fits.
        let bytes = bytes.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self {
            window: Semaphore::new(usize::from(window)),
            bytes: Semaphore::new(bytes as usize),
            max_window: usize::from(window),
            max_bytes: bytes,
        }
    }

    /// Takes a permit for a message of this size, if there is room now.
    pub fn try_take(&self, qos: QoS, size: usize) -> Result<Permit<'_>, NoPermit> {
        let cost = self.cost(size);
        let refused =
            |error| if error == TryAcquireError::Closed { NoPermit::Closed } else { NoPermit::Full };
        let window = match qos {
            QoS::AtMostOnce => None,
            _ => Some(self.window.try_acquire().map_err(refused)?),
        };
        let bytes = self.bytes.try_acquire_many(cost).map_err(refused)?;
        Ok(Permit { window, bytes, cost })
    }

    /// Waits for a permit for a message of this size. Fails when the connection has closed.
    pub async fn take(&self, qos: QoS, size: usize) -> Result<Permit<'_>, NoPermit> {
        let cost = self.cost(size);
        let window = match qos {
            QoS::AtMostOnce => None,
            _ => Some(self.window.acquire().await.map_err(|_| NoPermit::Closed)?),
        };
        let bytes = self.bytes.acquire_many(cost).await.map_err(|_| NoPermit::Closed)?;
        Ok(Permit { window, bytes, cost })
    }

    /// Gives back what accepted messages held.
    pub fn give_back(&self, window: usize, bytes: usize) {
        if window > 0 {
            self.window.add_permits(window);
        }
        if bytes > 0 {
            self.bytes.add_permits(bytes);
        }
    }

    /// Gives out no more permits.
    pub fn close(&self) {
        self.window.close();
        self.bytes.close();
    }

    /// Returns how many messages of QoS 1 and 2 are accepted and not answered.
    pub fn in_flight(&self) -> usize {
        self.max_window.saturating_sub(self.window.available_permits())
    }

    /// Returns how many bytes accepted messages hold.
    pub fn queued_bytes(&self) -> usize {
        (self.max_bytes as usize).saturating_sub(self.bytes.available_permits())
    }

    /// Returns how many bytes a message takes. One larger than the whole bound takes all of it, alone.
    fn cost(&self, size: usize) -> u32 {
        u32::try_from(size).unwrap_or(u32::MAX).saturating_add(64).min(self.max_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_qos_0_needs_no_window() {
        let permits = Permits::new(1, 300);
        let first = permits.try_take(QoS::AtLeastOnce, 36).unwrap();
        assert_eq!((first.cost(), permits.in_flight(), permits.queued_bytes()), (100, 1, 100));
        first.forget();
        assert_eq!(permits.try_take(QoS::AtLeastOnce, 0).err(), Some(NoPermit::Full));
        assert!(permits.try_take(QoS::AtMostOnce, 36).is_ok());
        assert_eq!(permits.try_take(QoS::AtMostOnce, 1000).err(), Some(NoPermit::Full));
        permits.give_back(1, 100);
        let huge = permits.try_take(QoS::AtLeastOnce, 1000).unwrap();
        assert_eq!(huge.cost(), 300);
        drop(huge);
        permits.close();
        assert_eq!(permits.try_take(QoS::AtMostOnce, 0).err(), Some(NoPermit::Closed));
    }
}
