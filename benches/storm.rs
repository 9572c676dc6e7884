//! What happens to a broker when everybody comes back at once: a simulation, whose figures are in docs/scaling.md.
//!
//! ```sh
//! cargo bench --bench storm
//! ```
//!
//! Nothing is timed here. So many clients lose their broker at one moment. It is away for a while, and then makes so many
//! handshakes a second, one after the other, as they come; so many wait in the queue of its system, and who finds that full is
//! heard when its system asks again, after 1, 3, 7 and 15 seconds. A client that has waited for its `connect_timeout` gives up, and its handshake is made in vain. After each failure it waits
//! as its kind of back-off says: that of Wirework is the one of `src/backoff.rs` itself.

#![allow(clippy::expect_used, reason = "a simulation that goes wrong has nothing to say")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

#[allow(dead_code, unreachable_pub, unused_imports, reason = "the drivers use what the simulation does not")]
#[path = "../src/backoff.rs"]
mod backoff;

use backoff::Backoff;

/// The default `options.connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How many connections wait in the queue of the broker's system.
const BACKLOG: u64 = 1_024;
/// The default `options.reconnect_timeout` and `options.max_reconnect_timeout`.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// In windows of this length the attempts are counted.
const WINDOW: Duration = Duration::from_millis(100);

/// How the clients wait.
#[derive(Clone, Copy)]
enum Waits {
    /// As Wirework does, with so many seconds as its `options.reconnect_timeout`.
    Wirework(u64),
    /// The same, but each is as long as it may be.
    Together,
    /// Always as long.
    Fixed(Duration),
    /// From zero to a span that doubles.
    Full,
}

impl Waits {
    fn name(self) -> String {
        match self {
            Self::Wirework(first) => {
                format!("Wirework: {first} s to {} s, the upper half by chance", bounds(first).1.as_secs())
            }
            Self::Together => "1 s to 30 s, nothing by chance".to_owned(),
            Self::Fixed(wait) => format!("always {} s", wait.as_secs()),
            Self::Full => "1 s to 30 s, all of it by chance".to_owned(),
        }
    }
}

/// The shortest and the longest span where the first is so many seconds.
fn bounds(first: u64) -> (Duration, Duration) {
    (Duration::from_secs(first), BOUNDS.1.max(Duration::from_secs(first)))
}

/// A client that is not connected.
struct Client {
    backoff: Backoff,
    failures: u32,
    random: RandomState,
    /// When its attempt began, and how often its system has asked since; none between two attempts.
    attempt: Option<(Duration, u32)>,
}

impl Client {
    fn new(waits: Waits) -> Self {
        let (first, most) = if let Waits::Wirework(first) = waits { bounds(first) } else { BOUNDS };
        let backoff = Backoff::new(first, most);
        Self { backoff, failures: 0, random: RandomState::new(), attempt: None }
    }

    fn wait(&mut self, waits: Waits) -> Duration {
        let span = BOUNDS.0.saturating_mul(1 << self.failures.min(20)).min(BOUNDS.1);
        self.failures += 1;
        match waits {
            Waits::Wirework(_) => self.backoff.next(),
            Waits::Together => span,
            Waits::Fixed(wait) => wait,
            Waits::Full => span * ((self.random.hash_one(self.failures) % 1_024) as u32) / 1_024,
        }
    }
}

/// What is simulated.
struct Storm {
    clients: usize,
    /// How long the broker is away.
    away: Duration,
    /// Handshakes a second.
    rate: u32,
    waits: Waits,
}

/// What comes of it.
#[derive(Default)]
struct Outcome {
    /// When the last client was connected, after the broker is back.
    all_back: Duration,
    /// When half of them were.
    half_back: Duration,
    /// The most attempts in a window after the broker is back, as a rate a second.
    peak: u64,
    /// Attempts in all, also those while the broker is away.
    attempts: u64,
    /// Handshakes that were made for a client that had given up.
    in_vain: u64,
}

impl Storm {
    fn run(&self) -> Outcome {
        let mut clients: Vec<Client> = (0..self.clients).map(|_| Client::new(self.waits)).collect();
        let mut next: BinaryHeap<Reverse<(Duration, usize)>> = BinaryHeap::new();
        for (number, client) in clients.iter_mut().enumerate() {
            next.push(Reverse((client.wait(self.waits), number)));
        }
        let one = Duration::from_secs(1) / self.rate;
        let (mut outcome, mut free) = (Outcome::default(), self.away);
        let (mut back, mut window, mut in_window) = (Vec::with_capacity(self.clients), 0, 0_u64);
        while let Some(Reverse((now, number))) = next.pop() {
            let client = clients.get_mut(number).expect("a client of this storm");
            outcome.attempts += u64::from(client.attempt.is_none());
            if now < self.away {
                // Refused at once.
                next.push(Reverse((now + client.wait(self.waits), number)));
                continue;
            }
            let current = now.as_millis() / WINDOW.as_millis();
            in_window = if current == window { in_window + 1 } else { 1 };
            window = current;
            outcome.peak = outcome.peak.max(in_window * 1_000 / WINDOW.as_millis() as u64);
            let (began, asked) = client.attempt.take().unwrap_or((now, 0));
            let gives_up = began + CONNECT_TIMEOUT;
            let waiting = free.saturating_sub(now).as_nanos() / one.as_nanos().max(1);
            if waiting >= u128::from(BACKLOG) {
                let again = now + Duration::from_secs(1 << asked);
                if again < gives_up {
                    client.attempt = Some((began, asked + 1));
                    next.push(Reverse((again, number)));
                } else {
                    next.push(Reverse((gives_up + client.wait(self.waits), number)));
                }
                continue;
            }
            free = free.max(now) + one;
            if free <= gives_up {
                back.push(free - self.away);
            } else {
                outcome.in_vain += 1;
                next.push(Reverse((gives_up + client.wait(self.waits), number)));
            }
        }
        back.sort_unstable();
        outcome.half_back = back.get(back.len() / 2).copied().unwrap_or_default();
        outcome.all_back = back.last().copied().unwrap_or_default();
        outcome
    }
}

fn main() {
    println!(
        "| clients | away | handshakes a second | back-off | most attempts a second | half are back after | all after | \
         least possible | attempts of one | in vain |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let fixed = Waits::Fixed(Duration::from_secs(5));
    let hosts = [Waits::Wirework(1), Waits::Wirework(10), Waits::Full, Waits::Together, fixed];
    let devices = [Waits::Wirework(1), Waits::Wirework(200), Waits::Full];
    for (clients, away, rate, kinds) in [
        (10_000, 0, 2_000, &hosts[..]),
        (10_000, 300, 2_000, &hosts[..]),
        (500_000, 0, 5_000, &devices[..]),
        (500_000, 300, 5_000, &devices[..]),
    ] {
        for waits in kinds.iter().copied() {
            let storm = Storm { clients, away: Duration::from_secs(away), rate, waits };
            let found = storm.run();
            println!(
                "| {clients} | {away} s | {rate} | {} | {} | {:.0} s | {:.0} s | {:.0} s | {:.1} | {} |",
                waits.name(),
                found.peak,
                found.half_back.as_secs_f64(),
                found.all_back.as_secs_f64(),
                clients as f64 / f64::from(rate),
                found.attempts as f64 / clients as f64,
                found.in_vain,
            );
        }
    }
}
