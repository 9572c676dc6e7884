//! The logger as a reference: a handle, late and never required.

use std::sync::Arc;

use crate::component::{Cardinality, Found, Slot};
use crate::error::Error;
use crate::log::{LogSink, Logger};

crate::capability!(dyn LogSink);

/// Each logger of a component goes to the sinks that its own reference resolves to. What the component says by
/// `tracing` macros, and its libraries with it, goes to the sinks of all its loggers. A reference without a match binds
/// nothing: those records go where records without a logger go.
impl Slot for Logger {
    type Capability = dyn LogSink;
    const CARDINALITY: Cardinality = Cardinality::Late;

    fn take(found: &mut Found<'_>) -> Result<Self, Error> {
        let component = Arc::clone(found.scope());
        let own = component.child();
        let logger = Self::in_scope(Arc::clone(&own));
        found.defer::<dyn LogSink>(move |sinks| {
            if !sinks.is_empty() {
                component.bind(sinks.clone());
                own.bind(sinks);
            }
        });
        Ok(logger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{AnyArc, Cast, Matches, Offer};
    use crate::log::hub::Hub;
    use crate::log::{NullLogger, Scope};

    /// One list of loggers a reference.
    struct Lists(Vec<Vec<Arc<NullLogger>>>);

    impl Matches for Lists {
        fn each(&self, reference: usize, visit: &mut dyn FnMut(&dyn Offer, AnyArc)) {
            for logger in &self.0[reference] {
                visit(&Cast::<NullLogger, dyn LogSink>(|logger| logger), logger.clone());
            }
        }
    }

    #[test]
    fn each_logger_has_its_own_sinks_and_the_component_all_of_them() {
        let scope = Scope::in_registry(Arc::new(Hub::default()), "a:b:c:d:1.0".parse().unwrap(), None);
        let [main, audit, stranger] = [(); 3].map(|()| Arc::new(NullLogger));
        let lists = Lists(vec![vec![main.clone()], vec![audit.clone()], vec![]]);
        let mut found = Found::new(&scope, &lists);
        let loggers: Vec<_> = (0..3).map(|_| Logger::take(&mut found).unwrap()).collect();
        found.into_deferred().iter().for_each(|deferred| deferred.bind(&lists));

        let reaches = |scope: &Scope| {
            [&main, &audit, &stranger].map(|sink| scope.reaches(&(Arc::clone(sink) as Arc<dyn LogSink>)))
        };
        assert_eq!(reaches(&scope), [true, true, false]);
        let of_loggers: Vec<_> = loggers.iter().map(|logger| reaches(logger.scope().unwrap())).collect();
        assert_eq!(of_loggers, [[true, false, false], [false, true, false], [true, true, true]]);
    }
}
