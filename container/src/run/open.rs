//! Opening what was created: independent components concurrently, dependants after what they wait for.

use std::sync::Arc;

use wirework::Error;
use wirework::component::Status;

use super::assembly::Assembly;
use super::call::{Calls, Finished};
use super::event::{Effect, Event};
use super::{CallError, Failure, Phase};
use crate::plan::Walk;

/// How opening ended.
pub(super) enum Opened {
    /// Every critical component is open.
    All,
    /// One that is critical failed, and later these did.
    Failed(Failure, Vec<Failure>),
    /// Somebody asked to stop before all were open; these failed meanwhile.
    Stopped(Vec<Failure>),
}

/// One pass of opening.
struct Opening<'a> {
    assembly: &'a mut Assembly,
    running: Calls,
    /// Those that cannot open any more, and why.
    doomed: Vec<Option<CallError>>,
}

/// Opens everything, until a critical component fails or `stop` resolves. What was opening then is dropped, and counts
/// as opened, so that it is closed too.
pub(super) async fn open(assembly: &mut Assembly, stop: impl Future<Output = ()>) -> Opened {
    let graph = assembly.graph();
    let doomed = (0..assembly.len()).map(|_| None).collect();
    let running = Calls::new(assembly.workers().clone(), assembly.events().clone(), Phase::Open);
    let mut opening = Opening { assembly, running, doomed };
    let ended = opening.run(graph.opening(), stop).await;
    let late = opening.running.abandon().await;
    let later = late.into_iter().filter_map(|finished| opening.too_late(finished)).collect();
    match ended {
        End::All => Opened::All,
        End::Failed(failure) => Opened::Failed(failure, later),
        End::Stopped => Opened::Stopped(later),
    }
}

enum End {
    All,
    Failed(Failure),
    Stopped,
}

impl Opening<'_> {
    async fn run(&mut self, mut walk: Walk<'_>, stop: impl Future<Output = ()>) -> End {
        let mut stop = std::pin::pin!(stop);
        let board = Arc::clone(self.assembly.board());
        let mut stopped = std::pin::pin!(board.stopped());
        loop {
            if let Some(failure) = self.start(&mut walk) {
                return End::Failed(failure);
            }
            if self.running.is_empty() {
                return End::All;
            }
            tokio::select! {
                biased;
                () = &mut stop => return End::Stopped,
                failure = &mut stopped => return End::Failed(failure),
                Some(finished) = self.running.next() => {
                    let mut next = Some(finished);
                    while let Some(finished) = next {
                        if let Some(failure) = self.finish(finished, &mut walk) {
                            return End::Failed(failure);
                        }
                        next = self.running.ended();
                    }
                }
            }
        }
    }

    /// Starts what is ready, as many as may run at once.
    fn start(&mut self, walk: &mut Walk<'_>) -> Option<Failure> {
        while self.running.len() < self.assembly.concurrency() {
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
        let Some(member) = self.assembly.get(component) else { return };
        let Some(instance) = member.instance().cloned() else {
            // It could not be created, which has been said; what requires it was not created either.
            walk.done(component);
            return;
        };
        let (context, limit) = (member.context().clone(), member.timeout());
        self.assembly.board().set(component, Status::Opening);
        self.assembly.tell(&Event::Opening { component: member.descriptor(), limit });
        self.assembly.begin(component);
        self.running.open(component, instance, context, limit);
    }

    fn finish(&mut self, finished: Finished, walk: &mut Walk<'_>) -> Option<Failure> {
        let Finished { component, took, result } = finished;
        if let Err(error) = result {
            return self.fail(component, error, walk);
        }
        if let Some(error) = self.assembly.board().opened(component) {
            // A task of it has failed while it opened.
            return self.fail(component, error.into(), walk);
        }
        if let Some(member) = self.assembly.get(component) {
            self.assembly.tell(&Event::Opened { component: member.descriptor(), took });
        }
        self.assembly.opened(component);
        walk.done(component);
        None
    }

    /// One whose open ended when the start had failed already: its error must not be lost.
    fn too_late(&self, Finished { component, result, .. }: Finished) -> Option<Failure> {
        let source = Arc::new(result.err()?);
        let member = self.assembly.get(component)?;
        let descriptor = member.descriptor().clone();
        self.assembly.board().set(component, Status::Failed(Arc::clone(&source)));
        let failure = Failure { component: descriptor, phase: Phase::Open, source: source.into() };
        self.assembly.tell(&Event::NotStarted { failure: &failure, effect: Effect::StartHadFailed });
        Some(failure)
    }

    /// A component failed. A critical one ends the start; otherwise those that require it fail with it, and the start
    /// goes on.
    fn fail(&mut self, component: u32, source: Error, walk: &mut Walk<'_>) -> Option<Failure> {
        let member = self.assembly.get(component)?;
        let (descriptor, critical) = (member.descriptor().clone(), member.is_critical());
        let shared = Arc::new(source);
        self.assembly.board().set(component, Status::Failed(Arc::clone(&shared)));
        self.assembly.sink_settled(component);
        let failure = Failure { component: descriptor, phase: Phase::Open, source: shared.into() };
        if critical {
            return Some(failure);
        }
        self.assembly.tell(&Event::NotStarted { failure: &failure, effect: Effect::NotCritical });
        let graph = self.assembly.graph();
        for dependent in graph.needed_by(component) {
            if let Some(doom) = self.doomed.get_mut(dependent as usize) {
                *doom = Some(CallError::NeedFailed { needed: failure.component.clone() });
            }
        }
        walk.done(component);
        None
    }
}
