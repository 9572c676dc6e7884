//! What a plan knows of the factories it uses: asked once each, however many components they serve.

use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use schemars::Schema;
use wirework::component::{
    Cardinality, Factory, Lookup, Offer, Reference, Registered, Registry, Stage, panic_error,
};
use wirework::config::{Problem, Problems, Span, keys};
use wirework::count::CounterSink;
use wirework::log::LogSink;
use wirework::trace::TraceSink;
use wirework::{Descriptor, Pattern};

use super::paths;
use crate::manifest::{Place, names_of};

/// One factory with everything static about it.
pub struct FactoryInfo {
    /// How it is registered.
    pub registered: Arc<Registered>,
    /// By what its components can be asked for.
    pub offers: Vec<&'static dyn Offer>,
    /// What its components ask for.
    pub references: Vec<DeclaredReference>,
    /// The schema of its configuration.
    pub schema: Arc<Schema>,
    /// The first configuration key that the container would take for its own.
    pub clash: Option<&'static str>,
    /// Whether any key is secret.
    pub secrets: bool,
    /// Where a configuration has paths.
    pub paths: Vec<Vec<String>>,
    /// Whether its components take log records, and so open before all others.
    pub log_sink: bool,
    /// Whether its components observe the service, and so open before all others but the log sinks.
    pub observes: bool,
    /// Whether its components take log records, counters or traces, and so open before those that do not.
    pub sink: bool,
}

wirework::opaque!(FactoryInfo);

/// A declared reference with its pattern parsed.
pub struct DeclaredReference {
    /// As declared.
    pub reference: &'static Reference,
    /// What is asked for unless the manifest says otherwise.
    pub pattern: Pattern,
    /// The identity of the wanted capability.
    pub id: TypeId,
}

wirework::opaque!(DeclaredReference);

impl DeclaredReference {
    /// Whether the asking component waits for what it finds.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.reference.cardinality != Cardinality::Late
    }
}

impl FactoryInfo {
    fn new(registered: Arc<Registered>) -> Self {
        let factory: &dyn Factory = registered.factory();
        let (offers, factory_stage) = (factory.offers(), factory.stage());
        let offered = |id: TypeId| offers.iter().any(|offer| offer.id() == id);
        let log_sink = offered(TypeId::of::<dyn LogSink>());
        let sink =
            log_sink || offered(TypeId::of::<dyn CounterSink>()) || offered(TypeId::of::<dyn TraceSink>());
        let references = factory.references().iter().filter_map(|reference| {
            // `references!` has the compiler check its patterns; one written by hand may be wrong, and then matches
            // nothing.
            let pattern = reference.pattern.parse().ok()?;
            Some(DeclaredReference { reference, pattern, id: (reference.id)() })
        });
        let (references, schema) = (references.collect(), factory.schema());
        let keys = keys(&schema);
        let (clash, secrets) = (clash(&schema), keys.iter().any(|key| key.secret));
        let paths = paths::of(&keys);
        let observes = factory_stage == Stage::Observe;
        Self { registered, references, schema, clash, secrets, paths, log_sink, observes, sink, offers }
    }

    /// The offer by which its components can be asked for `capability`.
    #[must_use]
    pub fn offer(&self, capability: TypeId) -> Option<&'static dyn Offer> {
        self.offers.iter().copied().find(|offer| offer.id() == capability)
    }

    /// The name of the type that its components are of, without a path.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.offers.last().map_or("…", |offer| offer.name())
    }

    /// The type that its components are of, by which they can always be asked for.
    #[must_use]
    pub fn own_type(&self) -> Option<TypeId> {
        self.offers.last().map(|offer| offer.id())
    }

    /// Whether it belongs to Wirework itself.
    #[must_use]
    pub fn is_stock(&self) -> bool {
        self.registered.is_stock()
    }

    /// The factory.
    #[must_use]
    pub fn factory(&self) -> &dyn Factory {
        self.registered.factory()
    }

    /// What the factory says of the section at `span`; a panic is a problem.
    pub(super) fn ask<T>(
        &self,
        span: Span,
        problems: &mut Problems,
        say: impl FnOnce(&dyn Factory) -> T,
    ) -> Option<T> {
        let said = catch_unwind(AssertUnwindSafe(|| say(self.factory())));
        let failed = |panic: Box<dyn Any + Send>| {
            let error = panic_error(&format!("the factory registered at {}", self.registered.at()), &*panic);
            problems.push(Problem::error("BAD_FACTORY", span, error.to_string()));
        };
        said.map_err(failed).ok()
    }
}

fn clash(schema: &Schema) -> Option<&'static str> {
    let properties = schema.as_object()?.get("properties")?.as_object()?;
    names_of(Place::Component).find(|key| properties.contains_key(*key))
}

/// Whose binary it is: what a message advises depends on whether its reader can link something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binary {
    /// Somebody's own, with the crates that it links.
    #[default]
    Own,
    /// The `wirework` command.
    Stock,
}

/// The factories used so far, by their number in the registry.
pub struct Factories<'a> {
    registry: &'a Registry,
    binary: Binary,
    known: Vec<Option<Arc<FactoryInfo>>>,
}

wirework::opaque!(Factories<'_>);

impl<'a> Factories<'a> {
    /// None is used yet.
    #[must_use]
    pub fn new(registry: &'a Registry, binary: Binary) -> Self {
        Self { registry, binary, known: registry.all().iter().map(|_| None).collect() }
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &'a Registry {
        self.registry
    }

    /// Whose binary it is.
    #[must_use]
    pub fn binary(&self) -> Binary {
        self.binary
    }

    /// The factory for `descriptor`.
    ///
    /// # Errors
    /// None, or several that rank alike.
    pub fn find(&mut self, descriptor: &Descriptor) -> Result<Arc<FactoryInfo>, Vec<Arc<Registered>>> {
        let number = match self.registry.find(descriptor) {
            Lookup::None => return Err(Vec::new()),
            Lookup::Ambiguous(rivals) => return Err(rivals),
            Lookup::One(number) => number,
        };
        let (Some(slot), Some(registered)) = (self.known.get_mut(number), self.registry.all().get(number))
        else {
            return Err(Vec::new());
        };
        Ok(Arc::clone(slot.get_or_insert_with(|| Arc::new(FactoryInfo::new(Arc::clone(registered))))))
    }
}
