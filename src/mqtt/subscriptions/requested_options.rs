//! The options with which filters are requested, beside the QoS.
//!
//! Where each filter is requested by itself, they are those of its listeners. Without subscription identifiers a filter may
//! stand for others. Then it is requested with all retained messages, of which each listener gets those that it wants; without
//! the retain flag as published, since retained messages are known by the flag there; and without messages of this client's own
//! only where nobody under it wants them.

use std::collections::HashMap;

use crate::mqtt::topic::{Cover, Filter};
use crate::mqtt::{QoS, SubscribeOptions};

/// The options of filters that have others than the default.
#[derive(Default)]
pub(super) struct RequestedOptions(HashMap<Filter, SubscribeOptions>);

impl RequestedOptions {
    /// Sets the options of one filter.
    pub fn set(&mut self, filter: &Filter, options: SubscribeOptions) {
        if options.needs_version_5() {
            self.0.insert(filter.clone(), options);
        } else {
            self.0.remove(filter);
        }
    }

    /// Sets the options of all filters. Listeners of one filter may differ in the retained messages that they want: those that any
    /// of them wants are requested.
    pub fn set_all<'a>(&mut self, all: impl Iterator<Item = (&'a Filter, SubscribeOptions)>) {
        let mut together: HashMap<&Filter, SubscribeOptions> = HashMap::new();
        for (filter, options) in all {
            let known = together.entry(filter).or_insert(options);
            known.retain_handling = known.retain_handling.min(options.retain_handling);
        }
        self.0.clear();
        together.into_iter().for_each(|(filter, options)| self.set(filter, options));
    }

    /// The options of a filter that is requested by itself.
    pub fn of(&self, filter: &Filter, qos: QoS) -> SubscribeOptions {
        SubscribeOptions { qos, ..self.0.get(filter).copied().unwrap_or_default() }
    }

    /// The options of a filter that stands for all that it covers.
    pub fn of_cover(&self, filter: &Filter, qos: QoS, cover: &Cover<QoS>) -> SubscribeOptions {
        let no_local = |filter: &Filter| self.0.get(filter).is_some_and(|one| one.no_local);
        let no_local = no_local(filter) && cover.covered(filter).all(no_local);
        SubscribeOptions { qos, no_local, ..SubscribeOptions::default() }
    }

    /// Nobody listens to a filter any more.
    pub fn forget(&mut self, filter: &Filter) {
        self.0.remove(filter);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
