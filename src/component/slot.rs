//! The field types of a reference struct.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::{Capability, Found};
use crate::error::{Category, Error};

/// How many components a reference takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// Exactly one; none is an error, two are an error.
    One,
    /// One or none; two are an error.
    Optional,
    /// All, in manifest order; none is fine.
    Many,
    /// All, bound after every creation and before any open, and again when one was created anew; makes no ordering edge.
    Late,
}

impl Cardinality {
    /// The word that `describe` shows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Optional => "optional",
            Self::Many => "all",
            Self::Late => "all, late",
        }
    }
}

/// A field type that can hold what a reference resolved to; it sets how many components the reference takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold what a reference resolves to",
    label = "not the type of a reference",
    note = "the type says how many components it takes: `Arc<dyn T>`, `Option<Arc<dyn T>>`, `Vec<Arc<dyn T>>` or `Late<dyn T>`; \
            `Logger`, `Counters` and `Tracer` are handles"
)]
pub trait Slot: Sized {
    /// What is asked for.
    type Capability: Capability + ?Sized;
    /// How many it takes.
    const CARDINALITY: Cardinality;

    /// Takes the next reference out of `found`.
    ///
    /// # Errors
    /// `REF_ERROR` where the number of matches does not fit.
    fn take(found: &mut Found<'_>) -> Result<Self, Error>;
}

impl<D: Capability + ?Sized> Slot for Arc<D> {
    type Capability = D;
    const CARDINALITY: Cardinality = Cardinality::One;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        <Option<Self> as Slot>::take(found)?.ok_or_else(|| count_error::<D>(found, "one", 0))
    }
}

impl<D: Capability + ?Sized> Slot for Option<Arc<D>> {
    type Capability = D;
    const CARDINALITY: Cardinality = Cardinality::Optional;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        match found.take_first::<D>() {
            (first, 0 | 1) => Ok(first),
            (_, many) => Err(count_error::<D>(found, "at most one", many)),
        }
    }
}

impl<D: Capability + ?Sized> Slot for Vec<Arc<D>> {
    type Capability = D;
    const CARDINALITY: Cardinality = Cardinality::Many;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        Ok(found.take_all())
    }
}

fn count_error<D: Capability + ?Sized>(found: &Found<'_>, wanted: &str, count: usize) -> Error {
    let (component, capability) = (found.scope().descriptor(), D::short_name());
    let position = found.position();
    let message = format!(
        "reference number {position} of `{component}` takes {wanted} {capability}, {count} were given"
    );
    Error::new(Category::Internal, "REF_ERROR", message)
}

/// All matching components, bound after every creation and before any open.
///
/// It makes no ordering edge, so harmless cycles stay legal: before binding it is empty, and what it yields may not be
/// open yet. It holds its components weakly, so that a cycle of them frees itself. Where one of them is restarted, it yields the new one
/// from then on: ask it each time, and keep nothing of what it yields.
pub struct Late<D: ?Sized>(Arc<Bound<D>>);

/// The components, once they are bound.
type Bound<D> = RwLock<Option<Vec<Weak<D>>>>;

impl<D: ?Sized> Late<D> {
    /// A slot bound to given components, for code that runs without a container.
    pub fn of<'a>(components: impl IntoIterator<Item = &'a Arc<D>>) -> Self
    where
        D: 'a,
    {
        Self(Arc::new(RwLock::new(Some(components.into_iter().map(Arc::downgrade).collect()))))
    }

    /// The components, in manifest order; those already gone are left out.
    pub fn iter(&self) -> impl Iterator<Item = Arc<D>> + '_ {
        let bound = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let there: Vec<_> = bound.iter().flatten().filter_map(Weak::upgrade).collect();
        there.into_iter()
    }

    /// The first of the components.
    #[must_use]
    pub fn first(&self) -> Option<Arc<D>> {
        let bound = self.0.read().unwrap_or_else(PoisonError::into_inner);
        bound.iter().flatten().find_map(Weak::upgrade)
    }
}

/// Shows how many there are, or that it is not bound yet.
impl<D: ?Sized> fmt::Debug for Late<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("Late").field(&bound.as_ref().map(Vec::len)).finish()
    }
}

impl<D: ?Sized> Clone for Late<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Capability + ?Sized> Slot for Late<D> {
    type Capability = D;
    const CARDINALITY: Cardinality = Cardinality::Late;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        let bound = Arc::<Bound<D>>::default();
        let late = Self(Arc::clone(&bound));
        found.defer::<D>(move |all| {
            let all = all.iter().map(Arc::downgrade).collect();
            *bound.write().unwrap_or_else(PoisonError::into_inner) = Some(all);
        });
        Ok(late)
    }
}
