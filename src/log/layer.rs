//! The layer through which `tracing` hands every span and event to the router.

use std::sync::{Arc, Weak};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::current;
use super::event_data::EventData;
use super::hub::Hub;
use super::level::Level;
use super::scope::{SPAN_TARGET, Scope};
use super::target_limits;

/// Hands events to the [`Router`](super::Router); see [`Router::layer`](super::Router::layer).
pub struct RouterLayer {
    hub: Arc<Hub>,
    /// Whether it is the only layer, and so may switch off for all what no sink wants.
    only: bool,
}

crate::opaque::opaque!(RouterLayer);

/// The scope that a component's span carries.
struct Carried(Weak<Scope>);

impl RouterLayer {
    pub(super) fn new(hub: Arc<Hub>, only: bool) -> Self {
        Self { hub, only }
    }
}

fn carries_scope(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == SPAN_TARGET
}

/// The most important level that an event of these metadata can have: an error may turn out to be fatal.
fn at_best(metadata: &Metadata<'_>) -> Level {
    match Level::from(*metadata.level()) {
        Level::Error => Level::Fatal,
        level => level,
    }
}

fn silenced(metadata: &Metadata<'_>) -> bool {
    target_limits::silences(metadata.target(), Level::from(*metadata.level()))
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for RouterLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if !self.only || carries_scope(metadata) {
            Interest::always()
        } else if metadata.is_span() || at_best(metadata) > self.hub.max() || silenced(metadata) {
            Interest::never()
        } else {
            Interest::sometimes()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        if !self.only {
            return true;
        }
        if metadata.is_span() {
            carries_scope(metadata)
        } else {
            at_best(metadata) <= self.hub.current_level()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Never less than errors: the spans of components are of that level, and one that was made while nothing
        // was wanted would stay without effect for ever.
        self.only.then(|| match self.hub.max() {
            Level::None | Level::Fatal | Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !carries_scope(attributes.metadata()) {
            return;
        }
        let mut number = ScopeNumber(None);
        attributes.record(&mut number);
        let scope = number.0.and_then(|number| self.hub.scope(number));
        if let (Some(scope), Some(span)) = (scope, context.span(id)) {
            span.extensions_mut().insert(Carried(Arc::downgrade(&scope)));
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if carries_scope(span.metadata()) {
            let scope = span.extensions().get::<Carried>().and_then(|carried| carried.0.upgrade());
            if let Some(scope) = scope {
                current::enter(id.into_u64(), scope);
            }
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if context.metadata(id).is_some_and(carries_scope) {
            current::leave(id.into_u64());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Where the router is the only layer, such an event was switched off at its source.
        if !self.only && silenced(event.metadata()) {
            return;
        }
        let scope = match event.parent() {
            Some(parent) => context.span_scope(parent).and_then(|mut spans| {
                spans.find_map(|span| {
                    span.extensions().get::<Carried>().and_then(|carried| carried.0.upgrade())
                })
            }),
            None => current::get(),
        };
        let wanted = scope.as_ref().map_or_else(|| self.hub.current_level(), |scope| scope.level());
        if at_best(event.metadata()) > wanted {
            return;
        }
        EventData::with(
            |data| {
                if target_limits::is_limited(event.metadata().target()) {
                    data.cut_texts();
                }
                event.record(data);
            },
            |data| {
                let level =
                    if data.is_fatal() { Level::Fatal } else { Level::from(*event.metadata().level()) };
                self.hub.emit(scope.as_ref(), level, event.metadata().target(), data);
            },
        );
    }
}

/// Reads the number of the scope from the fields of a component's span.
struct ScopeNumber(Option<u64>);

impl Visit for ScopeNumber {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "scope" {
            self.0 = Some(value);
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
