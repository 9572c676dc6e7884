//! Subscriptions: checked, asked for, granted, ended.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::handle::Handle;
use crate::mqtt::driver::{Command, Settings};
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::topic::{Filter, without_controls};
use crate::mqtt::{MqttError, MqttVersion, QoS, SubscribeOptions};

/// A granted subscription. Dropping it changes nothing: the subscription lasts until it is unsubscribed from or the connection
/// closes.
#[derive(Clone)]
pub struct MqttSubscription {
    handle: Arc<Handle>,
    filter: Filter,
    listener: SharedListener,
    granted: QoS,
}

impl MqttSubscription {
    /// Returns the filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns the QoS that the broker has granted: for this filter, or for the wider one through which its messages come.
    #[must_use]
    pub fn granted(&self) -> QoS {
        self.granted
    }

    /// Ends the subscription; see [`MqttClient::unsubscribe`](super::MqttClient::unsubscribe).
    ///
    /// # Errors
    /// As there.
    pub async fn unsubscribe(self) -> Result<bool, MqttError> {
        self.handle.unsubscribe(self.filter, &self.listener).await
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

/// Subscribes, and waits until the broker has granted it.
pub(super) async fn subscribe(
    handle: &Arc<Handle>,
    filter: &str,
    options: SubscribeOptions,
    listener: SharedListener,
) -> Result<MqttSubscription, MqttError> {
    let filter = check(handle.settings(), filter, options)?;
    let (reply, answer) = oneshot::channel();
    let asked = Arc::clone(&listener);
    handle.push(Command::Subscribe { filter: filter.clone(), options, listener: asked, reply })?;
    let pending = Pending { handle, filter: &filter, listener: &listener, armed: true };
    let answer = handle.answer("subscribe", answer).await?;
    // After a refusal there is no subscription.
    pending.disarm();
    let granted = answer?;
    Ok(MqttSubscription { handle: Arc::clone(handle), filter, listener, granted })
}

/// Returns the filter, where it may be subscribed to with these options.
fn check(settings: &Settings, filter: &str, options: SubscribeOptions) -> Result<Filter, MqttError> {
    if !settings.allow_control_characters {
        without_controls(filter)?;
    }
    let filter = Filter::new(filter)?;
    if settings.version == MqttVersion::V4 && options.needs_version_5() {
        let what = "`no_local`, `retain_as_published` and `retain_handling`";
        let why = "MQTT 3.1.1 has none of them; set `options.protocol_version = 5`";
        return Err(MqttError::Unsupported { what, why });
    }
    // MQTT-3.8.3-4 of 5: brokers end the link for it.
    if options.no_local && filter.group().is_some() {
        let why = "MQTT 5 forbids it, as one client of the group gets each message";
        return Err(MqttError::Unsupported { what: "`no_local` on a shared filter", why });
    }
    let (size, max) = (filter.as_str().len() + 16, settings.max_packet_size);
    if size > max {
        return Err(MqttError::TooLarge { topic: filter.as_str().into(), size, max });
    }
    Ok(filter)
}

/// Takes a subscription back, or its change, where the caller stops waiting before it sees the grant.
struct Pending<'a> {
    handle: &'a Handle,
    filter: &'a Filter,
    listener: &'a SharedListener,
    armed: bool,
}

impl Pending<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.armed {
            let (filter, listener) = (self.filter.clone(), Arc::clone(self.listener));
            // A connection that has closed has no subscriptions.
            let _ = self.handle.push(Command::GiveUp { filter, listener });
        }
    }
}
