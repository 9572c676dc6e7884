use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::super::Inbox;
use super::super::fuzz::Fixture;
use super::*;
use crate::count::Counters;

fn receiving(settings: Settings) -> Receiving {
    let metrics = Arc::new(Metrics::new(&Counters::default()));
    Receiving::new(Arc::new(settings), Inbox::new(), Logger::default(), metrics)
}

/// What is one too many on this link is delivered on the next: it has not been handled by anybody.
#[test]
fn a_message_too_many_ends_the_link_and_is_new_on_the_next() {
    for (version, most) in [("3.1.1", usize::from(u16::MAX)), ("5", 7)] {
        for oversize in [false, true] {
            let mut settings = Fixture::settings(version, 0);
            settings.receive_maximum = 7;
            let mut receiving = receiving(settings);
            for id in (1..=u16::MAX).take(most) {
                assert!(matches!(receiving.admit(id, QoS::AtLeastOnce, false), Ok(Arrival::New(_))));
            }
            let (id, qos, dup, topic) = (9, QoS::ExactlyOnce, false, Arc::from("t"));
            let end = if oversize {
                receiving.receive_oversize(Oversize { id, qos, dup, topic, size: 99_999 })
            } else {
                let message = MqttMessage { qos, ..MqttMessage::new("t", "") };
                receiving.receive(id, message, |_, _| 0)
            };
            assert!(matches!(end, Err(LinkError::Unexpected(_) | LinkError::Flooded { max: 7 })), "{end:?}");
            receiving.link_ended();
            receiving.resume(SessionPresence::Present, Instant::now());
            assert!(matches!(receiving.admit(id, qos, true), Ok(Arrival::New(_))), "{version} {oversize}");
        }
    }
}

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
    let mut receiving = receiving(Fixture::settings("3.1.1", 0));
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    tracing::subscriber::with_default(subscriber, || {
        for topic in (0..100).flat_map(|number| [number, number]) {
            let topic = format!("a/{topic}\u{1b}").into();
            let oversize = Oversize { id: 0, qos: QoS::AtMostOnce, dup: false, topic, size: 99_999 };
            receiving.receive_oversize(oversize).unwrap();
        }
    });
    let warnings = warnings.0.lock().unwrap();
    assert_eq!(warnings.len(), MAX_OVERSIZE_WARNINGS);
    let first = &warnings[0];
    for part in ["99999 bytes", "`a/0\\u{1b}`", "`options.max_packet_size`"] {
        assert!(first.contains(part), "{first}");
    }
}
