//! What becomes of messages when links break and queues close, and of senders when one is full.

use std::collections::BTreeSet;
use std::sync::Arc;

use wirework::messaging::{ListenOptions, MessageEnvelope};

use super::{WAIT, next, passing, receive, send};
use crate::kinds::{Kind, Queues};
use crate::support::within;

pub async fn closes_with_messages_in_flight<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    for text in ["locked", "waits"] {
        send(&queues.queue, text).await;
    }
    let _locked = receive(&queues.queue).await;
    let queue = Arc::clone(&queues.queue);
    let waiting = tokio::spawn(async move {
        let mut rest = Vec::new();
        loop {
            match queue.receive(WAIT).await {
                Ok(message) => rest.push(message),
                Err(error) => return (rest, error),
            }
        }
    });
    within("the rest to be taken", async {
        while queues.queue.message_count().await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within("closing", queues.close()).await;
    let (_, error) = within("the waiting to end", waiting).await.unwrap();
    assert_eq!(error.code(), "NOT_OPENED");
}

/// Whatever is on its way, waits or is locked when the link is cut is completed in the end; what is locked stays so, and comes
/// to nobody else.
pub async fn goes_on_after_cuts_in_mid_flow<K: Kind>() {
    // What is locked holds up the acknowledgements of what comes after it, and the embedded broker sends 64 messages at a time.
    const COUNT: usize = 56;
    let Some((queues, link)) = K::make_linked().await else { return };
    let Queues { queue, .. } = &queues;
    send(queue, "locked").await;
    let locked = receive(queue).await;
    let sender = Arc::clone(queue);
    let sending = tokio::spawn(async move {
        for number in 0..COUNT {
            send(&sender, &number.to_string()).await;
        }
    });
    let (mut missing, mut repeated) = (BTreeSet::from_iter((0..COUNT).map(|number| number.to_string())), 0);
    while !missing.is_empty() {
        let message = receive(queue).await;
        let text = message.text().unwrap().to_owned();
        assert_ne!(text, "locked", "it is locked still");
        let first = missing.remove(&text);
        repeated += usize::from(!first);
        if let Some(link) = &link
            && first
            && missing.len() % 14 == 3
        {
            // One is received and not completed, others wait or are on their way.
            link.cut();
        }
        queue.complete(&message).await.unwrap();
    }
    within("sending to end", sending).await.unwrap();
    // All that came after the last cut came after it had come again; its acknowledgement reaches the broker.
    queue.complete(&locked).await.unwrap();
    assert_eq!(queue.complete(&locked).await.unwrap_err().code(), "NOT_LOCKED");
    if let Some(link) = &link {
        assert!(link.links() >= 5, "cut four times, there were {} links", link.links());
    } else {
        assert_eq!(repeated, 0, "nothing was cut");
    }
    send(queue, "last").await;
    loop {
        let text = next(queue).await;
        assert_ne!(text, "locked", "it was completed");
        if text == "last" {
            break;
        }
    }
}

pub async fn refuses_work_when_closed<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, context, .. } = &queues;
    queue.open(context).await.unwrap();
    queue.close(context).await.unwrap();
    queue.close(context).await.unwrap();
    assert!(!queue.is_open());
    let envelope = MessageEnvelope::new("test", "x");
    let (receiver, _) = passing();
    let errors = [
        queue.send(envelope).await.unwrap_err(),
        queue.receive(WAIT).await.unwrap_err(),
        queue.peek().await.unwrap_err(),
        queue.clear().await.unwrap_err(),
        queue.message_count().await.unwrap_err(),
        queue.listen(receiver, ListenOptions::default()).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), "NOT_OPENED");
        assert!(error.to_string().ends_with("has been closed; open it again, or close it later"), "{error}");
    }
    queue.open(context).await.unwrap();
    send(queue, "again").await;
    assert_eq!(next(queue).await, "again");
}

pub async fn keeps_senders_waiting<K: Kind>() {
    let Some(queues) = K::make(&[("options.capacity", "2")]).await else { return };
    let Queues { queue, .. } = &queues;
    let sender = Arc::clone(queue);
    let sending = tokio::spawn(async move {
        for number in 0..50 {
            send(&sender, &number.to_string()).await;
        }
    });
    for number in 0..50 {
        assert_eq!(next(queue).await, number.to_string());
    }
    within("sending to end", sending).await.unwrap();
}
