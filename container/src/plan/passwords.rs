//! Passwords that discovery leads to a server without TLS, as far as the manifest shows it.
//!
//! The section with the password names a key, and the section of a discovery service what is found under it.

use std::collections::HashMap;

use wirework::component::{Flow, Listed, Sought};
use wirework::config::{Problem, Problems, code};

use super::draft::Planned;
use super::loops::flows;

/// How many entries of one name are looked at for each who seeks it.
const LOOKED_AT: usize = 100;

/// Warns of each key under which a server without TLS is found for a password.
pub(super) fn check_passwords(components: &[Planned], problems: &mut Problems) {
    let mut listed: HashMap<&str, Vec<(u32, &Listed)>> = HashMap::new();
    for (position, planned) in (0..).zip(components) {
        for flow in flows(planned) {
            let Flow::Listed(entry) = flow else { continue };
            let named = listed.entry(&entry.name).or_default();
            if named.len() < LOOKED_AT {
                named.push((position, entry));
            }
        }
    }
    for planned in components {
        for flow in flows(planned) {
            let Flow::Sought(sought) = flow else { continue };
            let found = listed.get(&*sought.name).into_iter().flatten();
            let mut found =
                found.filter(|(at, entry)| asks(planned, sought, *at) && entry.is_in_clear(sought));
            if let Some((at, entry)) = found.next() {
                problems.extend(components.get(*at as usize).map(|on| warning(planned, sought, on, entry)));
            }
        }
    }
}

/// Whether the discovery service at this position is one of those that are asked.
fn asks(planned: &Planned, sought: &Sought, service: u32) -> bool {
    let wanted = planned.known.iter().flat_map(|known| &known.references);
    let mut asked =
        wanted.zip(&planned.references).filter(|(wanted, _)| wanted.reference.field == sought.field);
    asked.any(|(_, resolved)| resolved.list.binary_search(&service).is_ok())
}

fn warning(planned: &Planned, sought: &Sought, on: &Planned, entry: &Listed) -> Problem {
    let place = |planned: &Planned, key: &str| {
        planned.entry.table.find(key).map_or(planned.entry.span, |node| node.span)
    };
    let message = format!(
        "`{}` leads to a server that is reached without TLS: the password crosses the network in clear; use a protocol with \
         TLS, such as `mqtts`",
        sought.key
    );
    Problem::warning(code::PASSWORD_UNPROTECTED, place(planned, &sought.key), message)
        .with_related(place(on, &entry.key), "the server is listed here")
}
