//! The queue kit over a transport of an author's own: what the behaviours of all queues do not show.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use wirework::messaging::kit::{TransportQueue, TransportQueueOptions};
use wirework::messaging::{DeadLetterReason, MessageEnvelope, MessageQueue};
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
async fn a_transport_that_fails_is_asked_again_and_says_why_it_cannot_complete() {
    let root = tempfile::tempdir().unwrap();
    let queue = opened(&Folder::new(root.path()), TransportQueueOptions::default()).await;
    send(&queue, "a").await;
    let message = receive(&queue).await;
    fs::rename(root.path().join("taken"), root.path().join("away")).unwrap();
    let error = queue.complete(&message).await.unwrap_err();
    assert_eq!(error.code(), "FILES_FAILED");
    fs::rename(root.path().join("away"), root.path().join("taken")).unwrap();
    fs::rename(root.path().join("waiting"), root.path().join("away")).unwrap();
    assert_eq!(queue.send(MessageEnvelope::new("t", "b")).await.unwrap_err().code(), "FILES_FAILED");
    fs::rename(root.path().join("away"), root.path().join("waiting")).unwrap();
    send(&queue, "c").await;
    assert_eq!(next(&queue).await, "c");
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
