//! A TCP proxy that cuts, and hangs up on some packets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::temper::Temper;

/// How long bytes take through the proxy, in each direction.
const DELAY: Duration = Duration::from_millis(5);

pub struct Proxy {
    pub port: u16,
    /// How often all links were cut; each link ends when it changes.
    cut: watch::Sender<u64>,
    links: Arc<AtomicU64>,
    running: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Proxy {
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on 127.0.0.1");
        let port = listener.local_addr().expect("it is bound").port();
        let (cut, cuts) = watch::channel(0);
        let links = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&links);
        let running = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                open.spawn(pass(stream, to, cuts.clone()));
                while open.try_join_next().is_some() {}
            }
        });
        Self { port, cut, links, running }
    }

    /// Ends all links that there are, wherever the bytes are.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    pub fn cuts(&self) -> u64 {
        *self.cut.borrow()
    }

    pub fn links(&self) -> u64 {
        self.links.load(Ordering::Relaxed)
    }
}

async fn pass(mut client: TcpStream, to: u16, mut cuts: watch::Receiver<u64>) {
    cuts.mark_unchanged();
    let Ok(mut broker) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let (from_client, to_client) = client.split();
    let (from_broker, to_broker) = broker.split();
    let mut temper = Temper::default();
    tokio::select! {
        _ = cuts.changed() => {}
        // Whoever ends it, both sides see that.
        () = carry(from_client, to_broker, |bytes| temper.bears(bytes)) => {}
        () = carry(from_broker, to_client, |_| true) => {}
    }
}

/// Bytes take their time, so that there are always some on the way when a link is cut.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut bears: impl FnMut(&[u8]) -> bool,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        tokio::time::sleep(DELAY).await;
        let bytes = bytes.get(..count).unwrap_or_default();
        if !bears(bytes) || to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
