//! The control side of a running service.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use wirework::Descriptor;
use wirework::component::{LevelOverride, LevelTarget, LogLevel, ServiceState};

use super::board::Board;
use super::event::{Event, StopCause};
use super::events::Events;
use super::level_change::{LevelChange, LevelChangeError};
use super::levels::Levels;
use super::restart::{Restart, RestartError, Restarted};
use super::restarts::Restarts;

/// What may be done to a running service from elsewhere in the program: from another task, a page or a test. Only its container
/// hands it out ([`Container::control`](super::Container::control)); components have the read side alone. It is cheap to clone, and of no
/// effect once the service has closed.
///
/// ```no_run
/// use wirework_container::Host;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let service = Host::new().manifest("config/service.toml").start().await?;
/// let control = service.control();
/// tokio::spawn(async move {
///     let _ = tokio::signal::ctrl_c().await;
///     control.stop();
/// });
/// service.stop_asked().await;
/// service.drain().await;
/// service.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServiceControl(Arc<Inner>);

struct Inner {
    board: Arc<Board>,
    events: Events,
    delay: Duration,
    /// When the service has drained, since it was first asked to.
    drained_at: OnceLock<Instant>,
    stop: watch::Sender<bool>,
    levels: Arc<Levels>,
    restarts: Arc<Restarts>,
}

impl ServiceControl {
    pub(super) fn new(
        board: Arc<Board>,
        events: Events,
        delay: Duration,
        levels: Arc<Levels>,
        restarts: Arc<Restarts>,
    ) -> Self {
        let (drained_at, stop) = (OnceLock::new(), watch::Sender::new(false));
        Self(Arc::new(Inner { board, events, delay, drained_at, stop, levels, restarts }))
    }

    /// Drains the service: it is not ready from now on and goes on serving for `service.drain_delay`; then it takes no new work
    /// ([`ServiceView::intake_ended`](wirework::component::ServiceView::intake_ended)), and this returns. It does not close, and does
    /// not take work again.
    ///
    /// The delay is counted from the first time that the service was asked to drain. It is cut short where the service closes, or
    /// a component stops it. Dropping the future does not take back that the service is not ready; whoever calls next waits for the rest.
    pub async fn drain(&self) {
        if self.0.board.view().takes_work() {
            self.drain_for(None).await;
        }
    }

    /// Asks whoever runs the container to end the service, as SIGTERM does: it drains and closes. Does not wait. In a program
    /// that has started the service by [`Host::start`](crate::Host::start) that is the one who waits for
    /// [`Container::stop_asked`](super::Container::stop_asked).
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Restarts a component, with those that hold it by a reference that is not late, directly or not, and waits until that is done:
    /// they are created anew from the same sections, the old ones close, each after those that hold it, and the new ones open. Late
    /// references to them, which loggers, counters and tracers are too, are bound to the new ones. All other components stay as they
    /// are, and so do those that only open `after` one of them. `asked_by` says for the log who wants that.
    ///
    /// What cannot be created anew changes nothing. What cannot be closed is left behind, and named in what is returned. What cannot be
    /// opened stays `Failed`, with those that require it; the others of the service go on, whether it is critical or not, and it can be
    /// restarted again. Closing takes `service.timeout` at most in all, opening the `timeout` of each section. What
    /// [`Container::get`](super::Container::get) returned before is the old component.
    ///
    /// It goes on when the future is dropped. A service that closes meanwhile ends it.
    ///
    /// # Errors
    /// [`RestartError`], which says of each case whether anything has changed.
    ///
    /// ```no_run
    /// use wirework_container::Host;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let service = Host::new().manifest("config/service.toml").start().await?;
    /// let connection = "pip-services:connection:mqtt:default:1.0".parse()?;
    /// let restarted = service.control().restart(&connection, "the program").await?;
    /// println!("{} components in {:?}", restarted.components.len(), restarted.took);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn restart(&self, component: &Descriptor, asked_by: &str) -> Result<Restarted, RestartError> {
        self.begin_restart(component, asked_by)?.finished().await
    }

    /// Begins what [`ServiceControl::restart`] does, and does not wait.
    ///
    /// # Errors
    /// [`RestartError`]: a component that the service does not have, a service that does not run, another restart. Nothing has changed
    /// then.
    pub fn begin_restart(&self, component: &Descriptor, asked_by: &str) -> Result<Restart, RestartError> {
        self.0.restarts.begin(component, asked_by)
    }

    /// The components that a restart of one takes along, itself included, in the order of the manifest.
    ///
    /// # Errors
    /// [`RestartError::UnknownComponent`].
    pub fn restarts_with(&self, component: &Descriptor) -> Result<Vec<Descriptor>, RestartError> {
        let Inner { restarts, .. } = &*self.0;
        Ok(restarts.names(&restarts.taken_along(component)?))
    }

    pub(super) fn restarts(&self) -> &Arc<Restarts> {
        &self.0.restarts
    }

    /// Itself as long as somebody else has it, for what it leads to.
    #[cfg(feature = "admin")]
    pub(super) fn weak(&self) -> impl Fn() -> Option<Self> + Send + Sync + 'static {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Self)
    }

    /// Sets the log level of one component, of the container, or of all, while the service runs. It goes back by itself after
    /// [a quarter of an hour](LevelChange::DEFAULT_TIME), or when else the change says, and with the end of the service. Set again for
    /// the same target, the new level and its time replace the old. What is set for one component holds for it, whatever is set
    /// for all. What a level does to sinks of several levels is said at [`LevelSetting`](wirework::log::LevelSetting).
    ///
    /// The change and its way back are a line of the log each, and an [`Event`] ([`LevelSet`](Event::LevelSet),
    /// [`LevelReset`](Event::LevelReset)).
    ///
    /// # Errors
    /// [`LevelChangeError`]: a component that the service does not have, no level, a time of zero or over a day, a program whose own
    /// `tracing` subscriber decides, a service that has closed. Nothing has changed then.
    ///
    /// ```no_run
    /// use wirework::component::LevelTarget;
    /// use wirework::log::Level;
    /// use wirework_container::Host;
    /// use wirework_container::run::LevelChange;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let service = Host::new().manifest("config/service.toml").start().await?;
    /// let control = service.control();
    /// control.set_level(LevelChange::new(LevelTarget::All, Level::Debug))?;
    /// for level in control.levels() {
    ///     println!("{}: {} instead of {}", level.target, level.level, level.configured);
    /// }
    /// control.reset_level(&LevelTarget::All, "the program")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_level(&self, change: LevelChange) -> Result<LevelOverride, LevelChangeError> {
        self.0.levels.set(change)
    }

    /// Takes back what was set for a target, and everything that was set where that is [`LevelTarget::All`]: the configured
    /// level holds again at once. Returns what was set; `asked_by` says for the log who wants that.
    ///
    /// # Errors
    /// [`LevelChangeError`]: a component that the service does not have, a service that has closed.
    pub fn reset_level(
        &self,
        target: &LevelTarget,
        asked_by: &str,
    ) -> Result<Vec<LevelOverride>, LevelChangeError> {
        self.0.levels.reset(target, asked_by)
    }

    /// The log levels of the container, then those of all components; what [`ServiceView::levels`] shows.
    ///
    /// [`ServiceView::levels`]: wirework::component::ServiceView::levels
    #[must_use]
    pub fn levels(&self) -> Vec<LogLevel> {
        self.0.board.view().levels()
    }

    /// The service has closed: what was set ends.
    pub(super) fn end(&self) {
        self.0.restarts.end();
        self.0.levels.end();
    }

    /// Drains, and tells the listeners where that is new, or there is a cause that is.
    pub(super) async fn drain_for(&self, cause: Option<StopCause<'_>>) {
        let Inner { board, delay, drained_at, .. } = &*self.0;
        let first = drained_at.set(Instant::now() + *delay).is_ok();
        board.set_service(ServiceState::Draining);
        let left = self.left();
        if let Some(cause) = cause.or(first.then_some(StopCause::Asked)) {
            self.tell(cause, left);
        }
        if !left.is_zero() {
            tokio::select! {
                () = board.stop_is_requested() => {}
                () = board.view().intake_ended() => {}
                () = sleep(left) => {}
            }
        }
        board.end_intake();
    }

    /// How much of the delay is left.
    fn left(&self) -> Duration {
        let Inner { board, drained_at, .. } = &*self.0;
        let at = drained_at.get().filter(|_| board.view().takes_work());
        at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Ends the intake at once: there is nobody to wait for.
    pub(super) fn drain_at_once(&self, cause: StopCause<'_>) {
        self.0.board.set_service(ServiceState::Draining);
        self.tell(cause, Duration::ZERO);
        self.0.board.end_intake();
    }

    /// Resolves when somebody has asked for a stop.
    pub(super) async fn stop_asked(&self) {
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = self.0.stop.subscribe().wait_for(|asked| *asked).await;
    }

    /// Resolves when somebody has asked for a stop, or the other future does.
    pub(super) async fn stop_asked_or(&self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.stop_asked() => {}
        }
    }

    fn tell(&self, cause: StopCause<'_>, delay: Duration) {
        self.0.events.tell(&Event::Draining { cause, delay });
    }
}

/// Shows the state of the service.
impl fmt::Debug for ServiceControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceControl").field(&self.0.board.view()).finish()
    }
}
