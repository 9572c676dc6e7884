//! Observers: they see what somebody takes, and have no say in it.

use super::*;
use crate::log::observer::LogObserver;

/// Remembers what it saw, and logs itself where it is told to.
#[derive(Default)]
struct Seen {
    lines: Mutex<Vec<String>>,
    also: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.lines))
    }
}

impl LogObserver for Seen {
    fn observe(&self, record: &Record<'_>) {
        lock(&self.lines).push(record.text());
        self.also.iter().for_each(|also| also());
    }
}

#[test]
fn it_sees_what_a_sink_takes_and_nothing_else() {
    let (hub, fallback) = hub();
    let (seen, sink) = (Arc::new(Seen::default()), Recorder::new(Level::Warn));
    let observed = hub.observers().add(seen.clone());
    let speaker = scope(&hub, "speaker");
    emit(&hub, Some(&speaker), Level::Info, "by stderr");
    emit(&hub, Some(&speaker), Level::Debug, "by nobody");
    assert_eq!((seen.take(), fallback.take().len()), (vec!["by stderr".to_owned()], 1));

    hub.add(&scope(&hub, "sink"), sink.clone());
    assert_eq!(speaker.level(), Level::Warn, "it does not change what is wanted");
    emit(&hub, Some(&speaker), Level::Info, "too detailed now");
    emit(&hub, None, Level::Warn, "outside");
    speaker.level_setting().set_override(Some(Level::Debug));
    hub.relevel();
    emit(&hub, Some(&speaker), Level::Debug, "raised");
    assert_eq!(seen.take(), ["outside", "raised"]);

    let silent = scope(&hub, "silent");
    silent.bind(Vec::new());
    emit(&hub, Some(&silent), Level::Fatal, "to no sink");
    hub.observers().remove(observed);
    emit(&hub, None, Level::Warn, "later");
    assert!(seen.take().is_empty() && !hub.observers().any());
}

#[test]
fn while_records_are_buffered_it_sees_those_that_somebody_takes() {
    let (hub, _) = hub();
    let seen = Arc::new(Seen::default());
    hub.observers().add(seen.clone());
    hub.begin_buffering();
    let speaker = scope(&hub, "speaker");
    assert_eq!(speaker.level(), Level::Trace);
    emit(&hub, Some(&speaker), Level::Trace, "for a logger to come");
    emit(&hub, Some(&speaker), Level::Info, "for stderr in any case");
    hub.end_buffering();
    assert_eq!(seen.take(), ["for stderr in any case"], "once");
}

#[test]
fn what_it_logs_itself_does_not_come_back_and_a_panic_of_it_harms_nobody() {
    let (hub, fallback) = hub();
    let again = Arc::clone(&hub);
    let also = move || {
        emit(&again, None, Level::Info, "of the observer");
        panic!("an observer");
    };
    let seen = Arc::new(Seen { also: Some(Box::new(also)), ..Seen::default() });
    hub.observers().add(seen.clone());
    for _ in 0..2 {
        emit(&hub, None, Level::Info, "of others");
    }
    assert_eq!(seen.take(), ["of others", "of others"]);
    assert_eq!(fallback.take().len(), 4);
}
