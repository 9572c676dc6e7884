//! Large messages over a slow line, and answers that never come, with a clock of their own.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::Framed;

use super::super::fuzz::Fixture;
use super::super::inbox::{Accepted, Answer, Command, Inbox};
use super::super::subscribing::Subscribing;
use super::{Drive, End};
use crate::mqtt::protocol::{Limits, Protocol, Publish, V4};
use crate::mqtt::subscriptions::SharedListener;
use crate::mqtt::transport::Counted;
use crate::mqtt::{LinkError, MqttMessage, QoS, SubscribeOptions};

/// In seconds.
const KEEP_ALIVE: u16 = 10;

/// Longer than a keep-alive and a half has room for a few of.
const STEP: Duration = Duration::from_secs(4);

const PING: [u8; 2] = [0xc0, 0];
const PONG: [u8; 2] = [0xd0, 0];

/// How many bytes lie on the line, and in a step.
const LINE: usize = 1024;

const BODY: usize = 64 * LINE;

fn fixture() -> Fixture {
    let mut settings = Fixture::settings("3.1.1", 0);
    (settings.keep_alive, settings.max_packet_size) = (KEEP_ALIVE, 4 * BODY);
    (settings.write_timeout, settings.connect_timeout) = (Duration::ZERO, Duration::ZERO);
    Fixture::new(settings)
}

/// Hands a message over.
fn publish(inbox: &Inbox, size: usize) -> Answer {
    let payload = vec![b'x'; size].into();
    let publish = Publish { topic: "t".into(), payload, qos: QoS::AtLeastOnce, retain: false, extra: None };
    let (reply, answer) = oneshot::channel();
    inbox.push(Command::Publish(Accepted { publish, waits: true, cost: 1, reply })).unwrap();
    answer
}

/// Has the driver work while the broker does, which must not end before; then with a broker that is silent. Returns how long
/// that took to be found.
async fn survives<B: Future<Output = DuplexStream>>(
    fixture: &mut Fixture,
    broker: impl FnOnce(DuplexStream) -> B,
) -> Duration {
    let (ours, theirs) = duplex(LINE);
    let framed = Framed::new(Counted::new(ours), V4::codec(4 * BODY, 0));
    let (core, settings) = (&mut fixture.core, &*fixture.settings);
    let mut drive = Drive::<V4, _>::new(framed, Limits::default(), core, settings, Instant::now());
    drive.restore().await.map_err(|_| "it ended").unwrap();
    let silent = tokio::select! {
        end = drive.run() => match end {
            End::LinkError(lost) => panic!("lost: {lost}"),
            _ => panic!("ended"),
        },
        theirs = broker(theirs) => theirs,
    };
    let since = Instant::now();
    let end = timeout(Duration::from_secs(600), drive.run()).await.unwrap();
    assert!(matches!(end, End::LinkError(LinkError::Silent(_))));
    drop(silent);
    since.elapsed()
}

const SOON: Duration = Duration::from_secs(KEEP_ALIVE as u64 * 3 / 2);

#[tokio::test(start_paused = true)]
async fn a_large_message_that_comes_in_slowly_is_life() {
    let mut fixture = fixture();
    let found = survives(&mut fixture, async |mut theirs| {
        let length = 3 + BODY;
        let head =
            [0x30, (length & 0x7f) as u8 | 0x80, (length >> 7 & 0x7f) as u8 | 0x80, (length >> 14) as u8];
        theirs.write_all(&head).await.unwrap();
        theirs.write_all(&[0, 1, b't']).await.unwrap();
        for _ in 0..BODY / LINE {
            sleep(STEP).await;
            theirs.write_all(&[b'x'; LINE]).await.unwrap();
        }
        theirs
    });
    assert!(found.await <= SOON);
}

#[tokio::test(start_paused = true)]
async fn a_large_message_that_goes_out_slowly_is_life() {
    let mut fixture = fixture();
    let _answer = publish(&fixture.inbox, BODY);
    let found = survives(&mut fixture, async |mut theirs| {
        let mut read = vec![0; LINE];
        for _ in 0..BODY / LINE {
            sleep(STEP).await;
            theirs.read_exact(&mut read).await.unwrap();
        }
        // The end of the message, and the ping that had to wait behind it.
        let mut rest = [0; 9 + 2];
        theirs.read_exact(&mut rest).await.unwrap();
        assert_eq!(rest[9..], PING);
        theirs.write_all(&PONG).await.unwrap();
        theirs
    });
    assert!(found.await <= SOON);
}

/// The line takes a little of the message, and then nothing.
#[tokio::test(start_paused = true)]
async fn a_link_that_dies_in_the_middle_of_a_message_is_found_as_soon_as_another() {
    let mut fixture = fixture();
    let _answer = publish(&fixture.inbox, BODY);
    let found = survives(&mut fixture, async |mut theirs| {
        theirs.read_exact(&mut [0; LINE]).await.unwrap();
        tokio::task::yield_now().await;
        theirs
    });
    assert!(found.await <= SOON);
}

/// The next packet of this type, without its fixed header.
async fn next(peer: &mut DuplexStream, kind: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 2];
        peer.read_exact(&mut head).await.unwrap();
        let mut body = vec![0; head[1].into()];
        peer.read_exact(&mut body).await.unwrap();
        match head {
            PING => peer.write_all(&PONG).await.unwrap(),
            [first, _] if first == kind => return body,
            [first, _] => panic!("expected {kind:#x}, got {first:#x}"),
        }
    }
}

/// There is no limit to how long SUBSCRIBE may take, but what is asked for after an UNSUBSCRIBE must not wait for ever.
#[tokio::test(start_paused = true)]
async fn an_unsubscribe_that_is_never_answered_counts_as_done() {
    let mut fixture = fixture();
    let inbox = Arc::clone(&fixture.inbox);
    let listener: SharedListener = Arc::new(|_: MqttMessage| std::future::ready(Ok(())));
    let subscribe = |filter: &str| {
        let (reply, answer) = oneshot::channel();
        let (filter, options) = (filter.parse().unwrap(), SubscribeOptions::default());
        let listener = Arc::clone(&listener);
        inbox.push(Command::Subscribe { filter, options, listener, reply }).unwrap();
        answer
    };
    let found = survives(&mut fixture, async |mut peer| {
        let granted = subscribe("a");
        let asked = next(&mut peer, 0x82).await;
        // Pings are answered meanwhile.
        timeout(Subscribing::UNSUBSCRIBE_TIMEOUT * 3, next(&mut peer, 0)).await.unwrap_err();
        peer.write_all(&[0x90, 3, asked[0], asked[1], 0]).await.unwrap();
        granted.await.unwrap().unwrap();
        let (reply, _) = oneshot::channel();
        let (filter, listener) = ("a".parse().unwrap(), Arc::clone(&listener));
        inbox.push(Command::Unsubscribe { filter, listener, reply }).unwrap();
        next(&mut peer, 0xa2).await;
        let granted = subscribe("b");
        let asked = timeout(Subscribing::UNSUBSCRIBE_TIMEOUT * 2, next(&mut peer, 0x82)).await.unwrap();
        peer.write_all(&[0x90, 3, asked[0], asked[1], 0]).await.unwrap();
        granted.await.unwrap().unwrap();
        peer
    });
    assert!(found.await <= SOON);
}

/// On a link that has been up for long, such a filter waits for the messages that are on their way.
#[tokio::test(start_paused = true)]
async fn a_filter_that_may_end_the_link_goes_out_after_messages_on_an_old_link_too() {
    let mut fixture = fixture();
    let (inbox, now) = (Arc::clone(&fixture.inbox), Instant::now());
    let listener: SharedListener = Arc::new(|_: MqttMessage| std::future::ready(Ok(())));
    let (filter, options) = ("bad".parse().unwrap(), SubscribeOptions::default());
    let (reply, _) = oneshot::channel();
    let (core, limits) = (&mut fixture.core, Limits::default());
    core.subscribing.subscribe(&filter, options, &listener, reply);
    while core.subscribing.quarantine_due().is_none() {
        core.resume(&Fixture::endpoint("broker"), false, &limits, now);
        assert!(core.subscribing.next(true, now).is_some());
        core.subscribing.asked(true);
        core.link_lost(&LinkError::Ended);
    }
    core.resume(&Fixture::endpoint("broker"), false, &limits, now);
    let found = survives(&mut fixture, async |mut peer| {
        // It is in quarantine for a minute.
        timeout(Duration::from_secs(70), next(&mut peer, 0)).await.unwrap_err();
        let sent = publish(&inbox, 1);
        let (reply, granted) = oneshot::channel();
        let (filter, listener) = ("bad".parse().unwrap(), Arc::clone(&listener));
        inbox.push(Command::Subscribe { filter, options, listener, reply }).unwrap();
        let published = next(&mut peer, 0x32).await;
        timeout(Duration::from_millis(500), next(&mut peer, 0)).await.unwrap_err();
        peer.write_all(&[0x40, 2, published[3], published[4]]).await.unwrap();
        sent.await.unwrap().unwrap();
        let asked = timeout(Duration::from_millis(100), next(&mut peer, 0x82)).await.unwrap();
        peer.write_all(&[0x90, 3, asked[0], asked[1], 0]).await.unwrap();
        granted.await.unwrap().unwrap();
        peer
    });
    assert!(found.await <= SOON);
}
