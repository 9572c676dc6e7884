//! The handle with which a component logs.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::current;
use super::level::Level;
use super::scope::Scope;

/// The target of what is written through a [`Logger`].
const TARGET: &str = "wirework::component";

/// Writes log records for one component. Cheap to clone.
///
/// It emits the same events as the `tracing` macros, which a component may use just as well: their records carry fields,
/// these a trace id and an error with its causes. A logger also works outside its component's span, in a thread or task
/// of a library. As a reference it takes every matching logger, is bound late and never required; without any match
/// it goes to all. By [`Logger::standalone`], the default, it writes to whatever subscriber there is.
///
/// A message is whatever can be displayed. It is formatted only where somebody wants the record, so that `format_args!`
/// costs nothing where nobody does, and `format!` its allocation.
///
/// ```
/// use wirework::log::{Level, Logger};
/// let logger = Logger::standalone().with_trace_id("4711");
/// logger.info("ready");
/// logger.info(format_args!("{} sensors", 3));
/// if let Err(error) = "x".parse::<u16>() {
///     logger.error(Some(&error), "no number of sensors");
/// }
/// if logger.enabled(Level::Debug) { /* collect what is costly */ }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Logger {
    scope: Option<Arc<Scope>>,
    trace_id: Option<Arc<str>>,
    span_id: Option<Arc<str>>,
}

impl Logger {
    /// A logger of no component: plain `tracing` events.
    #[must_use]
    pub fn standalone() -> Self {
        Self::default()
    }

    /// A logger of the component of `scope`.
    #[must_use]
    pub fn in_scope(scope: Arc<Scope>) -> Self {
        Self { scope: Some(scope), trace_id: None, span_id: None }
    }

    /// The scope it logs in; none for a standalone logger.
    #[must_use]
    pub fn scope(&self) -> Option<&Arc<Scope>> {
        self.scope.as_ref()
    }

    /// The same logger, putting a trace id on every record that brings none.
    #[must_use]
    pub fn with_trace_id(&self, trace_id: &str) -> Self {
        Self { scope: self.scope.clone(), trace_id: Some(trace_id.into()), span_id: None }
    }

    /// The same logger, putting both ids of an operation on every record that brings no trace id: what is logged is found with it.
    ///
    /// ```
    /// use wirework::log::Logger;
    /// use wirework::trace::TraceContext;
    /// # let logger = Logger::standalone();
    /// let context = TraceContext::begin();
    /// logger.with_span(context.trace_id(), &context.span_id()).info("taken");
    /// ```
    #[must_use]
    pub fn with_span(&self, trace_id: &str, span_id: &str) -> Self {
        Self { span_id: Some(span_id.into()), ..self.with_trace_id(trace_id) }
    }

    /// Whether somebody wants records of this level from here. Where the process has a subscriber other than the
    /// router, that may want it: then this is true.
    #[inline]
    #[must_use]
    pub fn enabled(&self, level: Level) -> bool {
        match &self.scope {
            Some(scope) => scope.enabled(level),
            None => level != Level::None,
        }
    }

    /// Writes a record with everything. An error is written with all its causes.
    #[inline]
    pub fn log(
        &self,
        level: Level,
        trace_id: Option<&str>,
        error: Option<&(dyn StdError + 'static)>,
        message: impl fmt::Display,
    ) {
        if self.enabled(level) {
            let ids = match trace_id {
                // The span is one of the logger's own trace.
                Some(_) => Ids { trace_id, span_id: None },
                None => Ids { trace_id: self.trace_id.as_deref(), span_id: self.span_id.as_deref() },
            };
            self.write(level, ids, error, &message);
        }
    }

    /// The service cannot go on.
    pub fn fatal(&self, error: Option<&(dyn StdError + 'static)>, message: impl fmt::Display) {
        self.log(Level::Fatal, None, error, message);
    }
    /// Something failed.
    pub fn error(&self, error: Option<&(dyn StdError + 'static)>, message: impl fmt::Display) {
        self.log(Level::Error, None, error, message);
    }
    /// Something is not as it should be, and the work goes on.
    #[inline]
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warn, None, None, message);
    }
    /// What an operator wants to know of normal work.
    #[inline]
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, None, None, message);
    }
    /// What helps to find a mistake.
    #[inline]
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, None, None, message);
    }
    /// Every step.
    #[inline]
    pub fn trace(&self, message: impl fmt::Display) {
        self.log(Level::Trace, None, None, message);
    }

    #[cold]
    fn write(
        &self,
        level: Level,
        ids: Ids<'_>,
        error: Option<&(dyn StdError + 'static)>,
        message: &dyn fmt::Display,
    ) {
        match &self.scope {
            None => emit(level, ids, error, message),
            Some(scope) if scope.is_only() => {
                current::within(scope, || emit(level, ids, error, message));
            }
            // Other subscribers know the component by its span; the routing goes by the innermost scope, this one.
            Some(scope) => scope.span().in_scope(|| {
                current::within(scope, || emit(level, ids, error, message));
            }),
        }
    }
}

/// To which operation of which trace a record belongs.
#[derive(Clone, Copy)]
struct Ids<'a> {
    trace_id: Option<&'a str>,
    span_id: Option<&'a str>,
}

fn emit(
    level: Level,
    Ids { trace_id, span_id }: Ids<'_>,
    error: Option<&(dyn StdError + 'static)>,
    message: &dyn fmt::Display,
) {
    match level {
        Level::None => {}
        Level::Fatal => tracing::error!(target: TARGET, fatal = true, trace_id, span_id, error, "{message}"),
        Level::Error => tracing::error!(target: TARGET, trace_id, span_id, error, "{message}"),
        Level::Warn => tracing::warn!(target: TARGET, trace_id, span_id, error, "{message}"),
        Level::Info => tracing::info!(target: TARGET, trace_id, span_id, error, "{message}"),
        Level::Debug => tracing::debug!(target: TARGET, trace_id, span_id, error, "{message}"),
        Level::Trace => tracing::trace!(target: TARGET, trace_id, span_id, error, "{message}"),
    }
}
