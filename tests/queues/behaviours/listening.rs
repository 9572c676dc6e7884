//! Streams and listeners.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver};
use wirework::{BoxFuture, Category, Error};

use super::{AT_ONCE, next, passing, send, waiting};
use crate::kinds::{Kind, Queues};
use crate::support::within;

pub async fn streams<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, context, .. } = &queues;
    for text in ["a", "b"] {
        send(queue, text).await;
    }
    let mut messages = queue.messages();
    for text in ["a", "b"] {
        let message = within("a message", messages.next()).await.unwrap().unwrap();
        assert_eq!(message.text(), Some(text));
        queue.complete(&message).await.unwrap();
    }
    let (end, closed) = tokio::join!(messages.next(), queue.close(context));
    closed.unwrap();
    assert_eq!(end.unwrap().unwrap_err().code(), "NOT_OPENED");
    assert!(messages.next().await.is_none());
}

pub async fn listens_also_to_what_came_before<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, context, .. } = &queues;
    send(queue, "before").await;
    waiting(queue, 1).await;
    let (receiver, mut texts) = passing();
    let listen = queue.listen(receiver, ListenOptions::default());
    let (listened, ()) = tokio::join!(listen, async {
        assert_eq!(within("a message", texts.recv()).await.unwrap(), "before");
        send(queue, "after").await;
        assert_eq!(within("a message", texts.recv()).await.unwrap(), "after");
        queue.end_listen();
    });
    listened.unwrap();
    send(queue, "later").await;
    assert_eq!(next(queue).await, "later", "nobody listens any more, and the queue is open");
    queue.close(context).await.unwrap();
}

pub async fn listens_with_so_many_at_a_time<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, .. } = &queues;
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(Semaphore::new(0));
    let (started, mut starts) = mpsc::unbounded_channel();
    let receiver = {
        let (most, gate) = (Arc::clone(&most), Arc::clone(&gate));
        move |_: MessageEnvelope| {
            let (at_work, most, gate, started) =
                (at_work.clone(), most.clone(), gate.clone(), started.clone());
            async move {
                let now = at_work.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                started.send(()).unwrap();
                gate.acquire().await.unwrap().forget();
                at_work.fetch_sub(1, Ordering::SeqCst);
                Ok::<(), Error>(())
            }
        }
    };
    for number in 0..12 {
        send(queue, &number.to_string()).await;
    }
    let listen = queue.listen(Arc::new(receiver), ListenOptions::default().concurrency(4));
    let (listened, ()) = tokio::join!(listen, async {
        for _ in 0..4 {
            within("a receiver to start", starts.recv()).await.unwrap();
        }
        gate.add_permits(12);
        for _ in 4..12 {
            within("a receiver to start", starts.recv()).await.unwrap();
        }
        queue.end_listen();
    });
    listened.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

pub async fn abandons_what_a_receiver_fails<K: Kind>() {
    let Some(queues) = K::make(&[("options.max_deliveries", "2"), AT_ONCE]).await else { return };
    let Queues { queue, dead, .. } = &queues;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let receiver = move |envelope: MessageEnvelope| {
        let line = format!("{} {}", envelope.text().unwrap(), envelope.deliveries());
        sender.send(line).unwrap();
        async move {
            match envelope.text() {
                Some("panic") => assert_eq!(envelope.deliveries(), 2, "as it should"),
                Some("fail") => return Err(Error::new(Category::Internal, "BAD", "as it should")),
                _ => {}
            }
            Ok(())
        }
    };
    for text in ["panic", "fail", "good"] {
        send(queue, text).await;
    }
    let listen = queue.listen(Arc::new(receiver), ListenOptions::default());
    let (listened, ()) = tokio::join!(listen, async {
        let mut lines = BTreeSet::new();
        while lines.len() < 5 {
            lines.insert(within("a delivery", seen.recv()).await.unwrap());
        }
        let expected = ["fail 1", "fail 2", "good 1", "panic 1", "panic 2"].map(str::to_owned);
        assert_eq!(lines, BTreeSet::from(expected));
        assert_eq!(next(dead).await, "fail");
        queue.end_listen();
    });
    listened.unwrap();
}

pub async fn ends_listening_gracefully<K: Kind>() {
    let Some(queues) = K::make(&[]).await else { return };
    let Queues { queue, context, .. } = &queues;
    let gate = Arc::new(Semaphore::new(0));
    let (started, mut starts) = mpsc::unbounded_channel();
    let receiver = {
        let gate = Arc::clone(&gate);
        move |_: MessageEnvelope| {
            let (gate, started) = (Arc::clone(&gate), started.clone());
            async move {
                started.send(()).unwrap();
                gate.acquire().await.unwrap().forget();
                Ok::<(), Error>(())
            }
        }
    };
    send(queue, "at work").await;
    let listening = Arc::clone(queue);
    let listening =
        tokio::spawn(async move { listening.listen(Arc::new(receiver), ListenOptions::default()).await });
    within("a receiver to start", starts.recv()).await.unwrap();
    let (closed, ()) = tokio::join!(queue.close(context), async {
        tokio::task::yield_now().await;
        gate.add_permits(1);
    });
    closed.unwrap();
    within("listening to end", listening).await.unwrap().unwrap();
    queue.open(context).await.unwrap();
    assert!(queue.receive(Duration::from_millis(100)).await.unwrap().is_none(), "it was completed");
}

/// Gives up what it gets, when it may.
struct GivesUp {
    gate: Semaphore,
    outcomes: mpsc::UnboundedSender<Option<Result<(), Error>>>,
}

impl MessageReceiver for GivesUp {
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        queue: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.outcomes.send(None).unwrap();
            self.gate.acquire().await.unwrap().forget();
            self.outcomes.send(Some(queue.move_to_dead_letter(&envelope).await)).unwrap();
            Ok(())
        })
    }
}

pub async fn lets_a_receiver_give_up_while_it_closes<K: Kind>() {
    let Some(queues) = K::make(&[("options.close_timeout", "20000")]).await else { return };
    let Queues { queue, dead, context, .. } = &queues;
    send(queue, "poison").await;
    let (outcomes, mut said) = mpsc::unbounded_channel();
    let receiver = Arc::new(GivesUp { gate: Semaphore::new(0), outcomes });
    let (listening, gives_up) = (Arc::clone(queue), Arc::clone(&receiver));
    let listening = tokio::spawn(async move { listening.listen(gives_up, ListenOptions::default()).await });
    within("a receiver to start", said.recv()).await.unwrap();
    let (closed, ()) = tokio::join!(within("the end", queue.close(context)), async {
        while queue.is_open() {
            tokio::task::yield_now().await;
        }
        receiver.gate.add_permits(1);
    });
    closed.unwrap();
    within("listening to end", listening).await.unwrap().unwrap();
    within("the outcome", said.recv()).await.unwrap().unwrap().unwrap();
    assert_eq!(next(dead).await, "poison");
}
