//! Closing what was opened: each component after all that wait for it, in the reverse of the order of opening.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use wirework::component::{Context, ServiceState, Status, new_trace_id};
use wirework::{Descriptor, Error};

use super::assembly::{Assembly, Member};
use super::call::{Calls, Finished};
use super::event::Event;
use super::{CallError, Failure, Failures, Phase};
use crate::plan::Walk;

/// How often it is said what is still waited for.
const REMINDER: Duration = Duration::from_secs(3);

struct Closing<'a> {
    assembly: &'a mut Assembly,
    running: Calls,
    /// Those whose close runs, since when.
    waiting: BTreeMap<u32, (Descriptor, Instant)>,
    /// Whether a component has begun to open and so must be closed, by position.
    begun: Vec<bool>,
    deadline: Instant,
    /// The whole close is one operation, with one trace id.
    trace_id: Arc<str>,
    failures: Vec<Failure>,
    /// Those whose close failed or never ran, and whose tasks may so have been left.
    stray: Vec<Context>,
}

/// Closes everything that had begun to open, within `limit` in all. One that fails or hangs does not keep the others
/// from closing: a single close may take at most half of the time that is left.
pub(super) async fn close(assembly: &mut Assembly, limit: Duration) -> Option<Failures> {
    assembly.board().set_service(ServiceState::Closing);
    let graph = assembly.graph();
    let count = assembly.len();
    let (mut rank, mut begun) = (vec![0; count], vec![false; count]);
    for (at, component) in (0u32..).zip(assembly.take_begun()) {
        // The last to open is the first to close.
        if let (Some(rank), Some(begun)) =
            (rank.get_mut(component as usize), begun.get_mut(component as usize))
        {
            (*rank, *begun) = (u32::MAX - at, true);
        }
    }
    let deadline = Instant::now() + limit;
    let running = Calls::new(assembly.workers().clone(), assembly.events().clone(), Phase::Close);
    let (waiting, failures, trace_id) = (BTreeMap::new(), Vec::new(), new_trace_id().into());
    let mut closing =
        Closing { assembly, running, waiting, begun, deadline, trace_id, failures, stray: Vec::new() };
    closing.run(graph.closing().ranked(rank)).await;
    closing.end_stray_tasks().await;
    // A stop that was asked for when nobody waited for it any more.
    closing.failures.extend(closing.assembly.board().take_unreported_failure());
    closing.assembly.board().set_service(ServiceState::Closed);
    Failures::of(closing.failures)
}

impl Closing<'_> {
    async fn run(&mut self, mut walk: Walk<'_>) {
        let mut reminder = interval_at(Instant::now() + REMINDER, REMINDER);
        reminder.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while self.running.len() < self.assembly.concurrency() {
                let Some(component) = walk.next_ready() else { break };
                self.begin(component, &mut walk);
            }
            if self.running.is_empty() {
                return;
            }
            tokio::select! {
                Some(finished) = self.running.next() => {
                    let mut next = Some(finished);
                    while let Some(finished) = next {
                        self.finish(finished, &mut walk);
                        next = self.running.ended();
                    }
                }
                _ = reminder.tick() => self.remind(),
                () = sleep_until(self.deadline) => return self.give_up(),
            }
        }
    }

    fn begin(&mut self, component: u32, walk: &mut Walk<'_>) {
        let index = component as usize;
        let begun = self.begun.get_mut(index).is_some_and(std::mem::take);
        let member = self.assembly.get(component).filter(|_| begun);
        let Some((member, instance)) =
            member.and_then(|member| member.instance().cloned().map(|it| (member, it)))
        else {
            walk.done(component);
            return;
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limit = member.timeout().min(left / 2);
        let context = member.context().for_call(Arc::clone(&self.trace_id), None);
        self.assembly.detach_sink(component);
        self.assembly.board().set(component, Status::Closing);
        self.waiting.insert(component, (context.scope().descriptor().clone(), Instant::now()));
        self.running.close(component, instance, context, limit);
    }

    fn finish(&mut self, Finished { component, took, result }: Finished, walk: &mut Walk<'_>) {
        let Some((name, _)) = self.waiting.remove(&component) else { return };
        match result {
            Ok(()) => {
                self.assembly.board().set(component, Status::Closed);
                let opened = self.assembly.get(component).is_some_and(Member::has_opened);
                self.assembly.tell(&Event::Closed { component: &name, took, opened });
            }
            Err(error) => self.fail(component, name, error),
        }
        walk.done(component);
    }

    fn fail(&mut self, component: u32, name: Descriptor, source: Error) {
        let shared = Arc::new(source);
        self.stray.extend(self.assembly.get(component).map(|member| member.context().clone()));
        self.assembly.board().set(component, Status::Failed(Arc::clone(&shared)));
        let failure = Failure { component: name, phase: Phase::Close, source: shared.into() };
        self.assembly.tell(&Event::NotClosed { failure: &failure });
        self.failures.push(failure);
    }

    /// Nothing of what is left behind may go on where it can be stopped.
    async fn end_stray_tasks(&mut self) {
        let stray = std::mem::take(&mut self.stray);
        let ends = stray.iter().map(|context| context.end_tasks(Duration::ZERO));
        futures_util::future::join_all(ends).await;
    }

    fn remind(&self) {
        let now = Instant::now();
        for (name, since) in self.waiting.values() {
            let waited = now.duration_since(*since);
            self.assembly.tell(&Event::StillClosing { component: name, waited });
        }
    }

    /// The time is over: what still runs is named and left behind, and so is what never had its turn.
    fn give_up(&mut self) {
        for (component, (name, since)) in std::mem::take(&mut self.waiting) {
            self.fail(
                component,
                name,
                CallError::TimedOut { phase: Phase::Close, limit: since.elapsed() }.into(),
            );
        }
        let begun = (0..).zip(&self.begun).zip(self.assembly.descriptors()).filter(|((_, begun), _)| **begun);
        let left: Vec<_> = begun.map(|((component, _), name)| (component, name.clone())).collect();
        for (component, name) in left {
            self.fail(component, name, CallError::NoTimeLeft.into());
        }
    }
}
