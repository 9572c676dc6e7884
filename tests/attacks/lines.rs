//! The log lines of one thread.

use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// What was logged while the guard of [`Lines::collect`] lived.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub fn collect(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }

    /// How many lines have this in them.
    pub fn count(&self, part: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }

    /// The first line that has this in it.
    pub fn find(&self, part: &str) -> String {
        let lines = self.0.lock().unwrap();
        let line = lines.iter().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no line has `{part}`: {lines:#?}")).clone()
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{value:?} "));
    }
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push_str(&format!("{value} "));
    }
}
