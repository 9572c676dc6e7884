//! The component model: descriptors, references, offers, factories and the registry.
//!
//! A component author writes a struct, its configuration and its references, implements [`Component`] and registers
//! it with one line, [`register!`](crate::register). Everything a type declares is static, so that a container can
//! check a whole manifest before it makes anything.

mod answers;
mod budget;
mod cancellation;
mod claim;
mod client;
mod configuration;
mod context;
mod definition;
mod factory;
mod flow;
mod found;
mod neighbours;
mod offer;
mod offered;
mod reference;
mod registration;
mod registry;
mod server_rules;
mod service;
mod slot;
#[cfg(any(feature = "mqtt", feature = "broker"))]
mod static_lookups;
mod status;
mod tasks;
#[cfg(test)]
pub(crate) mod testing;

pub use answers::StaticAnswers;
pub use budget::Budget;
pub use claim::Claim;
pub use client::{Client, ClientFilters, ClientServer, FilterLimit, Refusal, TopicAction, TopicUse};
pub use configuration::Configuration;
pub use context::{Context, Supervisor, new_trace_id, panic_error};
pub use definition::{Component, Instance, NoConfig, Stage};
pub use factory::{ComponentFactory, Factory, InstanceFactory, Parsed};
pub use flow::{Destination, DiscoveredServers, Flow, Names, QueueFlow, QueueNamespace, Share};
pub use found::{Deferred, Found, Matches};
pub use neighbours::{Neighbour, Neighbours};
pub use offer::{AnyArc, Capability, Cast, Offer};
#[doc(hidden)]
pub use offer::{AssertShareable, Shareable};
pub use offered::Offered;
pub use reference::{Reference, References};
pub use registration::Registration;
pub use registry::{Lookup, Near, Registered, Registry, RegistryError};
pub use server_rules::ServerRules;
pub use service::{
    Change, Changes, ComponentState, LevelOverride, LevelTarget, Link, LogLevel, NoGraph, Readiness,
    ReadinessRule, ServiceGraph, ServiceMember, ServiceState, ServiceStates, ServiceView, StateChange,
};
pub use slot::{Cardinality, Late, Slot};
#[cfg(any(feature = "mqtt", feature = "broker"))]
pub(crate) use static_lookups::StaticLookup;
pub use status::Status;

pub use crate::descriptor::{Descriptor, DescriptorError, MAX_LEN, Pattern, TOKENS};
#[doc(hidden)]
pub use crate::descriptor::{check_descriptor, check_reference};
