//! The states of all components of a service, in one place that others can watch.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::watch;

use super::super::{Descriptor, Status};
use super::graph::{Link, ServiceGraph, ServiceMember};
use super::levels::{LevelOverride, LevelTarget, LogLevel, Overrides};
use super::readiness::{Blockers, Readiness};
use super::state::{Change, ComponentState, ServiceState, StateChange};

/// How many states of each component are kept.
pub(super) const HISTORY: usize = 16;

/// How many changes of the service are kept for those that read them.
pub(super) const CHANGES: usize = 1_024;

/// The write side of [`ServiceView`](super::ServiceView), for containers.
pub struct ServiceStates {
    name: Arc<str>,
    description: Option<Arc<str>>,
    version: OnceLock<Arc<str>>,
    started: SystemTime,
    members: Vec<ServiceMember>,
    graph: Box<dyn ServiceGraph>,
    table: Mutex<Table>,
    levels: Mutex<Overrides>,
    /// Goes up with each change for which somebody waits.
    revision: watch::Sender<u64>,
    /// Whether the service takes no new work any more; apart, so that those who wait for it sleep through all other changes.
    intake_ended: watch::Sender<bool>,
}

struct Table {
    service: ServiceState,
    components: Vec<Row>,
    blockers: Blockers,
    /// The last changes; the last one of all has the number `count - 1`.
    changes: VecDeque<Change>,
    count: u64,
}

struct Row {
    now: StateChange,
    before: VecDeque<StateChange>,
    changes: u64,
    /// Whether it has been open since it was created, or created anew.
    has_opened: bool,
    recoveries: u64,
    restarts: u64,
}

impl ServiceStates {
    /// The states of a service that begins to start: all its components are created and none is open.
    #[must_use]
    pub fn new(
        name: impl Into<Arc<str>>,
        description: Option<Arc<str>>,
        members: Vec<ServiceMember>,
        graph: impl ServiceGraph,
    ) -> Arc<Self> {
        let started = SystemTime::now();
        let row = |_| Row {
            now: StateChange { status: Status::Created, at: started },
            before: VecDeque::new(),
            changes: 0,
            has_opened: false,
            recoveries: 0,
            restarts: 0,
        };
        let table = Table {
            service: ServiceState::default(),
            components: members.iter().map(row).collect(),
            blockers: Blockers::default(),
            changes: VecDeque::new(),
            count: 0,
        };
        Arc::new(Self {
            name: name.into(),
            description,
            version: OnceLock::new(),
            started,
            members,
            graph: Box::new(graph),
            table: Mutex::new(table),
            levels: Mutex::default(),
            revision: watch::Sender::new(0),
            intake_ended: watch::Sender::new(false),
        })
    }

    /// Says where the service is in its life. It never goes back. What closes takes no new work.
    pub fn set_service(&self, state: ServiceState) {
        let mut table = self.lock();
        if table.service < state {
            table.service = state;
            table.push(Change::Service(state));
            self.tell(table);
        }
        if state >= ServiceState::Closing {
            self.end_intake();
        }
    }

    /// Says that the service takes no new work from now on; see [`ServiceView::intake_ended`](super::ServiceView::intake_ended).
    pub fn end_intake(&self) {
        self.intake_ended.send_if_modified(|ended| !std::mem::replace(ended, true));
    }

    /// Changes the state of the component at a position as `change` says; `change` answers whether it has changed anything.
    pub fn update(&self, position: u32, change: impl FnOnce(&mut Status) -> bool) {
        let mut table = self.lock();
        let Some((row, member)) =
            table.components.get_mut(position as usize).zip(self.members.get(position as usize))
        else {
            return;
        };
        let mut status = row.now.status.clone();
        if !change(&mut status) {
            return;
        }
        let change = row.set(status);
        table.blockers.note(position, (member.readiness, member.critical), &change.status, Instant::now());
        table.push(Change::Component { position, change });
        self.tell(table);
    }

    /// The state of the component at a position.
    #[must_use]
    pub fn status(&self, position: u32) -> Option<Status> {
        Some(self.lock().components.get(position as usize)?.now.status.clone())
    }

    /// How many components are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().components.iter().filter(|row| row.now.status.is_open()).count()
    }

    /// Waits until `holds` is true of the state of the component at a position; for ever where there is none.
    pub async fn wait(&self, position: u32, holds: impl Fn(&Status) -> bool) {
        let mut revisions = self.revisions();
        while !self.status(position).is_some_and(|status| holds(&status)) {
            // The sender lives in `self`, so that this cannot fail while it is borrowed.
            let _ = revisions.changed().await;
        }
    }

    /// Sets a log level, which replaces the one that was set for the same target before. What is set for one component, or for the
    /// container, holds for it whatever is set for all. In force from the next [`Router::refresh`](crate::log::Router::refresh) on;
    /// when it goes back is for the caller to see to. False where the service has no such component.
    pub fn set_level(&self, level: LevelOverride) -> bool {
        self.overrides().set(level, &self.members)
    }

    /// Takes back the log level that was set for exactly this target; in force like one that is set.
    pub fn take_level(&self, target: &LevelTarget) -> Option<LevelOverride> {
        self.overrides().take(target, &self.members)
    }

    /// All log levels that are set instead of the configured ones.
    #[must_use]
    pub fn set_levels(&self) -> Vec<LevelOverride> {
        self.overrides().all()
    }

    pub(super) fn levels(&self) -> Vec<LogLevel> {
        self.overrides().levels(&self.members)
    }

    fn overrides(&self) -> MutexGuard<'_, Overrides> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Says which version of its program the service is; the first that is said stays.
    pub fn set_version(&self, version: impl Into<Arc<str>>) {
        self.version.get_or_init(|| version.into());
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.version.get().map(|version| &**version)
    }

    pub(super) fn started(&self) -> SystemTime {
        self.started
    }

    pub(super) fn service(&self) -> ServiceState {
        self.lock().service
    }

    pub(super) fn is_closed(&self) -> bool {
        self.service() == ServiceState::Closed
    }

    pub(super) fn readiness(&self) -> Readiness {
        let table = self.lock();
        match table.service {
            ServiceState::Starting => Readiness::Starting,
            ServiceState::Running => {
                let blocking = table.blockers.at(Instant::now());
                let names = blocking.filter_map(|position| self.members.get(position as usize));
                let blocking: Vec<_> = names.map(|member| member.descriptor.clone()).collect();
                if blocking.is_empty() { Readiness::Ready } else { Readiness::Blocked(blocking) }
            }
            ServiceState::Draining => Readiness::Draining,
            ServiceState::Closing | ServiceState::Closed => Readiness::Closed,
        }
    }

    pub(super) fn intake(&self) -> watch::Receiver<bool> {
        self.intake_ended.subscribe()
    }

    pub(super) fn takes_work(&self) -> bool {
        !*self.intake_ended.borrow()
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn position(&self, descriptor: &Descriptor) -> Option<u32> {
        let mut each = (0..).zip(&self.members);
        each.find(|(_, member)| member.descriptor == *descriptor).map(|(position, _)| position)
    }

    pub(super) fn components(&self) -> Vec<ComponentState> {
        let table = self.lock();
        let rows = (0..).zip(&self.members).zip(&table.components);
        rows.map(|((position, member), row)| row.shown(position, member)).collect()
    }

    pub(super) fn component(&self, position: u32) -> Option<ComponentState> {
        let member = self.members.get(position as usize)?;
        Some(self.lock().components.get(position as usize)?.shown(position, member))
    }

    pub(super) fn history(&self, position: u32) -> Vec<StateChange> {
        let table = self.lock();
        let row = table.components.get(position as usize);
        row.map(|row| row.before.iter().chain([&row.now]).cloned().collect()).unwrap_or_default()
    }

    pub(super) fn links(&self, position: u32) -> Vec<Link> {
        self.graph.links(position)
    }

    /// What wakes those that wait for a change. Whoever looks after it has asked for this misses none.
    pub(super) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// How many changes there were so far.
    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    /// The change with the number `next`, which moves on to the one after it.
    pub(super) fn change(&self, next: &mut u64) -> Option<Change> {
        let table = self.lock();
        let first = table.count - table.changes.len() as u64;
        let missed = first.saturating_sub(*next);
        if missed > 0 {
            *next = first;
            return Some(Change::Missed(missed));
        }
        let change = table.changes.get(usize::try_from(*next - first).ok()?)?.clone();
        *next += 1;
        Some(change)
    }

    /// Wakes those that wait. One that waits has subscribed before it looked, so that without a receiver there is nobody to wake:
    /// the start of a large service is full of changes for which nobody waits.
    fn tell(&self, table: MutexGuard<'_, Table>) {
        drop(table);
        if self.revision.receiver_count() > 0 {
            self.revision.send_modify(|revision| *revision += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn push(&mut self, change: Change) {
        if self.changes.len() == CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
        self.count += 1;
    }
}

impl Row {
    fn set(&mut self, status: Status) -> StateChange {
        let change = StateChange { status, at: SystemTime::now() };
        let before = std::mem::replace(&mut self.now, change.clone());
        if self.before.len() == HISTORY - 1 {
            self.before.pop_front();
        }
        self.before.push_back(before);
        self.changes += 1;
        match &change.status {
            // It is created by the start, and anew by each restart.
            Status::Created => (self.has_opened, self.restarts) = (false, self.restarts + 1),
            Status::Open => {
                self.recoveries += u64::from(self.has_opened);
                self.has_opened = true;
            }
            _ => {}
        }
        change
    }

    fn shown(&self, position: u32, member: &ServiceMember) -> ComponentState {
        ComponentState {
            position,
            descriptor: member.descriptor.clone(),
            critical: member.critical,
            status: self.now.status.clone(),
            since: self.now.at,
            changes: self.changes,
            recoveries: self.recoveries,
            restarts: self.restarts,
        }
    }
}

/// Shows the name and how many components there are.
impl fmt::Debug for ServiceStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut states = f.debug_struct("ServiceStates");
        states.field("name", &self.name).field("components", &self.members.len()).finish_non_exhaustive()
    }
}
