//! The steps of a restart: create anew, close the old, replace, open.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use wirework::Descriptor;
use wirework::component::{Status, panic_error};

use super::assembly::Assembly;
use super::close::close_selected;
use super::create::{Created, Creation};
use super::event::{Effect, Event};
use super::open::open_selected;
use super::restart::RestartError;
use super::{CallError, Failure, Failures, Phase};

/// When the service is to be closed by, once it closes.
pub(super) type Stop = watch::Receiver<Option<Instant>>;

/// Gives those of these that may operate the service what they need for it.
pub(super) type OnRecreated = Arc<dyn Fn(&Assembly, &[bool]) + Send + Sync>;

/// One restart.
pub(super) struct Restarting {
    pub assembly: Box<Assembly>,
    /// The component that was asked for.
    pub component: Descriptor,
    /// It and those that hold it, by position.
    pub selected: Vec<bool>,
    /// How long closing may take in all.
    pub close_limit: Duration,
    pub stop: Stop,
    pub on_recreated: Option<OnRecreated>,
}

impl Restarting {
    /// Runs the restart, and returns the failures of old instances that could not be closed. Where a new one cannot be created, nothing
    /// has changed.
    pub async fn run(&mut self) -> Result<Option<Failures>, RestartError> {
        let mut stop = self.stop.clone();
        self.check_needs()?;
        let created = tokio::select! {
            biased;
            _ = stopped(&mut stop) => return Err(self.ended()),
            created = self.creation().run() => created,
        };
        let component = self.component.clone();
        let not_created = |source: Failures| RestartError::NotCreated { component, source };
        let mut created = created.map_err(|failure| not_created(failure.into()))?;
        let failed = self.check(&mut created)?;
        self.assembly.buffer_log_for(&self.selected);
        let deadline = Instant::now() + self.close_limit;
        let not_closed =
            close_selected(&mut self.assembly, &self.selected, deadline, stopped(&mut stop)).await;
        if stop.borrow().is_some() {
            self.assembly.leave_failures(not_closed);
            return Err(self.ended());
        }
        self.replace(created, failed);
        let opened = open_selected(&mut self.assembly, &self.selected, async {
            stopped(&mut stop).await;
        });
        let not_opened = opened.await;
        if self.stop.borrow().is_some() {
            return Err(self.ended());
        }
        match Failures::of(not_opened) {
            None => Ok(Failures::of(not_closed)),
            Some(source) => Err(RestartError::NotOpened { component: self.component.clone(), source }),
        }
    }

    /// A panic has ended the restart, and nobody knows how far it came: what it was at has failed, and the close of the service tells of it.
    pub fn panicked(&mut self, panic: &(dyn Any + Send)) -> RestartError {
        let source = Arc::new(panic_error(&format!("the restart of `{}`", self.component), panic));
        let board = Arc::clone(self.assembly.board());
        let is_between = |status: Status| {
            matches!(status, Status::Created | Status::Opening | Status::Closing | Status::Closed)
        };
        for position in self.positions().filter(|position| board.get(*position).is_some_and(is_between)) {
            board.set(position, Status::Failed(Arc::clone(&source)));
        }
        let (component, phase) = (self.component.clone(), Phase::Run);
        self.assembly.leave_failures([Failure { component, phase, source: Arc::clone(&source).into() }]);
        RestartError::Panicked { component: self.component.clone(), source: source.into() }
    }

    fn ended(&self) -> RestartError {
        RestartError::Stopped { component: self.component.clone() }
    }

    fn positions(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.selected).filter(|(_, chosen)| **chosen).map(|(position, _)| position)
    }

    /// What requires a component that has failed would fail with it, as at the start: that one is to be restarted first.
    fn check_needs(&self) -> Result<(), RestartError> {
        let (sections, board) = (self.assembly.sections(), self.assembly.board());
        let is_chosen = |position: u32| self.selected.get(position as usize).copied().unwrap_or_default();
        let failed = |on: &u32| !is_chosen(*on) && matches!(board.get(*on), Some(Status::Failed(_)));
        let runs = |position: &u32| self.assembly.instances().get(*position).is_some();
        let lacks = |position: u32| {
            let needed = sections.graph().needs(position).find(failed)?;
            let source = CallError::NeedFailed { needed: self.assembly.descriptor(needed)?.clone() };
            self.not_created(position, source.into())
        };
        match Failures::of(self.positions().filter(runs).filter_map(lacks).collect()) {
            None => Ok(()),
            Some(source) => Err(RestartError::NotCreated { component: self.component.clone(), source }),
        }
    }

    fn not_created(&self, position: u32, source: wirework::Error) -> Option<Failure> {
        let component = self.assembly.descriptor(position)?.clone();
        Some(Failure { component, phase: Phase::Create, source })
    }

    fn creation(&self) -> Creation {
        let mut instances = self.assembly.instances().all();
        for (instance, chosen) in instances.iter_mut().zip(&self.selected) {
            if *chosen {
                *instance = None;
            }
        }
        let (sections, scopes) = (Arc::clone(self.assembly.sections()), self.assembly.scopes());
        Creation {
            sections,
            scopes,
            configs: Vec::new(),
            instances,
            only: Some(self.selected.clone()),
            observers: Vec::new(),
        }
    }

    /// Refuses what could not be created where its predecessor could; what else failed.
    fn check(&self, created: &mut Created) -> Result<Vec<(u32, Failure)>, RestartError> {
        let old = self.assembly.instances();
        let failures = std::mem::take(&mut created.failures);
        let (fatal, harmless): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|(position, _)| old.get(*position).is_some());
        if let Some(source) = Failures::of(fatal.into_iter().map(|(_, failure)| failure).collect()) {
            return Err(RestartError::NotCreated { component: self.component.clone(), source });
        }
        let is_same = |position: &u32| {
            let new = created.instances.get(*position as usize).and_then(Option::as_ref);
            new.zip(old.get(*position)).is_some_and(|(new, old)| Arc::ptr_eq(new, &old))
        };
        match self.positions().find(is_same).and_then(|position| self.assembly.descriptor(position)) {
            None => Ok(harmless),
            Some(component) => Err(RestartError::MadeByProgram { component: component.clone() }),
        }
    }

    /// Puts the new ones in their places; of those that could not be created that is said.
    fn replace(&mut self, created: Created, failed: Vec<(u32, Failure)>) {
        self.assembly.replace(&self.selected, created);
        let board = Arc::clone(self.assembly.board());
        self.positions().for_each(|position| board.set(position, Status::Created));
        for (position, failure) in failed {
            self.assembly.tell(&Event::NotStarted { failure: &failure, effect: Effect::NotRestarted });
            board.set(position, Status::failed(failure.source));
        }
        if let Some(on_recreated) = &self.on_recreated {
            on_recreated(&self.assembly, &self.selected);
        }
    }
}

/// Resolves when the service closes, with the time by which it is to be closed.
async fn stopped(stop: &mut Stop) -> Instant {
    let end = stop.wait_for(Option::is_some).await.map(|end| *end);
    match end {
        Ok(end) => end.unwrap_or_else(Instant::now),
        // Nobody is there to close it.
        Err(_) => std::future::pending().await,
    }
}
