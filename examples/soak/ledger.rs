//! Which numbers have come.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wirework::mqtt::QoS;

/// How many numbers may be behind the highest at a time; more means that they do not come at all.
const MOST: usize = 1_000_000;

/// The numbers of one topic, from 0 on.
pub struct Ledger {
    qos: QoS,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// One more than the highest that has come.
    next: u64,
    /// Those below that have not.
    missing: BTreeSet<u64>,
    /// How often one came that had come before.
    repeated: u64,
    /// How many came after a higher one.
    late: u64,
    unreadable: u64,
}

impl Ledger {
    pub fn new(qos: QoS) -> Self {
        Self { qos, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn arrived(&self, payload: &[u8]) {
        let mut seen = self.seen();
        let Ok(bytes) = payload.try_into() else {
            seen.unreadable += 1;
            return;
        };
        let number = u64::from_be_bytes(bytes);
        if number >= seen.next {
            let skipped = seen.next..number;
            if seen.missing.len() < MOST {
                seen.missing.extend(skipped.take(MOST));
            }
            seen.next = number + 1;
        } else if seen.missing.remove(&number) {
            seen.late += 1;
        } else {
            seen.repeated += 1;
        }
    }

    /// Whether every number below `count` has come.
    pub fn has_all(&self, count: u64) -> bool {
        let seen = self.seen();
        seen.next >= count && seen.missing.is_empty()
    }

    pub fn problem(&self) -> Option<String> {
        let seen = self.seen();
        let name = format!("QoS {}", self.qos as u8);
        if let Some(first) = seen.missing.first() {
            return Some(format!("{name}: {} numbers never came, the first is {first}", seen.missing.len()));
        }
        if self.qos == QoS::ExactlyOnce && seen.repeated > 0 {
            return Some(format!("{name}: {} came more than once", seen.repeated));
        }
        (seen.unreadable > 0).then(|| format!("{name}: {} payloads are no numbers", seen.unreadable))
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { next, missing, repeated, late, .. } = &*self.seen();
        let (qos, missing) = (self.qos as u8, missing.len());
        write!(f, "QoS {qos}: {next} numbers, {missing} missing, {repeated} repeated, {late} out of order")
    }
}
