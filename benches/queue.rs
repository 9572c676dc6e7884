//! How fast the queue in memory is. Run by hand, on a machine that does nothing else:
//!
//! ```sh
//! cargo bench --bench queue
//! ```
//!
//! A pair is one message of 64 bytes sent, received, and completed. The runs of all cases are interleaved; a Markdown
//! table of thousands of pairs a second is printed, with the median, the slowest and the quickest of 7 runs.

#![allow(clippy::expect_used, reason = "a benchmark that cannot start has nothing to say")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use wirework::component::Context;
use wirework::messaging::{ListenOptions, MemoryMessageQueue, MessageEnvelope, MessageQueue};

const RUNS: usize = 7;
const COUNT: usize = 500_000;

type Case = (&'static str, fn(&Runtime) -> Duration);

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let cases: [Case; 3] = [
        ("one task sends and receives in turn", in_turn),
        ("one task sends, one receives", side_by_side),
        ("one task sends, one listens", listening),
    ];
    let mut runs = cases.map(|_| Vec::new());
    for _ in 0..RUNS {
        for ((_, case), times) in cases.iter().zip(&mut runs) {
            times.push(COUNT as f64 / case(&runtime).as_secs_f64() / 1e3);
        }
    }
    println!("| memory queue, 1000 pairs/s | median | slowest | quickest |\n|---|---:|---:|---:|");
    for ((name, _), mut times) in cases.iter().zip(runs) {
        times.sort_by(f64::total_cmp);
        let at = |index: usize| times.get(index).copied().unwrap_or(f64::NAN);
        println!("| {name} | {:.0} | {:.0} | {:.0} |", at(RUNS / 2), at(0), at(RUNS - 1));
    }
}

async fn opened() -> Arc<MemoryMessageQueue> {
    let queue = Arc::new(MemoryMessageQueue::new("bench"));
    let descriptor = "pip-services:message-queue:memory:bench:1.0".parse().expect("a descriptor");
    queue.open(&Context::standalone(descriptor)).await.expect("it opens");
    queue
}

/// What is sent: made anew each time, as a service would.
fn message(kind: &Arc<str>, payload: &Bytes) -> MessageEnvelope {
    MessageEnvelope::new(Arc::clone(kind), payload.clone())
}

fn parts() -> (Arc<str>, Bytes) {
    ("order.created".into(), Bytes::from(vec![b'x'; 64]))
}

async fn take(queue: &MemoryMessageQueue) {
    let message = queue.receive(Duration::from_secs(10)).await.expect("it is open").expect("a message");
    queue.complete(&message).await.expect("it is locked");
}

fn in_turn(runtime: &Runtime) -> Duration {
    runtime.block_on(async {
        let (queue, (kind, payload)) = (opened().await, parts());
        let begun = Instant::now();
        for _ in 0..COUNT {
            queue.send(message(&kind, &payload)).await.expect("there is room");
            take(&queue).await;
        }
        begun.elapsed()
    })
}

fn side_by_side(runtime: &Runtime) -> Duration {
    runtime.block_on(async {
        let (queue, (kind, payload)) = (opened().await, parts());
        let begun = Instant::now();
        let sender = Arc::clone(&queue);
        let sending = tokio::spawn(async move {
            for _ in 0..COUNT {
                sender.send(message(&kind, &payload)).await.expect("there is room");
            }
        });
        let receiving = tokio::spawn(async move {
            for _ in 0..COUNT {
                take(&queue).await;
            }
        });
        sending.await.expect("it sends");
        receiving.await.expect("it receives");
        begun.elapsed()
    })
}

fn listening(runtime: &Runtime) -> Duration {
    runtime.block_on(async {
        let (queue, (kind, payload)) = (opened().await, parts());
        let begun = Instant::now();
        let sender = Arc::clone(&queue);
        let sending = tokio::spawn(async move {
            for _ in 0..COUNT {
                sender.send(message(&kind, &payload)).await.expect("there is room");
            }
        });
        let (done, ending) = (std::sync::atomic::AtomicUsize::new(0), Arc::clone(&queue));
        let receiver = move |_: MessageEnvelope| {
            if done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == COUNT {
                ending.end_listen();
            }
            std::future::ready(Ok(()))
        };
        queue.listen(Arc::new(receiver), ListenOptions::default().concurrency(16)).await.expect("it listens");
        sending.await.expect("it sends");
        begun.elapsed()
    })
}
