//! Creating components, in order, on a thread of its own under a watchdog: all of a plan, or some of them anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use wirework::component::{Deferred, Found, Instance, panic_error};
use wirework::log::Scope;
use wirework::{Category, Descriptor, Error};

use super::found::Table;
use super::sections::{Config, Sections};
use super::{CallError, Failure, Phase};

/// How long one `create` may take.
pub const CREATE_LIMIT: Duration = Duration::from_secs(5);

/// What is to be created.
pub(super) struct Creation {
    pub sections: Arc<Sections>,
    pub scopes: Arc<[Arc<Scope>]>,
    /// By position; where there is none the section is read once more.
    pub configs: Vec<Option<Config>>,
    /// What is there already, by position; all else is created.
    pub instances: Vec<Option<Arc<dyn Instance>>>,
    /// Which are created, by position. Without it all are, and their late references are bound; at a restart `Assembly::replace` binds them.
    pub only: Option<Vec<bool>>,
    /// Those that are shown all counters.
    pub observers: Vec<u32>,
}

/// What creating brought about.
pub(super) struct Created {
    /// By position; nothing where it failed.
    pub instances: Vec<Option<Arc<dyn Instance>>>,
    /// The late references of those that were created, by position.
    pub late: Vec<Vec<Deferred>>,
    /// In the order in which they happened.
    pub failures: Vec<(u32, Failure)>,
}

impl Creation {
    fn descriptor(&self, position: u32) -> Option<Descriptor> {
        self.sections.get(position).map(|kept| kept.descriptor().clone())
    }

    /// Creates everything; one failure does not stop the others, so that every one is seen.
    ///
    /// # Errors
    /// One `create` did not return within [`CREATE_LIMIT`]; its thread is left behind.
    pub async fn run(self) -> Result<Created, Failure> {
        let sections = Arc::clone(&self.sections);
        let Some(first) = self.descriptor(0) else {
            return Ok(Created { instances: Vec::new(), late: Vec::new(), failures: Vec::new() });
        };
        let progress = Arc::new(Progress::default());
        // However this ends, also when it is dropped: no further component is created.
        let _given_up = GivenUp(Arc::clone(&progress));
        let (sender, receiver) = oneshot::channel();
        let watch = std::thread::Builder::new().name("create-watch".to_owned());
        let started = watch.spawn(move || {
            // Nobody listens any more when the start was given up.
            let _ = sender.send(watch_creation(self, progress));
        });
        let failed = |at: u32, source: Error| {
            let component = sections.get(at).map_or(first, |kept| kept.descriptor().clone());
            Failure { component, phase: Phase::Create, source }
        };
        match started {
            Err(error) => Err(failed(0, thread_error(error))),
            Ok(_) => match receiver.await {
                Ok(Ok(created)) => Ok(created),
                Ok(Err((at, error))) => Err(failed(at, error)),
                Err(error) => Err(failed(0, thread_error(error))),
            },
        }
    }

    /// Creates on this thread.
    fn create_all(mut self, progress: &Progress) -> Created {
        let (mut failures, mut late) = (Vec::new(), Vec::new());
        late.resize_with(self.sections.all().len(), Vec::new);
        let sections = Arc::clone(&self.sections);
        let chosen = |position: &&u32| {
            self.only.as_ref().is_none_or(|only| only.get(**position as usize).copied().unwrap_or_default())
        };
        let order: Vec<u32> = sections.order().iter().filter(chosen).copied().collect();
        for position in order {
            if progress.given_up.load(Ordering::Relaxed) {
                break;
            }
            progress.next(position);
            match self.create_one(position) {
                Ok((instance, deferred)) => {
                    if let (Some(slot), Some(late)) =
                        (self.instances.get_mut(position as usize), late.get_mut(position as usize))
                    {
                        (*slot, *late) = (Some(instance), deferred);
                    }
                }
                Err(source) => failures.extend(failure(&sections, position, source)),
            }
        }
        let mut created = Created { instances: self.instances, late, failures };
        if self.only.is_none() {
            created.bind(&sections, &self.observers, progress);
        }
        created
    }

    fn create_one(&mut self, position: u32) -> Result<(Arc<dyn Instance>, Vec<Deferred>), Error> {
        let unplanned = || Error::new(Category::Internal, "CANNOT_CREATE", "it was never planned");
        let kept = self.sections.get(position).ok_or_else(unplanned)?;
        if let Some(needed) = self.missing_need(position) {
            return Err(CallError::NeedFailed { needed }.into());
        }
        let config = match self.configs.get_mut(position as usize).and_then(Option::take) {
            Some(config) => config,
            None => kept.read()?,
        };
        let (known, scope) = kept.known().zip(self.scopes.get(position as usize)).ok_or_else(unplanned)?;
        let table =
            Table { sections: &self.sections, instances: &self.instances, asker: position, observers: &[] };
        let mut found = Found::new(scope, &table);
        let create = AssertUnwindSafe(|| known.factory().create(kept.descriptor(), config, &mut found));
        let instance = scope
            .span()
            .in_scope(|| catch_unwind(create))
            .unwrap_or_else(|panic| Err(panic_error("its `create`", &*panic)))?;
        Ok((instance, found.into_deferred()))
    }

    /// The first component that this one requires and that could not be created.
    fn missing_need(&self, position: u32) -> Option<Descriptor> {
        let there = |on: u32| self.instances.get(on as usize).is_some_and(Option::is_some);
        self.descriptor(self.sections.graph().needs(position).find(|on| !there(*on))?)
    }
}

impl Created {
    /// Binds all late references.
    fn bind(&mut self, sections: &Sections, observers: &[u32], progress: &Progress) {
        let Self { instances, late, failures } = self;
        for (asker, deferred) in (0..).zip(&*late) {
            for late in deferred {
                progress.next(asker);
                let table = Table { sections, instances: &*instances, asker, observers };
                let bound = catch_unwind(AssertUnwindSafe(|| late.bind(&table)));
                if let Err(panic) = bound {
                    let source = panic_error("binding its late references", &*panic);
                    failures.extend(failure(sections, asker, source));
                    // Half bound it must not open, whoever requires it included.
                    forget(sections, asker, instances, failures);
                }
            }
        }
    }
}

fn thread_error(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Category::Internal, "CANNOT_CREATE", "cannot run the thread that creates components")
        .with_source(error)
}

/// How far creating has come; written by the thread that creates, read by those that watch.
#[derive(Default)]
struct Progress {
    /// Counts creations, then bindings of late references.
    step: AtomicUsize,
    /// Whose turn it is.
    component: AtomicU32,
    given_up: AtomicBool,
}

impl Progress {
    fn next(&self, component: u32) {
        self.component.store(component, Ordering::Relaxed);
        self.step.fetch_add(1, Ordering::Release);
    }
}

struct GivenUp(Arc<Progress>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::Relaxed);
    }
}

/// Creates on another thread and watches it from this one: by the system's clock, whatever the runtime's says.
fn watch_creation(creation: Creation, progress: Arc<Progress>) -> Result<Created, (u32, Error)> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let seen = Arc::clone(&progress);
    let work = move || {
        let _ = sender.send(creation.create_all(&seen));
    };
    let create = std::thread::Builder::new().name("create".to_owned());
    create.spawn(work).map_err(|error| (0, thread_error(error)))?;
    let mut stands = (0, Instant::now());
    loop {
        match receiver.recv_timeout(CREATE_LIMIT / 20) {
            Ok(created) => return Ok(created),
            Err(RecvTimeoutError::Disconnected) => {
                let at = progress.component.load(Ordering::Relaxed);
                return Err((at, thread_error(RecvTimeoutError::Disconnected)));
            }
            Err(RecvTimeoutError::Timeout) => {
                let step = progress.step.load(Ordering::Acquire);
                if step != stands.0 {
                    stands = (step, Instant::now());
                } else if stands.1.elapsed() >= CREATE_LIMIT {
                    let hung = CallError::LeftBehind { phase: Phase::Create, limit: CREATE_LIMIT };
                    return Err((progress.component.load(Ordering::Relaxed), hung.into()));
                }
            }
        }
    }
}

fn failure(sections: &Sections, position: u32, source: Error) -> Option<(u32, Failure)> {
    let component = sections.get(position)?.descriptor().clone();
    Some((position, Failure { component, phase: Phase::Create, source }))
}

/// Takes a created component back, and with it those that require it.
fn forget(
    sections: &Sections,
    broken: u32,
    instances: &mut [Option<Arc<dyn Instance>>],
    failures: &mut Vec<(u32, Failure)>,
) {
    let mut stack = vec![broken];
    while let Some(position) = stack.pop() {
        let taken = instances.get_mut(position as usize).and_then(Option::take);
        let Some(needed) = sections.get(position).filter(|_| taken.is_some()) else { continue };
        for dependent in sections.graph().needed_by(position) {
            let there = instances.get(dependent as usize).is_some_and(Option::is_some);
            if there && !failures.iter().any(|(failed, _)| *failed == dependent) {
                let source = CallError::NeedFailed { needed: needed.descriptor().clone() };
                failures.extend(failure(sections, dependent, source.into()));
                stack.push(dependent);
            }
        }
    }
}
