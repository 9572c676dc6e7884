//! What a component asks for: a struct of references whose field types say how many each takes.

use std::any::TypeId;
use std::fmt;

use super::{Capability, Cardinality, Found, Slot};
use crate::error::Error;

/// One declared reference: static, so that a plan needs no instance.
pub struct Reference {
    /// The field of the reference struct; the key under `references` in a manifest.
    pub field: &'static str,
    /// The field's documentation, a line each.
    pub docs: &'static str,
    /// Which components are meant; a valid [`Pattern`](super::Pattern).
    pub pattern: &'static str,
    /// How many it takes.
    pub cardinality: Cardinality,
    /// The name of the wanted capability.
    pub capability: fn() -> &'static str,
    /// The identity of the wanted capability.
    pub id: fn() -> TypeId,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, pattern, cardinality, capability, .. } = self;
        write!(f, "{field}: {} {} at `{pattern}`", cardinality.as_str(), capability())
    }
}

impl Reference {
    /// The declaration that a slot type makes for a field; what `references!` calls.
    #[must_use]
    pub const fn of<S: Slot>(field: &'static str, docs: &'static str, pattern: &'static str) -> Self {
        Self {
            field,
            docs,
            pattern,
            cardinality: S::CARDINALITY,
            capability: S::Capability::short_name,
            id: TypeId::of::<S::Capability>,
        }
    }
}

/// The references of a component type. Written by [`references!`](crate::references); `()` asks for nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what a component asks for",
    label = "not a struct of references",
    note = "declare it by `wirework::references! {{ struct {Self} {{ … }} }}`, or write `type References = ();`"
)]
pub trait References: Sized {
    /// What is asked for, in the order in which [`References::take`] takes it.
    const LIST: &'static [Reference];

    /// Takes what the container found, one slot after the other.
    ///
    /// # Errors
    /// `REF_ERROR` where a slot does not get what it needs; after a checked plan that cannot happen.
    fn take(found: &mut Found<'_>) -> Result<Self, Error>;
}

impl References for () {
    const LIST: &'static [Reference] = &[];

    fn take(_: &mut Found<'_>) -> Result<Self, Error> {
        Ok(())
    }
}

/// Declares what a component asks for.
///
/// The *type* of a field sets how many components it takes: `Arc<dyn T>` one, `Option<Arc<dyn T>>` one or none,
/// `Vec<Arc<dyn T>>` all, `Late<dyn T>` all without an ordering edge; `Logger`, `Counters` and `Tracer` are handles.
/// The literal is the pattern, checked when the program is compiled; `{name}` stands for the asking component's name. A
/// trait that is asked for is a capability: [`capability!`](crate::capability).
///
/// ```
/// use std::sync::Arc;
/// use wirework::{component::Late, log::Logger, references};
/// trait Clock: Send + Sync {}
/// wirework::capability!(dyn Clock);
///
/// references! {
///     /// What the pacer needs.
///     pub struct PacerReferences {
///         /// Where it speaks.
///         logger: Logger = "*:logger:*:*:1.0",
///         /// What tells the time.
///         clock: Arc<dyn Clock> = "*:clock:*:*:1.0",
///         /// Others of its kind.
///         peers: Late<dyn Clock> = "*:clock:*:{name}:1.0",
///     }
/// }
/// ```
#[macro_export]
macro_rules! references {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[doc = $doc:literal])* $field_vis:vis $field:ident : $slot:ty = $pattern:literal),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[doc = $doc])* $field_vis $field: $slot),*
        }

        $(const _: () = $crate::component::check_reference(stringify!($field), $pattern);)*

        impl $crate::component::References for $name {
            const LIST: &'static [$crate::component::Reference] = &[$(
                $crate::component::Reference::of::<$slot>(stringify!($field), concat!($($doc, "\n"),*), $pattern)
            ),*];

            fn take(found: &mut $crate::component::Found<'_>) -> ::core::result::Result<Self, $crate::Error> {
                Ok(Self { $($field: <$slot as $crate::component::Slot>::take(found)?),* })
            }
        }
    };
    // What is written otherwise: the first field that is wrong is named.
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($fields:tt)* }) => {
        $crate::references!(@first_wrong $($fields)*);
    };
    (@first_wrong $(#[$meta:meta])* $vis:vis $field:ident : $slot:ty = $pattern:literal $(, $($rest:tt)*)?) => {
        $crate::references!(@first_wrong $($($rest)*)?);
    };
    (@first_wrong $(#[$meta:meta])* $vis:vis $field:ident : $slot:ty $(, $($rest:tt)*)?) => {
        ::core::compile_error!(::core::concat!(
            "the reference `", ::core::stringify!($field), "` has no pattern, which says what components are meant: write `",
            ::core::stringify!($field), ": ", ::core::stringify!($slot), " = \"*:type:*:*:1.0\",`",
        ));
    };
    (@first_wrong $(#[$meta:meta])* $vis:vis $field:ident : $slot:ty = $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "the pattern of the reference `", ::core::stringify!($field), "` is no string literal: write `",
            ::core::stringify!($field), ": ", ::core::stringify!($slot), " = \"*:type:*:*:1.0\",`",
        ));
    };
    ($($anything:tt)*) => {
        ::core::compile_error!(
            "`references!` takes a struct of references: write `struct PenReferences { ink: Arc<dyn Ink> = \"*:ink:*:*:1.0\" }`"
        );
    };
}
