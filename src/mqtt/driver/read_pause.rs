//! When to let packets gather before they are read.
//!
//! A broker that writes each packet by itself wakes the reader for each, and is acknowledged for each by itself: with tens of
//! thousands a second that is most of what they cost. Network cards have the same problem, and the same answer: while much
//! comes in small portions, look every so often instead of at each. Where the other side waits for what is held back, that
//! slows it down; so it is tried, measured, and given up for a while where it does not pay.

use std::time::Duration;

use tokio::time::Instant;

/// Packets a second from which on it is tried.
const MANY: u64 = 20_000;

/// Packets a read above which they come together anyway.
const TOGETHER: u64 = 16;

/// How long the rate is measured before it is tried.
const BEFORE: Duration = Duration::from_millis(8);

/// How long it is measured while it is tried: a broker with several things to do is quiet for some milliseconds now and then.
const MEANWHILE: Duration = Duration::from_millis(100);

/// After so many pauses it is clear when it is hopeless.
const HOPELESS: u32 = 4;

/// How long it is left alone after it has not paid: at first, and at most.
const LEAST_PENALTY: Duration = Duration::from_millis(200);
const MOST_PENALTY: Duration = Duration::from_secs(10);

/// Packets and reads of a while.
struct Window {
    since: Instant,
    packets: u64,
    reads: u64,
}

impl Window {
    fn new(since: Instant) -> Self {
        Self { since, packets: 0, reads: 0 }
    }

    /// Packets a second.
    fn rate(&self, now: Instant) -> u64 {
        let micros = u64::try_from((now - self.since).as_micros()).unwrap_or(u64::MAX).max(1);
        self.packets * 1_000_000 / micros
    }
}

pub(super) struct ReadPause {
    /// How long to wait between two looks; zero is never.
    pause: Duration,
    window: Window,
    /// How many pauses the window has.
    pauses: u32,
    /// Until when nothing is read, and the rate that there was without that.
    resting: Option<(Instant, u64)>,
    since: Instant,
    not_before: Instant,
    penalty: Duration,
}

impl ReadPause {
    pub(super) fn new(pause: Duration, now: Instant) -> Self {
        Self {
            pause,
            window: Window::new(now),
            pauses: 0,
            resting: None,
            since: now,
            not_before: now,
            penalty: LEAST_PENALTY,
        }
    }

    /// Rests whatever the rate is.
    #[cfg(test)]
    pub(super) fn always(&mut self, now: Instant, pause: Duration) {
        (self.pause, self.resting) = (pause, Some((now, 0)));
    }

    /// The stream cannot do it.
    pub(super) fn never(&mut self) {
        (self.pause, self.resting) = (Duration::ZERO, None);
    }

    /// Until when nothing is to be read, if that is not over.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.resting.map(|(until, _)| until).filter(|until| *until > now)
    }

    pub(super) const fn is_resting(&self) -> bool {
        self.resting.is_some()
    }

    /// So many packets were read.
    pub(super) fn count(&mut self, packets: u64) {
        if self.pause.is_zero() || packets == 0 {
            return;
        }
        self.window.packets += packets;
        self.window.reads += 1;
    }

    /// Everything there was has been read. Whether to rest now.
    pub(super) fn rest(&mut self, now: Instant) -> bool {
        if self.pause.is_zero() {
            return false;
        }
        let rest = match self.resting {
            None => self.pays_perhaps(now),
            Some((_, before)) => self.pays(before, now),
        };
        self.resting = rest.map(|rate| (now + self.pause, rate));
        rest.is_some()
    }

    /// The rate, where it is one at which resting may pay.
    fn pays_perhaps(&mut self, now: Instant) -> Option<u64> {
        if now - self.window.since < BEFORE {
            return None;
        }
        let window = self.begin(now);
        let rate = window.rate(now);
        let may = rate >= MANY && window.packets < TOGETHER * window.reads && now >= self.not_before;
        self.since = now;
        may.then_some(rate)
    }

    /// The rate to hold, where it is about what there was `before`.
    fn pays(&mut self, before: u64, now: Instant) -> Option<u64> {
        let measured = now - self.window.since >= MEANWHILE;
        let rate = self.window.rate(now);
        self.pauses += 1;
        if (self.pauses >= HOPELESS && rate < before / 4) || (measured && rate < before / 10 * 8) {
            self.not_before = now + self.penalty;
            self.penalty = (self.penalty * 2).min(MOST_PENALTY);
            self.begin(now);
            return None;
        }
        if now - self.since > LEAST_PENALTY * 10 {
            self.penalty = LEAST_PENALTY;
        }
        if !measured {
            return Some(before);
        }
        self.begin(now);
        Some((before * 3 + rate) / 4)
    }

    /// Measures anew; returns what was measured.
    fn begin(&mut self, now: Instant) -> Window {
        self.pauses = 0;
        std::mem::replace(&mut self.window, Window::new(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(10);
    const PAUSE: Duration = Duration::from_millis(1);

    /// Packets come one every ten microseconds for a while; returns how many of the ticks were spent at rest. While it rests
    /// no more than `most` come in.
    fn stream(read_pause: &mut ReadPause, now: &mut Instant, ticks: u32, most: u64) -> u32 {
        let (mut gathered, mut rested) = (0, 0);
        for _ in 0..ticks {
            *now += TICK;
            gathered = (gathered + 1).min(most);
            if read_pause.until(*now).is_some() {
                rested += 1;
                continue;
            }
            read_pause.count(std::mem::take(&mut gathered));
            read_pause.rest(*now);
        }
        rested
    }

    #[test]
    fn many_small_reads_become_few() {
        let mut now = Instant::now();
        let mut read_pause = ReadPause::new(PAUSE, now);
        assert_eq!(stream(&mut read_pause, &mut now, 700, u64::MAX), 0, "it is measured first");
        let rested = stream(&mut read_pause, &mut now, 10_000, u64::MAX);
        assert!(rested > 9_500, "{rested}");
    }

    #[test]
    fn a_sender_that_waits_for_its_acknowledgements_is_not_held_up() {
        let mut now = Instant::now();
        let mut read_pause = ReadPause::new(PAUSE, now);
        let rested = stream(&mut read_pause, &mut now, 1_000_000, 20);
        assert!(rested < 10_000, "{rested} of 1000000");
        // One that is a little slower for it: found after a few pauses.
        let mut read_pause = ReadPause::new(PAUSE, now);
        let rested = stream(&mut read_pause, &mut now, 1_000_000, 70);
        assert!((1..80_000).contains(&rested), "{rested} of 1000000");
    }

    #[test]
    fn few_packets_and_large_reads_are_left_alone() {
        let mut now = Instant::now();
        let mut read_pause = ReadPause::new(PAUSE, now);
        for _ in 0..10_000 {
            now += Duration::from_millis(1);
            read_pause.count(1);
            assert!(!read_pause.rest(now), "a thousand a second");
        }
        for _ in 0..10_000 {
            now += Duration::from_micros(100);
            read_pause.count(50);
            assert!(!read_pause.rest(now), "fifty in each read");
        }
        read_pause.never();
        assert_eq!(stream(&mut read_pause, &mut now, 10_000, u64::MAX), 0);
    }
}
