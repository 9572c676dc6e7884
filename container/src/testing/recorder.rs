//! A logger that remembers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use wirework::component::{Component, NoConfig, Offer};
use wirework::log::{Level, LogSink, Record};
use wirework::{Descriptor, Error, offers};

/// How many records are remembered; the oldest go first.
const CAPACITY: usize = 10_000;

/// One remembered record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// How important it was.
    pub level: Level,
    /// Which component wrote it, if one did.
    pub component: Option<Descriptor>,
    /// Its message.
    pub message: String,
}

/// A log sink that keeps what it gets, for tests to look at.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<VecDeque<Recorded>>>);

wirework::opaque!(Recorder);

impl Recorder {
    /// What was written so far, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl LogSink for Recorder {
    fn level(&self) -> Level {
        Level::Trace
    }
    fn log(&self, record: &Record<'_>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == CAPACITY {
            records.pop_front();
        }
        let component = record.component().cloned();
        records.push_back(Recorded {
            level: record.level(),
            component,
            message: record.message().to_owned(),
        });
    }
}

impl Component for Recorder {
    const DESCRIPTOR: &'static str = "wirework:logger:recorder:*:1.0";
    const SUMMARY: &'static str = "Logger that remembers what it gets, for tests.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn LogSink];
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self::default())
    }
}
