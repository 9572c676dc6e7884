//! What filters are asked for with beside the QoS.

use super::Wire;
use crate::mqtt::SubscribeOptions;
use crate::mqtt::topic::Filter;

impl<W> Wire<W> {
    /// What is to be asked for this filter, beside the QoS.
    pub(in crate::mqtt::subscriptions) fn prefer(&mut self, filter: &Filter, options: SubscribeOptions) {
        if options.needs_version_5() {
            self.options.insert(filter.clone(), options);
        } else {
            self.options.remove(filter);
        }
    }

    /// Nobody listens to this filter any more.
    pub(in crate::mqtt::subscriptions) fn forget_options(&mut self, filter: &Filter) {
        self.options.remove(filter);
    }

    /// What covers this filter has to bring everything that the filter is asked for with.
    pub(super) fn weaken(&mut self, filter: &Filter) {
        let flags = |one: Option<&SubscribeOptions>| one.map(|one| (one.no_local, one.retain_as_published));
        for (covering, _) in self.cover.covering(filter) {
            if covering != *filter && flags(self.options.get(&covering)) != flags(self.options.get(filter)) {
                self.options.remove(&covering);
            }
        }
    }
}
