//! What is around a section, for unit tests.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{Component, Descriptor, Flow, Neighbour, Neighbours};
use crate::config::Span;

/// Sections by the references that lead to them; other references lead to none.
#[derive(Default)]
pub(crate) struct Around {
    sections: BTreeMap<&'static str, Vec<Section>>,
    unknown: BTreeSet<&'static str>,
}

struct Section {
    descriptor: Descriptor,
    config: Box<dyn Any + Send>,
    flows: Vec<Flow>,
}

impl Around {
    /// The same with a component of type `C`, configured by TOML, to which a reference leads.
    pub(crate) fn with<C>(mut self, field: &'static str, descriptor: &str, config: &str) -> Self
    where
        C: Component<Config: DeserializeOwned + JsonSchema>,
    {
        let descriptor: Descriptor = descriptor.parse().unwrap();
        let config: C::Config = crate::config::from_toml(config).unwrap();
        let flows = C::flows(&descriptor, &config);
        let section = Section { descriptor, config: Box::new(config), flows };
        self.sections.entry(field).or_default().push(section);
        self
    }

    /// The same with a reference of which nobody knows where it leads.
    pub(crate) fn unknown(mut self, field: &'static str) -> Self {
        self.unknown.insert(field);
        self
    }
}

impl Neighbours for Around {
    fn resolved(&self, field: &str) -> Option<Vec<Neighbour<'_>>> {
        let sections = self.sections.get(field).into_iter().flatten();
        let known =
            sections.map(|one| Neighbour::new(&one.descriptor, Some(&*one.config), &one.flows, false));
        (!self.unknown.contains(field)).then(|| known.collect())
    }

    fn disabled(&self, _: &str) -> Option<&Descriptor> {
        None
    }

    fn span(&self, _: &str) -> Option<Span> {
        None
    }
}
