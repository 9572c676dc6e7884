//! What the container found for the references of one component, while it is being created.

use std::sync::Arc;

use super::{AnyArc, Capability, Offer};
use crate::log::Scope;

/// Where matches come from: the container's table of created components.
pub trait Matches {
    /// Calls `visit` with each component that reference number `reference` resolved to, in manifest order.
    fn each(&self, reference: usize, visit: &mut dyn FnMut(&dyn Offer, AnyArc));
}

/// What binds a late slot: once every component has been created, and again when one that it found was created anew.
pub struct Deferred {
    reference: usize,
    bind: Bind,
}

crate::opaque::opaque!(Deferred);

type Bind = Box<dyn Fn(&dyn Matches) + Send + Sync>;

impl Deferred {
    /// Binds the slot to what there is now; what it was bound to and is not there any more is forgotten.
    pub fn bind(&self, matches: &dyn Matches) {
        (self.bind)(matches);
    }

    /// The number of the reference that it binds.
    #[must_use]
    pub fn reference(&self) -> usize {
        self.reference
    }
}

/// The matches of one component, taken slot by slot in the order of [`References::LIST`](super::References::LIST).
pub struct Found<'a> {
    scope: &'a Arc<Scope>,
    matches: &'a dyn Matches,
    next: usize,
    deferred: Vec<Deferred>,
}

crate::opaque::opaque!(Found<'_>);

impl<'a> Found<'a> {
    /// Starts at the first reference of the component whose scope it is.
    #[must_use]
    pub fn new(scope: &'a Arc<Scope>, matches: &'a dyn Matches) -> Self {
        Self { scope, matches, next: 0, deferred: Vec::new() }
    }

    /// The identity of the component that is being created, as logging knows it.
    #[must_use]
    pub fn scope(&self) -> &Arc<Scope> {
        self.scope
    }

    /// The number of the reference that is taken next.
    #[must_use]
    pub fn position(&self) -> usize {
        self.next
    }

    /// Takes the next reference: all components it resolved to, cast to `D`.
    pub fn take_all<D: Capability + ?Sized>(&mut self) -> Vec<Arc<D>> {
        let reference = self.next;
        self.next += 1;
        cast_all(self.matches, reference)
    }

    /// Takes the next reference: the first component it resolved to, cast to `D`, and how many there are.
    pub(super) fn take_first<D: Capability + ?Sized>(&mut self) -> (Option<Arc<D>>, usize) {
        let reference = self.next;
        self.next += 1;
        let (mut first, mut count) = (None, 0);
        self.matches.each(reference, &mut |offer, component| {
            let mut slot: Option<Arc<D>> = None;
            offer.cast(component, &mut slot);
            count += usize::from(slot.is_some());
            first = first.take().or(slot);
        });
        (first, count)
    }

    /// Takes the next reference late: `bind` gets the components after every creation and before any open. It gets all of them again
    /// whenever one of them was created anew, while the component runs.
    pub fn defer<D: Capability + ?Sized>(&mut self, bind: impl Fn(Vec<Arc<D>>) + Send + Sync + 'static) {
        let reference = self.next;
        self.next += 1;
        let bind: Bind = Box::new(move |matches| bind(cast_all(matches, reference)));
        self.deferred.push(Deferred { reference, bind });
    }

    /// The late slots that were taken; the container binds them, and keeps them to bind them again.
    #[must_use]
    pub fn into_deferred(self) -> Vec<Deferred> {
        self.deferred
    }
}

fn cast_all<D: Capability + ?Sized>(matches: &dyn Matches, reference: usize) -> Vec<Arc<D>> {
    let mut all = Vec::new();
    matches.each(reference, &mut |offer, component| {
        let mut slot: Option<Arc<D>> = None;
        offer.cast(component, &mut slot);
        all.extend(slot);
    });
    all
}
