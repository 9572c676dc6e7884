//! Log levels that are set while a service runs, and that go back by themselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use wirework::component::{LevelOverride, LevelTarget};
use wirework::log::{Level, LevelSetting, Router};

use super::board::Board;
use super::event::{Event, LevelEnd};
use super::events::Events;
use super::level_change::{LevelChange, LevelChangeError};

/// The log levels of a running service.
pub(super) struct Levels {
    board: Arc<Board>,
    events: Events,
    /// What the records of the components go through; nothing where the program has a subscriber without it.
    router: Option<Router>,
    /// Where levels are waited for that go back.
    runtime: Handle,
    state: Mutex<State>,
    /// When the next one goes back has changed.
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// When what goes back.
    ends: Vec<(Instant, LevelTarget)>,
    /// The task that sees to it; there once a level was set.
    timer: Option<AbortHandle>,
    /// The service has closed.
    over: bool,
}

impl Levels {
    /// Those of a service that runs on this runtime's watch.
    pub fn new(board: Arc<Board>, events: Events, router: Option<Router>) -> Arc<Self> {
        let (state, changed) = (Mutex::default(), Arc::default());
        Arc::new(Self { board, events, router, runtime: Handle::current(), state, changed })
    }

    /// Sets a level, and sees to it that it goes back.
    pub fn set(self: &Arc<Self>, change: LevelChange) -> Result<LevelOverride, LevelChangeError> {
        change.check()?;
        let router = self.router.as_ref().ok_or(LevelChangeError::NotRouted)?;
        let LevelChange { target, level, lasts, asked_by } = change;
        self.find(&target)?;
        let mut set = LevelOverride::new(target.clone(), level, asked_by);
        if let Some(until) = lasts.and_then(|time| SystemTime::now().checked_add(time)) {
            set = set.until(until);
        }
        let mut state = self.lock();
        if state.over {
            return Err(LevelChangeError::Closed);
        }
        state.ends.retain(|(_, other)| *other != target);
        state.ends.extend(lasts.map(|time| (Instant::now() + time, target)));
        if state.timer.is_none() && lasts.is_some() {
            let expire = expire(Arc::downgrade(self), Arc::clone(&self.changed));
            state.timer = Some(self.runtime.spawn(expire).abort_handle());
        }
        drop(state);
        self.changed.notify_one();
        self.tell_around(&Event::LevelSet { set: &set, lasts }, || {
            self.board.states().set_level(set.clone());
            router.refresh();
        });
        // It may have closed meanwhile.
        if self.lock().over {
            self.end();
        }
        Ok(set)
    }

    /// Takes back what is set for a target, for all targets where it is all; what that was.
    pub fn reset(
        &self,
        target: &LevelTarget,
        asked_by: &str,
    ) -> Result<Vec<LevelOverride>, LevelChangeError> {
        if self.lock().over {
            return Err(LevelChangeError::Closed);
        }
        self.find(target)?;
        let set = self.board.states().set_levels().into_iter();
        let chosen = set.filter(|one| *target == LevelTarget::All || one.target == *target);
        Ok(chosen.filter_map(|one| self.take(&one.target, LevelEnd::Reset { asked_by })).collect())
    }

    /// The service has closed: no level goes back any more, and those of the process that it has set do so now.
    pub fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        state.ends.clear();
        if let Some(timer) = state.timer.take() {
            timer.abort();
        }
        drop(state);
        let states = self.board.states();
        let taken = states.set_levels().iter().filter_map(|set| states.take_level(&set.target)).count();
        if let Some(router) = self.router.as_ref().filter(|_| taken > 0) {
            router.refresh();
        }
    }

    /// Takes back what is set for exactly this target.
    fn take(&self, target: &LevelTarget, end: LevelEnd<'_>) -> Option<LevelOverride> {
        self.lock().ends.retain(|(_, other)| other != target);
        let states = self.board.states();
        let set = states.set_levels().into_iter().find(|one| one.target == *target)?;
        let mut taken = None;
        self.tell_around(&Event::LevelReset { set: &set, end }, || {
            taken = states.take_level(target);
            self.router.iter().for_each(Router::refresh);
        });
        taken
    }

    /// Takes back what is due; when the next is.
    fn take_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let is_due = |(at, _): &(Instant, LevelTarget)| *at <= now;
        let due: Vec<_> = self.lock().ends.extract_if(.., |end| is_due(end)).collect();
        for (_, target) in due {
            self.take(&target, LevelEnd::TimeOver);
        }
        self.lock().ends.iter().map(|(at, _)| *at).min()
    }

    /// Tells the listeners of a change: before it where records of the level `info` pass now, else after it, since the change may be of that
    /// very level.
    fn tell_around(&self, event: &Event<'_>, change: impl FnOnce()) {
        let heard = LevelSetting::outside().now() >= Level::Info;
        if heard {
            self.events.tell(event);
        }
        change();
        if !heard {
            self.events.tell(event);
        }
    }

    fn find(&self, target: &LevelTarget) -> Result<(), LevelChangeError> {
        let LevelTarget::Component(component) = target else { return Ok(()) };
        let view = self.board.view();
        if view.position(component).is_some() {
            return Ok(());
        }
        let all = view.components().into_iter().map(|one| one.descriptor);
        Err(LevelChangeError::unknown(component, all))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes back levels when their time is over, until it is aborted.
async fn expire(levels: Weak<Levels>, changed: Arc<Notify>) {
    while let Some(levels) = levels.upgrade() {
        let next = levels.take_due();
        drop(levels);
        match next {
            Some(at) => tokio::select! {
                () = sleep_until(at) => {}
                () = changed.notified() => {}
            },
            None => changed.notified().await,
        }
    }
}
