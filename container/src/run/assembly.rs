//! The components of a service between their creation and their end, and what opening and closing share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Handle;
use wirework::Descriptor;
use wirework::component::{Context, Deferred, ServiceState, Status, Supervisor, new_trace_id, panic_error};
use wirework::log::{BufferGuard, LogSink, Router, Scope, SinkId};

use super::Failure;
use super::board::Board;
use super::create::Created;
use super::event::Event;
use super::events::Events;
use super::found::Table;
use super::instances::Instances;
use super::sections::{Kept, Sections};

/// The components of a service.
pub(super) struct Assembly {
    sections: Arc<Sections>,
    instances: Arc<Instances>,
    members: Vec<Member>,
    board: Arc<Board>,
    events: Events,
    concurrency: usize,
    /// Where the components' calls and tasks run.
    workers: Handle,
    /// The components that have begun to open and are not closed, in that order.
    begun: Vec<u32>,
    router: Option<Router>,
    /// Those that are shown all counters.
    observers: Vec<u32>,
    /// Buffers log records until the sinks are open.
    buffered: Option<BufferGuard>,
    /// Log sinks that have not opened yet.
    unopened_sinks: usize,
    /// What could not be closed in a restart that the close has ended, and is to be told by that.
    not_closed: Vec<Failure>,
}

/// What a component has beside its section and its instance, from its creation to its end.
pub(super) struct Member {
    context: Context,
    /// Its `open` has ended well.
    opened: bool,
    log_sink: Option<Arc<dyn LogSink>>,
    sink_id: Option<SinkId>,
    /// What binds its late references.
    late: Vec<Deferred>,
}

impl Member {
    /// The context of its calls.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether its `open` has ended well.
    pub fn has_opened(&self) -> bool {
        self.opened
    }
}

/// What an assembly is made of beside its sections.
pub(super) struct RunEnvironment {
    pub router: Option<Router>,
    pub buffered: Option<BufferGuard>,
    pub workers: Handle,
    pub events: Events,
    /// How many calls may run at one time.
    pub concurrency: usize,
    /// Those that are shown all counters.
    pub observers: Vec<u32>,
}

impl Assembly {
    /// Of sections whose components have been created.
    pub fn new(
        sections: Arc<Sections>,
        created: Created,
        scopes: &[Arc<Scope>],
        board: Arc<Board>,
        around: RunEnvironment,
    ) -> Self {
        let trace_id: Arc<str> = new_trace_id().into();
        let Created { instances, late, .. } = created;
        let parts = sections.all().iter().zip(&instances).zip(late).zip(scopes).enumerate();
        let members: Vec<Member> = parts
            .map(|(index, (((kept, instance), late), scope))| Member {
                log_sink: instance.as_ref().and_then(|instance| kept.log_sink(instance)),
                context: context(&board, index, scope, &trace_id),
                opened: false,
                sink_id: None,
                late,
            })
            .collect();
        let RunEnvironment { router, buffered, workers, events, concurrency, observers } = around;
        let unopened_sinks = members.iter().filter(|member| member.log_sink.is_some()).count();
        Self {
            unopened_sinks,
            // Without a sink nobody would ever get the records.
            buffered: buffered.filter(|_| unopened_sinks > 0),
            instances: Arc::new(Instances::new(Arc::clone(&sections), instances)),
            sections,
            members,
            board,
            events,
            concurrency: concurrency.max(1),
            workers,
            begun: Vec::new(),
            router,
            observers,
            not_closed: Vec::new(),
        }
    }

    /// Puts what was created anew in the places of its predecessors, which are dropped, and binds what had found them: late references
    /// of the new ones, and those of all others that lead to one of them. Nothing is open of it yet.
    pub fn replace(&mut self, selected: &[bool], created: Created) {
        let trace_id: Arc<str> = new_trace_id().into();
        let chosen: Vec<u32> = (0..).zip(selected).filter(|(_, chosen)| **chosen).map(|(at, _)| at).collect();
        let Created { mut instances, mut late, .. } = created;
        let mut old = Vec::new();
        for position in chosen.iter().copied() {
            let at = position as usize;
            let (Some(member), Some(kept)) = (self.members.get_mut(at), self.sections.get(position)) else {
                continue;
            };
            member.context.retire();
            let scope = Arc::clone(member.context.scope());
            let instance = instances.get_mut(at).and_then(Option::take);
            *member = Member {
                log_sink: instance.as_ref().and_then(|instance| kept.log_sink(instance)),
                context: context(&self.board, at, &scope, &trace_id),
                opened: false,
                sink_id: None,
                late: late.get_mut(at).map(std::mem::take).unwrap_or_default(),
            };
            old.push(self.instances.replace(position, instance));
        }
        let sinks = chosen.iter().filter_map(|at| self.members.get(*at as usize));
        self.unopened_sinks = sinks.filter(|member| member.log_sink.is_some()).count();
        if self.unopened_sinks == 0 {
            self.release_log();
        }
        self.bind(selected);
        // Only now, since the counters of the new ones are bound: a series in which nobody counts any more goes, and would begin at 0.
        for old in old {
            // Of a panic in there nobody needs to know: what it was of has closed.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        }
    }

    /// Binds the late references of these, and those that lead to one of them.
    fn bind(&self, selected: &[bool]) {
        let is_new = |position: u32| selected.get(position as usize).copied().unwrap_or_default();
        let (instances, observers) = (self.instances.all(), &self.observers);
        let all_counters = observers.iter().any(|observer| is_new(*observer));
        for ((asker, member), kept) in (0..).zip(&self.members).zip(self.sections.all()) {
            let leads_there = |late: &&Deferred| {
                all_counters || is_new(asker) || kept.members(late.reference(), asker).any(is_new)
            };
            for late in member.late.iter().filter(leads_there) {
                let table = Table { sections: &self.sections, instances: &instances, asker, observers };
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| late.bind(&table))) {
                    let error = panic_error("binding its late references", &*panic);
                    member.context.set_status(Status::failed(error));
                }
            }
        }
    }

    /// What everything was created from.
    pub fn sections(&self) -> &Arc<Sections> {
        &self.sections
    }

    /// What was created.
    pub fn instances(&self) -> &Arc<Instances> {
        &self.instances
    }

    /// The section of the component at a position.
    pub fn kept(&self, component: u32) -> Option<&Kept> {
        self.sections.get(component)
    }

    /// Its name.
    pub fn descriptor(&self, component: u32) -> Option<&Descriptor> {
        self.sections.get(component).map(Kept::descriptor)
    }

    /// How all components speak, by position.
    pub fn scopes(&self) -> Arc<[Arc<Scope>]> {
        self.members.iter().map(|member| Arc::clone(member.context.scope())).collect()
    }

    /// The component at a position.
    pub fn get(&self, component: u32) -> Option<&Member> {
        self.members.get(component as usize)
    }

    /// The states of all components.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// How many calls may run at one time.
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Where the components' calls and tasks run.
    pub fn workers(&self) -> &Handle {
        &self.workers
    }

    /// What the records of the components go through.
    pub fn router(&self) -> Option<&Router> {
        self.router.as_ref()
    }

    /// Tells the listeners.
    pub fn tell(&self, event: &Event<'_>) {
        self.events.tell(event);
    }

    /// Its listeners, for tasks that go on without the assembly.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Notes that the `open` of a component begins, so that it will be closed.
    pub fn begin(&mut self, component: u32) {
        self.begun.push(component);
    }

    /// The components that have begun to open and are not closed, in that order.
    pub fn begun(&self) -> &[u32] {
        &self.begun
    }

    /// Notes that of the components that have begun to open only these are still to be closed.
    pub fn keep_begun(&mut self, keep: impl Fn(u32) -> bool) {
        self.begun.retain(|component| keep(*component));
    }

    /// Leaves it to the close of the service to tell of these.
    pub fn leave_failures(&mut self, failures: impl IntoIterator<Item = Failure>) {
        self.not_closed.extend(failures);
    }

    /// What was left to the close of the service to tell of.
    pub fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.not_closed)
    }

    /// Notes that a component is open. A log sink takes records from now on.
    pub fn opened(&mut self, component: u32) {
        let Some(member) = self.members.get_mut(component as usize) else { return };
        member.opened = true;
        if let (Some(router), Some(sink)) = (&self.router, &member.log_sink) {
            member.sink_id = Some(router.add(member.context.scope(), Arc::clone(sink)));
        }
        self.sink_settled(component);
    }

    /// Notes that a component has opened or never will; once that is so of all log sinks, records are not buffered any more.
    pub fn sink_settled(&mut self, component: u32) {
        if self.members.get(component as usize).is_none_or(|member| member.log_sink.is_none()) {
            return;
        }
        self.unopened_sinks = self.unopened_sinks.saturating_sub(1);
        if self.unopened_sinks == 0 {
            self.release_log();
        }
    }

    /// Buffers log records for the sinks among these, which are closed and opened anew.
    pub fn buffer_log_for(&mut self, selected: &[bool]) {
        let mut chosen = self.members.iter().zip(selected).filter(|(_, chosen)| **chosen);
        if chosen.any(|(member, _)| member.log_sink.is_some()) {
            self.buffered = self.router.as_ref().map(Router::buffer);
        }
    }

    /// Buffers log records no more.
    pub fn release_log(&mut self) {
        self.buffered = None;
    }

    /// Takes no log record to a sink any more that is about to close.
    pub fn detach_sink(&mut self, component: u32) {
        let sink_id = self.members.get_mut(component as usize).and_then(|member| member.sink_id.take());
        if let Some((router, sink_id)) = self.router.as_ref().zip(sink_id) {
            router.remove(sink_id);
        }
    }
}

fn context(board: &Arc<Board>, index: usize, scope: &Arc<Scope>, trace_id: &Arc<str>) -> Context {
    let supervisor = Arc::clone(board) as Arc<dyn Supervisor>;
    Context::new(index, board.view(), Arc::clone(scope), supervisor).for_call(Arc::clone(trace_id), None)
}

impl Drop for Assembly {
    fn drop(&mut self) {
        // A task holds its component's context, and so would keep itself alive. After a close there is none.
        self.members.iter().for_each(|member| member.context.abort_tasks());
        self.board.set_service(ServiceState::Closed);
    }
}
