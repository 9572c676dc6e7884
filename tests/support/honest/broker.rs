//! The listener, and the life of each link.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::codec::Framed;

use super::super::fake_broker::{Ack, Plain, Version};
use super::super::within;
use super::rough::Rough;
use super::{State, Weather};

/// How long answers that wait for each other wait at most.
const PATIENCE: Duration = Duration::from_millis(5);

/// A broker for one client, on a port of its own on 127.0.0.1; gone when dropped.
pub struct Honest<V> {
    pub port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    version: PhantomData<V>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Of the links to come; after the last the weather is good.
    weather: Mutex<VecDeque<Weather>>,
    changed: Notify,
    send: Notify,
    cut: Notify,
}

impl<V> Drop for Honest<V> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<V: Version> Honest<V> {
    /// Starts one whose first links are like this.
    pub async fn start(weather: impl IntoIterator<Item = Weather>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let shared =
            Arc::new(Shared { weather: Mutex::new(weather.into_iter().collect()), ..Shared::default() });
        let task = tokio::spawn(accept::<V>(listener, Arc::clone(&shared)));
        Self { port, shared, task, version: PhantomData }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// What the next link is like, after those that are already known.
    pub fn forecast(&self, weather: Weather) {
        self.shared.weather.lock().expect("no test panics here").push_back(weather);
    }

    /// From here on the weather is good.
    pub fn clear_up(&self) {
        self.shared.weather.lock().expect("no test panics here").clear();
    }

    /// Sends the client a message when it can.
    pub fn send(&self, topic: &str, payload: impl Into<Bytes>, qos: u8) {
        self.state().queue(qos, topic, payload.into());
        self.shared.send.notify_one();
    }

    /// Somebody else publishes: the client gets what its subscriptions say.
    pub fn post(&self, topic: &str, payload: impl Into<Bytes>, qos: u8, retain: bool) {
        self.state().post(topic, &payload.into(), qos, retain);
        self.shared.send.notify_one();
    }

    /// Breaks the link that is there, or the next one before its CONNACK.
    pub fn cut(&self) {
        self.shared.cut.notify_one();
    }

    /// Waits until the broker's memory is like this.
    pub async fn until(&self, what: &str, mut wanted: impl FnMut(&State) -> bool) {
        within(what, async {
            loop {
                let changed = self.shared.changed.notified();
                if wanted(&self.state()) {
                    return;
                }
                changed.await;
            }
        })
        .await;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics here")
    }
}

async fn accept<V: Version>(listener: TcpListener, shared: Arc<Shared>) {
    let mut link: Option<JoinHandle<()>> = None;
    while let Ok((stream, _)) = listener.accept().await {
        // Another connection of the client takes its session over.
        if let Some(link) = link.take() {
            link.abort();
            let _ = link.await;
        }
        let weather = shared.weather.lock().expect("no test panics here").pop_front().unwrap_or_default();
        shared.state().links += 1;
        let shared = Arc::clone(&shared);
        link = Some(tokio::spawn(async move {
            serve::<V>(stream, weather, &shared).await;
            shared.changed.notify_waiters();
        }));
    }
}

/// One link, to its end.
async fn serve<V: Version>(stream: TcpStream, weather: Weather, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let framed = Framed::new(Rough::new(stream, &weather), V::codec());
    let mut link = Link::<V> { framed, weather, answers: VecDeque::new(), acknowledged: 0, heard: 0 };
    link.live(shared).await;
    let moved = link.framed.get_ref().moved;
    shared.state().traffic.push(moved);
}

struct Link<V: Version> {
    framed: Framed<Rough, V::Codec>,
    weather: Weather,
    answers: VecDeque<Plain>,
    acknowledged: usize,
    /// How many packets came.
    heard: usize,
}

impl<V: Version> Link<V> {
    async fn live(&mut self, shared: &Shared) -> Option<()> {
        let Plain::Connect { clean, .. } = V::read(self.framed.next().await?.ok()?) else { return None };
        let (present, again) = shared.state().connect(clean, self.weather.forget);
        let identifiers = !shared.state().post.bare;
        let session_present = self.weather.claim.unwrap_or(present);
        let welcome = Plain::Welcome { session_present, identifiers };
        for packet in std::iter::once(welcome).chain(again) {
            self.send(packet).await?;
        }
        shared.changed.notify_waiters();
        let ended = self.work(shared).await;
        shared.state().disconnect(clean);
        ended
    }

    async fn work(&mut self, shared: &Shared) -> Option<()> {
        loop {
            let next = shared.state().next();
            if let Some(mut packet) = next {
                self.send(packet.clone()).await?;
                if let Plain::Publish { id: 1.., dup, .. } = &mut packet
                    && self.weather.repeat
                {
                    *dup = true;
                    self.send(packet).await?;
                }
                continue;
            }
            tokio::select! {
                biased;
                packet = self.framed.next() => {
                    let packet = V::read(packet?.ok()?);
                    self.heard += 1;
                    let tired = self.weather.patience.is_some_and(|patience| self.heard >= patience);
                    if packet == Plain::Disconnect || tired || !shared.state().bears(&packet) {
                        return None;
                    }
                    let answers = shared.state().handle(packet);
                    self.answers.extend(answers);
                    if self.answers.len() > self.weather.reverse {
                        self.answer(shared).await?;
                    }
                    shared.changed.notify_waiters();
                }
                () = shared.cut.notified() => return None,
                () = shared.send.notified() => {}
                () = tokio::time::sleep(PATIENCE), if !self.answers.is_empty() => self.answer(shared).await?,
            }
        }
    }

    async fn answer(&mut self, shared: &Shared) -> Option<()> {
        // Acknowledgements of different messages may leave in any order; SUBACK and the like keep their place.
        let reverse = self.weather.reverse > 0;
        let mut all: Vec<Plain> = self.answers.drain(..).collect();
        if reverse {
            all.reverse();
        }
        for answer in all {
            let ack = matches!(answer, Plain::Ack(Ack::Taken | Ack::Received | Ack::Complete, _));
            self.acknowledged += usize::from(ack);
            if ack && self.weather.missing.is_some_and(|each| self.acknowledged.is_multiple_of(each)) {
                continue;
            }
            shared.state().answered(&answer);
            if self.weather.twice {
                self.send(answer.clone()).await?;
            }
            self.send(answer).await?;
        }
        Some(())
    }

    async fn send(&mut self, packet: Plain) -> Option<()> {
        self.framed.send(V::write(packet)).await.ok()
    }
}
