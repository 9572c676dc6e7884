//! The state of a connection, which is `Recovering` as long as a signal is not taken.

use std::sync::{Mutex, PoisonError};

use super::signal::Signal;
use crate::component::{Context, Status};

/// Which signals do not get through.
pub(super) struct Health {
    context: Context,
    failing: Mutex<Vec<Signal>>,
}

impl Health {
    pub fn new(context: Context) -> Self {
        Self { context, failing: Mutex::default() }
    }

    /// A signal does not get through.
    pub fn failing(&self, signal: Signal, reason: &str) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let first = failing.is_empty();
        if !failing.contains(&signal) {
            failing.push(signal);
        }
        drop(failing);
        if first {
            self.report(Status::recovering(format!("{} are not taken: {reason}", signal.records())));
        }
    }

    /// A signal gets through.
    pub fn well(&self, signal: Signal) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = !failing.is_empty();
        failing.retain(|other| *other != signal);
        let recovered = failed && failing.is_empty();
        drop(failing);
        if recovered {
            self.report(Status::Open);
        }
    }

    fn report(&self, status: Status) {
        if !self.context.is_cancelled() {
            self.context.set_status(status);
        }
    }
}
