//! A subscription that the broker has granted.

use std::fmt;

use super::MqttClient;
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, QoS};

/// A granted subscription. Dropping it changes nothing: it lives until it is taken back or the connection closes.
#[derive(Clone)]
pub struct MqttSubscription {
    client: MqttClient,
    filter: Filter,
    listener: SharedListener,
    granted: QoS,
}

impl MqttSubscription {
    pub(super) fn new(client: MqttClient, filter: Filter, listener: SharedListener, granted: QoS) -> Self {
        Self { client, filter, listener, granted }
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The QoS that the broker granted: for this filter, or for the wider one through which its messages come.
    #[must_use]
    pub fn granted(&self) -> QoS {
        self.granted
    }

    /// Takes it back; see [`MqttClient::unsubscribe`].
    ///
    /// # Errors
    /// As there.
    pub async fn unsubscribe(self) -> Result<bool, MqttError> {
        self.client.unsubscribe(self.filter.as_str(), &self.listener).await
    }
}

impl fmt::Debug for MqttSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttSubscription")
            .field("filter", &self.filter)
            .field("granted", &self.granted)
            .finish()
    }
}
