//! The log lines of one thread.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::support::within;

/// What was logged while the guard of [`Lines::collect`] lived.
#[derive(Clone, Default)]
pub struct Lines(Arc<watch::Sender<Vec<String>>>);

impl Lines {
    pub fn collect(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }

    /// How many lines have this in them.
    pub fn count(&self, part: &str) -> usize {
        self.0.borrow().iter().filter(|line| line.contains(part)).count()
    }

    /// The first line that has this in it.
    pub fn find(&self, part: &str) -> String {
        let lines = self.0.borrow();
        let line = lines.iter().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no line has `{part}`: {lines:#?}")).clone()
    }

    /// Waits for a line that has this in it.
    pub async fn wait(&self, part: &str) -> String {
        let mut lines = self.0.subscribe();
        let found = lines.wait_for(|lines| lines.iter().any(|line| line.contains(part)));
        drop(within(part.to_owned(), found).await.unwrap());
        self.find(part)
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.send_modify(|lines| lines.push(line.0));
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
