//! The instances of a service's components, for whoever asks for one while others open, close or restart.

use std::any::TypeId;
use std::sync::{Arc, PoisonError, RwLock};

use wirework::component::{AnyArc, Capability, Instance};

use super::sections::Sections;

/// The instances, by position; nothing where one could not be created.
pub(super) struct Instances {
    sections: Arc<Sections>,
    all: RwLock<Vec<Option<Arc<dyn Instance>>>>,
}

impl Instances {
    pub fn new(sections: Arc<Sections>, all: Vec<Option<Arc<dyn Instance>>>) -> Self {
        Self { sections, all: RwLock::new(all) }
    }

    /// The instance at a position.
    pub fn get(&self, position: u32) -> Option<Arc<dyn Instance>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(position as usize)?.clone()
    }

    /// The instance at a position by a capability, if it offers that.
    pub fn cast<D: Capability + ?Sized>(&self, position: u32) -> Option<Arc<D>> {
        let offer = self.sections.get(position)?.known()?.offer(TypeId::of::<D>())?;
        let mut slot: Option<Arc<D>> = None;
        offer.cast(self.get(position)? as AnyArc, &mut slot);
        slot
    }

    /// All of them as they are now.
    pub fn all(&self) -> Vec<Option<Arc<dyn Instance>>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts one in the place of its predecessor, which is returned.
    pub fn replace(&self, position: u32, instance: Option<Arc<dyn Instance>>) -> Option<Arc<dyn Instance>> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.get_mut(position as usize).and_then(|place| std::mem::replace(place, instance))
    }
}
