//! What every queue does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver};
use wirework::{BoxFuture, Category, Error};

use crate::kinds::{Kind, Queues};
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

/// Until so many messages wait.
async fn waiting(queue: &Arc<dyn MessageQueue>, count: usize) {
    let arrived = async {
        while queue.message_count().await.unwrap() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within("the messages to arrive", arrived).await;
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
