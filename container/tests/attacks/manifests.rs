//! Manifests of a megabyte that are wrong, or heavy, in as many places as fit.
//!
//! What is asserted are counts of what was made: problems kept, edges, characters rendered. `benches/hostile.rs` measures the
//! time and memory of the same manifests.

use std::path::Path;

use wirework::component::Registry;
use wirework::config::{MOST_OF_A_KIND, Problems};
use wirework_container::manifest::{Manifest, Parameters, render};
use wirework_container::plan::Plan;

use crate::hostile;
use crate::tool::Said;

/// A text as a manifest and a plan, with all that is wrong with it.
fn plan(text: &str, parameters: &Parameters) -> (Plan, Problems) {
    let mut problems = Problems::new();
    let manifest = Manifest::parse(Path::new("hostile.toml"), text, parameters, &mut problems);
    let plan = Plan::new(manifest, &Registry::linked().unwrap(), &mut problems);
    (plan, problems)
}

#[test]
fn of_a_kind_a_hundred_are_told_and_the_others_counted() {
    for (name, text) in hostile::manifests() {
        let (plan, problems) = plan(&text, &Parameters::new());
        let kinds: std::collections::BTreeSet<_> = problems.iter().map(|problem| problem.code).collect();
        assert!(problems.iter().len() <= MOST_OF_A_KIND * kinds.len(), "{name}: {}", problems.iter().len());
        let shown = render(&problems, &plan.files, false);
        // An excerpt, a message and a help are lines for people.
        assert!(shown.len() <= 3000 * problems.iter().len() + 1000, "{name}: {} bytes", shown.len());
        let more = problems.len() - problems.iter().len();
        assert_eq!(shown.contains("more of this kind"), more > 0, "{name}");
    }
}

#[test]
fn wildcards_share_one_list() {
    let count = 2000;
    let mut text = String::new();
    for number in 0..count {
        text.push_str(&format!(
            "[[component]]\ndescriptor = 'pip-services:credential-store:env:c{number}:1.0'\nafter = ['*:logger:*:*:*', '*:*:*:*:*']\n"
        ));
    }
    for number in 0..count {
        text.push_str(&format!("[[component]]\ndescriptor = 'pip-services:logger:null:l{number}:1.0'\n"));
    }
    let (plan, problems) = plan(&text, &Parameters::new());
    // They all wait for each other, which is said; but no list is written out for each who asks.
    assert!(problems.has_errors());
    assert!(plan.graph.edges() < 12 * count, "{} edges", plan.graph.edges());
}

/// A wildcard of each of many components: a drawing has a node for each list, and no arrow from everybody to everybody.
#[test]
fn graphs_draw_a_wildcard_once() {
    let count = 2000;
    let mut text = String::new();
    for number in 0..count {
        text.push_str(&format!(
            "[[component]]\ndescriptor = 'pip-services:credential-store:env:c{number}:1.0'\nafter = ['*:logger:*:*:*']\n\
             [[component]]\ndescriptor = 'pip-services:connection:mqtt:m{number}:1.0'\nconnection.host = 'h'\n\
             [[component]]\ndescriptor = 'pip-services:logger:null:l{number}:1.0'\n"
        ));
    }
    for (format, mark) in [
        ("text", " → *:logger:*:*:* (2000 components)"),
        ("mermaid", "([\"*:logger:*:*:*\"])"),
        ("dot", "shape=ellipse"),
    ] {
        let said =
            Said::line(&[("service.toml", &text)], &format!("graph -c service.toml --format {format}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.out.lines().count() < 10 * count, "{format}: {} lines", said.out.lines().count());
        assert!(said.out.contains(mark), "{format}: {}", &said.out[..2000]);
    }
}

#[test]
fn a_wildcard_repeated_costs_nothing() {
    let (plan, problems) = plan(&hostile::repeated_after(), &Parameters::new());
    assert_eq!(problems.errors(), 0);
    assert!(plan.graph.edges() < 40_000, "{} edges", plan.graph.edges());
}

#[test]
fn a_long_cycle_is_shown_by_its_ends() {
    let mut text = String::new();
    for number in 0..10_000 {
        let next = (number + 1) % 10_000;
        text.push_str(&format!(
            "[[component]]\ndescriptor = 'pip-services:logger:null:c{number}:1.0'\nafter = ['pip-services:logger:null:c{next}:1.0']\n"
        ));
    }
    let (_, problems) = plan(&text, &Parameters::new());
    let cycle = problems.iter().find(|problem| problem.code == "CYCLE").unwrap();
    assert!(cycle.message.contains("… 9988 more …"), "{}", cycle.message);
    assert!(cycle.message.len() < 1500, "{}", cycle.message.len());
}

#[test]
fn parameters_put_in_no_more_than_a_limit() {
    let parameters = Parameters::new().with_environment(|_| Some("x".repeat(100_000)));
    let text = format!(
        "[[component]]\ndescriptor = 'pip-services:logger:null:a:1.0'\nx = '{}'\n",
        "${A}".repeat(100_000)
    );
    let (_, problems) = plan(&text, &parameters);
    let refused = problems.iter().find(|problem| problem.code == "BAD_PARAMETER").unwrap();
    assert!(refused.message.contains("put in more than 67108864 bytes"), "{}", refused.message);
}

#[test]
fn includes_end_at_a_depth_and_a_number() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for number in 0..10_000 {
        std::fs::write(at(&format!("{number}.toml")), format!("include = ['{}.toml']\n", number + 1))
            .unwrap();
    }
    let wide: Vec<_> = (9000..10_000).map(|number| format!("'{number}.toml', 'w{number}.toml'")).collect();
    std::fs::write(at("wide.toml"), format!("include = [{}]\n", wide.join(", "))).unwrap();
    let load = |name: &str| {
        let mut problems = Problems::new();
        let manifest = Manifest::load(&[at(name)], &Parameters::new(), &mut problems);
        let messages: Vec<_> = problems.iter().map(|problem| problem.message.clone()).collect();
        (manifest.files.iter().count(), messages)
    };
    assert_eq!(load("0.toml"), (32, vec!["files include each other deeper than 32".to_owned()]));
    let (files, messages) = load("wide.toml");
    assert!(files <= 1000, "{files}");
    let last = "the manifest names more than 1000 files; those beyond are not read";
    assert!(messages.iter().any(|message| message == last), "{messages:?}");
}
