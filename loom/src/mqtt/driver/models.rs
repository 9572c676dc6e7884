//! [`Inbox`] and [`Permits`]: nothing that is handed over is left lying, and no permit gets lost.

use std::task::Poll;

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use tokio::sync::oneshot;

use super::inbox::{Command, Inbox, Reader};
use super::permits::{NoPermit, Permits};
use crate::mqtt::delivery::Acknowledger;
use crate::mqtt::delivery::Token;
use crate::mqtt::topic::Filter;
use crate::mqtt::{MqttError, QoS};

fn command() -> Command {
    Command::Unsubscribe { filter: Filter, listener: Default::default(), reply: oneshot::channel().0 }
}

/// Takes what comes until `enough` of it came.
fn drive(inbox: &std::sync::Arc<Inbox>, enough: impl Fn(usize, usize) -> bool) {
    let mut reader = Reader::new(std::sync::Arc::clone(inbox));
    let (mut commands, mut settled) = (0, 0);
    block_on(std::future::poll_fn(|cx| {
        inbox.register(cx.waker());
        let batch = reader.take();
        commands += batch.commands.len();
        settled += batch.settled.len();
        if enough(commands, settled) { Poll::Ready(()) } else { Poll::Pending }
    }));
}

/// Only who adds to an empty list wakes the driver; what the others add is found all the same.
pub fn the_driver_gets_whatever_is_handed_over() {
    crate::model(|| {
        let inbox = Inbox::new();
        let senders = [true, false].map(|publishes| {
            let inbox = std::sync::Arc::clone(&inbox);
            thread::spawn(move || {
                if publishes {
                    inbox.push(command()).unwrap();
                    inbox.push(command()).unwrap();
                } else {
                    inbox.settle(Token(1), false);
                }
            })
        });
        drive(&inbox, |commands, settled| commands == 2 && settled == 1);
        senders.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A command is refused, or the driver that ends lets go of it: nobody waits for an answer that never comes.
pub fn no_command_outlives_the_driver() {
    crate::model(|| {
        let inbox = Inbox::new();
        let other = std::sync::Arc::clone(&inbox);
        let sender = thread::spawn(move || {
            let (reply, mut answer) = oneshot::channel();
            let command = Command::Unsubscribe { filter: Filter, listener: Default::default(), reply };
            (other.push(command).is_err(), answer.try_recv().is_ok())
        });
        inbox.end(MqttError::NotOpen);
        let (refused, answered) = sender.join().unwrap();
        assert!(!answered);
        let batch = Reader::new(std::sync::Arc::clone(&inbox)).take();
        assert!(batch.commands.is_empty(), "refused: {refused}");
        assert!(!inbox.is_up() && inbox.closed().is_some());
    });
}

/// What was written before the link was said to be up is seen by whoever sees it up.
pub fn what_was_written_before_the_link_is_up_is_seen() {
    crate::model(|| {
        let (inbox, written) = (Inbox::new(), Arc::new(AtomicUsize::new(0)));
        let (other, seen) = (std::sync::Arc::clone(&inbox), Arc::clone(&written));
        let publisher = thread::spawn(move || {
            if other.is_up() {
                assert_eq!(seen.load(Ordering::Relaxed), 7);
            }
        });
        written.store(7, Ordering::Relaxed);
        inbox.set_up(true);
        publisher.join().unwrap();
    });
}

/// The driver hears that it is to stop, whatever it does meanwhile.
pub fn the_driver_hears_of_a_stop() {
    crate::model(|| {
        let inbox = Inbox::new();
        let other = std::sync::Arc::clone(&inbox);
        let closer = thread::spawn(move || other.stop(tokio::time::Instant::now()));
        let mut reader = Reader::new(std::sync::Arc::clone(&inbox));
        block_on(std::future::poll_fn(|cx| {
            inbox.register(cx.waker());
            if reader.take().deadline.is_some() { Poll::Ready(()) } else { Poll::Pending }
        }));
        closer.join().unwrap();
    });
}

/// Two publishers share a window of one message and bytes for one: each gets its turn, one that gets the window but no bytes
/// blocks nobody for ever, and in the end everything is back.
pub fn permits_come_back() {
    crate::model(|| {
        let permits = Arc::new(Permits::new(1, 100));
        let publishers = [true, false].map(|waits| {
            let permits = Arc::clone(&permits);
            thread::spawn(move || {
                let permit = if waits {
                    block_on(permits.take(QoS::AtLeastOnce, 0)).map_err(|_| NoPermit::Closed)
                } else {
                    permits.try_take(QoS::AtLeastOnce, 36)
                };
                match permit {
                    Ok(permit) => {
                        let cost = permit.cost();
                        permit.forget();
                        // The driver, once the message is settled.
                        permits.give_back(1, cost as usize);
                    }
                    Err(refused) => assert!(!waits && refused == NoPermit::Full),
                }
            })
        });
        publishers.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((permits.in_flight(), permits.queued_bytes()), (0, 0));
    });
}

/// A publisher that waits ends when the connection closes.
pub fn whoever_waits_for_a_permit_hears_of_the_close() {
    crate::model(|| {
        let permits = Arc::new(Permits::new(1, 100));
        permits.try_take(QoS::AtLeastOnce, 0).unwrap().forget();
        let other = Arc::clone(&permits);
        let publisher = thread::spawn(move || block_on(other.take(QoS::AtLeastOnce, 0)).err());
        permits.close();
        assert_eq!(publisher.join().unwrap(), Some(NoPermit::Closed));
    });
}
