//! Who uses whom, for as long as the service runs: what is kept of a plan when its sections are gone.

use std::sync::Arc;

use wirework::component::{Link, ServiceGraph};

use super::factories::FactoryInfo;
use super::lists::{List, others};
use super::plan::Plan;

/// The references of all components of a plan, and what each opens after.
pub struct Links {
    components: Vec<Uses>,
    afters: Vec<Vec<List>>,
}

/// What one component uses: a list for each reference of its factory.
struct Uses {
    known: Option<Arc<FactoryInfo>>,
    lists: Box<[List]>,
}

impl Links {
    /// Those of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let components = plan.components.iter().map(|planned| Uses {
            known: planned.known.clone(),
            lists: planned.references.iter().map(|resolved| Arc::clone(&resolved.list)).collect(),
        });
        Self { components: components.collect(), afters: plan.afters.clone() }
    }
}

impl ServiceGraph for Links {
    fn links(&self, position: u32) -> Vec<Link> {
        let Some(uses) = self.components.get(position as usize) else { return Vec::new() };
        let others = |list: &List| others(list, position).collect();
        let wanted = uses.known.iter().flat_map(|known| &known.references);
        let references = wanted
            .zip(&uses.lists)
            .map(|(wanted, list)| Link::new(wanted.reference.field, !wanted.waits(), others(list)));
        let afters = self.afters.get(position as usize).into_iter().flatten();
        references.chain(afters.map(|list| Link::new("after", false, others(list)))).collect()
    }
}
