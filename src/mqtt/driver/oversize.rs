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
    pub(super) fn oversize(&mut self, oversize: Oversize) -> Result<(), Lost> {
        self.metrics.received.one();
        if self.closing {
            return Ok(());
        }
        self.metrics.oversize.one();
        let Oversize { id, qos, dup, topic, size } = oversize;
        if qos != QoS::AtMostOnce
            && let Arrival::New(token) = self.admit(id, qos, dup)?
        {
            self.incoming.done(token);
        }
        if self.oversize_said.len() >= MOST_WARNINGS || self.oversize_said.contains(&topic) {
            return Ok(());
        }
        self.logger.warn(format_args!(
            "a message of {size} bytes on `{}` is larger than the {} of `options.max_packet_size`: nobody gets it, and it is \
             acknowledged so that others still come; more of them on this topic are only counted (`mqtt.message.oversize`)",
            clip(&topic),
            self.settings.max_packet_size
        ));
        self.oversize_said.push(topic);
        Ok(())
    }
}

impl<P: Protocol, S: Transport> Drive<'_, P, S> {
    /// The link ends for a packet that came: what came before it is acknowledged as far as it is handled, or is within a
    /// moment. Else it would all come again, and with the same packet behind it for ever.
    pub(super) async fn acknowledge_last(&mut self, reason: &Lost) {
        // In other cases listeners are behind, or what is missing may be due to them: they have had their time.
        let waits = matches!(
            reason,
            Lost::Protocol(_) | Lost::Unexpected(_) | Lost::BadTopic { .. } | Lost::TooLarge { .. }
        );
        let held = Arc::clone(&self.core.held);
        held.watch(true);
        let handled = std::future::poll_fn(|cx| {
            self.core.inbox.register(cx.waker());
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::field::{Field, Visit};
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::super::fuzz;
    use super::*;

    /// The messages of all warnings.
    #[derive(Clone, Default)]
    struct Warnings(Arc<Mutex<Vec<String>>>);

    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }

    impl<S: Subscriber> Layer<S> for Warnings {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }
    }

    #[tokio::test]
    async fn each_topic_is_warned_of_once_up_to_a_bound() {
        let mut core = fuzz::core(fuzz::settings("3.1.1", 0));
        let warnings = Warnings::default();
        let subscriber = tracing_subscriber::registry().with(warnings.clone());
        tracing::subscriber::with_default(subscriber, || {
            for topic in (0..100).flat_map(|number| [number, number]) {
                let topic = format!("a/{topic}\u{1b}").into();
                core.oversize(Oversize { id: 0, qos: QoS::AtMostOnce, dup: false, topic, size: 99_999 })
                    .unwrap();
            }
        });
        let warnings = warnings.0.lock().unwrap();
        assert_eq!(warnings.len(), MOST_WARNINGS);
        let first = &warnings[0];
        for part in ["99999 bytes", "`a/0\\u{1b}`", "`options.max_packet_size`"] {
            assert!(first.contains(part), "{first}");
        }
    }
}
