//! Sent, received, completed, abandoned, buried, peeked at.

use std::collections::BTreeSet;
use std::time::Duration;

use wirework::messaging::MessageEnvelope;

use super::{AT_ONCE, WAIT, next, receive, send, waiting};
use crate::kinds::{Kind, Queues};

pub async fn sends_and_receives<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, .. } = &queues;
    assert!(queue.is_open() && queue.capabilities().send && queue.capabilities().receive);
    assert!(queue.receive(Duration::ZERO).await.unwrap().is_none());
    let envelope = MessageEnvelope::new("order.created", "ABC").with_trace_id("trace-1");
    queue.send(envelope.clone()).await.unwrap();
    let message = receive(queue).await;
    assert_eq!(message.to_string(), "[trace-1,order.created,ABC]");
    assert_eq!((message.message_id.clone(), message.deliveries()), (envelope.message_id, 1));
    assert!(message.sent_time.is_some());
    queue.complete(&message).await.unwrap();
    for number in 0..100 {
        send(queue, &number.to_string()).await;
    }
    for number in 0..100 {
        assert_eq!(next(queue).await, number.to_string());
    }
}

pub async fn receives_before_it_is_sent<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, .. } = &queues;
    let (first, second, ()) = tokio::join!(next(queue), next(queue), async {
        send(queue, "a").await;
        send(queue, "b").await;
    });
    assert_eq!(BTreeSet::from([first, second]), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}

pub async fn keeps_every_byte<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, .. } = &queues;
    let payloads: [Vec<u8>; 4] =
        [(0..=255).collect(), Vec::new(), "žluťoučký kůň 🐎".into(), vec![0xff; 1 << 18]];
    for payload in &payloads {
        queue.send(MessageEnvelope::new("ž", payload.clone())).await.unwrap();
    }
    for payload in &payloads {
        let message = receive(queue).await;
        assert!(message.payload == *payload && &*message.message_type == "ž");
        queue.complete(&message).await.unwrap();
    }
}

pub async fn completes_once<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, .. } = &queues;
    send(queue, "a").await;
    let message = receive(queue).await;
    queue.complete(&message.clone()).await.unwrap();
    assert_eq!(queue.complete(&message).await.unwrap_err().code(), "NOT_LOCKED");
    assert_eq!(queue.abandon(&message).await.unwrap_err().code(), "NOT_LOCKED");
    let foreign = MessageEnvelope::new("test", "x");
    assert_eq!(queue.complete(&foreign).await.unwrap_err().code(), "NOT_LOCKED");
}

pub async fn abandons_and_comes_back<K: Kind>() {
    let Some(queues) = K::make(&[("options.redelivery_delay", "20")]).await else { return };
    let Queues { queue, .. } = &queues;
    send(queue, "a").await;
    let first = receive(queue).await;
    queue.abandon(&first).await.unwrap();
    let second = receive(queue).await;
    assert_eq!((second.text(), second.deliveries()), (Some("a"), 2));
    assert_eq!(second.message_id, first.message_id);
    assert_eq!(queue.complete(&first).await.unwrap_err().code(), "NOT_LOCKED", "that lock is gone");
    queue.complete(&second).await.unwrap();
}

pub async fn expires_and_comes_back<K: Kind>() {
    let Some(queues) = K::make(&[("options.lock_timeout", "50"), AT_ONCE]).await else { return };
    let Queues { queue, .. } = &queues;
    send(queue, "a").await;
    let first = receive(queue).await;
    let second = receive(queue).await;
    assert_eq!((second.text(), second.deliveries()), (Some("a"), 2));
    assert_eq!(queue.complete(&first).await.unwrap_err().code(), "NOT_LOCKED");
}

pub async fn renews<K: Kind>() {
    let Some(queues) = K::make(&[("options.lock_timeout", "200"), AT_ONCE]).await else { return };
    let Queues { queue, .. } = &queues;
    send(queue, "kept").await;
    send(queue, "let go").await;
    let kept = receive(queue).await;
    queue.renew_lock(&kept, Duration::from_secs(60)).await.unwrap();
    receive(queue).await;
    // The other lock expires, this one does not.
    let again = receive(queue).await;
    assert_eq!(again.text(), Some("let go"));
    queue.complete(&kept).await.unwrap();
    assert_eq!(queue.renew_lock(&kept, WAIT).await.unwrap_err().code(), "NOT_LOCKED");
}

pub async fn buries_after_so_many_deliveries<K: Kind>() {
    let Some(queues) = K::make(&[("options.max_deliveries", "3"), AT_ONCE]).await else { return };
    let Queues { queue, dead, .. } = &queues;
    send(queue, "poison").await;
    for delivery in 1..=3 {
        let message = receive(queue).await;
        assert_eq!(message.deliveries(), delivery);
        queue.abandon(&message).await.unwrap();
    }
    let message = receive(dead).await;
    assert_eq!((message.text(), message.deliveries()), (Some("poison"), 1));
    send(queue, "next").await;
    assert_eq!(next(queue).await, "next");
}

pub async fn buries_when_told<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, dead, .. } = &queues;
    send(queue, "bad").await;
    let message = receive(queue).await;
    queue.move_to_dead_letter(&message).await.unwrap();
    assert_eq!(next(dead).await, "bad");
    assert_eq!(queue.move_to_dead_letter(&message).await.unwrap_err().code(), "NOT_LOCKED");
}

pub async fn peeks_without_taking<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, .. } = &queues;
    assert!(queue.peek().await.unwrap().is_none());
    for text in ["a", "b", "c"] {
        send(queue, text).await;
    }
    waiting(queue, 3).await;
    let batch = queue.peek_batch(2).await.unwrap();
    let texts: Vec<_> = batch.iter().map(|message| message.text().unwrap()).collect();
    assert_eq!((texts, batch[0].deliveries()), (vec!["a", "b"], 0));
    assert_eq!(queue.peek().await.unwrap().unwrap().text(), Some("a"));
    assert_eq!(queue.peek_batch(10).await.unwrap().len(), 3);
    assert_eq!(queue.complete(&batch[0]).await.unwrap_err().code(), "NOT_LOCKED");
    assert_eq!(next(queue).await, "a");
}

pub async fn clears<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, .. } = &queues;
    for text in ["taken", "a", "b"] {
        send(queue, text).await;
    }
    waiting(queue, 3).await;
    let taken = receive(queue).await;
    queue.clear().await.unwrap();
    assert_eq!(queue.message_count().await.unwrap(), 0);
    queue.complete(&taken).await.unwrap();
    send(queue, "after").await;
    assert_eq!(next(queue).await, "after");
}
