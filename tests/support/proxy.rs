//! A TCP proxy before a broker: it writes down every packet in the order in which it passed, and can cut links, halve
//! them (nothing passes any more and nobody is told) and delay what passes. MQTT 3.1.1 and 5, as the client has it.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::codec::Decoder;

use super::fake_broker::{Ack, Plain, V4, V5, Version};

/// A proxy on a port of its own on 127.0.0.1; gone when dropped, with all its links.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// Whether what passes is written down.
    reads: bool,
    log: Mutex<Vec<(Way, Plain)>>,
    links: AtomicU64,
    /// In milliseconds, for each chunk of bytes.
    delay: AtomicU64,
    fate: watch::Sender<Fate>,
}

/// What becomes of the links that are there when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Cut,
    Halved,
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Starts one before the broker on this port.
    pub async fn start(to: u16) -> Self {
        Self::launch(to, true).await
    }

    /// Starts one that does not look at what passes.
    pub async fn start_blind(to: u16) -> Self {
        Self::launch(to, false).await
    }

    async fn launch(to: u16, reads: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let shared = Arc::new(Shared {
            reads,
            log: Mutex::default(),
            links: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            fate: watch::Sender::new(Fate::Cut),
        });
        let task = tokio::spawn(accept(listener, to, Arc::clone(&shared)));
        Self { port, shared, task }
    }

    /// Breaks all links.
    pub fn cut(&self) {
        self.shared.fate.send_replace(Fate::Cut);
    }

    /// From here on nothing passes on the links that are there, and nobody is told. New links are whole.
    pub fn halve(&self) {
        self.shared.fate.send_replace(Fate::Halved);
    }

    /// From here on every chunk of bytes is so much late.
    pub fn delay(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).expect("a short delay");
        self.shared.delay.store(millis, Ordering::Relaxed);
    }

    /// How many links there were.
    pub fn links(&self) -> u64 {
        self.shared.links.load(Ordering::Relaxed)
    }

    /// Every packet that passed, in order.
    pub fn log(&self) -> MutexGuard<'_, Vec<(Way, Plain)>> {
        self.shared.log.lock().expect("no test panics here")
    }

    /// Every packet that concerned the message with this payload, in order, line by line; to be shown when a test fails.
    pub fn story(&self, payload: &str) -> String {
        let mut ids = [None, None];
        let mut story = Vec::new();
        for (way, packet) in self.log().iter() {
            let concerns = match packet {
                Plain::Publish { id, payload: other, .. } if *other == payload => {
                    ids[*way as usize] = Some(*id);
                    true
                }
                Plain::Publish { id, .. } => {
                    if ids[*way as usize] == Some(*id) {
                        ids[*way as usize] = None;
                    }
                    false
                }
                // An acknowledgement goes against the message, PUBREL with it.
                Plain::Ack(Ack::Release, id) => ids[*way as usize] == Some(*id),
                Plain::Ack(_, id) => ids[1 - *way as usize] == Some(*id),
                Plain::Connect { .. } => true,
                _ => false,
            };
            if concerns {
                story.push(format!("{way:?} {packet:?}"));
            }
        }
        story.join("\n")
    }

    /// What the log says about what one client published.
    pub fn published(&self) -> Published {
        let mut published = Published::default();
        let mut ids: HashMap<u16, Bytes> = HashMap::new();
        for (way, packet) in self.log().iter() {
            match (way, packet) {
                (Way::Up, Plain::Publish { id, payload, .. }) => {
                    *published.sent.entry(payload.clone()).or_default() += 1;
                    ids.insert(*id, payload.clone());
                }
                (Way::Down, Plain::Ack(Ack::Taken | Ack::Complete, id)) => {
                    published.acknowledged.extend(ids.get(id).cloned());
                }
                _ => {}
            }
        }
        published
    }
}

/// What one client published, by payload.
#[derive(Default)]
pub struct Published {
    /// How often it was sent.
    pub sent: HashMap<Bytes, usize>,
    /// Whether it was acknowledged to the end.
    pub acknowledged: HashSet<Bytes>,
}

async fn accept(listener: TcpListener, to: u16, shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while links.try_join_next().is_some() {}
        // A broker that is not there is a connection that ends at once.
        let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { continue };
        let _ = (client.set_nodelay(true), broker.set_nodelay(true));
        shared.links.fetch_add(1, Ordering::Relaxed);
        links.spawn(link(client, broker, Arc::clone(&shared)));
    }
}

async fn link(client: TcpStream, broker: TcpStream, shared: Arc<Shared>) {
    let mut fate = shared.fate.subscribe();
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let level = AtomicU8::new(0);
    let up = forward(from_client, to_broker, Tap::new(Way::Up, &level, &shared));
    let down = forward(from_broker, to_client, Tap::new(Way::Down, &level, &shared));
    let (mut up, mut down) = (Box::pin(up), Box::pin(down));
    tokio::select! {
        biased;
        _ = fate.changed() => {
            if *fate.borrow_and_update() == Fate::Cut {
                return;
            }
        }
        // Whoever ends, the other side hears of it.
        () = &mut up => return,
        () = &mut down => return,
    }
    // Halved: both ends are held and not polled any more.
    while fate.changed().await.is_ok() && *fate.borrow_and_update() != Fate::Cut {}
    drop((up, down));
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut tap: Tap<'_>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or_default();
        if read == 0 {
            return;
        }
        // Written down before it goes on: what has arrived is in the log.
        if tap.shared.reads {
            tap.take(&bytes[..read]);
        }
        let delay = tap.shared.delay.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// What passes one way on one link.
struct Tap<'a> {
    way: Way,
    /// The protocol level that CONNECT names, once it has passed.
    level: &'a AtomicU8,
    shared: &'a Shared,
    pending: BytesMut,
    three: <V4 as Version>::Codec,
    five: <V5 as Version>::Codec,
}

impl<'a> Tap<'a> {
    fn new(way: Way, level: &'a AtomicU8, shared: &'a Shared) -> Self {
        Self { way, level, shared, pending: BytesMut::new(), three: V4::codec(), five: V5::codec() }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if let Some(level) = connects(&self.pending).filter(|_| self.way == Way::Up) {
            self.level.store(level, Ordering::Relaxed);
        }
        match self.level.load(Ordering::Relaxed) {
            0 => {}
            5 => self.read::<V5>(|tap| &mut tap.five),
            _ => self.read::<V4>(|tap| &mut tap.three),
        }
    }

    fn read<V: Version>(&mut self, codec: impl Fn(&mut Self) -> &mut V::Codec) {
        loop {
            let mut pending = std::mem::take(&mut self.pending);
            let packet = codec(self).decode(&mut pending);
            self.pending = pending;
            match packet {
                Ok(None) => return,
                Ok(Some(packet)) => {
                    self.shared.log.lock().expect("no test panics here").push((self.way, V::read(packet)));
                }
                Err(error) => panic!("what passes {:?} is no MQTT {}: {error}", self.way, V::NAME),
            }
        }
    }
}

/// The protocol level, if this begins with a CONNECT: byte 0x10, its length in one to four bytes, and the name of the
/// protocol before it.
fn connects(bytes: &[u8]) -> Option<u8> {
    let rest = bytes.strip_prefix(&[0x10])?;
    let length = rest.iter().take(4).take_while(|byte| **byte >= 0x80).count() + 1;
    rest.get(length..)?.strip_prefix(b"\0\x04MQTT")?.first().copied()
}
