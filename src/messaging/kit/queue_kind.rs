//! A queue over a transport as a component.

use super::{QueueTransport, TransportQueue};
use crate::component::{Component, Configuration, Context, Descriptor, Flow, Offer, References};
use crate::config::Invalid;
use crate::messaging::MessageQueue;
use crate::{Error, offers};

/// A [`QueueTransport`] that is configured in manifests: with it [`TransportQueue`] is a component, which offers
/// [`dyn MessageQueue`](crate::messaging::MessageQueue) and is registered by `register!(TransportQueue<Mine>);`.
pub trait QueueKind: QueueTransport + Sized {
    /// As that of a component, such as `acme:message-queue:files:*:1.0`.
    const DESCRIPTOR: &'static str;
    /// One sentence for `describe`.
    const SUMMARY: &'static str;
    /// What its section says; its table `options` may be a [`TransportQueueOptions`](super::TransportQueueOptions).
    type Config: Configuration;
    /// What it asks for.
    type References: References;

    /// What makes no sense in a configuration; see [`Component::validate`](crate::component::Component::validate).
    #[must_use]
    fn validate(_identity: &Descriptor, _config: &Self::Config) -> Vec<Invalid> {
        Vec::new()
    }

    /// Which messages flow through it; see [`Component::flows`](crate::component::Component::flows).
    #[must_use]
    fn flows(_identity: &Descriptor, _config: &Self::Config) -> Vec<Flow> {
        Vec::new()
    }

    /// Makes the queue; does nothing that takes time or touches the outside.
    ///
    /// # Errors
    /// What `validate` cannot find.
    fn create(
        identity: &Descriptor,
        config: Self::Config,
        references: Self::References,
    ) -> Result<TransportQueue<Self>, Error>;
}

impl<T: QueueKind> Component for TransportQueue<T> {
    const DESCRIPTOR: &'static str = T::DESCRIPTOR;
    const SUMMARY: &'static str = T::SUMMARY;
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn MessageQueue];
    type Config = T::Config;
    type References = T::References;

    fn validate(identity: &Descriptor, config: &T::Config) -> Vec<Invalid> {
        T::validate(identity, config)
    }

    fn flows(identity: &Descriptor, config: &T::Config) -> Vec<Flow> {
        T::flows(identity, config)
    }

    fn create(identity: &Descriptor, config: T::Config, references: T::References) -> Result<Self, Error> {
        T::create(identity, config, references)
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::open(self, context).await
    }

    async fn close(&self, context: &Context) -> Result<(), Error> {
        MessageQueue::close(self, context).await
    }
}
