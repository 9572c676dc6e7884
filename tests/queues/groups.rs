//! Several hosts that divide the messages of one topic, by a shared subscription.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use wirework::component::Context;
use wirework::messaging::{ListenOptions, MessageEnvelope, MessageQueue};
use wirework::mqtt::{MqttMessageQueue, PublishOptions};

use crate::behaviours::{next, receive, send};
use crate::kinds::{connected, context, queue};
use crate::support::fake_broker::{FakeBroker, QoS, UnsubAck, message};
use crate::support::mosquitto::Mosquitto;
use crate::support::process::Process;
use crate::support::within;

const COUNT: usize = 100_000;

/// How many messages are on their way at a time, so that mosquitto never has to queue more than it may.
const AHEAD: usize = 2000;

/// One host of the group: a queue with its own persistent session, and what listens to it.
struct Host {
    queue: Arc<MqttMessageQueue>,
    context: Context,
    listening: JoinHandle<()>,
}

impl Host {
    async fn start(port: u16, name: &str, done: &mpsc::UnboundedSender<usize>) -> Self {
        let port = port.to_string();
        let pairs = [
            ("connection.host", "127.0.0.1"),
            ("connection.port", port.as_str()),
            ("client_id", name),
            ("group", "workers"),
            ("options.clean_session", "false"),
            ("options.qos", "1"),
            ("options.autosubscribe", "true"),
        ];
        let (queue, context) = (Arc::new(MqttMessageQueue::from_pairs("jobs", pairs).unwrap()), context());
        within("opening", queue.open(&context)).await.unwrap();
        // In a process of its own, where only its output survives it.
        let aloud = std::env::var_os(BROKER).is_some();
        let (listener, done) = (Arc::clone(&queue), done.clone());
        let receiver = Arc::new(move |envelope: MessageEnvelope| {
            if aloud {
                println!("processed {}", envelope.text().unwrap());
            }
            // A test that is over listens no more.
            let _ = done.send(envelope.text().unwrap().parse().unwrap());
            std::future::ready(Ok(()))
        });
        let listening = tokio::spawn(async move {
            listener.listen(receiver, ListenOptions::default().concurrency(16)).await.unwrap();
        });
        Self { queue, context, listening }
    }

    async fn stop(self) {
        self.queue.close(&self.context).await.unwrap();
        within("listening to end", self.listening).await.unwrap();
    }
}

/// Where the broker of a host in a process of its own listens; this test program is that host when the variable is set.
const BROKER: &str = "WIREWORK_TEST_GROUP_BROKER";

/// The host `victim`, in a process of its own.
struct Child {
    kill: oneshot::Sender<()>,
    /// How many messages it said that it had processed.
    ended: JoinHandle<usize>,
}

impl Child {
    async fn start(port: u16, done: &mpsc::UnboundedSender<usize>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "groups::a_host", "--ignored", "--nocapture"]).env(BROKER, port.to_string());
        let mut process = Process::start(&mut command);
        process.line_with("the host is ready").await;
        let (done, (kill, mut killed)) = (done.clone(), oneshot::channel());
        let ended = tokio::spawn(async move {
            let mut processed = 0;
            loop {
                tokio::select! {
                    line = process.next_line() => {
                        let line = line.expect("it runs until it is killed");
                        let Some(number) = line.strip_prefix("processed ") else { continue };
                        processed += 1;
                        // A test that is over listens no more.
                        let _ = done.send(number.parse().unwrap());
                    }
                    _ = &mut killed => break,
                }
            }
            process.signal("KILL").await;
            // What it has said before it died counts too.
            while let Some(line) = within("its last words", process.next_line()).await {
                if let Some(number) = line.strip_prefix("processed ") {
                    processed += 1;
                    let _ = done.send(number.parse().unwrap());
                }
            }
            assert_eq!(process.exit().await.signal(), Some(9), "it was killed, and did not end");
            processed
        });
        Self { kill, ended }
    }

    async fn kill(self) -> usize {
        self.kill.send(()).unwrap();
        within("its end", self.ended).await.unwrap()
    }
}

/// What `Child` is: says each number when it has processed it, before that is acknowledged, until it is killed.
#[tokio::test]
#[ignore = "a process of another test"]
async fn a_host() {
    let Ok(port) = std::env::var(BROKER) else { return };
    let (sender, mut done) = mpsc::unbounded_channel();
    let host = Host::start(port.parse().unwrap(), "victim", &sender).await;
    println!("\nthe host is ready");
    // Should the other test be killed itself, this ends some time.
    let spoken =
        tokio::time::timeout(Duration::from_secs(300), async { while done.recv().await.is_some() {} });
    let _ = spoken.await;
    host.stop().await;
}

/// Sends all numbers, a limited number ahead of those that are done; returns how often each was processed.
async fn process(
    port: u16,
    done: &mut mpsc::UnboundedReceiver<usize>,
    mut halfway: impl AsyncFnMut(),
) -> HashMap<usize, usize> {
    let connection = connected(port, &[]).await;
    let client = connection.client().unwrap();
    let mut times = HashMap::new();
    let mut sent = 0;
    while times.len() < COUNT {
        while sent < COUNT && sent < times.len() + AHEAD {
            let options = PublishOptions::at_least_once();
            drop(client.send("jobs", sent.to_string(), options).await.unwrap());
            sent += 1;
            if sent == COUNT / 2 {
                halfway().await;
            }
        }
        let number = within("a message to be processed", done.recv()).await.unwrap();
        *times.entry(number).or_insert(0) += 1;
    }
    while let Ok(number) = done.try_recv() {
        *times.entry(number).or_insert(0) += 1;
    }
    times
}

async fn broker() -> Option<Mosquitto> {
    Mosquitto::start_with("allow_anonymous true\nmax_queued_messages 0\n").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_process_each_message_once() {
    let Some(broker) = broker().await else { return };
    let (sender, mut done) = mpsc::unbounded_channel();
    let one = Host::start(broker.port, "one", &sender).await;
    let other = Host::start(broker.port, "other", &sender).await;
    let times = process(broker.port, &mut done, async || {}).await;
    assert!(times.values().all(|times| *times == 1), "no fault, no duplicate");
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_and_restarted_loses_nothing() {
    let Some(broker) = broker().await else { return };
    let (sender, mut done) = mpsc::unbounded_channel();
    let other = Host::start(broker.port, "other", &sender).await;
    let mut victim = Some(Child::start(broker.port, &sender).await);
    let (port, mut before) = (broker.port, 0);
    let times = process(port, &mut done, async || {
        if let Some(host) = victim.take() {
            before = host.kill().await;
        }
        victim = Some(Child::start(port, &sender).await);
    })
    .await;
    let duplicates: usize = times.values().map(|times| times - 1).sum();
    let after = victim.unwrap().kill().await;
    println!("{duplicates} of {COUNT} messages were processed more than once");
    println!("the killed host had processed {before}, and processed {after} when it ran again");
    assert!(duplicates <= AHEAD, "only what was on its way can come twice");
    assert!(before > 0 && after > 0, "it had its share both times");
    other.stop().await;
}

/// Waits until the queues have so many messages between them.
async fn hold(queues: &[&Arc<dyn MessageQueue>], count: usize) {
    within("the messages to come", async {
        loop {
            let mut held = 0;
            for queue in queues {
                held += queue.message_count().await.unwrap();
            }
            if held >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_member_has_not_finished_when_it_closes_goes_to_the_others() {
    let Some(broker) = Mosquitto::start().await else { return };
    // With and without room for what has come; the connection goes on.
    for (capacity, version) in [("1", "3.1.1"), ("100", "5")] {
        let session = [("options.protocol_version", version)];
        let (one, two) = (connected(broker.port, &session).await, connected(broker.port, &session).await);
        let more = [("group", "workers"), ("options.capacity", capacity)];
        let leaving = queue("orders", &one, &more, &context()).await;
        let staying = queue("orders", &two, &[("group", "workers")], &context()).await;
        let others = queue("others", &one, &[], &context()).await;
        for number in 0..20 {
            send(&staying, &number.to_string()).await;
        }
        hold(&[&leaving, &staying], 20).await;
        assert!(leaving.message_count().await.unwrap() > 0);
        // Also what is with a receiver that does not finish.
        receive(&leaving).await;
        within("the end", leaving.close(&context())).await.unwrap();
        let mut missing: BTreeSet<_> = (0..20).map(|number| number.to_string()).collect();
        while !missing.is_empty() {
            assert!(missing.remove(&next(&staying).await), "once each");
        }
        // More than mosquitto sends at a time: nothing is left that holds them up.
        for number in 0..25 {
            send(&others, &number.to_string()).await;
            assert_eq!(next(&others).await, number.to_string());
        }
        staying.close(&context()).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_only_member_has_not_finished_stays_with_it() {
    let Some(broker) = Mosquitto::start().await else { return };
    let connection = connected(broker.port, &[]).await;
    let only = queue("orders", &connection, &[("group", "workers")], &context()).await;
    for number in 0..20 {
        send(&only, &number.to_string()).await;
    }
    hold(&[&only], 20).await;
    only.close(&context()).await.unwrap();
    only.open(&context()).await.unwrap();
    for number in 0..20 {
        assert_eq!(next(&only).await, number.to_string());
    }
}

#[tokio::test]
async fn a_member_that_is_dropped_gives_its_messages_back() {
    let Some(broker) = Mosquitto::start().await else { return };
    let (one, two) = (connected(broker.port, &[]).await, connected(broker.port, &[]).await);
    let group = [("group", "workers")];
    let leaving = queue("orders", &one, &group, &context()).await;
    for number in 0..20 {
        send(&leaving, &number.to_string()).await;
    }
    hold(&[&leaving], 20).await;
    let staying = queue("orders", &two, &group, &context()).await;
    drop(leaving);
    for number in 0..20 {
        assert_eq!(next(&staying).await, number.to_string());
    }
}

#[tokio::test]
async fn what_cannot_be_given_back_stays_and_holds_up_nobody() {
    let broker = FakeBroker::start().await;
    let (connection, (mut peer, _)) =
        tokio::join!(connected(broker.port(), &[]), broker.accept_session(false));
    let more = [("group", "workers"), ("options.close_timeout", "50")];
    let context = context();
    let (orders, subscribe) = tokio::join!(queue("orders", &connection, &more, &context), peer.grant());
    assert_eq!(subscribe.filters[0].path, "$share/workers/orders");
    let envelope = String::from_utf8(MessageEnvelope::new("t", "a").to_json()).unwrap();
    peer.send(message("orders", &envelope, QoS::AtLeastOnce, 7)).await;
    hold(&[&orders], 1).await;
    let (closed, ()) = tokio::join!(within("the end", orders.close(&context)), async {
        let unsubscribe = peer.expect_unsubscribe().await;
        peer.send(UnsubAck::new(unsubscribe.pkid)).await;
        let back = peer.expect_publish().await;
        assert_eq!((&*back.topic, back.retain, &back.payload[..]), ("orders", false, envelope.as_bytes()));
        // The broker does not take it, and nobody waits longer than asked.
        assert_eq!(peer.expect_puback().await.pkid, 7);
    });
    closed.unwrap();
    let (opened, _) = tokio::join!(orders.open(&context), peer.grant());
    opened.unwrap();
    assert_eq!(next(&orders).await, "a");
}
