//! Queues, their factories and bridges as a manifest has them: wired, opened in order, at work; and what their authors
//! read of a mistake.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broker;
mod burst;
mod factories;
mod flow;
mod mistakes;
#[path = "../command/running.rs"]
mod running;
#[path = "../command/tool.rs"]
#[allow(dead_code, reason = "another target uses the rest")]
mod tool;

use std::path::Path;
use std::time::Duration;

use tokio::runtime::Handle;
use wirework::component::Registry;
use wirework::config::Problems;
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework_container::manifest::{Manifest, Parameters, render};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Started};

/// How long what is awaited may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A manifest that is open, of stock components and those of `registry`.
async fn opened(text: &str, registry: &Registry) -> Container {
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("service.toml"), text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, registry, &mut problems);
    assert!(!problems.has_errors(), "{}", render(&problems, &plan.files, false));
    match Container::start(plan, None, Handle::current(), std::future::pending()).await {
        Ok(Started::Ready(container)) => container,
        Ok(Started::Stopped(_)) => panic!("it stopped"),
        Err(failures) => panic!("{failures:?}"),
    }
}

/// The next message, completed.
async fn taken(queue: &dyn MessageQueue) -> MessageEnvelope {
    let message = queue.receive(LIMIT).await.unwrap().expect("a message");
    queue.complete(&message).await.unwrap();
    message
}
