use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use super::super::fuzz::Fixture;
use super::super::inbox::{Accepted, Command};
use super::*;
use crate::mqtt::protocol::{Publish, V4};
use crate::mqtt::transport::{Counted, Moved, Stream};
use crate::mqtt::{MqttMessage, QoS, SubscribeOptions};

fn fixture() -> Fixture {
    Fixture::new(Fixture::settings("3.1.1", 0))
}

/// A drive whose link is up.
async fn restored<S: Transport>(stream: S, fixture: &mut Fixture, max_packet: usize) -> Drive<'_, V4, S> {
    let framed = Framed::new(stream, V4::codec(max_packet, 0));
    let (core, settings) = (&mut fixture.core, &*fixture.settings);
    let mut drive = Drive::new(framed, Limits::default(), core, settings, Instant::now());
    drive.restore().await.map_err(|_| "it ended").unwrap();
    drive
}

/// Takes everything, and passes it on when it is flushed, as far as that goes.
struct Layer(Counted<DuplexStream>, Vec<u8>);

impl Transport for Layer {
    fn max_buffered(&self) -> u64 {
        100
    }

    fn moved(&self) -> Moved {
        self.0.moved()
    }
}

impl AsyncRead for Layer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Layer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self(below, held) = &mut *self;
        while !held.is_empty() {
            let written = std::task::ready!(Pin::new(&mut *below).poll_write(cx, held))?;
            held.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_message_of_qos_0_is_written_when_no_layer_holds_it_back() {
    let mut fixture = fixture();
    let (reply, mut answer) = oneshot::channel();
    let (topic, payload) = ("t".into(), "payload".into());
    let publish = Publish { topic, payload, qos: QoS::AtMostOnce, retain: false, extra: None };
    let accepted = Accepted { publish, waits: true, cost: 1, reply };
    fixture.inbox.push(Command::Publish(accepted)).unwrap();
    let (ours, mut theirs) = duplex(4);
    let mut drive = restored(Layer(Counted::new(ours), Vec::new()), &mut fixture, 4096).await;
    assert!(futures_util::poll!(std::pin::pin!(drive.run())).is_pending());
    assert!(answer.try_recv().is_err(), "most of it is still here");
    let mut rest = [0; 12];
    tokio::select! {
        _ = drive.run() => unreachable!("nothing ends it"),
        read = theirs.read_exact(&mut rest) => assert_eq!(read.unwrap(), 12),
    }
    assert!(futures_util::poll!(std::pin::pin!(drive.run())).is_pending());
    assert!(answer.try_recv().unwrap().is_ok());
}

/// Messages of QoS 1, one segment each; all are acknowledged before the next lot comes.
async fn broker(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    for lot in 0..20_u8 {
        for number in 0..50 {
            stream.write_all(&[0x32, 6, 0, 1, b't', lot, number + 1, b'x']).await.unwrap();
            tokio::task::yield_now().await;
        }
        for number in 0..50 {
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, [0x40, 2, lot, number + 1]);
        }
    }
}

#[tokio::test]
async fn a_link_that_pauses_all_the_time_reads_and_acknowledges_everything_and_finds_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let mut fixture = fixture();
    let stream = Stream::tcp(ours.unwrap());
    let mut drive = restored(stream, &mut fixture, 16_384).await;
    drive.stream.force_read_pauses(Instant::now(), Duration::from_millis(1));
    let (end, ()) = tokio::join!(drive.run(), broker(theirs.unwrap().0));
    assert!(matches!(end, End::LinkError(LinkError::Ended)));
}

const MAX: usize = 1024 * 1024;
const HELD: usize = 900;

/// One message of every sixteen kilobytes waits for its listener; the others are for nobody.
#[tokio::test]
async fn messages_that_are_held_hold_little_of_what_came_with_them() {
    let mut settings = Fixture::settings("3.1.1", 0);
    (settings.max_incoming_bytes, settings.listener_queue) = (MAX, HELD);
    let mut fixture = Fixture::new(settings);
    let (gate, got) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::<Bytes>::new())));
    let (to_pass, to_keep) = (Arc::clone(&gate), Arc::clone(&got));
    let listener = Arc::new(move |message: MqttMessage| {
        let (gate, got) = (Arc::clone(&to_pass), Arc::clone(&to_keep));
        async move {
            gate.acquire().await.unwrap().forget();
            got.lock().unwrap().push(message.payload);
            Ok(())
        }
    });
    let (reply, _granted) = oneshot::channel();
    let (filter, options) = ("t".parse().unwrap(), SubscribeOptions::default());
    fixture.inbox.push(Command::Subscribe { filter, options, listener, reply }).unwrap();
    let (ours, mut theirs) = duplex(64 * 1024);
    let script = async {
        theirs.write_all(&[0x90, 3, 1, 5, 0]).await.unwrap();
        let filler = [&[0x30, 0xfd, 0x7f, 0, 1, b'x'][..], &[0; 16_378]].concat();
        for number in 0..HELD {
            let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
            theirs.write_all(&[0x30, 5, 0, 1, b't', high, low]).await.unwrap();
            theirs.write_all(&filler).await.unwrap();
        }
        gate.add_permits(HELD);
        while got.lock().unwrap().len() < HELD {
            tokio::task::yield_now().await;
        }
    };
    let work = async {
        let mut drive = restored(Counted::new(ours), &mut fixture, 16_384).await;
        drive.run().await
    };
    tokio::select! {
        _ = work => unreachable!("nothing ends it"),
        () = script => {}
    }
    let payloads = std::mem::take(&mut *got.lock().unwrap());
    let room = payloads.into_iter().map(|payload| payload.try_into_mut().map_or(0, |all| all.capacity()));
    let room: usize = room.sum();
    assert!(room <= MAX, "{room} bytes are held");
}

const LOT: usize = 1024;

/// PUBREL, again and again; each is answered.
async fn releases(to: &mut DuplexStream, lots: usize) {
    let lot = [0x62, 2, 0, 1].repeat(LOT);
    for _ in 0..lots {
        if to.write_all(&lot).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn answers_that_are_not_read_take_bounded_memory_and_end_the_link() {
    let (mut fixture, (ours, mut theirs)) = (fixture(), duplex(4096));
    let mut drive = restored(Counted::new(ours), &mut fixture, 16_384).await;
    let end = tokio::select! {
        end = drive.run() => Some(end),
        () = releases(&mut theirs, 1000) => None,
    };
    let waiting = drive.stream.waiting_bytes();
    assert!(waiting < 512 * 1024, "{waiting} bytes wait");
    assert!(matches!(end, Some(End::LinkError(LinkError::Unexpected(_)))));
}

#[tokio::test]
async fn a_broker_that_reads_late_gets_all_answers() {
    let lots = 100;
    let (mut fixture, (ours, mut theirs)) = (fixture(), duplex(4096));
    let mut drive = restored(Counted::new(ours), &mut fixture, 16_384).await;
    let script = async {
        releases(&mut theirs, lots).await;
        let mut answer = [0; 4];
        for _ in 0..lots * LOT {
            theirs.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, [0x70, 2, 0, 1]);
        }
    };
    tokio::select! {
        _ = drive.run() => unreachable!("nothing ends it"),
        () = script => {}
    }
}
