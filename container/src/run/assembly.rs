//! The components of a service between their creation and their end, and what opening and closing share.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use wirework::Descriptor;
use wirework::component::{Context, Instance, ServiceState, Supervisor, new_trace_id};
use wirework::log::{BufferGuard, LogSink, Router, Scope, SinkId};

use super::board::Board;
use super::event::Event;
use super::events::Events;
use crate::plan::{FactoryInfo, Graph, Plan, Planned};

/// The components of a service.
pub(super) struct Assembly {
    members: Vec<Member>,
    descriptors: Vec<Descriptor>,
    board: Arc<Board>,
    graph: Arc<Graph>,
    events: Events,
    concurrency: usize,
    /// Where the components' calls and tasks run.
    workers: Handle,
    /// The components that have begun to open and are not closed, in that order.
    begun: Vec<u32>,
    router: Option<Router>,
    /// Buffers log records until the sinks are open.
    buffered: Option<BufferGuard>,
    /// Log sinks that have not opened yet.
    unopened_sinks: usize,
}

/// A component, with its context and how far it has come.
pub(super) struct Member {
    instance: Option<Arc<dyn Instance>>,
    /// What its factory says of it.
    known: Option<Arc<FactoryInfo>>,
    context: Context,
    timeout: Duration,
    critical: bool,
    /// Its `open` has ended well.
    opened: bool,
    log_sink: Option<Arc<dyn LogSink>>,
    sink_id: Option<SinkId>,
}

impl Member {
    /// The component, unless it could not be created.
    pub fn instance(&self) -> Option<&Arc<dyn Instance>> {
        self.instance.as_ref()
    }

    /// What its factory says of it.
    pub fn known(&self) -> Option<&FactoryInfo> {
        self.known.as_deref()
    }

    /// The context of its calls.
    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn descriptor(&self) -> &Descriptor {
        self.context.scope().descriptor()
    }

    /// How long a call of it may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the service cannot do without it.
    pub fn is_critical(&self) -> bool {
        self.critical
    }

    /// Whether its `open` has ended well.
    pub fn has_opened(&self) -> bool {
        self.opened
    }
}

/// What an assembly is made of beside its plan.
pub(super) struct RunEnvironment {
    pub router: Option<Router>,
    pub buffered: Option<BufferGuard>,
    pub workers: Handle,
    pub events: Events,
}

impl Assembly {
    /// Of a plan whose components have been created; the sections are given back.
    pub fn new(
        plan: Plan,
        instances: Vec<Option<Arc<dyn Instance>>>,
        scopes: &[Arc<Scope>],
        board: Arc<Board>,
        around: RunEnvironment,
    ) -> (Self, Vec<Planned>) {
        let service = board.view();
        let trace_id: Arc<str> = new_trace_id().into();
        let context = |index: usize, scope: &Arc<Scope>| {
            let supervisor = Arc::clone(&board) as Arc<dyn Supervisor>;
            Context::new(index, service.clone(), Arc::clone(scope), supervisor)
                .for_call(Arc::clone(&trace_id), None)
        };
        let parts = plan.components.iter().zip(instances).zip(scopes.iter()).enumerate();
        let members: Vec<Member> = parts
            .map(|(index, ((planned, instance), scope))| Member {
                known: planned.known.clone(),
                log_sink: instance.as_ref().and_then(|instance| planned.log_sink(instance)),
                instance,
                context: context(index, scope),
                timeout: planned.timeout(),
                critical: planned.entry.critical,
                opened: false,
                sink_id: None,
            })
            .collect();
        let Plan { service: settings, components, descriptors, graph, .. } = plan;
        let RunEnvironment { router, buffered, workers, events } = around;
        let unopened_sinks = members.iter().filter(|member| member.log_sink.is_some()).count();
        let assembly = Self {
            unopened_sinks,
            // Without a sink nobody would ever get the records.
            buffered: buffered.filter(|_| unopened_sinks > 0),
            members,
            descriptors,
            board,
            graph: Arc::new(graph),
            events,
            concurrency: settings.open_concurrency.max(1),
            workers,
            begun: Vec::new(),
            router,
        };
        (assembly, components)
    }

    /// The component at a position.
    pub fn get(&self, component: u32) -> Option<&Member> {
        self.members.get(component as usize)
    }

    /// How many components there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The descriptors of all components, by position.
    pub fn descriptors(&self) -> &[Descriptor] {
        &self.descriptors
    }

    /// The states of all components.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Who waits for whom.
    pub fn graph(&self) -> Arc<Graph> {
        Arc::clone(&self.graph)
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

    /// The components that have begun to open and are not closed, in that order; from now on there are none.
    pub fn take_begun(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.begun)
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

impl Drop for Assembly {
    fn drop(&mut self) {
        // A task holds its component's context, and so would keep itself alive. After a close there is none.
        self.members.iter().for_each(|member| member.context.abort_tasks());
        self.board.set_service(ServiceState::Closed);
    }
}
