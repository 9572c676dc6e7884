//! How a factory gets from a linked crate into a registry: one line of its author's.

use super::Factory;

/// A factory that a linked crate submits to `inventory`; [`register!`](crate::register) writes it.
///
/// A factory written by hand is submitted the same way:
/// `inventory::submit! { Registration { factory: &MY_FACTORY, file: file!(), line: line!() } }`.
pub struct Registration {
    /// The factory.
    pub factory: &'static dyn Factory,
    /// The source file that registers it.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("file", &self.file).finish_non_exhaustive()
    }
}

inventory::collect!(Registration);

/// Registers a component type: one line, beside its `impl Component`.
///
/// A `DESCRIPTOR` that is no pattern is an error of the compiler here.
///
/// A crate that is only listed in Cargo.toml registers nothing, since the linker leaves it out: the binary names it
/// once, `use acme_sensors as _;`.
#[macro_export]
macro_rules! register {
    ($component:ty) => {
        const _: () = $crate::component::check_descriptor(
            stringify!($component),
            <$component as $crate::component::Component>::DESCRIPTOR,
        );

        $crate::inventory::submit! {
            $crate::component::Registration {
                factory: &$crate::component::ComponentFactory::<$component>::UNCHECKED,
                file: file!(),
                line: line!(),
            }
        }
    };
}
