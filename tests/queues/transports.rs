//! The queue kit over a transport of an author's own: what the behaviours of all queues do not show.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wirework::component::Context;
use wirework::messaging::kit::{
    QueueTelemetry, QueueTransport, Received, TransportQueue, TransportQueueOptions,
};
use wirework::messaging::{DeadLetterReason, ListenOptions, MessageEnvelope, MessageQueue};
use wirework::{Category, Error};
use wirework_container::testing::Harness;

use crate::behaviours::{next, receive, send};
use crate::files::{Files, Folder};
use crate::kinds::{InFiles, Kind, Queues, context};
use crate::support::within;

/// A queue over this folder, open.
async fn opened(folder: &Arc<Folder>, options: TransportQueueOptions) -> Arc<dyn MessageQueue> {
    let queue: Arc<dyn MessageQueue> = Arc::new(Files::queue("orders", folder, None, options));
    queue.open(&context()).await.unwrap();
    queue
}

#[tokio::test]
async fn a_crash_loses_nothing_and_completes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let queue = opened(&Folder::new(root.path()), TransportQueueOptions::default()).await;
    for text in ["a", "b", "c"] {
        send(&queue, text).await;
    }
    let done = receive(&queue).await;
    queue.complete(&done).await.unwrap();
    receive(&queue).await;
    // As a process that is killed: what it has taken stands in its folder.
    drop(queue);
    let queue = opened(&Folder::new(root.path()), TransportQueueOptions::default()).await;
    assert_eq!((next(&queue).await, next(&queue).await), ("b".to_owned(), "c".to_owned()));
    send(&queue, "d").await;
    assert_eq!(next(&queue).await, "d");
}

#[tokio::test]
async fn two_queues_divide_what_is_in_one_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::new(root.path());
    let options = TransportQueueOptions::default().capacity(1);
    let (first, second) = (opened(&folder, options.clone()).await, opened(&folder, options).await);
    for text in ["a", "b"] {
        send(&first, text).await;
    }
    let (one, other) = (receive(&first).await, receive(&second).await);
    let mut texts = [one.text().unwrap(), other.text().unwrap()];
    texts.sort_unstable();
    assert_eq!(texts, ["a", "b"]);
    assert_eq!(second.complete(&one).await.unwrap_err().code(), "NOT_LOCKED", "it is the other's");
    first.complete(&one).await.unwrap();
    // What closes gives back what it has not completed.
    second.close(&context()).await.unwrap();
    let again = receive(&first).await;
    assert_eq!((again.text(), again.deliveries()), (other.text(), 2));
}

#[tokio::test]
async fn the_count_of_deliveries_goes_with_what_is_given_back() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::new(root.path());
    let options = TransportQueueOptions::default().redelivery_delay(Duration::ZERO.into());
    let queue = opened(&folder, options).await;
    send(&queue, "a").await;
    for deliveries in 1..=2 {
        let message = receive(&queue).await;
        assert_eq!(message.deliveries(), deliveries);
        queue.abandon(&message).await.unwrap();
    }
    queue.close(&context()).await.unwrap();
    queue.open(&context()).await.unwrap();
    assert_eq!(receive(&queue).await.deliveries(), 3);
}

#[tokio::test]
async fn what_is_no_message_goes_to_the_dead_letters_undelivered() {
    let Queues { queue, dead, _keep: keep, .. } = InFiles::make(&[]).await.unwrap();
    let root = keep.downcast_ref::<tempfile::TempDir>().unwrap().path();
    fs::write(root.join("orders/waiting/00000000000000000000-0.json"), "no envelope").unwrap();
    send(&queue, "a").await;
    assert_eq!(next(&queue).await, "a");
    let letter = receive(&dead).await;
    assert_eq!(letter.text(), Some("no envelope"));
    assert_eq!(letter.dead_letter().unwrap().reason, DeadLetterReason::Malformed);
    let taken = fs::read_dir(root.join("orders/taken")).unwrap();
    assert_eq!(within("it is completed", async { taken.count() }).await, 0);
}

#[tokio::test]
async fn what_cannot_be_sent_or_completed_is_told_and_lost_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let options = TransportQueueOptions::default().redelivery_delay(Duration::ZERO.into());
    let queue = opened(&Folder::new(root.path()), options).await;
    send(&queue, "a").await;
    let message = receive(&queue).await;
    fs::rename(root.path().join("taken"), root.path().join("away")).unwrap();
    assert_eq!(queue.complete(&message).await.unwrap_err().code(), "FILES_FAILED");
    // It is delivered again, and fails again, until it can be completed.
    let message = receive(&queue).await;
    assert_eq!((message.text(), message.deliveries()), (Some("a"), 2));
    assert_eq!(queue.complete(&message).await.unwrap_err().code(), "FILES_FAILED");
    fs::rename(root.path().join("away"), root.path().join("taken")).unwrap();
    assert_eq!(next(&queue).await, "a");
    fs::rename(root.path().join("waiting"), root.path().join("away")).unwrap();
    assert_eq!(queue.send(MessageEnvelope::new("t", "b")).await.unwrap_err().code(), "FILES_FAILED");
    fs::rename(root.path().join("away"), root.path().join("waiting")).unwrap();
    send(&queue, "c").await;
    assert_eq!(next(&queue).await, "c");
}

#[tokio::test]
async fn a_listener_whose_messages_cannot_be_completed_gets_them_again() {
    let root = tempfile::tempdir().unwrap();
    let options = TransportQueueOptions::default().redelivery_delay(Duration::ZERO.into());
    let queue = opened(&Folder::new(root.path()), options).await;
    send(&queue, "a").await;
    let (seen, mut deliveries) = tokio::sync::mpsc::channel(10);
    let folder = root.path().to_owned();
    let receiver = Arc::new(move |message: MessageEnvelope| {
        let (seen, folder) = (seen.clone(), folder.clone());
        async move {
            let (taken, away) = (folder.join("taken"), folder.join("away"));
            let (from, to) = if message.deliveries() == 1 { (taken, away) } else { (away, taken) };
            fs::rename(from, to).unwrap();
            seen.send(message.deliveries()).await.unwrap();
            Ok(())
        }
    });
    let listening = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.listen(receiver, ListenOptions::default()).await }
    });
    for expected in 1..=2 {
        assert_eq!(within("a delivery", deliveries.recv()).await, Some(expected));
    }
    queue.close(&context()).await.unwrap();
    listening.await.unwrap().unwrap();
    assert_eq!(fs::read_dir(root.path().join("taken")).unwrap().count(), 0, "the second was completed");
    assert_eq!(fs::read_dir(root.path().join("waiting")).unwrap().count(), 0);
}

/// Fails so often, then delivers one message after the other, and forgets none that is not completed.
#[derive(Default)]
struct Failing {
    failures: AtomicU32,
    delivered: AtomicU32,
    given_back: Mutex<Vec<(u32, u32)>>,
    text: String,
}

impl QueueTransport for Failing {
    type Receipt = u32;

    async fn open(&self, _: &Context) -> Result<(), Error> {
        Ok(())
    }
    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
    async fn send(&self, _: MessageEnvelope) -> Result<(), Error> {
        Ok(())
    }
    async fn receive(&self) -> Result<Received<u32>, Error> {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::new(Category::NoResponse, "AWAY", "it is away"));
        }
        let number = self.delivered.fetch_add(1, Ordering::Relaxed);
        Ok(Received::new(MessageEnvelope::new("t", self.text.clone()), number))
    }
    async fn complete(&self, _: &u32) -> Result<(), Error> {
        Ok(())
    }
    async fn give_back(&self, receipt: u32, deliveries: u32) -> Result<(), Error> {
        self.given_back.lock().unwrap().push((receipt, deliveries));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_delivers_nothing_is_asked_again() {
    let transport = Failing { failures: 5.into(), ..Failing::default() };
    let options = TransportQueueOptions::default().capacity(1);
    let queue = TransportQueue::new("q", transport, options, QueueTelemetry::default()).unwrap();
    MessageQueue::open(&queue, &context()).await.unwrap();
    let began = tokio::time::Instant::now();
    assert!(queue.receive(Duration::from_secs(60)).await.unwrap().is_some());
    assert!(began.elapsed() >= Duration::from_millis(50), "it was asked without a wait");
    assert_eq!(queue.transport().failures.load(Ordering::Relaxed), 0);
    MessageQueue::close(&queue, &context()).await.unwrap();
    assert_eq!(*queue.transport().given_back.lock().unwrap(), [(0, 1)]);
}

/// One message waits for room in bytes when the queue closes, and room may come at the same moment.
#[tokio::test]
async fn what_waits_for_room_is_given_back_however_the_close_and_the_room_come() {
    for _ in 0..50 {
        let transport = Failing { text: "x".repeat(1000), ..Failing::default() };
        let options =
            TransportQueueOptions::default().max_bytes(2000).redelivery_delay(Duration::ZERO.into());
        let queue = TransportQueue::new("q", transport, options, QueueTelemetry::default()).unwrap();
        let context = context();
        MessageQueue::open(&queue, &context).await.unwrap();
        let message = queue.receive(Duration::from_secs(10)).await.unwrap().unwrap();
        tokio::task::yield_now().await;
        let (completed, closed) =
            tokio::join!(queue.complete(&message), MessageQueue::close(&queue, &context));
        closed.unwrap();
        let mut known: Vec<_> =
            queue.transport().given_back.lock().unwrap().iter().map(|one| one.0).collect();
        known.extend(completed.is_ok().then_some(0));
        known.sort_unstable();
        let delivered = queue.transport().delivered.load(Ordering::Relaxed);
        assert_eq!(known, (0..delivered).collect::<Vec<_>>(), "each was completed or given back, once");
    }
}

#[tokio::test]
async fn a_kind_of_queue_is_a_component_with_the_options_of_the_kit() {
    let root = tempfile::tempdir().unwrap();
    let name = "acme:message-queue:files:orders:1.0";
    let config = format!("folder = '{}'\noptions.capacity = 7", root.path().display());
    let running = Harness::<TransportQueue<Files>>::new(name).config(&config).open().await.unwrap();
    let queue: Arc<dyn MessageQueue> = running.component().unwrap();
    send(&queue, "a").await;
    assert_eq!(next(&queue).await, "a");
    running.close().await.unwrap();
    let wrong = "folder = 'x'\noptions.capacity = 0\noptions.lock_timeout = 0\noptions.max_hop = 3";
    let error = Harness::<TransportQueue<Files>>::new(name).config(wrong).open().await.unwrap_err();
    let said = error.to_string();
    for part in ["`options.capacity` is 0", "`options.lock_timeout` is 0", "unknown key `options.max_hop`"] {
        assert!(said.contains(part), "{said}");
    }
}
