//! Opening what was created: independent components concurrently, dependants after what they wait for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use wirework::Error;
use wirework::component::Status;

use super::{CallError, Container, Failure, LOG, Phase, call};
use crate::BoxFuture;
use crate::plan::Walk;

/// How opening ended.
pub(super) enum Opened {
    /// Every critical component is open.
    All,
    /// One that is critical failed.
    Failed(Failure),
    /// Somebody asked to stop before all were open.
    Stopped,
}

type Finished = (u32, Duration, Result<(), Error>);

/// One pass of opening.
struct Opening<'a> {
    container: &'a mut Container,
    running: FuturesUnordered<BoxFuture<'static, Finished>>,
    /// Those that cannot open any more, and why.
    doomed: Vec<Option<CallError>>,
}

/// Opens everything, until a critical component fails or `stop` resolves. What was opening then is dropped, and counts
/// as opened, so that it is closed too.
pub(super) async fn open(container: &mut Container, stop: impl Future<Output = ()>) -> Opened {
    let graph = Arc::clone(&container.graph);
    let mut walk = graph.opening();
    let doomed = container.members.iter().map(|_| None).collect();
    let mut opening = Opening { container, running: FuturesUnordered::new(), doomed };
    let mut stop = std::pin::pin!(stop);
    let board = Arc::clone(&opening.container.board);
    loop {
        if let Some(failure) = opening.start(&mut walk) {
            return Opened::Failed(failure);
        }
        if opening.running.is_empty() {
            return Opened::All;
        }
        tokio::select! {
            biased;
            () = &mut stop => return Opened::Stopped,
            () = board.stopped() => return board.take_stop().map_or(Opened::Stopped, Opened::Failed),
            Some(finished) = opening.running.next() => {
                if let Some(failure) = opening.finish(finished, &mut walk) {
                    return Opened::Failed(failure);
                }
            }
        }
    }
}

impl Opening<'_> {
    /// Starts what is ready, as many as may run at once.
    fn start(&mut self, walk: &mut Walk<'_>) -> Option<Failure> {
        while self.running.len() < self.container.concurrency {
            let Some(component) = walk.next_ready() else { break };
            let doom = self.doomed.get_mut(component as usize).and_then(Option::take);
            let failed = match doom {
                Some(doom) => self.fail(component, doom.into(), walk),
                None => {
                    self.begin(component, walk);
                    None
                }
            };
            if failed.is_some() {
                return failed;
            }
        }
        None
    }

    fn begin(&mut self, component: u32, walk: &mut Walk<'_>) {
        let Some(member) = self.container.members.get(component as usize) else { return };
        let Some(instance) = member.instance.clone() else {
            // It could not be created, which has been said; what requires it was not created either.
            walk.done(component);
            return;
        };
        let (workers, context) = (self.container.workers.clone(), member.context.clone());
        let (limit, began) = (member.timeout, Instant::now());
        self.container.board.set(component, Status::Opening);
        self.container.begun.push(component);
        self.running.push(Box::pin(async move {
            let result = call::open(&workers, instance, context, limit).await;
            (component, began.elapsed(), result)
        }));
    }

    fn finish(&mut self, (component, took, result): Finished, walk: &mut Walk<'_>) -> Option<Failure> {
        if let Err(error) = result {
            return self.fail(component, error, walk);
        }
        self.container.board.set(component, Status::Open);
        if let Some(member) = self.container.members.get(component as usize) {
            let descriptor = member.context.scope().descriptor();
            tracing::info!(target: LOG, "opened {descriptor} in {}", super::millis(took));
        }
        self.container.attach_sink(component);
        walk.done(component);
        None
    }

    /// A component failed. A critical one ends the start; otherwise those that require it fail with it, and the start
    /// goes on.
    fn fail(&mut self, component: u32, source: Error, walk: &mut Walk<'_>) -> Option<Failure> {
        let member = self.container.members.get(component as usize)?;
        let descriptor = member.context.scope().descriptor().clone();
        let shared = Arc::new(source);
        self.container.board.set(component, Status::Failed(Arc::clone(&shared)));
        if member.critical {
            return Some(Failure { component: descriptor, phase: Phase::Open, source: shared.into() });
        }
        tracing::error!(target: LOG, "cannot open {descriptor}, which is not critical: {}", shared.chain());
        let graph = Arc::clone(&self.container.graph);
        for dependent in graph.needed_by(component) {
            if let Some(doom) = self.doomed.get_mut(dependent as usize) {
                *doom = Some(CallError::NeedFailed { needed: descriptor.clone() });
            }
        }
        walk.done(component);
        None
    }
}
