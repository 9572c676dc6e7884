//! Where counters are reported: the trait of what a counters component offers.

use std::sync::Arc;

use super::cell::Cell;
use crate::component::{Component, Descriptor, NoConfig, Offer};
use crate::{Error, offers, register};

/// Is shown every counter once, and reads it whenever it reports: what a counters component offers.
///
/// Keep the cells in a [`CounterSet`](super::CounterSet), which joins those of one name.
///
/// ```
/// use std::sync::Arc;
/// use wirework::count::{Cell, CounterSet, CounterSink};
/// #[derive(Default)]
/// struct Page(CounterSet);
/// impl CounterSink for Page {
///     fn register(&self, cell: Arc<Cell>) { self.0.register(cell); }
/// }
/// impl Page {
///     fn show(&self) -> Vec<String> { self.0.snapshot().iter().map(ToString::to_string).collect() }
/// }
/// ```
pub trait CounterSink: Send + Sync + 'static {
    /// A counter that exists from now on. Called once for each counter, without a lock held.
    fn register(&self, cell: Arc<Cell>);
}

crate::capability!(dyn CounterSink);

/// Reports no counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullCounters;

impl CounterSink for NullCounters {
    fn register(&self, _: Arc<Cell>) {}
}

impl Component for NullCounters {
    const DESCRIPTOR: &'static str = "pip-services:counters:null:*:1.0";
    const SUMMARY: &'static str = "Takes counters and reports nothing.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn CounterSink];
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}
register!(NullCounters);
