//! A capability without a component of its own.

use std::fmt;
use std::sync::Arc;

use super::{Capability, Cast, Component, Descriptor, NoConfig, Offer};
use crate::error::{Category, Error};

/// A component that is nothing but one capability, made beforehand: a fake in a test, or what a program has anyway and its
/// components ask for, such as a pool of database connections.
///
/// ```
/// use std::sync::Arc;
/// use wirework::capability;
/// use wirework::component::{InstanceFactory, Offered, Registry};
///
/// trait Ink: Send + Sync {}
/// capability!(dyn Ink);
/// struct Blue;
/// impl Ink for Blue {}
///
/// let mut registry = Registry::new();
/// let blue = Offered::<dyn Ink>::new(Arc::new(Blue));
/// registry.add(InstanceFactory::new("acme:ink:blue:default:1.0".parse()?, Arc::new(blue)))?;
/// # Ok::<(), wirework::Error>(())
/// ```
pub struct Offered<D: Capability + ?Sized>(Arc<D>);

impl<D: Capability + ?Sized> Offered<D> {
    /// Offers `capability`.
    #[must_use]
    pub const fn new(capability: Arc<D>) -> Self {
        Self(capability)
    }
}

impl<D: Capability + ?Sized> fmt::Debug for Offered<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offered<{}>", D::short_name())
    }
}

impl<D: Capability + ?Sized> Component for Offered<D> {
    const DESCRIPTOR: &'static str = "*:*:*:*:*";
    const SUMMARY: &'static str = "Capability that the program brings.";
    const OFFERS: &'static [&'static dyn Offer] = &[&Cast::<Self, D>(|offered| Arc::clone(&offered.0))];
    type Config = NoConfig;
    type References = ();

    fn create(identity: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        let message =
            format!("`{identity}` offers what the program makes; it cannot be made from a manifest");
        Err(Error::new(Category::Internal, "CANNOT_CREATE", message))
    }
}
