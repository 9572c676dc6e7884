//! Listeners whose queues have closed while their connection stays: on a persistent session they keep their subscription, so that what
//! comes meanwhile waits at the broker, unacknowledged.

use std::sync::{Arc, Mutex, PoisonError};

use crate::mqtt::MqttMessageListener;

/// The listeners that were left, until another one takes the place of each.
#[derive(Default)]
pub(crate) struct LeftListeners(Mutex<Vec<Left>>);

struct Left {
    /// In which opening of the connection; what was subscribed in another is gone.
    opening: Option<u64>,
    filter: Box<str>,
    listener: Arc<dyn MqttMessageListener>,
}

impl LeftListeners {
    /// A listener keeps its subscription though it takes nothing any more.
    pub(crate) fn add(&self, opening: Option<u64>, filter: &str, listener: &Arc<dyn MqttMessageListener>) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.retain(|one| {
            one.opening == opening && !(one.is_of(filter) && Arc::ptr_eq(&one.listener, listener))
        });
        left.push(Left { opening, filter: filter.into(), listener: Arc::clone(listener) });
    }

    /// A listener has subscribed to a filter: those that were left there, itself not counted, which are to be unsubscribed.
    pub(crate) fn take(
        &self,
        opening: Option<u64>,
        filter: &str,
        successor: &Arc<dyn MqttMessageListener>,
    ) -> Vec<Arc<dyn MqttMessageListener>> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.retain(|one| one.opening == opening);
        let of_filter: Vec<_> = left.extract_if(.., |one| one.is_of(filter)).collect();
        drop(left);
        let listeners = of_filter.into_iter().map(|one| one.listener);
        listeners.filter(|listener| !Arc::ptr_eq(listener, successor)).collect()
    }
}

impl Left {
    fn is_of(&self, filter: &str) -> bool {
        *self.filter == *filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::MqttMessage;

    fn listener() -> Arc<dyn MqttMessageListener> {
        Arc::new(|_: MqttMessage| std::future::ready(Ok(())))
    }

    #[test]
    fn those_of_the_filter_and_of_this_opening_are_taken_once() {
        let (left, [one, two, three]) = (LeftListeners::default(), [(); 3].map(|()| listener()));
        left.add(Some(1), "a", &one);
        left.add(Some(2), "a", &one);
        left.add(Some(2), "a", &one);
        left.add(Some(2), "b", &two);
        let taken = left.take(Some(2), "a", &three);
        assert!(taken.len() == 1 && Arc::ptr_eq(&taken[0], &one));
        assert!(left.take(Some(2), "a", &three).is_empty());
        assert!(left.take(Some(2), "b", &two).is_empty(), "it has opened again itself");
        left.add(Some(2), "b", &two);
        assert!(left.take(Some(3), "b", &three).is_empty());
    }
}
