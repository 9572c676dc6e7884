//! The life cycle of services: graphs in, asserted order out; every fault in every phase, with exact rollback.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod draining;
mod faults;
mod levels;
mod probe;
mod restart_panics;
mod restarting;
mod starting;

use std::fmt::Write;
use std::path::Path;

use probe::{Journal, registry};
use tokio::runtime::Handle;
use wirework::config::Problems;
use wirework_container::manifest::{Manifest, Parameters};
use wirework_container::plan::Plan;
use wirework_container::run::{Container, Failures, Started};

/// A manifest in a line: `a b>a c~a d!b` is four components; `b` references `a`, `c` references `a` late, `d` requires
/// `b`; `e^` observes the service and `e^a` references `a` for it. `b>a,c` references two. Keys of a section follow in `with`.
fn manifest(graph: &str, with: &[(&str, &str)], service: &str) -> String {
    let mut text = format!("[service]\nname = \"test\"\n{service}\n");
    for item in graph.split_whitespace() {
        let (name, link) =
            item.find(['>', '~', '!', '^']).map_or((item, None), |at| (&item[..at], Some(&item[at..])));
        let kind = match link.map(|link| &link[..1]) {
            Some("!") => "needy",
            Some("^") => "observer",
            _ => "probe",
        };
        write!(text, "\n[[component]]\ndescriptor = \"t:{kind}:x:{name}:1.0\"\n").unwrap();
        if let Some(link) = link.filter(|link| *link != "^") {
            let field = match &link[..1] {
                ">" | "^" => "all",
                "~" => "late",
                _ => "need",
            };
            let target = &link[1..];
            writeln!(text, "references.{field} = \"t:*:x:{target}:1.0\"").unwrap();
        }
        for (_, line) in with.iter().filter(|(of, _)| *of == name) {
            writeln!(text, "{line}").unwrap();
        }
    }
    text
}

fn plan(text: &str, journal: &Journal) -> Result<Plan, Problems> {
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("test.toml"), text, &Parameters::new(), &mut problems);
    let plan = Plan::new(manifest, &registry(journal), &mut problems);
    if problems.has_errors() { Err(problems) } else { Ok(plan) }
}

struct Run {
    journal: Vec<String>,
    failures: Vec<String>,
}

fn texts(failures: &Failures) -> Vec<String> {
    failures.iter().map(|failure| format!("{failure}: {}", failure.source.chain())).collect()
}

/// Starts and closes a service; what was done to whom and what went wrong.
async fn run(text: &str) -> Run {
    let journal = Journal::default();
    let plan = plan(text, &journal).unwrap_or_else(|problems| panic!("{problems:?}"));
    let started = Container::start(plan, None, Handle::current(), std::future::pending()).await;
    let failures = match started {
        Ok(Started::Ready(container)) => {
            assert!(text.contains("critical") || container.readiness().is_ready());
            container.close().await.err()
        }
        Ok(Started::Stopped(failures)) => failures,
        Err(failures) => Some(failures),
    };
    let journal = journal.lines();
    Run { journal, failures: failures.as_ref().map(texts).unwrap_or_default() }
}

fn only(what: &str, journal: &[String]) -> String {
    let names = journal.iter().filter_map(|line| line.strip_prefix(what)).map(str::trim);
    names.collect::<Vec<_>>().join(" ")
}

/// Graph, order of opening (one at a time), order of closing.
const GRAPHS: &[(&str, &str, &str)] = &[
    ("", "", ""),
    ("a", "a", "a"),
    ("a>a", "a", "a"),
    ("a b c", "a b c", "c b a"),
    ("a>b b>c c", "c b a", "a b c"),
    ("a!b b!c c", "c b a", "a b c"),
    ("d>b b a>d c", "b d a c", "c a d b"),
    ("a~b b>a", "a b", "b a"),
    ("a~b b~a", "a b", "b a"),
    ("a>* b c", "b c a", "a c b"),
    ("z>* a b>a c>b", "a b c z", "z c b a"),
    ("x!m y!m m", "m x y", "y x m"),
    ("a e^", "e a", "a e"),
    ("a b e^b d^", "b e d a", "a d e b"),
    ("a~e b>a e^", "e a b", "b a e"),
];

#[tokio::test]
async fn components_open_after_what_they_use_and_close_in_reverse() {
    for (graph, opened, closed) in GRAPHS {
        let run = run(&manifest(graph, &[], "open_concurrency = 1")).await;
        assert_eq!(run.failures, Vec::<String>::new(), "{graph}");
        assert_eq!(only("open", &run.journal), *opened, "{graph}");
        assert_eq!(only("close", &run.journal), *closed, "{graph}");
        let creates = run.journal.iter().take_while(|line| line.starts_with("create")).count();
        assert_eq!(creates, graph.split_whitespace().count(), "all are created before any opens: {graph}");
    }
}

#[tokio::test]
async fn after_orders_without_a_reference() {
    let text = manifest("a b", &[("a", "after = [\"t:*:x:b:1.0\"]")], "open_concurrency = 1");
    let run = run(&text).await;
    assert_eq!((only("open", &run.journal), only("close", &run.journal)), ("b a".into(), "a b".into()));
}

#[tokio::test]
async fn a_cycle_is_shown_with_its_path() {
    let journal = Journal::default();
    let problems = plan(&manifest("a>b b!c c>a d", &[], ""), &journal).expect_err("a cycle");
    let cycles: Vec<_> = problems.iter().filter(|problem| problem.code == "CYCLE").collect();
    assert_eq!(cycles.len(), 1);
    assert_eq!(
        cycles[0].message,
        "components wait for each other: `t:probe:x:a:1.0` → reference `all` → `t:needy:x:b:1.0` → reference `need` → \
         `t:probe:x:c:1.0` → reference `all` → `t:probe:x:a:1.0`"
    );
}

#[tokio::test(start_paused = true)]
async fn independent_components_open_at_the_same_time() {
    let began = tokio::time::Instant::now();
    let slow = [("a", "opens_in = 1000"), ("b", "opens_in = 1000"), ("c", "opens_in = 1000")];
    let run = run(&manifest("a b c d>a", &slow, "")).await;
    assert!(run.failures.is_empty());
    assert_eq!(began.elapsed().as_millis(), 1000);
    assert_eq!(only("open", &run.journal), "a b c d");
}

/// Where a component fails and how, in the chain `a`, `b>a`, `c>b` with a bystander `x`; what is opened and closed, and
/// what is said.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    ("fail = \"create\"\nhow = \"error\"", "", "", "cannot create `t:probe:x:b:1.0`: out of clay"),
    (
        "fail = \"create\"\nhow = \"panic\"",
        "",
        "",
        "cannot create `t:probe:x:b:1.0`: its `create` panicked: dropped the clay",
    ),
    ("fail = \"open\"\nhow = \"error\"", "a b", "b a", "cannot open `t:probe:x:b:1.0`: no answer"),
    (
        "fail = \"open\"\nhow = \"panic\"",
        "a b",
        "b a",
        "cannot open `t:probe:x:b:1.0`: its `open` panicked: lost my mind",
    ),
    (
        "fail = \"open\"\nhow = \"hang\"",
        "a b",
        "b a",
        "cannot open `t:probe:x:b:1.0`: its `open` did not end within 60 s",
    ),
    (
        "fail = \"open\"\nhow = \"hang\"\ntimeout = 2000",
        "a b",
        "b a",
        "cannot open `t:probe:x:b:1.0`: its `open` did not end within 2 s",
    ),
    ("fail = \"close\"\nhow = \"error\"", "a b c x", "x c b a", "cannot close `t:probe:x:b:1.0`: no answer"),
    (
        "fail = \"close\"\nhow = \"panic\"",
        "a b c x",
        "x c b a",
        "cannot close `t:probe:x:b:1.0`: its `close` panicked: lost my mind",
    ),
    (
        "fail = \"close\"\nhow = \"hang\"",
        "a b c x",
        "x c b a",
        "cannot close `t:probe:x:b:1.0`: its `close` did not end within 12.5 s",
    ),
];

#[tokio::test(start_paused = true)]
async fn a_fault_closes_exactly_what_had_opened() {
    for (fault, opened, closed, said) in FAULTS {
        let run = run(&manifest("a b>a c>b x>c", &[("b", fault)], "open_concurrency = 1")).await;
        assert_eq!(only("open", &run.journal), *opened, "{fault}");
        assert_eq!(only("close", &run.journal), *closed, "{fault}");
        assert_eq!(run.failures.first().map(String::as_str), Some(*said), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_clean_up_is_reported_behind_its_cause() {
    let faults = [("b", "fail = \"open\""), ("a", "fail = \"close\"")];
    let run = run(&manifest("a b>a", &faults, "")).await;
    assert_eq!(
        run.failures,
        ["cannot open `t:probe:x:b:1.0`: no answer", "cannot close `t:probe:x:a:1.0`: no answer"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_opening_is_closed_when_another_fails() {
    let faults = [("b", "fail = \"open\""), ("a", "opens_in = 5000")];
    let run = run(&manifest("a b c>a", &faults, "")).await;
    assert_eq!(run.journal[3..], ["open a", "open b", "close b", "close a"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_critical_may_fail_and_takes_only_those_along_that_require_it() {
    let optional = [("b", "fail = \"open\"\ncritical = false"), ("c", "critical = false")];
    let run = run(&manifest("a b c!b d>b", &optional, "open_concurrency = 1")).await;
    assert_eq!(run.failures, Vec::<String>::new());
    assert_eq!(only("open", &run.journal), "a b d");
    assert_eq!(only("close", &run.journal), "d b a");
}

#[tokio::test(start_paused = true)]
async fn a_critical_component_that_requires_a_failed_one_fails_the_start() {
    let run = run(&manifest("a b c!b", &[("b", "fail = \"open\"\ncritical = false")], "")).await;
    let said = "cannot open `t:needy:x:c:1.0`: it requires `t:probe:x:b:1.0`, which failed";
    assert_eq!(run.failures, [said]);
    assert_eq!(only("close", &run.journal), "b a");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_in_time_and_names_what_it_leaves() {
    let hang = "fail = \"close\"\nhow = \"hang\"";
    let began = tokio::time::Instant::now();
    let all = [("a", hang), ("b", hang), ("c", hang), ("d", hang), ("e", hang)];
    let run = run(&manifest("a b>a c>b d>c e>d", &all, "timeout = \"2s\"")).await;
    assert!(began.elapsed().as_secs_f64() < 3.0, "{:?}", began.elapsed());
    assert_eq!(run.failures.len(), 5, "{:?}", run.failures);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_blocks_its_thread_is_left_behind_and_the_others_close() {
    let block = "fail = \"close\"\nhow = \"block\"";
    let run = run(&manifest("a b>a", &[("b", block)], "timeout = \"1s\"")).await;
    assert_eq!(only("close", &run.journal), "b a");
    assert!(run.failures[0].contains("cannot be stopped, since it blocks its thread"), "{:?}", run.failures);
}

#[tokio::test]
async fn a_create_that_hangs_is_named() {
    let run = run(&manifest("a b>a c>b", &[("b", "fail = \"create\"\nhow = \"hang\"")], "")).await;
    let said = "cannot create `t:probe:x:b:1.0`: its `create` did not end within 5 s and cannot be stopped, since it blocks its \
                thread; it is left behind";
    assert_eq!(run.failures, [said]);
    assert_eq!(run.journal, ["create a", "create b"]);
}

#[tokio::test]
async fn a_task_that_fails_or_a_component_that_asks_stops_the_service() {
    for (then, said) in [("task", "task `wear` failed: worn out"), ("stop", "worn out")] {
        let journal = Journal::default();
        let with = [("b", &*format!("then = \"{then}\""))];
        let plan =
            plan(&manifest("a b", &with, ""), &journal).unwrap_or_else(|problems| panic!("{problems:?}"));
        let started = Container::start(plan, None, Handle::current(), std::future::pending()).await;
        match started {
            Ok(Started::Ready(container)) => {
                // Two that wait, and one that asks when it is over.
                let (first, second) = tokio::join!(container.failed(), container.failed());
                for failure in [first, second, container.failed().await] {
                    assert_eq!(failure.component.name(), "b");
                    assert_eq!(failure.source.chain(), said);
                }
                container.close().await.expect("a clean close");
            }
            // The failure may come before the other one is open.
            Err(failures) => assert_eq!(failures.first().source.chain(), said),
            Ok(Started::Stopped(_)) => panic!("nobody asked"),
        }
        assert_eq!(only("close", &journal.lines()).split(' ').count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_given_up_is_rolled_back() {
    let journal = Journal::default();
    let plan = plan(&manifest("a b>a c>b", &[("b", "opens_in = 60000\ntimeout = \"2m\"")], ""), &journal)
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let stop = journal.noted("open b");
    let started = Container::start(plan, None, Handle::current(), stop).await;
    assert!(matches!(started, Ok(Started::Stopped(None))));
    assert_eq!(journal.lines()[3..], ["open a", "open b", "close b", "close a"]);
}
