//! From sections and factories to an ordered plan, or to all the problems. Nothing is created here.

mod adjacency;
mod blocking;
mod claims;
mod clients;
mod cycles;
mod durable;
#[cfg(any(feature = "cli", feature = "admin"))]
mod effective;
mod factories;
mod graph;
mod hints;
mod index;
mod links;
mod listeners;
mod lists;
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
mod shown;
mod walk;
mod words;

pub(crate) use blocking::plan_apart;
#[cfg(feature = "cli")]
pub(crate) use effective::effective;
#[cfg(feature = "admin")]
pub(crate) use effective::effective_section;

pub use adjacency::EdgeKind;
pub use factories::{Binary, Factories, FactoryInfo, Wanted};
pub use graph::{Graph, GraphBuilder};
pub use index::Index;
pub(crate) use links::Links;
pub use lists::{Asked, List, Lists, others};
#[cfg(feature = "cli")]
pub(crate) use pip_services::instead_of;
pub use plan::Plan;
pub use planned::{DEFAULT_TIMEOUT, Planned, Resolved};
pub use references::{Candidate, Question, ReferenceContext, Verdict};
pub use walk::Walk;
