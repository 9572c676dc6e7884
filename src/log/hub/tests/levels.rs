//! Levels that are set while records flow.

use super::*;

const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

/// What a sink got, by the levels of the records.
fn got(sink: &Recorder) -> Vec<String> {
    sink.take().into_iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

fn emit_all(hub: &Hub, scope: Option<&Arc<Scope>>) {
    ALL.iter().for_each(|level| emit(hub, scope, *level, "x"));
}

#[test]
fn a_level_that_is_set_holds_for_one_component_until_it_is_taken_back() {
    let (hub, fallback) = hub();
    let (normal, errors) = (Recorder::new(Level::Info), Recorder::new(Level::Error));
    hub.add(&scope(&hub, "normal"), normal.clone());
    hub.add(&scope(&hub, "errors"), errors.clone());
    let (changed, other) = (scope(&hub, "changed"), scope(&hub, "other"));
    for (level, expected) in [
        (Some(Level::Debug), &["error", "warn", "info", "debug"][..]),
        (Some(Level::Warn), &["error", "warn"]),
        (Some(Level::Fatal), &[]),
        (None, &["error", "warn", "info"]),
    ] {
        changed.level_setting().set_override(level);
        hub.relevel();
        emit_all(&hub, Some(&changed));
        assert_eq!(got(&normal), expected, "{level:?}");
        let errors_only: &[&str] = if level == Some(Level::Fatal) { &[] } else { &["error"] };
        assert_eq!(got(&errors), errors_only, "{level:?}: a sink for errors has the errors alone");
        let setting = changed.level_setting();
        let now = level.unwrap_or(Level::Info);
        assert_eq!((setting.now(), setting.configured(), setting.overridden()), (now, Level::Info, level));
        assert_eq!((hub.max(), changed.enabled(Level::Debug)), (now.max(Level::Info), now == Level::Debug));
        emit_all(&hub, Some(&other));
        assert_eq!(got(&normal), ["error", "warn", "info"]);
        assert_eq!(got(&errors), ["error"]);
    }
    assert!(fallback.take().is_empty());
}

#[test]
fn loggers_follow_the_level_of_their_component() {
    let (hub, _) = hub();
    let (normal, errors) = (Recorder::new(Level::Info), Recorder::new(Level::Error));
    hub.add(&scope(&hub, "normal"), normal.clone());
    hub.add(&scope(&hub, "errors"), errors.clone());
    let component = scope(&hub, "component");
    let (chatty, alarms) = (component.child(), component.child());
    for scope in [&component, &chatty] {
        scope.bind(vec![normal.clone()]);
    }
    for scope in [&component, &alarms] {
        scope.bind(vec![errors.clone()]);
    }
    chatty.level_setting().set_override(Some(Level::Debug));
    hub.relevel();
    let late = component.child();
    late.bind(vec![normal.clone()]);
    let levels = [&component, &chatty, &alarms, &late].map(|scope| scope.level());
    assert_eq!(levels, [Level::Debug, Level::Debug, Level::Error, Level::Debug]);
    for (scope, of_normal, of_errors) in [(&chatty, 4, 0), (&alarms, 0, 1), (&late, 4, 0)] {
        emit_all(&hub, Some(scope));
        assert_eq!((got(&normal).len(), got(&errors).len()), (of_normal, of_errors));
    }
}

#[test]
fn what_goes_to_the_fallback_has_a_level_too() {
    let (hub, fallback) = hub();
    hub.outside.set_override(Some(Level::Debug));
    hub.relevel();
    let component = scope(&hub, "component");
    emit_all(&hub, None);
    assert_eq!((got(&fallback).len(), hub.outside.now()), (4, Level::Debug));
    emit_all(&hub, Some(&component));
    assert_eq!(got(&fallback).len(), 3, "the level of what is outside is not that of a component");
    component.bind(Vec::new());
    component.level_setting().set_override(Some(Level::Debug));
    hub.relevel();
    emit_all(&hub, Some(&component));
    assert_eq!((got(&fallback).len(), component.level()), (0, Level::None), "it was bound to nothing");
}

#[test]
fn a_raised_level_does_not_show_what_a_sink_says_of_itself() {
    let (hub, fallback) = hub();
    let own = scope(&hub, "sink");
    let sink = Recorder::new(Level::Info);
    hub.add(&own, sink.clone());
    own.level_setting().set_override(Some(Level::Trace));
    hub.relevel();
    emit_all(&hub, Some(&own));
    assert_eq!((got(&sink).len(), got(&fallback)), (0, vec!["error".to_owned(), "warn".to_owned()]));
    own.level_setting().set_override(Some(Level::Error));
    hub.relevel();
    emit_all(&hub, Some(&own));
    assert_eq!(got(&fallback), ["error"]);
}

#[test]
fn a_sink_of_level_none_takes_nothing_whatever_is_set() {
    let (hub, _) = hub();
    let silent = Recorder::new(Level::None);
    hub.add(&scope(&hub, "silent"), silent.clone());
    let component = scope(&hub, "component");
    component.level_setting().set_override(Some(Level::Trace));
    hub.relevel();
    emit_all(&hub, Some(&component));
    assert_eq!((component.level(), silent.take().len()), (Level::None, 0));
}
