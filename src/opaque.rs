//! `Debug` that shows the name of a type alone, for types with private or secret fields: results that hold them can be unwrapped in tests.

/// `Debug` that shows the name of a type and nothing of its inside. For the crates of Wirework alone.
#[doc(hidden)]
#[macro_export]
macro_rules! opaque {
    ($type:ident) => {
        $crate::opaque!(impl [] $type);
    };
    ($type:ident<'_>) => {
        $crate::opaque!(impl [] $type<'_>);
    };
    ($type:ident<$($parameter:ident: $bound:path),+>) => {
        $crate::opaque!(impl [$($parameter: $bound),+] $type<$($parameter),+>);
    };
    (impl [$($generics:tt)*] $type:ident $($arguments:tt)*) => {
        impl<$($generics)*> std::fmt::Debug for $type $($arguments)* {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use opaque;
