//! What every queue does.

mod draining;
mod ending;
mod listening;
mod taking;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use wirework::Error;
use wirework::messaging::{MessageEnvelope, MessageQueue};

use crate::support::within;

/// Makes a test of each behaviour for one kind of queue.
macro_rules! prove {
    ($module:ident, $kind:ty) => {
        mod $module {
            crate::behaviours::prove!(
                $kind: sends_and_receives, receives_before_it_is_sent, keeps_every_byte, completes_once,
                abandons_and_comes_back, expires_and_comes_back, renews, buries_after_so_many_deliveries,
                buries_when_told, peeks_without_taking, clears, streams, listens_also_to_what_came_before,
                listens_with_so_many_at_a_time, abandons_what_a_receiver_fails, ends_listening_gracefully, lets_a_receiver_give_up_while_it_closes,
                closes_with_messages_in_flight, goes_on_after_cuts_in_mid_flow, refuses_work_when_closed, keeps_senders_waiting,
                takes_nothing_new_while_its_service_drains, what_fails_while_its_service_drains_does_not_count,
                what_a_close_interrupts_does_not_count,
            );
        }
    };
    ($kind:ty: $($behaviour:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $behaviour() {
            crate::behaviours::$behaviour::<$kind>().await;
        }
    )* };
}
pub(crate) use prove;

pub use self::draining::*;
pub use self::ending::*;
pub use self::listening::*;
pub use self::taking::*;

const WAIT: Duration = Duration::from_secs(10);

/// Deliveries that come back do so at once.
const AT_ONCE: (&str, &str) = ("options.redelivery_delay", "0");

pub async fn send(queue: &Arc<dyn MessageQueue>, text: &str) {
    within("sending", queue.send(MessageEnvelope::new("test", text.to_owned()))).await.unwrap();
}

pub async fn receive(queue: &Arc<dyn MessageQueue>) -> MessageEnvelope {
    within("a message", queue.receive(WAIT)).await.unwrap().expect("a message within the time")
}

/// Receives one and completes it.
pub async fn next(queue: &Arc<dyn MessageQueue>) -> String {
    let message = receive(queue).await;
    queue.complete(&message).await.unwrap();
    message.text().unwrap().to_owned()
}

/// Until so many messages wait.
async fn waiting(queue: &Arc<dyn MessageQueue>, count: usize) {
    let arrived = async {
        while queue.message_count().await.unwrap() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within("the messages to arrive", arrived).await;
}

/// What a receiver got.
type Texts = mpsc::UnboundedReceiver<String>;

/// A receiver that passes everything on.
fn passing() -> (Arc<impl wirework::messaging::MessageReceiver>, Texts) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let pass = move |envelope: MessageEnvelope| {
        let sent = sender.send(envelope.text().unwrap().to_owned());
        async move {
            // A test that is over listens no more.
            let _ = sent;
            Ok::<(), Error>(())
        }
    };
    (Arc::new(pass), receiver)
}
