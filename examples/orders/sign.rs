//! `acme:sign:open`: shows that a service is there.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use wirework::component::{Component, Context, NoConfig};
use wirework::log::Logger;
use wirework::messaging::{MessageEnvelope, MessageQueue};
use wirework::{Descriptor, Error, references, register};

references! {
    /// What a [`Sign`] asks for.
    pub struct SignReferences {
        /// Where it says that nobody can see it.
        logger: Logger = "*:logger:*:*:1.0",
        /// What it is written on.
        sign: Arc<dyn MessageQueue> = "*:message-queue:*:sign:1.0",
    }
}

/// Sends `open` every second while the service is open.
pub struct Sign(SignReferences);

impl Component for Sign {
    const DESCRIPTOR: &'static str = "acme:sign:open:*:1.0";
    const SUMMARY: &'static str = "Shows once a second that the service is open.";
    type Config = NoConfig;
    type References = SignReferences;

    fn create(_: &Descriptor, _: NoConfig, references: SignReferences) -> Result<Self, Error> {
        Ok(Self(references))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        let (sign, logger, task) = (Arc::clone(&self.0.sign), self.0.logger.clone(), context.clone());
        context.spawn("show", async move {
            let mut clock = tokio::time::interval(Duration::from_secs(1));
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = clock.tick() => {
                        // One that is not seen is made good by the next.
                        if let Err(error) = sign.send(MessageEnvelope::new("warehouse.open", "open")).await {
                            logger.debug(format_args!("the sign is not seen: {}", error.chain()));
                        }
                    }
                    () = task.cancelled() => return Ok(()),
                }
            }
        });
        Ok(())
    }
}
register!(Sign);
