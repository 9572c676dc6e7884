//! Closing what was opened: each component after all that wait for it, in the reverse of the order of opening. At the end of the service
//! that is everything, at a restart some of it.

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

/// One pass of closing.
struct Closing<'a> {
    assembly: &'a mut Assembly,
    running: Calls,
    /// Those whose close runs, since when.
    waiting: BTreeMap<u32, (Descriptor, Instant)>,
    /// Whether a component has begun to open and so must be closed, by position.
    begun: Vec<bool>,
    deadline: Instant,
    /// It was asked to end early: what has not begun to close stays as it is.
    cut_short: bool,
    /// The whole close is one operation, with one trace id.
    trace_id: Arc<str>,
    failures: Vec<Failure>,
    /// Those whose close failed or never ran, and whose tasks may so have been left.
    stray: Vec<Context>,
}

/// Closes everything that had begun to open, until `deadline`. One that fails or hangs does not keep the others from closing: a single
/// close may take at most half of the time that is left.
pub(super) async fn close(assembly: &mut Assembly, deadline: Instant) -> Option<Failures> {
    let board = Arc::clone(assembly.board());
    board.set_service(ServiceState::Closing);
    let all = vec![true; assembly.sections().all().len()];
    let mut failures = assembly.take_failures();
    failures.extend(close_selected(assembly, &all, deadline, std::future::pending()).await);
    // A stop that was asked for when nobody waited for it any more.
    failures.extend(board.take_unreported_failure());
    board.set_service(ServiceState::Closed);
    Failures::of(failures)
}

/// Closes those of these that had begun to open, in the same way. Where `stop` resolves first, with the deadline by which all the service
/// is to be closed, nothing more begins to close, and what does has half of the time until then.
pub(super) async fn close_selected(
    assembly: &mut Assembly,
    selected: &[bool],
    deadline: Instant,
    stop: impl Future<Output = Instant>,
) -> Vec<Failure> {
    let sections = Arc::clone(assembly.sections());
    let (mut rank, mut begun) = (vec![0; selected.len()], vec![false; selected.len()]);
    for (at, component) in (0u32..).zip(assembly.begun()) {
        let index = *component as usize;
        let chosen = selected.get(index).copied().unwrap_or_default();
        // The last to open is the first to close.
        if let (Some(rank), Some(begun)) = (rank.get_mut(index), begun.get_mut(index)) {
            (*rank, *begun) = (u32::MAX - at, chosen);
        }
    }
    let running = Calls::new(assembly.workers().clone(), assembly.events().clone(), Phase::Close);
    let (waiting, failures, trace_id) = (BTreeMap::new(), Vec::new(), new_trace_id().into());
    let (stray, cut_short) = (Vec::new(), false);
    let mut closing =
        Closing { assembly, running, waiting, begun, deadline, cut_short, trace_id, failures, stray };
    closing.run(sections.graph().closing().ranked(rank), stop).await;
    closing.end_stray_tasks().await;
    let Closing { assembly, begun, failures, .. } = closing;
    let still = |component: u32, of: &[bool]| of.get(component as usize).copied().unwrap_or_default();
    assembly.keep_begun(|component| !still(component, selected) || still(component, &begun));
    failures
}

impl Closing<'_> {
    async fn run(&mut self, mut walk: Walk<'_>, stop: impl Future<Output = Instant>) {
        let mut stop = std::pin::pin!(stop);
        let mut reminder = interval_at(Instant::now() + REMINDER, REMINDER);
        reminder.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while !self.cut_short && self.running.len() < self.assembly.concurrency() {
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
                end = &mut stop, if !self.cut_short => self.cut_short(end),
                _ = reminder.tick() => self.remind(),
                () = sleep_until(self.deadline) => return self.give_up(),
            }
        }
    }

    /// The service closes, and has to be done by `end`.
    fn cut_short(&mut self, end: Instant) {
        let now = Instant::now();
        self.deadline = self.deadline.min(now + end.saturating_duration_since(now) / 2);
        self.cut_short = true;
    }

    fn begin(&mut self, component: u32, walk: &mut Walk<'_>) {
        let index = component as usize;
        let begun = self.begun.get_mut(index).is_some_and(std::mem::take);
        let member = self.assembly.get(component).zip(self.assembly.kept(component)).filter(|_| begun);
        let Some(((member, kept), instance)) = member.zip(self.assembly.instances().get(component)) else {
            walk.done(component);
            return;
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limit = kept.timeout().min(left / 2);
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

    /// The time is over: what still runs is named and left behind, and so is what never had its turn, unless it still gets one.
    fn give_up(&mut self) {
        for (component, (name, since)) in std::mem::take(&mut self.waiting) {
            self.fail(
                component,
                name,
                CallError::TimedOut { phase: Phase::Close, limit: since.elapsed() }.into(),
            );
        }
        if self.cut_short {
            return;
        }
        let begun = (0..).zip(std::mem::take(&mut self.begun)).filter(|(_, begun)| *begun);
        let name = |component: u32| Some((component, self.assembly.descriptor(component)?.clone()));
        let left: Vec<_> = begun.filter_map(|(component, _)| name(component)).collect();
        for (component, name) in left {
            self.fail(component, name, CallError::NoTimeLeft.into());
        }
    }
}
