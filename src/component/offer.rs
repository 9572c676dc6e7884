//! What a component can be asked for: checked casts from its type to the traits it offers.

use std::any::{Any, TypeId, type_name};
use std::sync::Arc;

use super::Component;

/// A component behind its concrete type, on the way to a cast.
pub type AnyArc = Arc<dyn Any + Send + Sync>;

/// Something by which components are looked up: a trait object type such as `dyn Discovery`, or a component's own type.
///
/// ```
/// use wirework::component::Capability;
/// trait Clock: Send + Sync {
///     fn now(&self) -> u64;
/// }
/// impl Capability for dyn Clock {
///     const NAME: &'static str = "Clock";
/// }
/// ```
pub trait Capability: Send + Sync + 'static {
    /// The name that messages and `describe` show.
    const NAME: &'static str;

    /// The short name, without a path.
    #[must_use]
    fn short_name() -> &'static str {
        Self::NAME.rsplit("::").next().unwrap_or(Self::NAME)
    }
}

/// Everybody may ask for a component by its concrete type.
impl<C: Component> Capability for C {
    const NAME: &'static str = C::DESCRIPTOR;

    fn short_name() -> &'static str {
        let name = type_name::<C>();
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// One entry of what a component offers.
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
