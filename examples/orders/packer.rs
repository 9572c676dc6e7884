//! `acme:packer:orders`: picks, packs and ships.

use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;
use wirework::component::{Component, Context};
use wirework::config::Millis;
use wirework::log::Logger;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver};
use wirework::{BoxFuture, Descriptor, Error, chain, references, register};

use crate::order::{Order, OrderError, SHIPPED};

/// The configuration of [`Packer`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PackerConfig {
    /// The articles on the shelf.
    shelf: Vec<String>,
    /// How long packing takes.
    packing: Millis,
}

impl Default for PackerConfig {
    fn default() -> Self {
        Self { shelf: ["lamp", "chair", "table"].map(str::to_owned).into(), packing: Millis::new(500) }
    }
}

references! {
    /// What a [`Packer`] asks for.
    pub struct PackerReferences {
        /// Where it says what it does.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where orders come from.
        orders: Arc<dyn MessageQueue> = "*:message-queue:*:orders:1.0",
        /// Where it tells what is shipped.
        shipped: Arc<dyn MessageQueue> = "*:message-queue:*:shipped:1.0",
    }
}

/// Packs one order after the other. An order is completed when the broker has the news that it is shipped; before that it
/// belongs to the broker, and comes again after a crash.
pub struct Packer {
    orders: Arc<dyn MessageQueue>,
    bench: Arc<Bench>,
    /// Ends when nothing is packed any more.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

/// Where the packing is done.
struct Bench {
    config: PackerConfig,
    logger: Logger,
    shipped: Arc<dyn MessageQueue>,
}

impl Component for Packer {
    const DESCRIPTOR: &'static str = "acme:packer:orders:*:1.0";
    const SUMMARY: &'static str = "Packs orders for what is on its shelf, and gives up those it cannot.";
    type Config = PackerConfig;
    type References = PackerReferences;

    fn create(_: &Descriptor, config: PackerConfig, references: PackerReferences) -> Result<Self, Error> {
        let PackerReferences { logger, orders, shipped } = references;
        Ok(Self { orders, bench: Arc::new(Bench { config, logger, shipped }), ended: Mutex::default() })
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let (orders, bench) = (Arc::clone(&self.orders), Arc::clone(&self.bench));
        let (end, ended) = oneshot::channel();
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        context.spawn("pack", async move {
            let _end = end;
            orders.listen(bench, ListenOptions::default()).await
        });
        Ok(())
    }

    /// Nothing more is taken, and what is on the bench is finished.
    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.orders.end_listen();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            // The task drops its end when it is over, and sends nothing.
            let _ = ended.await;
        }
        Ok(())
    }
}
register!(Packer);

impl MessageReceiver for Bench {
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        orders: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let trace_id = envelope.trace_id.as_deref().unwrap_or_default();
            let logger = self.logger.with_trace_id(trace_id);
            match Order::read(&envelope) {
                // `Ok` completes the message; an error gives it back to be tried again, so often as the queue permits.
                Ok(order) => self.pack(&order, trace_id, &logger).await,
                // No later try would do.
                Err(error) => {
                    logger.warn(format_args!("an order is given up: {}", chain(&error)));
                    orders.move_to_dead_letter(&envelope).await
                }
            }
        })
    }
}

impl Bench {
    async fn pack(&self, order: &Order, trace_id: &str, logger: &Logger) -> Result<(), Error> {
        let Order { number, article, .. } = order;
        if !self.config.shelf.contains(article) {
            return Err(OrderError::NotOnTheShelf { number: *number, article: article.clone() }.into());
        }
        logger.info(format_args!("order {number} picked: {order}"));
        tokio::time::sleep(self.config.packing.0).await;
        self.shipped.send(order.envelope(SHIPPED)?.with_trace_id(trace_id)).await?;
        logger.info(format_args!("order {number} packed and shipped"));
        Ok(())
    }
}
