//! `acme:customers:simulated`: people who order, for a shop that has none yet.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use wirework::component::{Component, Context};
use wirework::config::Millis;
use wirework::log::Logger;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::{Descriptor, Error, references, register};

use crate::order::{BASKET_LEFT, Order, PLACED};

/// The configuration of [`Customers`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomersConfig {
    /// Time from one customer to the next; 0 is taken for 1 ms.
    interval: Millis,
}

impl Default for CustomersConfig {
    fn default() -> Self {
        Self { interval: Millis::new(2000) }
    }
}

references! {
    /// What [`Customers`] ask for.
    pub struct CustomersReferences {
        /// Where it says what they do.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where what they do is sent.
        events: Arc<dyn MessageQueue> = "*:message-queue:*:events:1.0",
        /// Where the warehouse shows that it is there.
        sign: Arc<dyn MessageQueue> = "*:message-queue:*:sign:1.0",
    }
}

/// Customers who order, or leave their baskets behind. They come in when the warehouse has opened: the broker keeps
/// orders for those it knows, and does not know the warehouse before.
pub struct Customers {
    config: CustomersConfig,
    references: Arc<CustomersReferences>,
}

impl Component for Customers {
    const DESCRIPTOR: &'static str = "acme:customers:simulated:*:1.0";
    const SUMMARY: &'static str = "Sends made-up orders, of which one in five cannot be fulfilled.";
    type Config = CustomersConfig;
    type References = CustomersReferences;

    fn create(
        _: &Descriptor,
        config: CustomersConfig,
        references: CustomersReferences,
    ) -> Result<Self, Error> {
        Ok(Self { config, references: Arc::new(references) })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let opened = Arc::new(Notify::new());
        let (seen, sign) = (Arc::clone(&opened), Arc::clone(&self.references.sign));
        context.spawn("watch", async move {
            let see = move |_: MessageEnvelope| {
                seen.notify_one();
                std::future::ready(Ok(()))
            };
            sign.listen(Arc::new(see), ListenOptions::default()).await
        });
        self.references.logger.info(format_args!("the shop waits for the warehouse to open"));
        let (references, task) = (Arc::clone(&self.references), context.clone());
        let mut clock =
            tokio::time::interval(self.config.interval.0.max(std::time::Duration::from_millis(1)));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        context.spawn("order", async move {
            let ordering = async {
                opened.notified().await;
                references.logger.info(format_args!("the warehouse is open: customers come in"));
                for number in 1.. {
                    clock.tick().await;
                    references.order(&imagined(number)).await?;
                }
                Ok(())
            };
            tokio::select! {
                ended = ordering => ended,
                () = task.cancelled() => Ok(()),
            }
        });
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.references.sign.end_listen();
        Ok(())
    }
}
register!(Customers);

impl CustomersReferences {
    async fn order(&self, order: &Order) -> Result<(), Error> {
        let kind = if order.number % 4 == 3 { BASKET_LEFT } else { PLACED };
        let envelope = order.envelope(kind)?;
        let logger = self.logger.with_trace_id(envelope.trace_id.as_deref().unwrap_or_default());
        // The same message until the broker has it.
        while let Err(error) = self.events.send(envelope.clone()).await {
            logger.warn(format_args!("order {} is tried again: {}", order.number, error.chain()));
        }
        match kind {
            PLACED => logger.info(format_args!("order {} placed: {order}", order.number)),
            _ => logger.info(format_args!("{} looked at a {}, and left", order.customer, order.article)),
        }
        Ok(())
    }
}

/// Somebody wants something, and sometimes what no warehouse has.
fn imagined(number: u64) -> Order {
    let pick = |list: &[&str], number: u64| {
        let index = usize::try_from(number).unwrap_or_default().checked_rem(list.len()).unwrap_or_default();
        list.get(index).copied().unwrap_or_default().to_owned()
    };
    let article = if number.is_multiple_of(5) {
        "unicorn".to_owned()
    } else {
        pick(&["lamp", "chair", "table"], number)
    };
    let customer = pick(&["Ada", "Ben", "Cleo", "Dan"], number / 2);
    Order { number, customer, article, quantity: u32::try_from(number % 3).unwrap_or_default() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_five_wants_a_unicorn() {
        let wants = |number| imagined(number).article;
        assert_eq!([wants(1), wants(2), wants(5), wants(6)], ["chair", "table", "unicorn", "lamp"]);
        assert!((1..100).all(|number| imagined(number).quantity > 0));
    }
}
