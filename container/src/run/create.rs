//! Creating all components of a plan, in order, on a thread of its own under a watchdog.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use wirework::component::{AnyArc, Deferred, Found, Instance, Matches, Offer, panic_error};
use wirework::log::Scope;
use wirework::{Category, Descriptor, Error};

use super::{CallError, Failure, Phase};
use crate::plan::{Known, Plan, others};

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
    let watched: Vec<Descriptor> =
        plan.order.iter().filter_map(|position| plan.descriptors.get(*position as usize).cloned()).collect();
    let Some(first) = watched.first().cloned() else {
        return Ok(Created { plan, instances: Vec::new(), failures: Vec::new() });
    };
    let (sender, receiver) = oneshot::channel();
    let watch = std::thread::Builder::new().name("create-watch".to_owned());
    let started = watch.spawn(move || {
        // Nobody listens any more when the start was given up.
        let _ = sender.send(watch_creation(plan, scopes));
    });
    let failed = |at: usize, source: Error| {
        let component = watched.get(at).cloned().unwrap_or(first);
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

/// Creates on another thread and watches it from this one: by the system's clock, whatever the runtime's says.
fn watch_creation(plan: Plan, scopes: Arc<[Arc<Scope>]>) -> Result<Created, (usize, Error)> {
    let progress = Arc::new(AtomicUsize::new(0));
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
                return Err((progress.load(Ordering::Relaxed), thread_error(RecvTimeoutError::Disconnected)));
            }
            Err(RecvTimeoutError::Timeout) => {
                let at = progress.load(Ordering::Relaxed);
                if at != stands.0 {
                    stands = (at, Instant::now());
                } else if stands.1.elapsed() >= CREATE_LIMIT {
                    let hung = CallError::LeftBehind { phase: Phase::Create, limit: CREATE_LIMIT };
                    return Err((at, hung.into()));
                }
            }
        }
    }
}

fn create_all(mut plan: Plan, scopes: &[Arc<Scope>], progress: &AtomicUsize) -> Created {
    let mut instances: Vec<Option<Arc<dyn Instance>>> = plan.components.iter().map(|_| None).collect();
    let (mut failures, mut deferred) = (Vec::new(), Vec::new());
    for at in 0..plan.order.len() {
        progress.store(at, Ordering::Relaxed);
        let Some(position) = plan.order.get(at).copied() else { continue };
        match create_one(&mut plan, position, scopes, &instances) {
            Ok((instance, late)) => {
                deferred.extend(late.into_iter().map(|late| (position, late)));
                if let Some(slot) = instances.get_mut(position as usize) {
                    *slot = Some(instance);
                }
            }
            Err(source) => {
                let component = plan.descriptors.get(position as usize).cloned();
                let failure = component.map(|component| Failure { component, phase: Phase::Create, source });
                failures.extend(failure.map(|failure| (position, failure)));
            }
        }
    }
    for (asker, late) in deferred {
        late.bind(&Table { plan: &plan, instances: &instances, asker });
    }
    Created { plan, instances, failures }
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
    let config = parsed.ok_or_else(unplanned)?.config;
    let planned = plan.get(position).ok_or_else(unplanned)?;
    let (known, scope) = (planned.known.as_ref(), scopes.get(position as usize));
    let (known, scope) = known.zip(scope).ok_or_else(unplanned)?;
    let table = Table { plan, instances, asker: position };
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
}

impl Matches for Table<'_> {
    fn each(&self, reference: usize, visit: &mut dyn FnMut(&dyn Offer, AnyArc)) {
        let Some(planned) = self.plan.get(self.asker) else { return };
        let wanted = planned.known.as_ref().and_then(|known| known.references.get(reference));
        let Some((wanted, resolved)) = wanted.zip(planned.references.get(reference)) else { return };
        for member in others(&resolved.list, self.asker) {
            let known: Option<&Arc<Known>> = self.plan.get(member).and_then(|member| member.known.as_ref());
            let instance = self.instances.get(member as usize).and_then(Option::as_ref);
            // One that could not be created is left out; who requires it has failed already.
            if let Some((offer, instance)) = known.and_then(|known| known.offer(wanted.id)).zip(instance) {
                visit(offer, Arc::clone(instance) as AnyArc);
            }
        }
    }
}
