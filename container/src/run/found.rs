//! The created components, as the references of one of them see them.

use std::any::TypeId;
use std::sync::Arc;

use wirework::component::{AnyArc, Instance, Matches, Offer};
use wirework::count::CounterSink;

use super::sections::Sections;

/// The created components, as the references of `asker` see them.
pub(super) struct Table<'a> {
    pub sections: &'a Sections,
    /// By position.
    pub instances: &'a [Option<Arc<dyn Instance>>],
    pub asker: u32,
    /// Those that are shown all counters beside the sinks that were found.
    pub observers: &'a [u32],
}

impl Matches for Table<'_> {
    fn each(&self, reference: usize, visit: &mut dyn FnMut(&dyn Offer, AnyArc)) {
        let Some(kept) = self.sections.get(self.asker) else { return };
        let Some(wanted) = kept.known().and_then(|known| known.references.get(reference)) else { return };
        let Some(resolved) = kept.references().get(reference) else { return };
        let counts = wanted.id == TypeId::of::<dyn CounterSink>();
        let found = |member: &&u32| resolved.list.binary_search(member).is_ok();
        let beside =
            self.observers.iter().filter(|member| counts && !found(member) && **member != self.asker);
        for member in kept.members(reference, self.asker).chain(beside.copied()) {
            let known = self.sections.get(member).and_then(|member| member.known());
            let instance = self.instances.get(member as usize).and_then(Option::as_ref);
            // One that could not be created is left out; who requires it has failed already.
            if let Some((offer, instance)) = known.and_then(|known| known.offer(wanted.id)).zip(instance) {
                visit(offer, Arc::clone(instance) as AnyArc);
            }
        }
    }
}
