//! A logger that keeps what it is told.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use wirework::component::{Component, InstanceFactory, NoConfig, Offer};
use wirework::log::{Level, LogSink, Record};
use wirework::{Category, Descriptor, Error, offers};

use super::support::within;

#[derive(Default)]
pub struct Recorder {
    lines: Mutex<Vec<String>>,
    more: Notify,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn factory(self: &Arc<Self>) -> InstanceFactory<Self> {
        InstanceFactory::new("t:logger:recorder:a:1.0".parse().unwrap(), Arc::clone(self))
    }

    /// The first line that has this text, as `level [trace id] message field=value`; waits for it.
    pub async fn line_with(&self, text: &str) -> String {
        within(format_args!("a line with {text:?}"), async {
            loop {
                let more = self.more.notified();
                let lines = self.lines.lock().unwrap().clone();
                if let Some(found) = lines.into_iter().find(|line| line.contains(text)) {
                    return found;
                }
                more.await;
            }
        })
        .await
    }
}

impl LogSink for Recorder {
    fn level(&self) -> Level {
        Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        let trace_id = record.trace_id().unwrap_or("-");
        let mut line = format!("{} [{trace_id}] {}", record.level(), record.message());
        for (name, value) in record.fields() {
            let _ = write!(line, " {name}={value}");
        }
        self.lines.lock().unwrap().push(line);
        self.more.notify_one();
    }
}

impl Component for Recorder {
    const DESCRIPTOR: &'static str = "t:logger:recorder:*:1.0";
    const SUMMARY: &'static str = "Keeps what it is told.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn LogSink];
    type Config = NoConfig;
    type References = ();

    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Err(Error::new(Category::Internal, "TEST", "made only as an instance"))
    }
}
