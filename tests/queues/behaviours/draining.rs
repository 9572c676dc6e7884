//! A service that drains: nothing new is taken, and no delivery counts that its end cut short.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use wirework::component::{Context, NoGraph, ServiceState, ServiceStates, ServiceView, Status, Supervisor};
use wirework::log::Scope;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue, MessageReceiver};
use wirework::{BoxFuture, Category, Error};

use super::{AT_ONCE, receive, send, waiting};
use crate::kinds::{Kind, Queues};
use crate::support::within;

struct Unsupervised;

impl Supervisor for Unsupervised {
    fn status(&self, _: usize, _: Status) {}
    fn stop(&self, _: usize, _: Error) {}
}

/// A service that runs, and the context of a component of it.
pub fn service() -> (Arc<ServiceStates>, Context) {
    let states = ServiceStates::new("shop", None, Vec::new(), NoGraph);
    states.set_service(ServiceState::Running);
    let scope = Scope::new("pip-services:message-queue:test:test:1.0".parse().unwrap());
    let context = Context::new(0, ServiceView::of(&states), scope, Arc::new(Unsupervised));
    (states, context)
}

/// Says what it was given, and is done with it when it may be: well, or with a failure.
struct Gated {
    given: mpsc::UnboundedSender<String>,
    gate: Semaphore,
    fails: bool,
}

impl MessageReceiver for Gated {
    fn receive_message<'a>(
        &'a self,
        envelope: MessageEnvelope,
        _: &'a dyn MessageQueue,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.given.send(envelope.text().unwrap().to_owned()).unwrap();
            self.gate.acquire().await.unwrap().forget();
            if self.fails { Err(Error::new(Category::Internal, "BAD", "as it should")) } else { Ok(()) }
        })
    }
}

/// A queue that listens in a service.
struct World {
    queues: Queues,
    states: Arc<ServiceStates>,
    context: Context,
    receiver: Arc<Gated>,
    given: mpsc::UnboundedReceiver<String>,
    listening: JoinHandle<Result<(), Error>>,
}

impl World {
    async fn make<K: Kind>(fails: bool, grace: Duration) -> Option<Self> {
        let queues = K::make(&[AT_ONCE]).await?;
        let (states, context) = service();
        let queue = Arc::clone(&queues.queue);
        within("closing", queue.close(&queues.context)).await.unwrap();
        within("opening", queue.open(&context)).await.unwrap();
        let (given, gives) = mpsc::unbounded_channel();
        let receiver = Arc::new(Gated { given, gate: Semaphore::new(0), fails });
        let options = ListenOptions::default().concurrency(4).grace(grace);
        let listens = Arc::clone(&receiver);
        let listening = tokio::spawn(async move { queue.listen(listens, options).await });
        Some(Self { queues, states, context, receiver, given: gives, listening })
    }

    fn queue(&self) -> &Arc<dyn MessageQueue> {
        &self.queues.queue
    }

    async fn given(&mut self) -> String {
        within("a delivery", self.given.recv()).await.unwrap()
    }

    /// The next message and how often it was delivered, this time included.
    async fn next(&self) -> (String, u32) {
        let message = receive(self.queue()).await;
        (message.text().unwrap().to_owned(), message.deliveries())
    }
}

pub async fn takes_nothing_new_while_its_service_drains<K: Kind>() {
    let Some(mut world) = World::make::<K>(false, Duration::from_secs(60)).await else { return };
    send(world.queue(), "at work").await;
    assert_eq!(world.given().await, "at work");
    world.states.set_service(ServiceState::Draining);
    send(world.queue(), "in the delay").await;
    assert_eq!(world.given().await, "in the delay", "it goes on serving until the delay is over");
    world.states.end_intake();
    send(world.queue(), "late").await;
    waiting(world.queue(), 1).await;
    // Those at work are finished, and with the last of them listening ends.
    world.receiver.gate.add_permits(2);
    within("listening to end", &mut world.listening).await.unwrap().unwrap();
    assert!(world.given.try_recv().is_err(), "nothing new was taken");
    assert_eq!(world.next().await, ("late".to_owned(), 1), "no delivery was counted");
    let stream = world.queue().messages().next().await;
    assert!(stream.is_none(), "a stream takes nothing either");
    world.queues.close().await;
}

pub async fn what_fails_while_its_service_drains_does_not_count<K: Kind>() {
    let Some(mut world) = World::make::<K>(true, Duration::from_secs(60)).await else { return };
    send(world.queue(), "at work").await;
    assert_eq!(world.given().await, "at work");
    world.states.end_intake();
    world.receiver.gate.add_permits(1);
    within("listening to end", &mut world.listening).await.unwrap().unwrap();
    assert_eq!(world.next().await, ("at work".to_owned(), 1));
    world.queues.close().await;
}

pub async fn what_a_close_interrupts_does_not_count<K: Kind>() {
    let Some(mut world) = World::make::<K>(false, Duration::ZERO).await else { return };
    send(world.queue(), "at work").await;
    assert_eq!(world.given().await, "at work");
    within("closing", world.queue().close(&world.context)).await.unwrap();
    within("listening to end", &mut world.listening).await.unwrap().unwrap();
    within("opening", world.queue().open(&world.context)).await.unwrap();
    assert_eq!(world.next().await, ("at work".to_owned(), 1));
    world.queues.close().await;
}
