//! SIGINT and SIGTERM: the first asks the service to stop, the second ends the process at once.

use std::io::Write;
use std::sync::Arc;

use tokio::sync::watch;

/// The exit code of a process that a second SIGINT ended.
const INTERRUPTED: i32 = 130;
/// The exit code of a process that a second SIGTERM ended.
const TERMINATED: i32 = 143;

/// Whether somebody has asked the process to stop.
#[derive(Clone)]
pub struct Signals(Arc<watch::Sender<Option<&'static str>>>);

impl Signals {
    /// Listens from now on, on a thread of its own, so that no component can keep the second signal from ending the
    /// process.
    ///
    /// # Errors
    /// The system refuses the thread or the signal handlers.
    pub fn listen() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = Self(Arc::new(watch::Sender::new(None)));
        let sender = Arc::clone(&signals.0);
        let mut source = {
            let _entered = runtime.enter();
            Source::new()?
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                let (name, _) = source.next().await;
                sender.send_replace(Some(name));
                let (name, code) = source.next().await;
                // Not `eprintln!`: it would panic where nobody listens any more, and the process would live on.
                let last_words = format!("{name} again: ended at once, components may be left open\n");
                let _ = std::io::stderr().write_all(last_words.as_bytes());
                std::process::exit(code);
            });
        })?;
        Ok(signals)
    }

    /// Resolves with the first signal's name when there was one, also in the past.
    pub async fn first(&self) -> &'static str {
        let mut receiver = self.0.subscribe();
        let first = receiver.wait_for(Option::is_some).await.map(|name| *name);
        // The sender lives in `self`, so that waiting cannot fail.
        first.ok().flatten().unwrap_or("signal")
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", INTERRUPTED),
            _ = self.terminate.recv() => ("SIGTERM", TERMINATED),
        }
    }
}

#[cfg(not(unix))]
struct Source(tokio::signal::windows::CtrlC, tokio::signal::windows::CtrlShutdown);

#[cfg(not(unix))]
impl Source {
    fn new() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?, tokio::signal::windows::ctrl_shutdown()?))
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.0.recv() => ("Ctrl-C", INTERRUPTED),
            _ = self.1.recv() => ("shutdown", TERMINATED),
        }
    }
}
