//! What the events of a service come to, in the lines of `sd_notify`.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use wirework::Descriptor;
use wirework::component::{ServiceState, Status};
use wirework::text::{Escaped, counted, duration};

use crate::run::{Effect, Event, StopCause};

/// How much longer than its components may take a start is given: for the container's own work, and for what is said late.
const MARGIN: Duration = Duration::from_secs(2);

/// How much of the margin may be used up before systemd is asked for more time.
const LEAST_MARGIN: Duration = Duration::from_secs(1);

/// How often the status alone is sent at most.
const STATUS_INTERVAL: Duration = Duration::from_millis(250);

/// How many components a status names.
const MOST_NAMED: usize = 3;

/// What is known of a service, and what of it has been told.
pub(super) struct Progress {
    /// How many components there are.
    total: usize,
    opened: usize,
    recovering: BTreeSet<Descriptor>,
    failed: BTreeSet<Descriptor>,
    state: ServiceState,
    /// Whether it has been ready.
    is_ready: bool,
    /// Whether components of it are restarted.
    is_restarting: bool,
    /// Whether it ends; one that was only asked to drain does not.
    is_stopping: bool,
    /// Why it drains or closes.
    why: String,
    /// Until when the components that open may take.
    deadline: Option<Instant>,
    told: Told,
}

/// What systemd has been told.
#[derive(Default)]
struct Told {
    ready: bool,
    stopping: bool,
    /// Until when it waits for the service to be ready.
    patience: Option<Instant>,
    status: String,
    at: Option<Instant>,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// These lines are to be sent.
    Send(String),
    /// Nothing before this time.
    At(Instant),
    /// Nothing before something happens.
    Nothing,
}

impl Progress {
    /// Of a service with so many components, which starts.
    pub fn new(total: usize) -> Self {
        Self {
            total,
            opened: 0,
            recovering: BTreeSet::new(),
            failed: BTreeSet::new(),
            state: ServiceState::Starting,
            is_ready: false,
            is_restarting: false,
            is_stopping: false,
            why: String::new(),
            deadline: None,
            told: Told::default(),
        }
    }

    /// Takes notice of what has happened at `now`.
    pub fn note(&mut self, event: &Event<'_>, now: Instant) {
        match *event {
            Event::Opening { limit, .. } => self.deadline = self.deadline.max(now.checked_add(limit)),
            // Once it is ready, that is of a restart.
            Event::Opened { .. } if self.is_ready => {}
            Event::Opened { .. } => self.opened += 1,
            Event::Restarting { components, .. } => {
                self.is_restarting = true;
                self.recovering.retain(|component| !components.contains(component));
                self.failed.retain(|component| !components.contains(component));
            }
            Event::Restarted { .. } | Event::NotRestarted { .. } => self.is_restarting = false,
            Event::NotStarted { failure, effect } => {
                self.failed.insert(failure.component.clone());
                if effect == Effect::StartFails {
                    self.end(ServiceState::Closing, failure.to_string());
                }
            }
            Event::Ready { .. } => {
                self.is_ready = true;
                self.state = self.state.max(ServiceState::Running);
            }
            Event::Health { component, status } => self.health(component.descriptor(), status),
            Event::StartGivenUp { signal } => {
                self.end(ServiceState::Closing, format!("{signal} before it was ready"));
            }
            Event::Draining { cause, delay } => self.draining(cause, delay),
            Event::StillClosing { component, .. } if !self.is_restarting => {
                self.end(ServiceState::Closing, format!("waiting for {component}"));
            }
            _ => {}
        }
    }

    fn health(&mut self, component: &Descriptor, status: &Status) {
        self.recovering.remove(component);
        self.failed.remove(component);
        match status {
            Status::Recovering(_) => drop(self.recovering.insert(component.clone())),
            Status::Failed(_) => drop(self.failed.insert(component.clone())),
            _ => {}
        }
    }

    fn draining(&mut self, cause: StopCause<'_>, delay: Duration) {
        let why = match cause {
            StopCause::Signal(signal) => signal.to_owned(),
            StopCause::AskedToStop => "asked to stop".to_owned(),
            StopCause::Failure(failure) => format!("stopped by {}", failure.component),
            StopCause::Asked => {
                // It does not end yet.
                (self.state, self.why) = (ServiceState::Draining, "asked to drain".to_owned());
                return;
            }
        };
        if delay.is_zero() {
            self.end(ServiceState::Closing, why);
        } else {
            self.end(ServiceState::Draining, format!("{why}, serving for {}", duration(delay)));
        }
    }

    /// The service ends, and this is why.
    fn end(&mut self, state: ServiceState, why: String) {
        (self.state, self.why, self.is_stopping) = (state, why, true);
    }

    /// What is to be sent next; it counts as sent then.
    pub fn next(&mut self, now: Instant) -> Next {
        let mut lines = Vec::new();
        if self.is_ready && !std::mem::replace(&mut self.told.ready, self.is_ready) {
            lines.push("READY=1".to_owned());
        }
        if self.is_stopping && !std::mem::replace(&mut self.told.stopping, self.is_stopping) {
            lines.push("STOPPING=1".to_owned());
        }
        lines.extend(self.extension(now));
        let status = self.status();
        if status != self.told.status {
            match self.told.at.map(|at| at + STATUS_INTERVAL).filter(|due| now < *due) {
                Some(due) if lines.is_empty() => return Next::At(due),
                _ => lines.push(format!("STATUS={status}")),
            }
            self.told.status = status;
            self.told.at = Some(now);
        }
        if lines.is_empty() { Next::Nothing } else { Next::Send(lines.join("\n")) }
    }

    /// The same where nothing comes after it: a status does not wait for its time.
    pub fn last(&mut self, now: Instant) -> Next {
        self.told.at = None;
        self.next(now)
    }

    /// Asks for the time that the components which open may take, where that is more than what systemd was asked for.
    fn extension(&mut self, now: Instant) -> Option<String> {
        let deadline = self.deadline.filter(|_| self.state == ServiceState::Starting)?;
        if self.told.patience.is_some_and(|patience| deadline + LEAST_MARGIN <= patience) {
            return None;
        }
        // In whole seconds: nobody needs it more exactly.
        let left = (deadline.saturating_duration_since(now) + MARGIN).as_secs_f64().ceil();
        let left = Duration::try_from_secs_f64(left).ok()?;
        self.told.patience = now.checked_add(left);
        Some(format!("EXTEND_TIMEOUT_USEC={}", left.as_micros()))
    }

    /// One line for `systemctl status`.
    fn status(&self) -> String {
        let text = match self.state {
            ServiceState::Starting => {
                format!("starting: {} of {} open", self.opened, counted(self.total, "component"))
            }
            ServiceState::Running => {
                let mut text = format!("ready: {}", counted(self.opened, "component"));
                for (word, names) in [("recovering", &self.recovering), ("failed", &self.failed)] {
                    if !names.is_empty() {
                        text.push_str(&format!("; {word}: {}", named(names)));
                    }
                }
                text
            }
            ServiceState::Draining => format!("draining: {}", self.why),
            _ if self.why.is_empty() => "closing".to_owned(),
            _ => format!("closing: {}", self.why),
        };
        Escaped(&text).to_string()
    }
}

/// The first names, and how many more there are.
fn named(names: &BTreeSet<Descriptor>) -> String {
    let mut shown: Vec<_> = names.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    if names.len() > MOST_NAMED {
        shown.push(format!("{} more", names.len() - MOST_NAMED));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use wirework::log::Scope;
    use wirework::{Category, Error};

    use super::*;
    use crate::run::{Failure, Phase};

    /// A service and what systemd hears of it.
    struct Told {
        progress: Progress,
        now: Instant,
    }

    fn descriptor(name: &str) -> Descriptor {
        format!("acme:sensor:attic:{name}:1.0").parse().unwrap()
    }

    impl Told {
        fn new(total: usize) -> Self {
            Self { progress: Progress::new(total), now: Instant::now() }
        }

        fn hears(&mut self) -> Option<String> {
            match self.progress.next(self.now) {
                Next::Send(lines) => Some(lines.replace('\n', " | ")),
                _ => None,
            }
        }

        /// What it hears of an event, a second after the one before.
        fn of(&mut self, event: &Event<'_>) -> Option<String> {
            self.now += Duration::from_secs(1);
            self.progress.note(event, self.now);
            self.hears()
        }

        fn opens(&mut self, limit: u64) -> Option<String> {
            let limit = Duration::from_secs(limit);
            self.of(&Event::Opening { component: &descriptor("one"), limit })
        }

        fn opened(&mut self) -> Option<String> {
            self.of(&Event::Opened { component: &descriptor("one"), took: Duration::ZERO })
        }

        fn health(&mut self, name: &str, status: &Status) -> Option<String> {
            self.of(&Event::Health { component: &Scope::new(descriptor(name)), status })
        }
    }

    fn failure() -> Failure {
        let source = Error::new(Category::Internal, "NO_SPACE", "the disk is full\nREADY=1");
        Failure { component: descriptor("one"), phase: Phase::Open, source }
    }

    #[test]
    fn a_restart_is_no_end() {
        let mut told = Told::new(1);
        told.hears();
        told.opens(60);
        told.opened();
        assert!(told.of(&Event::Ready { components: 1, took: Duration::ZERO }).unwrap().contains("READY=1"));
        told.of(&Event::NotStarted { failure: &failure(), effect: Effect::NotCritical });
        let (one, components) = (descriptor("one"), [descriptor("one")]);
        told.of(&Event::Restarting { component: &one, components: &components, asked_by: "Ada" });
        let closing = Event::StillClosing { component: &one, waited: Duration::from_secs(3) };
        assert_eq!(told.of(&closing), None);
        told.opens(60);
        told.opened();
        told.of(&Event::Restarted { component: &one, components: 1, took: Duration::ZERO });
        assert!(told.progress.failed.is_empty() && told.progress.opened == 1);
        assert!(told.of(&closing).unwrap().contains("STOPPING=1"));
    }

    #[test]
    fn a_life_in_lines() {
        let mut told = Told::new(2);
        let mut all = vec![told.hears()];
        all.extend([told.opens(60), told.opened(), told.opens(60), told.opened()]);
        all.push(told.of(&Event::Ready { components: 2, took: Duration::ZERO }));
        let recovering = Status::Recovering("no broker".into());
        all.extend(["a", "b", "c", "d", "e"].map(|name| told.health(name, &recovering)));
        all.extend(["a", "b", "c", "d", "e"].map(|name| told.health(name, &Status::Open)));
        let signal = StopCause::Signal("SIGTERM");
        all.push(told.of(&Event::Draining { cause: StopCause::Asked, delay: Duration::from_secs(5) }));
        all.push(told.of(&Event::Draining { cause: signal, delay: Duration::from_secs(4) }));
        all.push(
            told.of(&Event::StillClosing { component: &descriptor("one"), waited: Duration::from_secs(3) }),
        );
        let all: Vec<_> =
            all.into_iter().map(|lines| lines.unwrap_or_else(|| "nothing".to_owned())).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_start_that_fails_ends_without_being_ready() {
        let mut told = Told::new(1);
        told.hears();
        told.opens(1);
        let failure = failure();
        let effect = Effect::NotCritical;
        assert_eq!(told.of(&Event::NotStarted { failure: &failure, effect }), None);
        let effect = Effect::StartFails;
        let lines = told.of(&Event::NotStarted { failure: &failure, effect }).unwrap();
        assert_eq!(lines, "STOPPING=1 | STATUS=closing: cannot open `acme:sensor:attic:one:1.0`");
        let mut told = Told::new(1);
        let lines = told.of(&Event::StartGivenUp { signal: "SIGTERM" }).unwrap();
        assert_eq!(lines, "STOPPING=1 | STATUS=closing: SIGTERM before it was ready");
    }

    /// As long as a message is on its way nothing waits, and the newest status is the only one.
    #[test]
    fn a_status_alone_waits_for_its_time() {
        let mut told = Told::new(9);
        told.hears();
        let began = told.now;
        let opened = |told: &mut Told| {
            told.progress.note(&Event::Opened { component: &descriptor("one"), took: Duration::ZERO }, began);
        };
        (0..3).for_each(|_| opened(&mut told));
        assert_eq!(told.progress.next(began), Next::At(began + STATUS_INTERVAL));
        assert_eq!(
            told.progress.next(began + STATUS_INTERVAL),
            Next::Send("STATUS=starting: 3 of 9 components open".to_owned())
        );
        assert_eq!(told.progress.next(began + STATUS_INTERVAL), Next::Nothing);
        opened(&mut told);
        assert_eq!(
            told.progress.last(began + STATUS_INTERVAL),
            Next::Send("STATUS=starting: 4 of 9 components open".to_owned())
        );
    }

    /// The time that is asked for covers every component that opens, and is not asked for again without need.
    #[test]
    fn a_start_has_the_time_that_its_components_have() {
        let mut told = Told::new(9);
        told.hears();
        let asks = |told: &mut Told, limit| told.opens(limit);
        assert_eq!(asks(&mut told, 60).unwrap(), "EXTEND_TIMEOUT_USEC=62000000");
        assert_eq!(asks(&mut told, 10), None, "it is covered");
        // A second later for as long: the margin is used up to half.
        assert_eq!(asks(&mut told, 59), None);
        assert_eq!(asks(&mut told, 60).unwrap(), "EXTEND_TIMEOUT_USEC=62000000");
        // For ever is not a time, and no reason to fail.
        assert_eq!(told.of(&Event::Opening { component: &descriptor("one"), limit: Duration::MAX }), None);
    }
}
