//! What came and cannot be taken: messages above the limit, and what is still acknowledged when a packet ends the link.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::core::Core;
use super::drive::Drive;
use crate::mqtt::protocol::{Oversize, Protocol};
use crate::mqtt::session::Arrival;
use crate::mqtt::transport::Transport;
use crate::mqtt::{Lost, QoS};
use crate::text::clip;

/// On how many topics oversize messages are warned of.
const MOST_WARNINGS: usize = 16;

/// How long listeners may take to finish what came before a packet that ends the link.
const MOMENT: Duration = Duration::from_millis(250);

impl Core {
    /// A message above `options.max_packet_size` was read past. It is acknowledged: a broker that keeps it would send it
    /// again on every link.
    pub(super) fn oversize(&mut self, oversize: Oversize) {
        self.metrics.received.one();
        if self.closing {
            return;
        }
        self.metrics.oversize.one();
        let Oversize { id, qos, dup, topic, size } = oversize;
        if qos != QoS::AtMostOnce
            && let Arrival::New(token) = self.incoming.arrive(id, qos, dup)
        {
            self.incoming.done(token);
        }
        if self.oversize_said.len() >= MOST_WARNINGS || self.oversize_said.contains(&topic) {
            return;
        }
        self.logger.warn(format_args!(
            "a message of {size} bytes on `{}` is larger than the {} of `options.max_packet_size`: nobody gets it, and it is \
             acknowledged so that others still come; more of them on this topic are only counted (`mqtt.message.oversize`)",
            clip(&topic),
            self.settings.max_packet_size
        ));
        self.oversize_said.push(topic);
    }
}

impl<P: Protocol, S: Transport> Drive<'_, P, S> {
    /// The link ends for a packet that came: what came before it is acknowledged as far as it is handled, or is within a
    /// moment. Else it would all come again, and with the same packet behind it for ever.
    pub(super) async fn acknowledge_last(&mut self, reason: &Lost) {
        // In other cases listeners are behind, or what is missing may be due to them: they have had their time.
        let waits = matches!(reason, Lost::Protocol(_) | Lost::Unexpected(_) | Lost::BadTopic { .. } | Lost::TooLarge { .. });
        let held = Arc::clone(&self.core.held);
        held.watch(true);
        let handled = std::future::poll_fn(|cx| {
            self.core.intake.register(cx.waker());
            self.core.take();
            self.core.give_back();
            if !waits || held.messages() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        let _ = timeout(MOMENT, handled).await;
        held.watch(self.core.closing);
        // Where there is more than may wait for the socket, the rest comes again.
        let _ = self.acknowledge();
    }
}
