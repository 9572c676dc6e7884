//! Signals: those that ask the service to stop, the second SIGINT, which ends the process at once, SIGHUP, and SIGUSR1.
//!
//! One request to stop can arrive as several signals: a terminal sends SIGINT to the whole process group, a runner adds
//! SIGTERM, a supervisor repeats the signal. So only a second SIGINT that comes more than [`REPEAT_WINDOW`] after the
//! first ends the process at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wirework::log::{Console, Level};

use super::console::say;

/// The exit code of a process that a second SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A second SIGINT within this time of the first is the same one.
const REPEAT_WINDOW: Duration = Duration::from_millis(500);

/// How long the end at once may take to write its last words.
const FINAL_FLUSH_TIMEOUT: Duration = Duration::from_millis(100);

/// How long the exit handlers of the process may take before it is aborted.
const EXIT_HANDLER_TIMEOUT: Duration = Duration::from_millis(500);

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The service closes.
    Stop,
    /// It closes; the second time the process ends at once.
    Interrupt,
    /// The manifest is to be read again.
    Reload,
    /// Log files are to be opened anew.
    ReopenLogs,
    /// Nothing here. It is taken so that it does not end the process without closing.
    Nothing,
}

/// What signals have asked the process for.
#[derive(Clone)]
pub struct Signals(Arc<Asked>);

#[derive(Default)]
struct Asked {
    /// The first signal that asked for a stop.
    stop: watch::Sender<Option<&'static str>>,
    /// How often a reload was asked for.
    reloads: watch::Sender<u64>,
    /// How often it was asked for to open log files anew.
    reopens: watch::Sender<u64>,
}

wirework::opaque!(Signals);

impl Signals {
    /// Listens from now on, on a thread of its own, so that no component can keep a second SIGINT from ending the process.
    ///
    /// SIGINT, SIGTERM, SIGQUIT and what else asks a process to go (SIGPWR, SIGXCPU, SIGRTMIN+3) stop the service. SIGHUP asks for a
    /// reload, and is not taken where the process was started to ignore it, as by `nohup`. SIGUSR1 has log files opened anew. SIGUSR2 and
    /// the signals of timers have no effect, while their default would be to end the process.
    ///
    /// # Errors
    /// The system refuses the thread or the signal handlers.
    pub fn listen() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = Self(Arc::default());
        let asked = Arc::clone(&signals.0);
        let mut source = {
            let _entered = runtime.enter();
            source::Source::new()?
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut patience = InterruptDebounce::default();
                loop {
                    let (name, meaning) = source.next().await;
                    let earlier = *asked.stop.borrow();
                    asked.note(name, meaning);
                    if meaning != Meaning::Interrupt {
                        continue;
                    }
                    let is_first = patience.is_first();
                    if patience.is_second_interrupt(Instant::now()) {
                        end_at_once(name);
                    }
                    if let Some(earlier) = earlier.filter(|_| is_first) {
                        let words = format!(
                            "{name}: the service is closing since {earlier}; another one ends it at once"
                        );
                        say(Level::Info, "", &words);
                    }
                }
            });
        })?;
        Ok(signals)
    }

    /// The exit code of a process that a signal of this name ended: 128 and its number, as shells have it.
    #[must_use]
    pub fn exit_code(name: &str) -> u8 {
        u8::try_from(128 + source::number(name)).unwrap_or(1)
    }

    /// Resolves with the first signal's name when there was one, also in the past.
    pub async fn first(&self) -> &'static str {
        let mut receiver = self.0.stop.subscribe();
        let first = receiver.wait_for(Option::is_some).await.map(|name| *name);
        // The sender lives in `self`, so that waiting cannot fail.
        first.ok().flatten().unwrap_or("signal")
    }

    /// How often a reload was asked for; it is not done on the thread of the signals, which waits for nobody.
    pub(super) fn reloads(&self) -> watch::Receiver<u64> {
        self.0.reloads.subscribe()
    }

    /// How often it was asked for to open log files anew.
    pub(super) fn reopens(&self) -> watch::Receiver<u64> {
        self.0.reopens.subscribe()
    }
}

impl Asked {
    fn note(&self, name: &'static str, meaning: Meaning) {
        match meaning {
            Meaning::Stop | Meaning::Interrupt => {
                self.stop.send_if_modified(|first| first.is_none() && first.replace(name).is_none());
            }
            Meaning::Reload => self.reloads.send_modify(|count| *count += 1),
            Meaning::ReopenLogs => self.reopens.send_modify(|count| *count += 1),
            Meaning::Nothing => {}
        }
    }
}

/// Tells a second SIGINT from the echo of the first.
#[derive(Default)]
struct InterruptDebounce(Option<Instant>);

impl InterruptDebounce {
    /// Whether there was none yet.
    fn is_first(&self) -> bool {
        self.0.is_none()
    }

    /// There was a SIGINT; whether it is the one that ends the process at once.
    fn is_second_interrupt(&mut self, now: Instant) -> bool {
        let first = *self.0.get_or_insert(now);
        now.duration_since(first) > REPEAT_WINDOW
    }
}

/// Ends the process, whatever is stuck: the words are put into a buffer, and exit handlers of libraries that wait are given
/// up.
fn end_at_once(name: &str) -> ! {
    say(Level::Warn, "", &format!("{name} again: ended at once, components may be left open"));
    let _ = Console::process().end(FINAL_FLUSH_TIMEOUT);
    let _ = std::thread::Builder::new().name("exit".to_owned()).spawn(|| {
        std::thread::sleep(EXIT_HANDLER_TIMEOUT);
        std::process::abort();
    });
    std::process::exit(INTERRUPTED);
}

#[cfg(unix)]
mod source {
    use std::future::poll_fn;
    use std::io;
    use std::task::Poll;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Meaning::{self, Interrupt, Nothing, Reload, ReopenLogs, Stop};

    const SIGNALS: &[(libc::c_int, &str, Meaning)] = &[
        (libc::SIGINT, "SIGINT", Interrupt),
        (libc::SIGTERM, "SIGTERM", Stop),
        (libc::SIGHUP, "SIGHUP", Reload),
        (libc::SIGQUIT, "SIGQUIT", Stop),
        (libc::SIGXCPU, "SIGXCPU", Stop),
        #[cfg(target_os = "linux")]
        (libc::SIGPWR, "SIGPWR", Stop),
        (libc::SIGUSR1, "SIGUSR1", ReopenLogs),
        (libc::SIGUSR2, "SIGUSR2", Nothing),
        (libc::SIGALRM, "SIGALRM", Nothing),
        (libc::SIGVTALRM, "SIGVTALRM", Nothing),
        (libc::SIGPROF, "SIGPROF", Nothing),
        (libc::SIGIO, "SIGIO", Nothing),
        // A write beyond the limit of a file's size then fails with an error, which is said.
        (libc::SIGXFSZ, "SIGXFSZ", Nothing),
    ];

    pub(super) struct Source(Vec<(Signal, &'static str, Meaning)>);

    /// The number of a signal that is listened to.
    pub(super) fn number(name: &str) -> i32 {
        let known = SIGNALS.iter().find(|(_, other, _)| *other == name).map(|(number, ..)| *number);
        #[cfg(target_os = "linux")]
        let known = known.or_else(|| (name == "SIGRTMIN+3").then(|| libc::SIGRTMIN() + 3));
        known.unwrap_or(libc::SIGTERM)
    }

    impl Source {
        pub(super) fn new() -> io::Result<Self> {
            let ignored = ignored();
            let heard = |number: &libc::c_int| *number != libc::SIGHUP || !is_in(ignored, *number);
            let mut signals: Vec<_> = SIGNALS.to_vec();
            // What a container's runtime sends where an image names it, as those of systemd do.
            #[cfg(target_os = "linux")]
            signals.push((libc::SIGRTMIN() + 3, "SIGRTMIN+3", Stop));
            let signals = signals.into_iter().filter(|(number, ..)| heard(number));
            let listen = signals
                .map(|(number, name, meaning)| Ok((signal(SignalKind::from_raw(number))?, name, meaning)));
            Ok(Self(listen.collect::<io::Result<_>>()?))
        }

        pub(super) async fn next(&mut self) -> (&'static str, Meaning) {
            poll_fn(|context| {
                let mut each = self.0.iter_mut();
                let came = each.find_map(|(signal, name, meaning)| match signal.poll_recv(context) {
                    Poll::Ready(_) => Some((*name, *meaning)),
                    Poll::Pending => None,
                });
                came.map_or(Poll::Pending, Poll::Ready)
            })
            .await
        }
    }

    /// The signals that the process was started to ignore, a bit each; none where the system does not tell.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    }

    fn is_in(mask: u64, number: libc::c_int) -> bool {
        let bit = u32::try_from(number - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
        bit.is_some_and(|bit| mask & bit != 0)
    }
}

#[cfg(not(unix))]
mod source {
    use std::io;

    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_logoff,
        ctrl_shutdown,
    };

    use super::Meaning;

    /// The number that stands for an event of the console.
    pub(super) fn number(name: &str) -> i32 {
        if name == "Ctrl-C" { 2 } else { 15 }
    }

    pub(super) struct Source(CtrlC, CtrlBreak, CtrlClose, CtrlLogoff, CtrlShutdown);

    impl Source {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(ctrl_c()?, ctrl_break()?, ctrl_close()?, ctrl_logoff()?, ctrl_shutdown()?))
        }

        pub(super) async fn next(&mut self) -> (&'static str, Meaning) {
            tokio::select! {
                _ = self.0.recv() => ("Ctrl-C", Meaning::Interrupt),
                _ = self.1.recv() => ("Ctrl-Break", Meaning::Stop),
                _ = self.2.recv() => ("close", Meaning::Stop),
                _ = self.3.recv() => ("logoff", Meaning::Stop),
                _ = self.4.recv() => ("shutdown", Meaning::Stop),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn exit_codes_are_those_of_shells() {
        let codes = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"].map(Signals::exit_code);
        assert_eq!(codes, [130, 143, 129, 131]);
    }

    #[test]
    fn only_a_later_interrupt_is_impatience() {
        let (mut patience, start) = (InterruptDebounce::default(), Instant::now());
        for (after, over) in [(0, false), (1, false), (500, false), (501, true)] {
            assert_eq!(
                patience.is_second_interrupt(start + Duration::from_millis(after)),
                over,
                "{after} ms"
            );
        }
    }
}
