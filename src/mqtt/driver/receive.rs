//! What becomes of a received message: it goes to listeners, waits for one, or is let go.

use std::sync::Arc;

use tokio::time::Instant;

use super::Settled;
use super::core::Core;
use crate::mqtt::session::Arrival;
use crate::mqtt::subscriptions::{Receipt, SharedListener};
use crate::mqtt::topic::Filter;
use crate::mqtt::{Lost, MqttMessage, MqttVersion, QoS};
use crate::text::clip;

impl Core {
    pub(super) fn message(
        &mut self,
        id: u16,
        message: MqttMessage,
        named: &[u32],
        now: Instant,
    ) -> Result<(), Lost> {
        self.metrics.received.one();
        if self.closing {
            return Ok(());
        }
        let size = message.footprint();
        let (held, max) = (self.held.bytes() + size, self.settings.max_incoming_bytes);
        let token = if message.qos == QoS::AtMostOnce {
            if held > max {
                self.metrics.dropped.one();
                return Ok(());
            }
            None
        } else {
            // A single message is always let in, however large.
            if held > max && held > size {
                return Err(Lost::Overflow { held, max });
            }
            let Arrival::New(token) = self.admit(id, message.qos, message.dup)? else {
                self.metrics.repeated.one();
                return Ok(());
            };
            Some(token)
        };
        let receipt = self.held.admit(size, token);
        let topic = Arc::clone(&message.topic);
        let kept = (token.is_some() && self.unclaimed.waits_for(&topic)).then(|| message.clone());
        if self.registry.deliver(message, named, &receipt, now) > 0 {
            return Ok(());
        }
        if let Some(message) = kept {
            self.metrics.unclaimed.one();
            self.unclaimed.add(message, receipt);
        } else {
            self.metrics.unmatched.one();
            self.logger.debug(format_args!("nobody listens to the message on `{}`", clip(&topic)));
        }
        Ok(())
    }

    /// A message of QoS 1 or 2 came, unless it is one more than the broker may have on its way: that ends the link, and the
    /// message is new when it comes again on the next one.
    pub(super) fn admit(&mut self, id: u16, qos: QoS, dup: bool) -> Result<Arrival, Lost> {
        let arrival = self.incoming.arrive(id, qos, dup);
        let max = self.settings.receive_maximum;
        let flooded = self.settings.version == MqttVersion::V5 && self.incoming.open() > usize::from(max);
        let lost = if self.incoming.is_full() {
            Lost::Unexpected("more messages that are not acknowledged than there are packet ids")
        } else if flooded {
            Lost::Flooded { max }
        } else {
            return Ok(arrival);
        };
        if let Arrival::New(token) = arrival {
            self.incoming.forget(token);
        }
        Err(lost)
    }

    /// The listeners have let go of a message.
    pub(super) fn let_go(&mut self, Settled { token, refused }: Settled) {
        if !refused {
            return self.incoming.done(token);
        }
        self.incoming.refuse(token);
        // What closing leaves is counted and said once, when it is over.
        if self.closing {
            self.left += 1;
            return;
        }
        self.metrics.refused.one();
        if !std::mem::replace(&mut self.refusals_said, true) {
            self.logger.warn(format_args!(
                "a message was not finished well and stays unacknowledged: the broker sends it again on the next link of \
                 this session, and until then it takes a place among those that the broker sends at a time; more of \
                 them on this link are only counted (`mqtt.message.refused`)"
            ));
        }
    }

    /// What waited for a listener whose subscription never came about: nobody has handled it, so on a kept session it is
    /// not acknowledged. It waits for whoever subscribes next, or comes again on the next link; closing waits for nobody.
    /// What another listener has got as well is that one's: once more it would be once too often.
    pub(super) fn keep(&mut self, left: Vec<(MqttMessage, Arc<Receipt>)>) {
        for (message, receipt) in left.into_iter().filter(|(_, receipt)| receipt.needs_acknowledgement()) {
            if !Receipt::is_unhandled(&receipt) {
                continue;
            }
            if !self.closing && self.unclaimed.waits_for(&message.topic) {
                self.unclaimed.add(message, receipt);
            } else if !self.settings.clean_session {
                receipt.refuse();
            }
        }
    }

    /// A new subscription gets what waits for it, unless its listener hears of those topics by another filter: then it may
    /// have got them before.
    pub(super) fn claim(&mut self, filter: &Filter, listener: &SharedListener) {
        let Self { unclaimed, registry, .. } = self;
        let claimed = unclaimed.claim(filter, |topic| !registry.hears(listener, filter, topic));
        for (message, receipt) in claimed {
            registry.give(message, filter, listener, &receipt);
        }
    }

    /// Lets messages go to which nobody has subscribed in time.
    pub(super) fn expire(&mut self, now: Instant) {
        let expired = self.unclaimed.expire(now);
        let Some((first, _)) = expired.first() else { return };
        self.metrics.unmatched.add(expired.len() as u64);
        self.logger.warn(format_args!(
            "{} messages of the kept session are acknowledged unhandled, as nobody has subscribed to them within \
             `options.unclaimed_timeout`; the first is on `{}`",
            expired.len(),
            clip(&first.topic)
        ));
    }

    /// The connection is to end: nothing more is taken, and what nobody got stays with the broker.
    pub(super) fn close(&mut self) {
        if !std::mem::replace(&mut self.closing, true) {
            self.left += self.leave_unclaimed();
        }
        self.held.watch(true);
    }

    /// How many received messages no listener has finished.
    pub(super) fn unhandled(&self) -> usize {
        self.held.messages() + self.left
    }

    pub(super) fn leave_unclaimed(&mut self) -> usize {
        let left = self.unclaimed.withdraw();
        let count = left.len();
        // Passed over: those behind them, which may be handled yet, are acknowledged.
        left.into_iter().flatten().for_each(|token| self.incoming.refuse(token));
        count
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::sync::{Semaphore, oneshot};
    use tokio_util::codec::Framed;

    use super::super::drive::Drive;
    use super::super::{Command, fuzz};
    use super::*;
    use crate::mqtt::SubscribeOptions;
    use crate::mqtt::protocol::{Oversize, Protocol, V4};
    use crate::mqtt::session::Presence;
    use crate::mqtt::transport::Counted;

    const MAX: usize = 1024 * 1024;
    const HELD: usize = 900;

    /// What is one too many on this link is delivered on the next: it has not been handled by anybody.
    #[tokio::test]
    async fn a_message_too_many_ends_the_link_and_is_new_on_the_next() {
        for (version, most) in [("3.1.1", usize::from(u16::MAX)), ("5", 7)] {
            for oversize in [false, true] {
                let mut settings = fuzz::settings(version, 0);
                settings.receive_maximum = 7;
                let mut core = fuzz::core(settings);
                for id in (1..=u16::MAX).take(most) {
                    assert!(matches!(core.admit(id, QoS::AtLeastOnce, false), Ok(Arrival::New(_))));
                }
                let (id, qos, dup, topic) = (9, QoS::ExactlyOnce, false, Arc::from("t"));
                let end = if oversize {
                    core.oversize(Oversize { id, qos, dup, topic, size: 99_999 })
                } else {
                    core.message(id, MqttMessage { qos, ..MqttMessage::new("t", "") }, &[], Instant::now())
                };
                assert!(matches!(end, Err(Lost::Unexpected(_) | Lost::Flooded { max: 7 })), "{end:?}");
                core.incoming.lost();
                core.incoming.resume(Presence::Kept);
                assert!(matches!(core.admit(id, qos, true), Ok(Arrival::New(_))), "{version} {oversize}");
            }
        }
    }

    /// One message of every sixteen kilobytes waits for its listener; the others are for nobody.
    #[tokio::test]
    async fn messages_that_are_held_hold_little_of_what_came_with_them() {
        let mut settings = fuzz::settings("3.1.1", 0);
        (settings.max_incoming_bytes, settings.listener_queue) = (MAX, HELD);
        let mut core = fuzz::core(settings);
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
        core.intake.push(Command::Subscribe { filter, options, listener, reply }).unwrap();
        let (ours, mut theirs) = duplex(64 * 1024);
        let framed = Framed::new(Counted::new(ours), V4::codec(16_384, 0));
        let mut drive = Drive::<V4, _>::new(framed, &mut core, Instant::now());
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
            drive.restore().await.map_err(|_| "it ended").unwrap();
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
}
