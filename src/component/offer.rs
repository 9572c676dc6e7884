//! What a component can be asked for: checked casts from its type to the traits it offers.

use std::any::{Any, TypeId};
use std::sync::Arc;

/// A component behind its concrete type, on the way to a cast.
pub type AnyArc = Arc<dyn Any + Send + Sync>;

/// Something by which components are looked up: a trait object type such as `dyn Discovery`, or a component's own type.
///
/// A component has it by itself; a trait gets it by one line beside it, [`capability!`](crate::capability).
#[diagnostic::on_unimplemented(
    message = "components cannot be asked for by `{Self}`",
    label = "not a capability",
    note = "for a trait, write `wirework::capability!({Self});` beside it, and `Send + Sync` as its supertraits: `trait T: Send + Sync`",
    note = "for a type, implement `wirework::component::Component`",
    note = "for a value of a type that has such a trait, name the trait: `::<dyn T>(…)`"
)]
pub trait Capability: Send + Sync + 'static {
    /// The name that messages and `describe` show.
    const NAME: &'static str;

    /// The short name, without a path.
    #[must_use]
    fn short_name() -> &'static str {
        let path = Self::NAME.split('<').next().unwrap_or_default();
        let start = path.rfind("::").map_or(0, |colons| colons + 2);
        Self::NAME.get(start..).unwrap_or(Self::NAME)
    }
}

/// What threads can share, as every component and whatever it offers has to be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared between threads, as a component and what it offers are",
    label = "it has to be `Send + Sync`",
    note = "write the trait with these supertraits: `trait T: Send + Sync`"
)]
pub trait Shareable {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send + Sync> Shareable for T {}

/// Named by [`capability!`](crate::capability), so that this is the first thing that the compiler says of a trait without `Send + Sync`.
#[doc(hidden)]
#[derive(Debug)]
pub struct AssertShareable<T: ?Sized + Shareable>(std::marker::PhantomData<fn(&T)>);

/// Makes traits capabilities, by which components can offer themselves and be asked for.
///
/// One line beside the trait, in the crate that declares it. The trait has `Send + Sync` as supertraits, since a component
/// is shared between threads.
///
/// ```
/// use std::sync::Arc;
/// use wirework::{capability, references};
///
/// pub trait Ink: Send + Sync {
///     fn color(&self) -> String;
/// }
/// capability!(dyn Ink);
///
/// references! {
///     struct PenReferences {
///         /// What it writes with.
///         ink: Arc<dyn Ink> = "*:ink:*:*:1.0",
///     }
/// }
/// ```
#[macro_export]
macro_rules! capability {
    ($(dyn $capability:path),+ $(,)?) => { $(
        const _: () = {
            struct _Assert($crate::component::AssertShareable<dyn $capability>);
        };
        impl $crate::component::Capability for dyn $capability {
            const NAME: &'static str = ::core::stringify!($capability);
        }
    )+ };
}

/// One entry of what a component offers; [`offers!`](crate::offers) writes them.
pub trait Offer: Send + Sync + 'static {
    /// The name of the capability.
    fn name(&self) -> &'static str;
    /// Which capability it is: the `TypeId` of the trait object type, or of the component's own type.
    fn id(&self) -> TypeId;
    /// Casts `component`; `slot` is an `Option<Arc<D>>`, which stays `None` where the types do not fit.
    fn cast(&self, component: AnyArc, slot: &mut dyn Any);
}

/// The cast from component type `T` to capability `D`; that it is possible is checked by the compiler.
pub struct Cast<T, D: ?Sized>(pub fn(Arc<T>) -> Arc<D>);

impl<T, D: ?Sized> std::fmt::Debug for Cast<T, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cast").finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static, D: Capability + ?Sized> Offer for Cast<T, D> {
    fn name(&self) -> &'static str {
        D::short_name()
    }
    fn id(&self) -> TypeId {
        TypeId::of::<D>()
    }
    fn cast(&self, component: AnyArc, slot: &mut dyn Any) {
        if let Some(slot) = slot.downcast_mut::<Option<Arc<D>>>() {
            *slot = component.downcast::<T>().ok().map(self.0);
        }
    }
}

/// Lists the traits a component offers: `const OFFERS: &'static [&'static dyn Offer] = offers![dyn Discovery];`
#[macro_export]
macro_rules! offers {
    ($($capability:ty),* $(,)?) => {
        &[$(&$crate::component::Cast::<Self, $capability>(|component| component)),*]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    mod ink {
        pub trait Ink: Send + Sync {}
        pub trait Store<T>: Send + Sync {}
    }
    crate::capability!(dyn ink::Ink, dyn ink::Store<std::sync::Arc<str>>);

    #[test]
    fn the_short_name_of_a_capability_has_no_path() {
        assert_eq!(<dyn ink::Ink as Capability>::short_name(), "Ink");
        assert_eq!(<dyn ink::Store<Arc<str>> as Capability>::short_name(), "Store<std::sync::Arc<str>>");
    }
}
