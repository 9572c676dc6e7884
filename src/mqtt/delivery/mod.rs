//! Messages in the hands of listeners, from their delivery to their acknowledgement.

mod delivery_counts;
mod in_delivery;
mod token;

#[cfg(test)]
pub(crate) use in_delivery::tests;
pub(crate) use in_delivery::{Acknowledger, DeliveryGuard, InDelivery};
pub(crate) use token::Token;
