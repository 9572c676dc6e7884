//! What only the queue in memory has.

use std::sync::Arc;
use std::time::Duration;

use wirework::messaging::{
    ListenOptions, MemoryMessageQueue, MemoryMessageQueueFactory, MessageEnvelope, MessageQueue,
    MessageQueueFactory,
};

use crate::behaviours::{next, receive, send};
use crate::kinds::context;
use crate::support::within;

#[tokio::test]
async fn one_name_is_one_queue_within_one_container_alone() {
    let (here, elsewhere) = (context(), context());
    let one: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("orders"));
    let factory = MemoryMessageQueueFactory::from_pairs([("options.capacity", "100000")]).unwrap();
    let same = factory.create_queue("orders").unwrap();
    let other = factory.create_queue("returns").unwrap();
    let far = factory.create_queue("orders").unwrap();
    for queue in [&one, &same, &other] {
        queue.open(&here).await.unwrap();
    }
    far.open(&elsewhere).await.unwrap();
    send(&one, "a").await;
    for queue in [&other, &far] {
        assert!(queue.receive(Duration::ZERO).await.unwrap().is_none());
    }
    one.close(&here).await.unwrap();
    assert_eq!(next(&same).await, "a", "the others go on when one closes");
}

#[tokio::test]
async fn a_queue_that_was_never_opened_says_to_open_it() {
    let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("orders"));
    let errors = [
        queue.send(MessageEnvelope::new("t", "a")).await.unwrap_err(),
        queue.receive(Duration::ZERO).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "the queue `orders` is not open; open it first");
    }
}

#[tokio::test]
async fn a_full_queue_says_so_in_time() {
    let pairs = [("options.capacity", "1"), ("options.send_timeout", "10")];
    let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::from_pairs("orders", pairs).unwrap());
    queue.open(&context()).await.unwrap();
    send(&queue, "a").await;
    let error = queue.send(wirework::messaging::MessageEnvelope::new("t", "b")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the queue `orders` stayed full, with 1 unfinished messages or 67108864 bytes of them, for 10 ms"
    );
}

#[tokio::test]
async fn configuration_that_makes_no_sense_is_refused() {
    let wrong = |pair| MemoryMessageQueue::from_pairs("orders", [pair]).err().unwrap().to_string();
    assert_eq!(wrong(("options.capacity", "0")), "`options.capacity` is 0; nothing could be sent");
    assert!(wrong(("options.lock_timeout", "0")).starts_with("`options.lock_timeout` is 0"));
    assert_eq!(wrong(("dead_letter", "orders")), "`dead_letter` is the queue itself");
}

#[tokio::test]
async fn dead_letters_live_as_long_as_the_queue_they_come_from() {
    let context = context();
    let pairs = [("dead_letter", "dead"), ("options.max_deliveries", "1")];
    let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::from_pairs("orders", pairs).unwrap());
    queue.open(&context).await.unwrap();
    send(&queue, "a").await;
    let message = receive(&queue).await;
    queue.move_to_dead_letter(&message).await.unwrap();
    queue.close(&context).await.unwrap();
    let dead: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("dead"));
    dead.open(&context).await.unwrap();
    assert_eq!(next(&dead).await, "a");
}

#[tokio::test]
async fn queues_of_one_name_that_do_not_agree_are_refused() {
    let shared = context();
    let queue = |pairs: &[(&str, &str)]| -> Arc<dyn MessageQueue> {
        Arc::new(MemoryMessageQueue::from_pairs("orders", pairs.iter().copied()).unwrap())
    };
    let first = queue(&[("dead_letter", "dead"), ("options.capacity", "5")]);
    first.open(&shared).await.unwrap();
    let second = queue(&[("options.capacity", "6"), ("options.send_timeout", "1")]);
    let error = second.open(&shared).await.unwrap_err();
    assert_eq!((error.code(), error.category()), ("BAD_CONFIG", wirework::Category::Misconfiguration));
    let who = "pip-services:message-queue:test:test:1.0";
    assert_eq!(
        error.to_string(),
        format!(
            "the queue `orders` of `{who}` is the same as that of `{who}`, but has `dead_letter` none in place of \
             `dead` and `options.capacity` 6 in place of 5; let them agree, or give one another name with `queue`"
        )
    );
    assert!(!second.is_open());
    // A queue that took dead letters before it was opened behaves as it is configured itself.
    let dead = MemoryMessageQueue::from_pairs("dead", [("options.max_deliveries", "1")]).unwrap();
    MessageQueue::open(&dead, &shared).await.unwrap();
    let other = queue(&[("dead_letter", "dead"), ("options.capacity", "5"), ("options.send_timeout", "1")]);
    other.open(&shared).await.unwrap();
    other.open(&shared).await.unwrap();
}

/// On a thread of its own, which would hang if it went wrong.
#[test]
fn listening_to_a_queue_that_is_never_empty_lets_others_run() {
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("ring"));
            queue.open(&context()).await.unwrap();
            send(&queue, "a").await;
            let again = Arc::clone(&queue);
            let receiver = move |message: MessageEnvelope| {
                let again = Arc::clone(&again);
                async move { again.send(message.unlocked()).await }
            };
            let listener = Arc::clone(&queue);
            let listening =
                tokio::spawn(
                    async move { listener.listen(Arc::new(receiver), ListenOptions::default()).await },
                );
            tokio::time::sleep(Duration::from_millis(10)).await;
            queue.end_listen();
            listening.await.unwrap().unwrap();
        });
        sender.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(30)).expect("the timer and the end are heard");
}

#[tokio::test]
async fn listening_with_nobody_is_refused() {
    let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("orders"));
    queue.open(&context()).await.unwrap();
    let receiver = Arc::new(|_: MessageEnvelope| std::future::ready(Ok::<(), wirework::Error>(())));
    let mut options = ListenOptions::default();
    options.concurrency = 0;
    let error = queue.listen(receiver, options).await.unwrap_err();
    assert!(error.to_string().starts_with("`concurrency` is 0"), "{error}");
}

/// Opening waits for a close that is not over, and is not undone by it.
#[tokio::test]
async fn a_queue_that_is_opened_while_it_closes_is_open() {
    let context = context();
    let queue: Arc<dyn MessageQueue> = Arc::new(MemoryMessageQueue::new("orders"));
    queue.open(&context).await.unwrap();
    let (gate, taken) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(tokio::sync::Notify::new()));
    let (to_pass, to_tell) = (Arc::clone(&gate), Arc::clone(&taken));
    let receiver = move |_: MessageEnvelope| {
        let (gate, taken) = (Arc::clone(&to_pass), Arc::clone(&to_tell));
        async move {
            taken.notify_one();
            gate.acquire().await.unwrap().forget();
            Ok::<(), wirework::Error>(())
        }
    };
    let listening = queue.listen(Arc::new(receiver), ListenOptions::default());
    send(&queue, "held").await;
    let script = async {
        within("the message to be taken", taken.notified()).await;
        let open = async {
            while queue.is_open() {
                tokio::task::yield_now().await;
            }
            let opening = queue.open(&context);
            gate.add_permits(1);
            opening.await
        };
        let (closed, opened) = tokio::join!(queue.close(&context), open);
        closed.unwrap();
        opened.unwrap();
    };
    let (ended, ()) = within("both ends", async { tokio::join!(listening, script) }).await;
    ended.unwrap();
    assert!(queue.is_open());
    send(&queue, "a").await;
    assert_eq!(next(&queue).await, "a");
    queue.close(&context).await.unwrap();
}
