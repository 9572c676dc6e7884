//! What filters are asked for with beside the QoS.
//!
//! Where every filter stands for itself, that is what its listeners say. Without identifiers a filter may stand for others:
//! then it is asked for everything that is kept, of which each listener gets what it wants; without the retain flag as
//! published, as that is how kept messages are known there; and without messages of this client's own only where nobody
//! under it wants them.

use std::collections::HashMap;

use super::Wire;
use crate::mqtt::topic::Filter;
use crate::mqtt::{QoS, SubscribeOptions};

impl<W> Wire<W> {
    /// What is to be asked for this filter, beside the QoS.
    pub fn prefer(&mut self, filter: &Filter, options: SubscribeOptions) {
        if options.needs_version_5() {
            self.options.insert(filter.clone(), options);
        } else {
            self.options.remove(filter);
        }
    }

    /// What is to be asked for each filter, where all are asked for at once. Listeners of one filter may differ in which kept
    /// messages they want: it is asked for what all of them do.
    pub fn prefer_all<'a>(&mut self, all: impl Iterator<Item = (&'a Filter, SubscribeOptions)>) {
        let mut together: HashMap<&Filter, SubscribeOptions> = HashMap::new();
        for (filter, options) in all {
            let known = together.entry(filter).or_insert(options);
            known.retain_handling = known.retain_handling.min(options.retain_handling);
        }
        self.options.clear();
        together.into_iter().for_each(|(filter, options)| self.prefer(filter, options));
    }

    /// With which options a filter goes out.
    pub fn options_of(&self, filter: &Filter, qos: QoS) -> SubscribeOptions {
        let options = self.options.get(filter).copied().unwrap_or_default();
        if self.plain {
            return SubscribeOptions { qos, ..options };
        }
        let no_local = |filter: &Filter| self.options.get(filter).is_some_and(|one| one.no_local);
        let no_local = options.no_local && self.cover.covered(filter).all(no_local);
        SubscribeOptions { qos, no_local, ..SubscribeOptions::default() }
    }

    /// Nobody listens to this filter any more.
    pub fn forget_options(&mut self, filter: &Filter) {
        self.options.remove(filter);
    }
}
