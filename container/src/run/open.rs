//! Opening what was created: independent components concurrently, dependants after what they wait for.

use std::sync::Arc;

use wirework::Error;
use wirework::component::Status;

use super::call::{Calls, Finished};
use super::{CallError, Container, Failure, LOG, Phase};
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

/// One pass of opening.
struct Opening<'a> {
    container: &'a mut Container,
    running: Calls,
    /// Those that cannot open any more, and why.
    doomed: Vec<Option<CallError>>,
}

/// Opens everything, until a critical component fails or `stop` resolves. What was opening then is dropped, and counts
/// as opened, so that it is closed too.
pub(super) async fn open(container: &mut Container, stop: impl Future<Output = ()>) -> Opened {
    let graph = Arc::clone(&container.graph);
    let doomed = container.members.iter().map(|_| None).collect();
    let running = Calls::new(container.workers.clone(), Phase::Open);
    let mut opening = Opening { container, running, doomed };
    let opened = opening.run(graph.opening(), stop).await;
    opening.running.abandon().await;
    opened
}

impl Opening<'_> {
    async fn run(&mut self, mut walk: Walk<'_>, stop: impl Future<Output = ()>) -> Opened {
        let mut stop = std::pin::pin!(stop);
        let board = Arc::clone(&self.container.board);
        let mut stopped = std::pin::pin!(board.stopped());
        loop {
            if let Some(failure) = self.start(&mut walk) {
                return Opened::Failed(failure);
            }
            if self.running.is_empty() {
                return Opened::All;
            }
            tokio::select! {
                biased;
                () = &mut stop => return Opened::Stopped,
                () = &mut stopped => return board.take_stop().map_or(Opened::Stopped, Opened::Failed),
                Some(finished) = self.running.next() => {
                    if let Some(failure) = self.finish(finished, &mut walk) {
                        return Opened::Failed(failure);
                    }
                }
            }
        }
    }

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
        let (context, limit) = (member.context.clone(), member.timeout);
        self.container.board.set(component, Status::Opening);
        self.container.begun.push(component);
        self.running.open(component, instance, context, limit);
    }

    fn finish(&mut self, finished: Finished, walk: &mut Walk<'_>) -> Option<Failure> {
        let Finished { component, took, result } = finished;
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
