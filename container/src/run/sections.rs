//! What is kept of a plan while its service runs: everything from which a component is created, and created anew.

use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use wirework::component::{Instance, panic_error};
use wirework::config::{Problems, Section, Severity};
use wirework::log::LogSink;
use wirework::{Category, Descriptor, Error};

use crate::manifest::Entry;
use crate::plan::{FactoryInfo, Graph, Plan, Planned, ResolvedReference, others};

/// What a component is created from; its type is known to its factory alone.
pub(super) type Config = Box<dyn Any + Send>;

/// The sections of a service, by position, and who waits for whom.
pub(super) struct Sections {
    components: Vec<Kept>,
    /// Everything after what it references.
    order: Vec<u32>,
    graph: Graph,
}

/// One section.
pub(super) struct Kept {
    entry: Entry,
    known: Option<Arc<FactoryInfo>>,
    references: Vec<ResolvedReference>,
    timeout: Duration,
}

impl Sections {
    /// Those of a plan, and the configurations that were read from them, by position.
    pub fn of(plan: Plan) -> (Arc<Self>, Vec<Option<Config>>) {
        let Plan { components, order, graph, .. } = plan;
        let (mut kept, mut configs) = (Vec::with_capacity(components.len()), Vec::new());
        for planned in components {
            let timeout = planned.timeout();
            let Planned { entry, known, parsed, references } = planned;
            configs.push(parsed.and_then(|parsed| parsed.config));
            kept.push(Kept { entry, known, references, timeout });
        }
        (Arc::new(Self { components: kept, order, graph }), configs)
    }

    /// The section at a position.
    pub fn get(&self, position: u32) -> Option<&Kept> {
        self.components.get(position as usize)
    }

    /// All of them, in manifest order.
    pub fn all(&self) -> &[Kept] {
        &self.components
    }

    /// The order of creation.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Who waits for whom.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The position of a component.
    pub fn position(&self, descriptor: &Descriptor) -> Option<u32> {
        (0..).zip(&self.components).find(|(_, kept)| kept.descriptor() == descriptor).map(|(at, _)| at)
    }

    /// The component at a position and all that hold it by a reference, directly or not, by position. Those that only open after it
    /// hold nothing of it, and late references are bound again.
    pub fn with_dependents(&self, position: u32) -> Vec<bool> {
        let mut held = vec![false; self.components.len()];
        for component in self.order.iter().copied() {
            let holds =
                component == position || self.get(component).is_some_and(|kept| kept.references_any(&held));
            if let Some(held) = held.get_mut(component as usize) {
                *held = holds;
            }
        }
        held
    }
}

impl Kept {
    pub fn descriptor(&self) -> &Descriptor {
        &self.entry.descriptor
    }

    /// The section itself.
    #[cfg(feature = "admin")]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What its factory says of it.
    pub fn known(&self) -> Option<&Arc<FactoryInfo>> {
        self.known.as_ref()
    }

    /// What each of its references resolved to.
    pub fn references(&self) -> &[ResolvedReference] {
        &self.references
    }

    /// How long a call of the component may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the service cannot do without the component.
    pub fn is_critical(&self) -> bool {
        self.entry.critical
    }

    /// Whether one of its references that are not late has resolved to one of these.
    fn references_any(&self, selected: &[bool]) -> bool {
        let wanted = self.known.iter().flat_map(|known| &known.references).zip(&self.references);
        let mut held = wanted.filter(|(wanted, _)| wanted.waits()).flat_map(|(_, resolved)| &*resolved.list);
        held.any(|member| selected.get(*member as usize).copied().unwrap_or_default())
    }

    /// An instance of it as a log sink, if it offers to be one.
    pub fn log_sink(&self, instance: &Arc<dyn Instance>) -> Option<Arc<dyn LogSink>> {
        let mut sink: Option<Arc<dyn LogSink>> = None;
        let offer = self.known.as_ref()?.offer(TypeId::of::<dyn LogSink>())?;
        offer.cast(Arc::clone(instance) as _, &mut sink);
        sink
    }

    /// Reads the section once more. It was good when the service started; what it says against the world outside, such as a port that
    /// the component itself still has, is for `open` to find.
    ///
    /// # Errors
    /// `BAD_SECTION` where a file that it names is not what it was, `PANIC` where its factory does.
    pub fn read(&self) -> Result<Config, Error> {
        let known = self.known.as_ref().ok_or_else(|| bad_section("no factory makes it"))?;
        let Entry { descriptor, table, span, .. } = &self.entry;
        let section = Section { descriptor, table, span: *span };
        let mut problems = Problems::new();
        let parse = AssertUnwindSafe(|| known.factory().parse(&section, &mut problems));
        let parsed = catch_unwind(parse).map_err(|panic| panic_error("its factory", &*panic))?;
        parsed.and_then(|parsed| parsed.config).ok_or_else(|| {
            let first = problems.iter().find(|problem| problem.severity == Severity::Error);
            bad_section(first.map_or("nothing is said of it", |problem| problem.code))
        })
    }

    /// The members of a reference, by its number, but the component itself.
    pub fn members(&self, reference: usize, asker: u32) -> impl Iterator<Item = u32> + '_ {
        let resolved = self.references.get(reference);
        resolved.into_iter().flat_map(move |resolved| others(&resolved.list, asker))
    }
}

fn bad_section(why: &str) -> Error {
    Error::new(Category::Internal, "BAD_SECTION", format!("its section cannot be read once more: {why}"))
}
