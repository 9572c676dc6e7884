//! What shop and warehouse tell each other.

use std::fmt;

use serde::{Deserialize, Serialize};
use wirework::messaging::MessageEnvelope;
use wirework::{Category, Coded};

/// The types of messages.
pub const PLACED: &str = "order.placed";
pub const SHIPPED: &str = "order.shipped";
pub const BASKET_LEFT: &str = "basket.left";

/// An order, as it travels: `{"number":7,"customer":"Ada","article":"lamp","quantity":2}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub number: u64,
    pub customer: String,
    pub article: String,
    pub quantity: u32,
}

/// Why an order cannot be packed, today or ever.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Something else was sent.
    #[error(
        "the message is no order such as {{\"number\":7,\"customer\":\"Ada\",\"article\":\"lamp\",\"quantity\":2}}"
    )]
    NoOrder(#[source] wirework::Error),
    /// There is nothing to pack.
    #[error("order {0} is for 0 pieces, but has to be for at least 1")]
    Nothing(u64),
    /// It may be there tomorrow.
    #[error("order {number} waits for {article}, which is not on the shelf")]
    NotOnTheShelf {
        /// The order.
        number: u64,
        /// What it is for.
        article: String,
    },
}

impl Coded for OrderError {
    fn category(&self) -> Category {
        match self {
            Self::NoOrder(_) | Self::Nothing(_) => Category::BadRequest,
            Self::NotOnTheShelf { .. } => Category::NotFound,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::NoOrder(_) | Self::Nothing(_) => "BAD_ORDER",
            Self::NotOnTheShelf { .. } => "NOT_ON_THE_SHELF",
        }
    }
}

impl Order {
    /// The order that a message holds.
    pub fn read(envelope: &MessageEnvelope) -> Result<Self, OrderError> {
        let order: Self = envelope.json().map_err(|error| OrderError::NoOrder(error.into()))?;
        if order.quantity == 0 { Err(OrderError::Nothing(order.number)) } else { Ok(order) }
    }

    /// The order as a message; its trace id ties together what is logged about it on either side.
    pub fn envelope(&self, kind: &'static str) -> Result<MessageEnvelope, wirework::Error> {
        Ok(MessageEnvelope::of_json(kind, self)?.with_trace_id(format!("order-{}", self.number)))
    }
}

/// `2 × lamp for Ada`.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { customer, article, quantity, .. } = self;
        write!(f, "{quantity} × {article} for {customer}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_comes_back_as_it_was() {
        let order = Order { number: 7, customer: "Ada".into(), article: "lamp".into(), quantity: 2 };
        let envelope = order.envelope(PLACED).unwrap();
        assert_eq!(envelope.to_string().get(..22), Some("[order-7,order.placed,"));
        assert_eq!(Order::read(&envelope).unwrap(), order);
        assert_eq!(order.to_string(), "2 × lamp for Ada");
    }

    #[test]
    fn what_is_no_order_is_told() {
        let read = |payload: &'static str| Order::read(&MessageEnvelope::new(PLACED, payload)).unwrap_err();
        assert!(matches!(read("lamp"), OrderError::NoOrder(_)));
        assert!(matches!(read(r#"{"number":7}"#), OrderError::NoOrder(_)));
        let nothing = read(r#"{"number":7,"customer":"Ada","article":"lamp","quantity":0}"#);
        assert_eq!(nothing.to_string(), "order 7 is for 0 pieces, but has to be for at least 1");
    }
}
