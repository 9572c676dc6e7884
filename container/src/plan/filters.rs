//! The filters that the clients of a server of the same manifest subscribe to by themselves, held against how many it grants.

use std::collections::HashMap;

use wirework::component::{ClientFilters, FilterLimit, TopicAction};
use wirework::config::{Problem, Problems};

use super::local_clients::{LocalClient, Server, Using, place};

/// What is said of filters that are too many.
const CODE: &str = "TOO_MANY_FILTERS";

/// Reports the servers that grant fewer filters than are subscribed to: to one client, and to all together.
pub(super) fn check_filters(
    servers: &[Server<'_>],
    clients: &HashMap<u32, LocalClient<'_>>,
    using: &[Using<'_>],
    by_bridge: &impl Fn(u32, bool) -> bool,
    problems: &mut Problems,
) {
    let filters = filters(clients, using, by_bridge);
    for (at, server) in servers.iter().enumerate() {
        let mut here = Vec::new();
        for (owner, filters) in &filters {
            let Some(local) = clients.get(owner).filter(|local| local.is_bound_to(at)) else { continue };
            here.push(filters.clone());
            let Some(limit) = server.rules.filter_limit(filters) else { continue };
            let who = format!("the components that share `{}`", local.planned.entry.descriptor);
            let related = (local.planned.entry.span, "this is the connection that they share");
            problems
                .extend(told(server, limit, &who).map(|problem| problem.with_related(related.0, related.1)));
        }
        let limit = server.rules.filter_limit_in_all(&here);
        problems.extend(limit.and_then(|limit| told(server, limit, "the components of this manifest")));
    }
}

/// The filters of each client that connects to servers of the manifest, in the order of the clients.
fn filters<'a>(
    clients: &HashMap<u32, LocalClient<'_>>,
    using: &[Using<'a>],
    by_bridge: &impl Fn(u32, bool) -> bool,
) -> Vec<(u32, ClientFilters<'a>)> {
    let mut found: HashMap<u32, ClientFilters<'a>> = HashMap::new();
    for Using { position, owner, uses, .. } in using {
        let Some(local) = clients.get(owner) else { continue };
        let filters = found.entry(*owner).or_default();
        filters.merges = local.client.merges_filters;
        for one in uses {
            let sends = uses.iter().any(|other| other.key == one.key && other.action == TopicAction::Publish);
            match one.action {
                TopicAction::SubscribeAtOpen => {
                    filters.at_open.push(&one.topic);
                    filters.all.push(&one.topic);
                }
                // A queue that nobody is known to receive from may be there to send.
                TopicAction::Subscribe if !sends || by_bridge(*position, false) => {
                    filters.all.push(&one.topic);
                }
                _ => {}
            }
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_unstable_by_key(|(owner, _)| *owner);
    found
}

/// What is wrong where a server grants fewer filters than it is asked for.
fn told(server: &Server<'_>, limit: FilterLimit, who: &str) -> Option<Problem> {
    let FilterLimit { key, limit, at_open, all } = limit;
    let (span, descriptor) = (place(server.planned, [key]), server.descriptor());
    let problem = if at_open > limit {
        let message = format!(
            "`{descriptor}` has `{key} = {limit}`, and {who} subscribe to {at_open} filters while they open: the last ones are \
             refused"
        );
        Problem::error(CODE, span, message)
    } else if all > limit {
        let message = format!(
            "`{descriptor}` has `{key} = {limit}`, and {who} may need {all} filters at a time: the last ones would be \
             refused"
        );
        Problem::warning(CODE, span, message)
    } else {
        return None;
    };
    Some(problem.with_help(format!("raise `{key}`, or subscribe to fewer filters that match more")))
}
