//! Creating all components of a plan, in order, on a thread of its own under a watchdog.

use std::any::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use wirework::component::{AnyArc, Deferred, Found, Instance, Matches, Offer, panic_error};
use wirework::count::CounterSink;
use wirework::log::Scope;
use wirework::{Category, Descriptor, Error};

#[cfg(feature = "admin")]
use super::operator::counter_observers;
use super::{CallError, Failure, Phase};
use crate::plan::{FactoryInfo, Plan, others};

/// How long one `create` may take.
pub const CREATE_LIMIT: Duration = Duration::from_secs(5);

/// What creating a plan brought about.
pub(super) struct Created {
    pub(super) plan: Plan,
    /// By position; nothing where it failed.
    pub(super) instances: Vec<Option<Arc<dyn Instance>>>,
    /// In the order in which they happened.
    pub(super) failures: Vec<(u32, Failure)>,
}

/// Creates everything; one failure does not stop the others, so that every one is seen.
///
/// # Errors
/// One `create` did not return within [`CREATE_LIMIT`]; its thread is left behind.
pub(super) async fn create(plan: Plan, scopes: Arc<[Arc<Scope>]>) -> Result<Created, Failure> {
    let watched = plan.descriptors.clone();
    let Some(first) = watched.first().cloned() else {
        return Ok(Created { plan, instances: Vec::new(), failures: Vec::new() });
    };
    let progress = Arc::new(Progress::default());
    // However this ends, also when it is dropped: no further component is created.
    let _given_up = GivenUp(Arc::clone(&progress));
    let (sender, receiver) = oneshot::channel();
    let watch = std::thread::Builder::new().name("create-watch".to_owned());
    let started = watch.spawn(move || {
        // Nobody listens any more when the start was given up.
        let _ = sender.send(watch_creation(plan, scopes, progress));
    });
    let failed = |at: u32, source: Error| {
        let component = watched.get(at as usize).cloned().unwrap_or(first);
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
fn watch_creation(
    plan: Plan,
    scopes: Arc<[Arc<Scope>]>,
    progress: Arc<Progress>,
) -> Result<Created, (u32, Error)> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let seen = Arc::clone(&progress);
    let work = move || {
        let _ = sender.send(create_all(plan, &scopes, &seen));
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

fn create_all(mut plan: Plan, scopes: &[Arc<Scope>], progress: &Progress) -> Created {
    let mut instances: Vec<Option<Arc<dyn Instance>>> = plan.components.iter().map(|_| None).collect();
    let (mut failures, mut deferred) = (Vec::new(), Vec::new());
    for at in 0..plan.order.len() {
        let Some(position) = plan.order.get(at).copied() else { continue };
        if progress.given_up.load(Ordering::Relaxed) {
            break;
        }
        progress.next(position);
        match create_one(&mut plan, position, scopes, &instances) {
            Ok((instance, late)) => {
                deferred.extend(late.into_iter().map(|late| (position, late)));
                if let Some(slot) = instances.get_mut(position as usize) {
                    *slot = Some(instance);
                }
            }
            Err(source) => failures.extend(failure(&plan, position, source)),
        }
    }
    let observers = counter_observers(&plan);
    for (asker, late) in deferred {
        progress.next(asker);
        let table = Table { plan: &plan, instances: &instances, asker, observers: &observers };
        let bound = catch_unwind(AssertUnwindSafe(|| late.bind(&table)));
        if let Err(panic) = bound {
            let source = panic_error("binding its late references", &*panic);
            failures.extend(failure(&plan, asker, source));
            // Half bound it must not open, whoever requires it included.
            forget(&plan, asker, &mut instances, &mut failures);
        }
    }
    Created { plan, instances, failures }
}

/// Nobody without an admin controller.
#[cfg(not(feature = "admin"))]
fn counter_observers(_: &Plan) -> Vec<u32> {
    Vec::new()
}

fn failure(plan: &Plan, position: u32, source: Error) -> Option<(u32, Failure)> {
    let component = plan.descriptors.get(position as usize).cloned()?;
    Some((position, Failure { component, phase: Phase::Create, source }))
}

/// Takes a created component back, and with it those that require it.
fn forget(
    plan: &Plan,
    broken: u32,
    instances: &mut [Option<Arc<dyn Instance>>],
    failures: &mut Vec<(u32, Failure)>,
) {
    let mut stack = vec![broken];
    while let Some(position) = stack.pop() {
        let taken = instances.get_mut(position as usize).and_then(Option::take);
        let Some(needed) = plan.descriptors.get(position as usize).filter(|_| taken.is_some()) else {
            continue;
        };
        for dependent in plan.graph.needed_by(position) {
            let there = instances.get(dependent as usize).is_some_and(Option::is_some);
            if there && !failures.iter().any(|(failed, _)| *failed == dependent) {
                let source = CallError::NeedFailed { needed: needed.clone() };
                failures.extend(failure(plan, dependent, source.into()));
                stack.push(dependent);
            }
        }
    }
}

fn create_one(
    plan: &mut Plan,
    position: u32,
    scopes: &[Arc<Scope>],
    instances: &[Option<Arc<dyn Instance>>],
) -> Result<(Arc<dyn Instance>, Vec<Deferred>), Error> {
    let unplanned = || Error::new(Category::Internal, "CANNOT_CREATE", "it was never planned");
    if let Some(needed) = missing_need(plan, position, instances) {
        return Err(CallError::NeedFailed { needed }.into());
    }
    let parsed = plan.components.get_mut(position as usize).and_then(|planned| planned.parsed.take());
    let config = parsed.and_then(|parsed| parsed.config).ok_or_else(unplanned)?;
    let planned = plan.get(position).ok_or_else(unplanned)?;
    let (known, scope) = (planned.known.as_ref(), scopes.get(position as usize));
    let (known, scope) = known.zip(scope).ok_or_else(unplanned)?;
    let table = Table { plan, instances, asker: position, observers: &[] };
    let mut found = Found::new(scope, &table);
    let descriptor = &planned.entry.descriptor;
    let create = AssertUnwindSafe(|| known.factory().create(descriptor, config, &mut found));
    let instance = scope
        .span()
        .in_scope(|| catch_unwind(create))
        .unwrap_or_else(|panic| Err(panic_error("its `create`", &*panic)))?;
    Ok((instance, found.into_deferred()))
}

/// The first component that this one requires and that could not be created.
fn missing_need(plan: &Plan, position: u32, instances: &[Option<Arc<dyn Instance>>]) -> Option<Descriptor> {
    let mut missing =
        plan.requires(position).filter(|on| instances.get(*on as usize).is_none_or(Option::is_none));
    plan.descriptors.get(missing.next()? as usize).cloned()
}

/// The created components, as the references of one of them see them.
struct Table<'a> {
    plan: &'a Plan,
    instances: &'a [Option<Arc<dyn Instance>>],
    asker: u32,
    /// Those that are shown all counters beside the sinks that were found.
    observers: &'a [u32],
}

impl Matches for Table<'_> {
    fn each(&self, reference: usize, visit: &mut dyn FnMut(&dyn Offer, AnyArc)) {
        let Some(planned) = self.plan.get(self.asker) else { return };
        let wanted = planned.known.as_ref().and_then(|known| known.references.get(reference));
        let Some((wanted, resolved)) = wanted.zip(planned.references.get(reference)) else { return };
        let counts = wanted.id == TypeId::of::<dyn CounterSink>();
        let found = |member: &&u32| resolved.list.binary_search(member).is_ok();
        let beside =
            self.observers.iter().filter(|member| counts && !found(member) && **member != self.asker);
        for member in others(&resolved.list, self.asker).chain(beside.copied()) {
            let known: Option<&Arc<FactoryInfo>> =
                self.plan.get(member).and_then(|member| member.known.as_ref());
            let instance = self.instances.get(member as usize).and_then(Option::as_ref);
            // One that could not be created is left out; who requires it has failed already.
            if let Some((offer, instance)) = known.and_then(|known| known.offer(wanted.id)).zip(instance) {
                visit(offer, Arc::clone(instance) as AnyArc);
            }
        }
    }
}
