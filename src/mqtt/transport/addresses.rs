//! Several addresses of one host, tried so that a dead one costs little: RFC 8305, "happy eyeballs".

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

/// How long an attempt runs alone before the next one begins.
const STAGGER: Duration = Duration::from_millis(250);

/// Families take turns, beginning with that of the first address; within a family the order stays.
fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    let first_is_v6 = all.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            return turns;
        }
        turns.extend(one.into_iter().chain(other));
    }
}

/// Connects to whichever of these addresses answers first.
///
/// They are tried in turns of their families, each a little after the one before, or as soon as one has failed. When one has
/// answered, the others are given up.
pub(super) async fn connect_first<T, F>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    race(interleave(addresses), connect).await.map_err(io::Error::from)
}

async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, FailedAttempts>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut failed = FailedAttempts(Vec::new());
    loop {
        match waiting.next() {
            Some(address) => {
                let attempt = connect(address);
                running.push(async move { (address, attempt.await) });
            }
            None if running.is_empty() => return Err(failed),
            None => {}
        }
        tokio::select! {
            Some((address, result)) = running.next() => match result {
                Ok(connected) => return Ok(connected),
                Err(error) => failed.0.push((address, error)),
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

/// Each address that was tried, with its error.
struct FailedAttempts(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for FailedAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, error)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{address}: {error}")?;
        }
        Ok(())
    }
}

/// The system's errors are shown as people read them, also where somebody prints one that holds this.
impl fmt::Debug for FailedAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for FailedAttempts {}

impl From<FailedAttempts> for io::Error {
    fn from(failed: FailedAttempts) -> Self {
        match failed.0.first() {
            Some((_, error)) => Self::new(error.kind(), failed),
            None => Self::other("the host name has no address"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }

    #[test]
    fn families_take_turns() {
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1"].map(address);
        assert_eq!(interleave([a, b, c, d]), [a, c, b, d]);
        assert_eq!(interleave([c, c, d, a]), [c, a, d]);
        assert_eq!(interleave([a, b]), [a, b]);
        assert!(interleave([]).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_costs_a_stagger_and_the_losers_are_given_up() {
        struct Counted<'a>(&'a Mutex<u32>);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let (dead, alive) = (address("[::1]:1"), address("1.1.1.1:1"));
        let (started, dropped) = (Instant::now(), Mutex::new(0));
        let won = race(vec![dead, alive], |address| {
            let counted = Counted(&dropped);
            async move {
                let _counted = counted;
                if address == dead { pending().await } else { Ok(address) }
            }
        });
        assert_eq!(won.await.unwrap(), alive);
        assert_eq!(started.elapsed(), STAGGER);
        assert_eq!(*dropped.lock().unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_starts_the_next_at_once_and_a_slow_one_can_still_win() {
        let [slow, refusing, dead] = ["[::1]:1", "1.1.1.1:1", "[::2]:1"].map(address);
        let started = Instant::now();
        let won = race(vec![slow, refusing, dead], |address| async move {
            if address == slow {
                sleep(STAGGER * 3).await;
                Ok(address)
            } else if address == refusing {
                Err(refused())
            } else {
                pending().await
            }
        });
        assert_eq!(won.await.unwrap(), slow);
        assert_eq!(started.elapsed(), STAGGER * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_failure_names_every_address() {
        let started = Instant::now();
        let all = vec![address("[::1]:1"), address("1.1.1.1:1")];
        let error = race(all, |_| async { Err::<(), _>(refused()) }).await.unwrap_err();
        assert_eq!(error.to_string(), "[::1]:1: connection refused, 1.1.1.1:1: connection refused");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(started.elapsed(), Duration::ZERO);
        let nothing = race(Vec::new(), |_| async { Ok(()) }).await.unwrap_err();
        assert!(io::Error::from(nothing).to_string().contains("no address"));
    }
}
