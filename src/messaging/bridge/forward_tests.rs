use std::sync::Mutex;

use tokio::sync::oneshot;

use super::*;
use crate::component::Context;
use crate::count::Counters;
use crate::messaging::{MemoryMessageQueue, MessagingCapabilities};

/// A queue that accepts what it is given and confirms it when the test says so.
#[derive(Default)]
struct Slow {
    /// Those that it holds.
    held: Mutex<Vec<oneshot::Sender<Result<(), Error>>>>,
}

impl Slow {
    fn holds(&self) -> usize {
        self.held.lock().unwrap().len()
    }

    fn answer(&self, answer: Result<(), Error>) {
        self.held.lock().unwrap().pop().unwrap().send(answer).unwrap();
    }
}

fn not_here<T>() -> BoxFuture<'static, Result<T, Error>> {
    Box::pin(async { Err(Error::new(Category::Unsupported, "UNSUPPORTED", "not here")) })
}

impl MessageQueue for Slow {
    fn name(&self) -> &str {
        "slow"
    }
    fn capabilities(&self) -> MessagingCapabilities {
        MessagingCapabilities { send: true, ..MessagingCapabilities::default() }
    }
    fn open<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        not_here()
    }
    fn close<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        not_here()
    }
    fn is_open(&self) -> bool {
        true
    }
    fn message_count(&self) -> BoxFuture<'_, Result<usize, Error>> {
        not_here()
    }
    fn send(&self, _: MessageEnvelope) -> BoxFuture<'_, Result<(), Error>> {
        not_here()
    }
    fn submit(&self, _: MessageEnvelope) -> BoxFuture<'_, Result<PendingSend, Error>> {
        let (sender, answer) = oneshot::channel();
        self.held.lock().unwrap().push(sender);
        let pending = PendingSend::new(async { answer.await.unwrap_or(Ok(())) });
        Box::pin(async { Ok(pending) })
    }
    fn peek(&self) -> BoxFuture<'_, Result<Option<MessageEnvelope>, Error>> {
        not_here()
    }
    fn peek_batch(&self, _: usize) -> BoxFuture<'_, Result<Vec<MessageEnvelope>, Error>> {
        not_here()
    }
    fn receive(&self, _: Duration) -> BoxFuture<'_, Result<Option<MessageEnvelope>, Error>> {
        not_here()
    }
    fn renew_lock<'a>(&'a self, _: &'a MessageEnvelope, _: Duration) -> BoxFuture<'a, Result<(), Error>> {
        not_here()
    }
    fn complete<'a>(&'a self, _: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        not_here()
    }
    fn abandon<'a>(&'a self, _: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        not_here()
    }
    fn move_to_dead_letter<'a>(&'a self, _: &'a MessageEnvelope) -> BoxFuture<'a, Result<(), Error>> {
        not_here()
    }
    fn clear(&self) -> BoxFuture<'_, Result<(), Error>> {
        not_here()
    }
    fn listen<'a>(
        &'a self,
        _: Arc<dyn MessageReceiver>,
        _: crate::messaging::ListenOptions,
    ) -> BoxFuture<'a, Result<(), Error>> {
        not_here()
    }
    fn end_listen(&self) {}
}

struct World {
    source: MemoryMessageQueue,
    slow: Arc<Slow>,
    forward: Forward,
    closing: watch::Sender<Option<Closing>>,
    _context: Context,
}

async fn world() -> World {
    let context = Context::standalone("a:b:c:d:1.0".parse().unwrap());
    let source = MemoryMessageQueue::new("source");
    source.open(&context).await.unwrap();
    let (slow, (sender, closing)) = (Arc::new(Slow::default()), watch::channel(None));
    let target = Arc::clone(&slow) as Arc<dyn MessageQueue>;
    let metrics = BridgeMetrics::new(&Counters::standalone(), "bridge");
    let unconfirmed = Arc::new(UnconfirmedSends::new(8));
    let config = BridgeConfig::default();
    let forward = Forward::new(&config, target, Logger::standalone(), metrics, unconfirmed, closing);
    source.send(MessageEnvelope::new("t", "a")).await.unwrap();
    World { source, slow, forward, closing: sender, _context: context }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_target_holds_for_an_hour_is_given_to_it_once() {
    let World { source, slow, forward, .. } = &world().await;
    let message = source.receive(Duration::ZERO).await.unwrap().unwrap();
    let mut taking = pin!(forward.take(message, source));
    for _ in 0..60 {
        assert!(timeout(Duration::from_secs(60), &mut taking).await.is_err());
        assert_eq!(slow.holds(), 1);
    }
    slow.answer(Ok(()));
    taking.await.unwrap();
    assert!(source.receive(Duration::from_secs(600)).await.unwrap().is_none(), "it is completed");
}

#[tokio::test(start_paused = true)]
async fn what_the_target_gives_up_is_given_to_it_again() {
    let World { source, slow, forward, .. } = &world().await;
    let message = source.receive(Duration::ZERO).await.unwrap().unwrap();
    let mut taking = pin!(forward.take(message, source));
    for _ in 0..5 {
        assert!(timeout(Duration::from_secs(600), &mut taking).await.is_err());
        assert_eq!(slow.holds(), 1);
        slow.answer(Err(Error::new(Category::NoResponse, "CLOSED", "closed")));
    }
    assert!(timeout(Duration::from_secs(600), &mut taking).await.is_err());
    slow.answer(Ok(()));
    taking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_when_the_bridge_closes_does_not_go_back() {
    // Which of both a fair choice looks at first differs from time to time.
    for _ in 0..20 {
        let World { source, slow, forward, closing, .. } = &world().await;
        let message = source.receive(Duration::ZERO).await.unwrap().unwrap();
        let mut taking = pin!(forward.take(message, source));
        assert!(timeout(Duration::from_secs(1), &mut taking).await.is_err());
        slow.answer(Ok(()));
        closing.send_replace(Some(Closing::within(Duration::ZERO)));
        taking.await.unwrap();
        assert!(source.receive(Duration::ZERO).await.unwrap().is_none(), "it is completed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_target_still_holds_goes_back_when_the_bridge_closes() {
    let World { source, slow, forward, closing, .. } = &world().await;
    let message = source.receive(Duration::ZERO).await.unwrap().unwrap();
    let mut taking = pin!(forward.take(message, source));
    assert!(timeout(Duration::from_secs(3600), &mut taking).await.is_err());
    let began = tokio::time::Instant::now();
    closing.send_replace(Some(Closing::within(Duration::from_secs(20))));
    taking.await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    let back = source.receive(Duration::ZERO).await.unwrap().unwrap();
    assert_eq!((back.text(), back.deliveries(), slow.holds()), (Some("a"), 1, 1));
}

/// A bridge that is closed while the target holds a message, and opened again.
async fn reopened(answer: Option<Result<(), Error>>) -> (World, MessageEnvelope) {
    let mut world = world().await;
    {
        let World { source, slow, forward, closing, .. } = &world;
        let message = source.receive(Duration::ZERO).await.unwrap().unwrap();
        let mut taking = pin!(forward.take(message, source));
        assert!(timeout(Duration::from_secs(1), &mut taking).await.is_err());
        closing.send_replace(Some(Closing::within(Duration::ZERO)));
        taking.await.unwrap();
        if let Some(answer) = answer {
            slow.answer(answer);
        }
    }
    let (sender, closing) = watch::channel(None);
    (world.closing, world.forward.closing) = (sender, closing);
    let message = world.source.receive(Duration::ZERO).await.unwrap().unwrap();
    (world, message)
}

#[tokio::test(start_paused = true)]
async fn what_arrives_after_a_close_is_not_sent_again_when_the_bridge_opens_again() {
    let (World { source, slow, forward, .. }, message) = &reopened(Some(Ok(()))).await;
    forward.take(message.clone(), source).await.unwrap();
    assert_eq!(slow.holds(), 0, "it is not given to the target again");
    assert!(source.receive(Duration::from_secs(600)).await.unwrap().is_none(), "it is completed");
}

#[tokio::test(start_paused = true)]
async fn what_the_target_still_holds_is_waited_for_when_the_bridge_opens_again() {
    let (World { source, slow, forward, .. }, message) = &reopened(None).await;
    let mut taking = pin!(forward.take(message.clone(), source));
    assert!(timeout(Duration::from_secs(600), &mut taking).await.is_err());
    assert_eq!(slow.holds(), 1);
    slow.answer(Ok(()));
    taking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_target_gave_up_after_a_close_is_sent_again() {
    let closed = Error::new(Category::InvalidState, "CLOSED", "closed");
    let (World { source, slow, forward, .. }, message) = &reopened(Some(Err(closed))).await;
    let mut taking = pin!(forward.take(message.clone(), source));
    assert!(timeout(Duration::from_secs(600), &mut taking).await.is_err());
    assert_eq!(slow.holds(), 1);
    slow.answer(Ok(()));
    taking.await.unwrap();
}

#[test]
fn a_star_is_any_text() {
    let yes = [
        ("a", "a"),
        ("*", ""),
        ("order.*", "order.created"),
        ("*/eu/*", "x/eu/y"),
        ("a*b*c", "a1b2b3c"),
        ("a**b", "ab"),
    ];
    let no = [
        ("a", "ab"),
        ("a", ""),
        ("order.*", "orders"),
        ("*/eu/*", "x/us/y"),
        ("a*b", "ab1"),
        ("ab*ba", "aba"),
    ];
    for (pattern, text) in yes {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in no {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}
