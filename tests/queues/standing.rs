//! What a queue says of itself, and to whoever waits, while the broker does not grant its subscription.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use wirework::component::{Component, Context, ServiceView, Status, Supervisor};
use wirework::log::Scope;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::mqtt::{MqttConnection, MqttMessageQueue};
use wirework::{Category, Error};

use crate::kinds::{connected, context};
use crate::support::fake_broker::{FakeBroker, Packet, Peer, QoS, UnsubAck, message};
use crate::support::within;

/// What a component reports.
struct Seen(mpsc::UnboundedSender<String>);

impl Supervisor for Seen {
    fn status(&self, _: usize, status: Status) {
        // A test that is over looks no more.
        let _ = self.0.send(status.to_string());
    }
    fn stop(&self, _: usize, _: Error) {}
}

/// The context of a queue that is a component, and what it reports.
fn watched_context() -> (Context, mpsc::UnboundedReceiver<String>) {
    let (sender, statuses) = mpsc::unbounded_channel();
    let scope = Scope::new("pip-services:message-queue:mqtt:orders:1.0".parse().unwrap());
    (Context::new(0, ServiceView::standalone("s"), scope, Arc::new(Seen(sender))), statuses)
}

struct Watched {
    queue: Arc<dyn MessageQueue>,
    /// The one that it shares.
    connection: Option<Arc<MqttConnection>>,
    statuses: Mutex<mpsc::UnboundedReceiver<String>>,
    context: Context,
}

impl Watched {
    /// A queue that has not subscribed, its status, and the broker's end of the connection that it shares.
    async fn open(broker: &FakeBroker) -> (Self, Peer) {
        Self::opened(broker, true).await
    }

    /// The same, opened as a component or by whoever has made it.
    async fn opened(broker: &FakeBroker, component: bool) -> (Self, Peer) {
        let pairs = [("options.reconnect_timeout", "10"), ("options.subscribe_timeout", "1000")];
        let (connection, (peer, _)) =
            tokio::join!(connected(broker.port(), &pairs), broker.accept_session(false));
        let config = wirework::config::from_pairs([("options.qos", "1")]).unwrap();
        let queue = Arc::new(MqttMessageQueue::new("orders", config, Some(Arc::clone(&connection))).unwrap());
        let (context, statuses) = watched_context();
        if component {
            Component::open(&*queue, &context).await.unwrap();
        } else {
            queue.open(&context).await.unwrap();
        }
        (Self { queue, connection: Some(connection), statuses: Mutex::new(statuses), context }, peer)
    }

    async fn status(&self) -> String {
        within("a status", async { self.statuses.lock().await.recv().await }).await.unwrap()
    }

    /// Waits for a message in a task of its own.
    fn waiting(&self) -> tokio::task::JoinHandle<Result<Option<MessageEnvelope>, Error>> {
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move { queue.receive(Duration::from_secs(600)).await })
    }
}

#[tokio::test]
async fn a_subscription_that_is_not_granted_again_is_a_status_of_the_queue_until_it_is() {
    let broker = FakeBroker::start().await;
    let (watched, mut peer) = Watched::open(&broker).await;
    let waiting = watched.waiting();
    peer.grant().await;
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    peer.refuse().await;
    let status = watched.status().await;
    assert!(status.starts_with("recovering: no messages come for `orders`: "), "{status}");
    assert_eq!(within("the error", waiting).await.unwrap().unwrap_err().code(), "SUBSCRIPTION_LOST");
    // Whoever does not wait hears of it too, each time.
    for _ in 0..2 {
        let error = watched.queue.receive(Duration::ZERO).await.unwrap_err();
        assert_eq!((error.code(), error.category()), ("SUBSCRIPTION_LOST", Category::NoResponse));
        assert_eq!(watched.queue.peek().await.unwrap_err().code(), "SUBSCRIPTION_LOST");
    }
    // Another link that does not grant it either: nothing is new.
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    peer.refuse().await;
    peer.grant().await;
    assert_eq!(watched.status().await, "open");
    let (closed, ()) = tokio::join!(watched.queue.close(&watched.context), async {
        peer.expect_unsubscribe().await;
    });
    closed.unwrap();
}

#[tokio::test]
async fn so_is_one_that_was_never_granted() {
    let broker = FakeBroker::start().await;
    let (watched, mut peer) = Watched::open(&broker).await;
    let waiting = watched.waiting();
    peer.refuse().await;
    let error = within("the error", waiting).await.unwrap().unwrap_err();
    assert_eq!(error.code(), "SUBSCRIBE_REFUSED");
    let status = watched.status().await;
    assert!(status.starts_with("recovering: no messages come for `orders`: "), "{status}");
    let waiting = watched.waiting();
    peer.grant().await;
    assert_eq!(watched.status().await, "open");
    peer.send(message("orders", "a", QoS::AtLeastOnce, 1)).await;
    assert!(within("the message", waiting).await.unwrap().unwrap().is_some());
}

/// Of a connection of its own the broker's refusal is the queue's status too, and outlives the link.
#[tokio::test]
async fn so_is_one_that_was_never_granted_over_a_connection_of_its_own() {
    let broker = FakeBroker::start().await;
    let port = broker.port().to_string();
    let pairs = [
        ("connection.host", "127.0.0.1"),
        ("connection.port", port.as_str()),
        ("options.reconnect_timeout", "10"),
        ("options.qos", "1"),
    ];
    let queue = Arc::new(MqttMessageQueue::from_pairs("orders", pairs).unwrap());
    let (context, statuses) = watched_context();
    let (opened, (mut peer, _)) =
        tokio::join!(Component::open(&*queue, &context), broker.accept_session(false));
    opened.unwrap();
    let watched = Watched { queue, connection: None, statuses: Mutex::new(statuses), context };
    let waiting = watched.waiting();
    peer.refuse().await;
    assert_eq!(within("the error", waiting).await.unwrap().unwrap_err().code(), "SUBSCRIBE_REFUSED");
    let refused = watched.status().await;
    assert!(refused.starts_with("recovering: no messages come for `orders`: "), "{refused}");
    peer.reset();
    let (mut peer, _) = broker.accept_session(false).await;
    assert!(watched.status().await.starts_with("recovering: "), "the link is lost");
    assert_eq!(watched.status().await, refused, "the link is there, and messages are not");
    let waiting = watched.waiting();
    peer.grant().await;
    assert_eq!(watched.status().await, "open");
    peer.send(message("orders", "a", QoS::AtLeastOnce, 1)).await;
    assert!(within("the message", waiting).await.unwrap().unwrap().is_some());
    let _ = within("the end", watched.queue.close(&watched.context)).await;
}

/// A queue from a factory is opened with the context of whoever asked for it, whose status is its own.
#[tokio::test]
async fn a_queue_that_is_no_component_reports_nothing() {
    let broker = FakeBroker::start().await;
    let (watched, mut peer) = Watched::opened(&broker, false).await;
    let waiting = watched.waiting();
    peer.refuse().await;
    assert!(within("the error", waiting).await.unwrap().is_err());
    within("the end", watched.queue.close(&watched.context)).await.unwrap();
    assert!(watched.statuses.lock().await.try_recv().is_err());
}

/// Ends each link on a SUBSCRIBE, until one stays that has none.
async fn forbid(broker: &FakeBroker) -> Peer {
    loop {
        let (mut peer, _) = broker.accept_session(false).await;
        let asked = tokio::time::timeout(Duration::from_secs(3), peer.next("SUBSCRIBE")).await;
        match asked {
            Ok(Some(Packet::Subscribe(_))) => peer.reset(),
            Ok(other) => panic!("unexpected: {other:?}"),
            Err(_) => return peer,
        }
    }
}

/// The broker ends one link after the other for the filter, which is therefore not asked for any more.
#[tokio::test]
async fn whoever_waits_hears_of_a_filter_that_ends_links() {
    let broker = FakeBroker::start().await;
    let (watched, mut peer) = Watched::open(&broker).await;
    let (waiting, queue) = (watched.waiting(), Arc::clone(&watched.queue));
    let mut listening = tokio::spawn(async move {
        let receiver = |_: MessageEnvelope| async { Ok(()) };
        queue.listen(Arc::new(receiver), ListenOptions::default()).await
    });
    peer.grant().await;
    peer.reset();
    let _peer = forbid(&broker).await;
    let error = within("the error", waiting).await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.category()), ("SUBSCRIBE_ENDS_LINKS", Category::NoResponse));
    assert!(error.chain().contains("links in a row on SUBSCRIBE of `orders`"), "{}", error.chain());
    let status = watched.status().await;
    assert!(status.starts_with("recovering: no messages come for `orders`: "), "{status}");
    // Whoever asks now is told at once, and one that listens stays: it is asked for again some time.
    let error = within("the error", watched.waiting()).await.unwrap().unwrap_err();
    assert_eq!(error.code(), "SUBSCRIBE_ENDS_LINKS");
    assert!(futures_util::poll!(&mut listening).is_pending());
    // A new link on which it is not asked for brings nothing new.
    assert!(watched.connection.as_ref().is_some_and(|connection| connection.is_open()));
    listening.abort();
    let _ = watched.queue.close(&context()).await;
}

/// Its listener, which the connection holds, holds the connection: that ends all the same, and does not come back to take the
/// session from whoever follows.
#[tokio::test]
async fn a_queue_that_is_dropped_leaves_its_own_connection() {
    let session = [("options.clean_session", "false"), ("client_id", "worker")];
    for more in [&[][..], &session, &[("group", "workers")]] {
        let broker = FakeBroker::start().await;
        let port = broker.port().to_string();
        let pairs = [
            ("connection.host", "127.0.0.1"),
            ("connection.port", port.as_str()),
            ("options.reconnect_timeout", "1"),
            ("options.autosubscribe", "true"),
            ("options.qos", "1"),
        ];
        let queue = MqttMessageQueue::from_pairs("orders", pairs.iter().chain(more).copied()).unwrap();
        let context = context();
        let (opened, mut peer) = tokio::join!(queue.open(&context), async {
            let (mut peer, _) = broker.accept_session(false).await;
            peer.grant().await;
            peer
        });
        opened.unwrap();
        drop(queue);
        within("the end of the link", async {
            while let Some(packet) = peer.next("the end of the link").await {
                // A group is left in good order.
                if let Packet::Unsubscribe(unsubscribe) = packet {
                    peer.send(UnsubAck::new(unsubscribe.pkid)).await;
                }
            }
        })
        .await;
        let again = tokio::time::timeout(Duration::from_millis(100), broker.accept()).await;
        assert!(again.is_err(), "it has connected again: {more:?}");
    }
}
