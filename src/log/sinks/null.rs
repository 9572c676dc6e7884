//! The null logger.

use crate::component::{Component, Descriptor, NoConfig, Offer};
use crate::log::{Level, LogSink, Record};
use crate::{Error, offers, register};

/// Takes no records. With it as the only logger a service is silent, instead of writing to stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullLogger;

impl LogSink for NullLogger {
    fn level(&self) -> Level {
        Level::None
    }
    fn log(&self, _: &Record<'_>) {}
}

impl Component for NullLogger {
    const DESCRIPTOR: &'static str = "pip-services:logger:null:*:1.0";
    const SUMMARY: &'static str = "Takes log records and drops them.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn LogSink];
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self)
    }
}
register!(NullLogger);
