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
    /// At a restart those that open, by position, and what has failed so far.
    restart: Option<(&'a [bool], Vec<Failure>)>,
    /// Those that cannot open any more, and why.
    doomed: Vec<Option<CallError>>,
}

/// Opens everything, until a critical component fails or `stop` resolves. What was opening then is dropped, and counts
/// as opened, so that it is closed too.
pub(super) async fn open(assembly: &mut Assembly, stop: impl Future<Output = ()>) -> Opened {
    let sections = Arc::clone(assembly.sections());
    let mut opening = Opening::of(assembly, None);
    let ended = opening.run(sections.graph().opening(), stop).await;
    let late = opening.running.abandon().await;
    let later = late.into_iter().filter_map(|finished| opening.too_late(finished)).collect();
    match ended {
        End::All => Opened::All,
        End::Failed(failure) => Opened::Failed(failure, later),
        End::Stopped => Opened::Stopped(later),
    }
}

/// Opens these, which were created anew, until `stop` resolves. One that fails takes along those that require it; the others of the
/// service go on, whether it is critical or not.
pub(super) async fn open_selected(
    assembly: &mut Assembly,
    selected: &[bool],
    stop: impl Future<Output = ()>,
) -> Vec<Failure> {
    let sections = Arc::clone(assembly.sections());
    let mut opening = Opening::of(assembly, Some((selected, Vec::new())));
    opening.run(sections.graph().opening(), stop).await;
    let late = opening.running.abandon().await;
    let later: Vec<_> = late.into_iter().filter_map(|finished| opening.too_late(finished)).collect();
    opening.restart.into_iter().flat_map(|(_, failures)| failures).chain(later).collect()
}

enum End {
    All,
    Failed(Failure),
    Stopped,
}

impl<'a> Opening<'a> {
    fn of(assembly: &'a mut Assembly, restart: Option<(&'a [bool], Vec<Failure>)>) -> Self {
        let doomed = assembly.sections().all().iter().map(|_| None).collect();
        let running = Calls::new(assembly.workers().clone(), assembly.events().clone(), Phase::Open);
        Self { assembly, running, restart, doomed }
    }

    async fn run(&mut self, mut walk: Walk<'_>, stop: impl Future<Output = ()>) -> End {
        let mut stop = std::pin::pin!(stop);
        let board = Arc::clone(self.assembly.board());
        let starts = self.restart.is_none();
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
                // At a restart that is told to whoever runs the service, and `stop` comes from there.
                failure = &mut stopped, if starts => return End::Failed(failure),
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
        let chosen =
            |(selected, _): &(&[bool], _)| selected.get(component as usize).copied().unwrap_or_default();
        let instance = self.assembly.instances().get(component);
        let Some(instance) = instance.filter(|_| self.restart.as_ref().is_none_or(chosen)) else {
            // It stays as it is, or could not be created, which has been said; what requires it was not created either.
            walk.done(component);
            return;
        };
        let (Some(member), Some(kept)) = (self.assembly.get(component), self.assembly.kept(component)) else {
            return;
        };
        let (context, limit) = (member.context().clone(), kept.timeout());
        self.assembly.board().set(component, Status::Opening);
        self.assembly.tell(&Event::Opening { component: kept.descriptor(), limit });
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
        if let Some(descriptor) = self.assembly.descriptor(component) {
            self.assembly.tell(&Event::Opened { component: descriptor, took });
        }
        self.assembly.opened(component);
        walk.done(component);
        None
    }

    /// One whose open ended when the start had failed already: its error must not be lost.
    fn too_late(&self, Finished { component, result, .. }: Finished) -> Option<Failure> {
        let source = Arc::new(result.err()?);
        let descriptor = self.assembly.descriptor(component)?.clone();
        self.assembly.board().set(component, Status::Failed(Arc::clone(&source)));
        let failure = Failure { component: descriptor, phase: Phase::Open, source: source.into() };
        let effect = if self.restart.is_some() { Effect::NotRestarted } else { Effect::StartHadFailed };
        self.assembly.tell(&Event::NotStarted { failure: &failure, effect });
        Some(failure)
    }

    /// A component failed. A critical one ends the start; otherwise those that require it fail with it, and the start
    /// goes on.
    fn fail(&mut self, component: u32, source: Error, walk: &mut Walk<'_>) -> Option<Failure> {
        let kept = self.assembly.kept(component)?;
        let (descriptor, critical) = (kept.descriptor().clone(), kept.is_critical());
        let shared = Arc::new(source);
        self.assembly.board().set(component, Status::Failed(Arc::clone(&shared)));
        self.assembly.sink_settled(component);
        let failure = Failure { component: descriptor, phase: Phase::Open, source: shared.into() };
        let effect = match (&self.restart, critical) {
            (Some(_), _) => Effect::NotRestarted,
            (None, true) => return Some(failure),
            (None, false) => Effect::NotCritical,
        };
        self.assembly.tell(&Event::NotStarted { failure: &failure, effect });
        for dependent in self.assembly.sections().graph().needed_by(component) {
            if let Some(doom) = self.doomed.get_mut(dependent as usize) {
                *doom = Some(CallError::NeedFailed { needed: failure.component.clone() });
            }
        }
        if let Some((_, failures)) = &mut self.restart {
            failures.push(failure);
        }
        walk.done(component);
        None
    }
}
