//! What queues in memory of one name have to agree on.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::messaging::QueueError;
use crate::messaging::shelf::Rules;

/// How a queue behaves for all who use it, and who says so.
pub(super) struct Terms {
    pub(super) rules: Rules,
    pub(super) dead_letter: Option<String>,
    /// The component, as its descriptor.
    pub(super) who: Arc<str>,
}

impl Terms {
    fn values(&self) -> [(&'static str, String); 6] {
        values(&self.rules, self.dead_letter.as_deref())
    }

    /// Whether those who come later want the same.
    pub(super) fn agree(&self, later: &Self, queue: &Arc<str>) -> Result<(), QueueError> {
        let mut differences = String::new();
        for ((key, first), (_, second)) in self.values().into_iter().zip(later.values()) {
            if first != second {
                let and = if differences.is_empty() { "" } else { " and " };
                // Writing to a text does not fail.
                let _ = write!(differences, "{and}`{key}` {second} in place of {first}");
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        let (first, second) = (Arc::clone(&self.who), Arc::clone(&later.who));
        Err(QueueError::Disagree { queue: Arc::clone(queue), first, second, differences: differences.into() })
    }
}

/// What is agreed on, by its key.
pub(super) fn values(rules: &Rules, dead_letter: Option<&str>) -> [(&'static str, String); 6] {
    let Rules { capacity, max_bytes, lock, max_deliveries, delay } = *rules;
    let dead = dead_letter.map_or_else(|| "none".to_owned(), |dead| format!("`{dead}`"));
    [
        ("dead_letter", dead),
        ("options.capacity", capacity.to_string()),
        ("options.max_bytes", max_bytes.to_string()),
        ("options.lock_timeout", format!("{} ms", lock.as_millis())),
        ("options.max_deliveries", max_deliveries.to_string()),
        ("options.redelivery_delay", format!("{} ms", delay.as_millis())),
    ]
}
