//! The scope that the current thread is in, and the sinks that it is calling.

use std::cell::RefCell;
use std::sync::Arc;

use super::level::Level;
use super::scope::Scope;
use super::sink::SinkId;

thread_local! {
    /// The scopes this thread is in, innermost last, each with the id of the span that entered it (0: no span).
    static SCOPES: RefCell<Vec<(u64, Arc<Scope>)>> = const { RefCell::new(Vec::new()) };
    /// The sinks that are being called on this thread.
    static DELIVERING: RefCell<Vec<SinkId>> = const { RefCell::new(Vec::new()) };
}

/// The level up to which anybody wants records of the innermost scope; none outside of any.
pub(super) fn level() -> Option<Level> {
    SCOPES.try_with(|scopes| scopes.try_borrow().ok()?.last().map(|(_, scope)| scope.level())).ok().flatten()
}

/// The innermost scope.
pub(super) fn get() -> Option<Arc<Scope>> {
    SCOPES.try_with(|scopes| scopes.try_borrow().ok()?.last().map(|(_, scope)| scope.clone())).ok().flatten()
}

/// Puts the thread into `scope`, until [`leave`] with the same span.
pub(super) fn enter(span: u64, scope: Arc<Scope>) {
    let _ = SCOPES.try_with(|scopes| scopes.try_borrow_mut().map(|mut scopes| scopes.push((span, scope))));
}

/// Takes the thread out of the scope that `span` entered; spans may leave in another order than they came.
pub(super) fn leave(span: u64) {
    let left = SCOPES.try_with(|scopes| {
        let mut scopes = scopes.try_borrow_mut().ok()?;
        let at = scopes.iter().rposition(|(entered, _)| *entered == span)?;
        Some(scopes.remove(at))
    });
    // Here and not above: dropping the last scope may log, which looks into the list.
    drop(left);
}

/// Runs `f` in `scope`.
pub(super) fn within<R>(scope: &Arc<Scope>, f: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            leave(0);
        }
    }
    enter(0, scope.clone());
    let _leave = Leave;
    f()
}

/// The sinks that are being called on this thread.
pub(super) fn sinks() -> Vec<SinkId> {
    DELIVERING
        .try_with(|sinks| sinks.try_borrow().map(|sinks| sinks.clone()))
        .ok()
        .and_then(Result::ok)
        .unwrap_or_default()
}

/// Runs `f`, the call of a sink, unless this thread is in a call of the same sink already.
pub(super) fn delivering(sink: SinkId, f: impl FnOnce()) {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            let _ = DELIVERING.try_with(|sinks| sinks.try_borrow_mut().map(|mut sinks| sinks.pop()));
        }
    }
    let entered = DELIVERING.try_with(|sinks| {
        let mut sinks = sinks.try_borrow_mut().ok()?;
        (!sinks.contains(&sink)).then(|| sinks.push(sink))
    });
    if let Ok(Some(())) = entered {
        let _done = Done;
        f();
    }
}
