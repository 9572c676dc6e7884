//! Subscriptions: who listens to what, what the broker is asked for because of that, and who gets a message.
//!
//! The driver knows the [`Registry`]. That has the [`grants`] (the subscriptions and what the broker says to them, above the
//! [filters as the broker knows them](broker_filters) and the [packets](exchange) exchanged for these) and the
//! [`dispatcher`], which delivers messages to listeners.

mod backlog;
mod broker_filters;
mod dispatcher;
mod exchange;
mod filter_ids;
mod grant_changes;
mod grants;
mod in_flight;
mod listeners;
mod mailbox;
mod message_span;
mod ordered_map;
mod overlaps;
mod poison;
mod registry;
mod requested_options;
mod retained;
mod subscription;
mod suspects;
mod table;

pub(crate) use exchange::SuspectState;
pub(crate) use grant_changes::{Outcome, Recheck};
pub(crate) use in_flight::{AnswerTimeouts, Control};
pub(crate) use mailbox::{ListenerContext, SharedListener};
pub(crate) use poison::Cause;
pub(crate) use registry::Registry;
