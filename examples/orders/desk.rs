//! `acme:desk:orders`: where the shop hears what became of its orders.

use std::sync::Arc;

use wirework::component::{Component, Context, NoConfig};
use wirework::log::Logger;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::{Descriptor, Error, chain, references, register};

use crate::order::Order;

references! {
    /// What a [`Desk`] asks for.
    pub struct DeskReferences {
        /// Where it says what it hears.
        logger: Logger = "*:logger:*:*:1.0",
        /// Where the warehouse tells what it has shipped.
        shipped: Arc<dyn MessageQueue> = "*:message-queue:*:shipped:1.0",
        /// Where those orders come that nobody could pack: the warehouse's dead letters.
        rejected: Arc<dyn MessageQueue> = "*:message-queue:*:rejected:1.0",
    }
}

/// Tells customers that their order is on its way, and the others that they get their money back.
pub struct Desk(DeskReferences);

impl Component for Desk {
    const DESCRIPTOR: &'static str = "acme:desk:orders:*:1.0";
    const SUMMARY: &'static str = "Tells customers what became of their orders.";
    type Config = NoConfig;
    type References = DeskReferences;

    fn create(_: &Descriptor, _: NoConfig, references: DeskReferences) -> Result<Self, Error> {
        Ok(Self(references))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let DeskReferences { logger, shipped, rejected } = &self.0;
        for (queue, news) in [(shipped, News::Shipped), (rejected, News::Rejected)] {
            let (queue, logger) = (Arc::clone(queue), logger.clone());
            let tell = move |envelope: MessageEnvelope| {
                news.tell(&envelope, &logger);
                std::future::ready(Ok(()))
            };
            context
                .spawn("listen", async move { queue.listen(Arc::new(tell), ListenOptions::default()).await });
        }
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.0.shipped.end_listen();
        self.0.rejected.end_listen();
        Ok(())
    }
}
register!(Desk);

#[derive(Clone, Copy)]
enum News {
    Shipped,
    Rejected,
}

impl News {
    fn tell(self, envelope: &MessageEnvelope, logger: &Logger) {
        let logger = logger.with_trace_id(envelope.trace_id.as_deref().unwrap_or_default());
        match (self, Order::read(envelope)) {
            (Self::Shipped, Ok(order)) => {
                logger.info(format_args!("order {} is on its way: {order}", order.number));
            }
            (Self::Rejected, Ok(order)) => logger.warn(format_args!(
                "order {} could not be packed; {} gets the money back",
                order.number, order.customer
            )),
            (_, Err(error)) => {
                logger.warn(format_args!("message {} was set aside: {}", envelope.message_id, chain(&error)));
            }
        }
    }
}
