//! From sections and factories to an ordered plan, or to all the problems. Nothing is created here.

mod adjacency;
mod capability_words;
mod claims;
mod clients;
mod cycles;
mod durable;
#[cfg(any(feature = "cli", feature = "admin"))]
mod effective;
mod factories;
mod filters;
mod graph;
mod hints;
mod index;
mod links;
mod listeners;
mod lists;
mod local_clients;
mod loops;
mod neighbours;
mod order;
mod passwords;
mod paths;
mod pip_services;
mod plan;
mod planned;
mod queue_flows;
mod references;
mod resolve;
mod sections;
mod shown_values;
mod walk;
#[cfg(feature = "cli")]
pub(crate) use effective::effective;
#[cfg(feature = "admin")]
pub(crate) use effective::{effective_section, effective_service};

pub use adjacency::EdgeKind;
pub use factories::{Binary, DeclaredReference, Factories, FactoryInfo};
pub use graph::{Graph, GraphBuilder};
pub use index::Index;
pub(crate) use links::Links;
pub use listeners::Listener;
pub use lists::{List, Lists, Requirement, others};
#[cfg(feature = "cli")]
pub(crate) use pip_services::{instead_of, today};
pub use plan::Plan;
pub(crate) use plan::plan_apart;
pub use planned::{DEFAULT_TIMEOUT, Planned, ResolvedReference};
pub use references::{Candidate, ReferenceContext, ReferenceQuery, Verdict};
pub use walk::Walk;
