//! Messages in the hands of listeners, from their delivery to their acknowledgement.

mod delivery_counts;
mod in_delivery;

pub(crate) use in_delivery::{Acknowledger, DeliveryGuard, InDelivery, Token};
