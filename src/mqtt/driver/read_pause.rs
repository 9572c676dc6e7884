//! When to pause reading, so that packets gather.
//!
//! A broker that writes each packet by itself wakes the reader for each, and is acknowledged for each by itself: with tens of
//! thousands a second that is most of what they cost. Network cards have the same problem, and the same answer (interrupt
//! coalescing): while much comes in small portions, look every so often instead of at each. Where the other side waits for what
//! is held back, that slows it down; so it is tried, measured, and given up for a while where it does not pay.

use std::time::Duration;

use tokio::time::Instant;

/// The lowest rate, in packets a second, at which pauses are tried.
const MIN_RATE: u64 = 20_000;

/// The number of packets a read above which they come together anyway.
const MAX_BATCH: u64 = 16;

/// How long the rate is measured before pauses are tried.
const MEASURE_BEFORE: Duration = Duration::from_millis(8);

/// How long it is measured with pauses: a broker with several things to do is quiet for some milliseconds now and then.
const MEASURE_DURING: Duration = Duration::from_millis(100);

/// After so many pauses a rate that has collapsed is found out.
const MIN_PAUSES: u32 = 4;

/// How long pauses are not tried again after they have not paid: at first, and at most.
const FIRST_HOLD_OFF: Duration = Duration::from_millis(200);
const LONGEST_HOLD_OFF: Duration = Duration::from_secs(10);

/// Packets and reads since a point in time.
struct Window {
    since: Instant,
    packets: u64,
    reads: u64,
}

impl Window {
    fn new(since: Instant) -> Self {
        Self { since, packets: 0, reads: 0 }
    }

    /// Returns the packets a second.
    fn rate(&self, now: Instant) -> u64 {
        let micros = u64::try_from((now - self.since).as_micros()).unwrap_or(u64::MAX).max(1);
        self.packets * 1_000_000 / micros
    }
}

/// A pause in reading that is under way, or the last one.
struct Pause {
    until: Instant,
    /// The rate to hold: what it was without pauses.
    rate: u64,
}

/// Decides when reading pauses.
pub(super) struct ReadPause {
    /// The length of a pause; with zero there is none.
    length: Duration,
    window: Window,
    /// How many pauses the window has seen.
    pauses: u32,
    /// None while reading goes on without pauses.
    pause: Option<Pause>,
    /// Since when reading pauses again and again.
    since: Instant,
    held_off_until: Instant,
    hold_off: Duration,
}

impl ReadPause {
    pub fn new(length: Duration, now: Instant) -> Self {
        Self {
            length,
            window: Window::new(now),
            pauses: 0,
            pause: None,
            since: now,
            held_off_until: now,
            hold_off: FIRST_HOLD_OFF,
        }
    }

    /// Pauses whatever the rate is.
    #[cfg(test)]
    pub fn force(&mut self, now: Instant, length: Duration) {
        (self.length, self.pause) = (length, Some(Pause { until: now, rate: 0 }));
    }

    /// Never pauses again, as the stream does not support it.
    pub fn disable(&mut self) {
        (self.length, self.pause) = (Duration::ZERO, None);
    }

    /// Returns until when nothing is to be read, if reading pauses now.
    pub fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.pause.as_ref().map(|pause| pause.until).filter(|until| *until > now)
    }

    /// Whether reading pauses again and again.
    pub fn is_pausing(&self) -> bool {
        self.pause.is_some()
    }

    /// Counts the packets of a read.
    pub fn count(&mut self, packets: u64) {
        if self.length.is_zero() || packets == 0 {
            return;
        }
        self.window.packets += packets;
        self.window.reads += 1;
    }

    /// Begins a pause where that pays. To be called when everything there was has been read. Returns whether reading pauses.
    pub fn pause(&mut self, now: Instant) -> bool {
        if self.length.is_zero() {
            return false;
        }
        let rate = match &self.pause {
            None => self.rate_to_try(now),
            Some(pause) => self.rate_to_hold(pause.rate, now),
        };
        self.pause = rate.map(|rate| Pause { until: now + self.length, rate });
        rate.is_some()
    }

    /// Returns the rate, where pauses may pay at it.
    fn rate_to_try(&mut self, now: Instant) -> Option<u64> {
        if now - self.window.since < MEASURE_BEFORE {
            return None;
        }
        let window = self.restart_window(now);
        let rate = window.rate(now);
        let may = rate >= MIN_RATE && window.packets < MAX_BATCH * window.reads && now >= self.held_off_until;
        self.since = now;
        may.then_some(rate)
    }

    /// Returns the rate to hold from now on, unless pauses have cost too much of what there was `before`.
    fn rate_to_hold(&mut self, before: u64, now: Instant) -> Option<u64> {
        let measured = now - self.window.since >= MEASURE_DURING;
        let rate = self.window.rate(now);
        self.pauses += 1;
        if (self.pauses >= MIN_PAUSES && rate < before / 4) || (measured && rate < before / 10 * 8) {
            self.held_off_until = now + self.hold_off;
            self.hold_off = (self.hold_off * 2).min(LONGEST_HOLD_OFF);
            self.restart_window(now);
            return None;
        }
        if now - self.since > FIRST_HOLD_OFF * 10 {
            self.hold_off = FIRST_HOLD_OFF;
        }
        if !measured {
            return Some(before);
        }
        self.restart_window(now);
        Some((before * 3 + rate) / 4)
    }

    /// Measures anew. Returns what was measured.
    fn restart_window(&mut self, now: Instant) -> Window {
        self.pauses = 0;
        std::mem::replace(&mut self.window, Window::new(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(10);
    const PAUSE: Duration = Duration::from_millis(1);

    /// Packets come one every ten microseconds for a while; returns during how many of the ticks reading paused. While it does
    /// no more than `most` come in.
    fn stream(reading: &mut ReadPause, now: &mut Instant, ticks: u32, most: u64) -> u32 {
        let (mut gathered, mut rested) = (0, 0);
        for _ in 0..ticks {
            *now += TICK;
            gathered = (gathered + 1).min(most);
            if reading.paused_until(*now).is_some() {
                rested += 1;
                continue;
            }
            reading.count(std::mem::take(&mut gathered));
            reading.pause(*now);
        }
        rested
    }

    #[test]
    fn many_small_reads_become_few() {
        let mut now = Instant::now();
        let mut reading = ReadPause::new(PAUSE, now);
        assert_eq!(stream(&mut reading, &mut now, 700, u64::MAX), 0, "it is measured first");
        let rested = stream(&mut reading, &mut now, 10_000, u64::MAX);
        assert!(rested > 9_500, "{rested}");
    }

    #[test]
    fn a_sender_that_waits_for_its_acknowledgements_is_not_held_up() {
        let mut now = Instant::now();
        let mut reading = ReadPause::new(PAUSE, now);
        let rested = stream(&mut reading, &mut now, 1_000_000, 20);
        assert!(rested < 10_000, "{rested} of 1000000");
        // One that is a little slower for it: found after a few pauses.
        let mut reading = ReadPause::new(PAUSE, now);
        let rested = stream(&mut reading, &mut now, 1_000_000, 70);
        assert!((1..80_000).contains(&rested), "{rested} of 1000000");
    }

    #[test]
    fn few_packets_and_large_reads_are_left_alone() {
        let mut now = Instant::now();
        let mut reading = ReadPause::new(PAUSE, now);
        for _ in 0..10_000 {
            now += Duration::from_millis(1);
            reading.count(1);
            assert!(!reading.pause(now), "a thousand a second");
        }
        for _ in 0..10_000 {
            now += Duration::from_micros(100);
            reading.count(50);
            assert!(!reading.pause(now), "fifty in each read");
        }
        reading.disable();
        assert_eq!(stream(&mut reading, &mut now, 10_000, u64::MAX), 0);
    }
}
