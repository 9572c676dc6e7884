//! Clients of servers of the same manifest, held against the rules of those: whom a server would refuse, and what it would deny.

use std::collections::{HashMap, HashSet};

use wirework::component::{Flow, Neighbours, Refusal, TopicAction};
use wirework::config::{Problem, Problems};

use super::filters::check_filters;
use super::listeners::{Listener, Reach};
use super::local_clients::{LocalClient, Server, Using, place, read, using};
use super::planned::Planned;
use super::queue_flows::{flows, resolved};
use crate::manifest::Entry;

/// How many clients are held against rules at most.
const MOST: usize = 10_000;

/// Reports every client that a server of the same manifest would refuse, every topic that it would deny, and more clients than it admits;
/// whether that was all, and not only the first of too many.
pub(super) fn check_clients<N: Neighbours>(
    components: &[Planned],
    listeners: &[Listener],
    around: impl Fn(u32) -> Option<N>,
    problems: &mut Problems,
) -> bool {
    let servers: Vec<_> =
        listeners.iter().filter_map(|listener| Server::new(components, listener, problems)).collect();
    if servers.is_empty() {
        return true;
    }
    let mut clients = HashMap::new();
    for (position, planned) in (0..).zip(components) {
        let client = read(planned).and_then(|(known, config)| {
            let (around, Entry { descriptor, span, .. }) = (around(position)?, &planned.entry);
            known.ask(*span, problems, |factory| factory.client(descriptor, config, &around))?
        });
        if let Some(mut local) = client.and_then(|client| LocalClient::new(planned, client, &servers)) {
            check_client(&mut local, &servers, &around, problems);
            clients.insert(position, local);
        }
        if clients.len() >= MOST {
            break;
        }
    }
    check_numbers(&servers, &clients, problems);
    let (bridged, using) = (bridged(components), using(components));
    let by_bridge = |position, publishes| bridged.contains(&(position, publishes));
    for one in &using {
        if let Some(local) = clients.get(&one.owner) {
            check_topics(one, &by_bridge, (local, &servers), &around, problems);
        }
    }
    check_filters(&servers, &clients, &using, &by_bridge, problems);
    clients.len() < MOST
}

/// The queues of bridges, and whether they are published to.
fn bridged(components: &[Planned]) -> HashSet<(u32, bool)> {
    let mut found = HashSet::new();
    for (position, planned) in (0..).zip(components) {
        for flow in flows(planned) {
            let Flow::Bridge { source, target, .. } = flow else { continue };
            found.extend(resolved(components, position, source).map(|source| (source, false)));
            found.extend(resolved(components, position, target).map(|target| (target, true)));
        }
    }
    found
}

fn check_client<N: Neighbours>(
    local: &mut LocalClient<'_>,
    servers: &[Server<'_>],
    around: &impl Fn(u32) -> Option<N>,
    problems: &mut Problems,
) {
    let mut found: Vec<(usize, Reach, Refusal)> = Vec::new();
    for attempt in &mut local.attempts {
        let (Some(server), Some(by)) = (servers.get(attempt.server), local.client.servers.get(attempt.by))
        else {
            continue;
        };
        let Some(around) = around(server.listener.position()) else { continue };
        let refusals = server.rules.refusals(&local.client, by, &around);
        attempt.refused = !refusals.is_empty();
        for refusal in refusals {
            if !found.iter().any(|(at, _, known)| *at == attempt.server && *known == refusal) {
                found.push((attempt.server, attempt.reach, refusal));
            }
        }
    }
    let everywhere = local.has_no_other
        && !local.client.connects_later
        && local.attempts.iter().all(|attempt| attempt.refused && attempt.reach == Reach::Surely);
    for (server, reach, refusal) in found {
        let Some(server) = servers.get(server) else { continue };
        let (client, other) = (&local.planned.entry.descriptor, server.descriptor());
        let how = match reach {
            Reach::Surely if everywhere => format!("`{client}` connects to `{other}`, which refuses it"),
            Reach::Surely => format!("one of the servers of `{client}` is `{other}`, which refuses it"),
            Reach::Perhaps => format!("`{client}` connects to what may be `{other}`, which would refuse it"),
        };
        let problem = problem(everywhere, &format!("{how}: it"), local.planned, server, &refusal);
        problems.push(problem);
    }
    check_will(local, servers, around, problems);
}

/// A will that the server would not publish.
fn check_will<N: Neighbours>(
    local: &LocalClient<'_>,
    servers: &[Server<'_>],
    around: &impl Fn(u32) -> Option<N>,
    problems: &mut Problems,
) {
    let Some(will) = &local.client.will else { return };
    let denied = denial(local, servers, around, will, TopicAction::Publish);
    if let Some((server, refusal)) = denied {
        let refusal = Refusal { client_keys: vec!["will.topic".into(), "will".into()], ..refusal };
        let how = format!(
            "`{}` leaves a will, which `{}` does not publish: it",
            local.planned.entry.descriptor,
            server.descriptor()
        );
        problems.push(problem(false, &how, local.planned, server, &refusal));
    }
}

/// Why the first server that admits the client would deny it a topic.
fn denial<'s, 'a, N: Neighbours>(
    local: &LocalClient<'_>,
    servers: &'s [Server<'a>],
    around: &impl Fn(u32) -> Option<N>,
    topic: &str,
    action: TopicAction,
) -> Option<(&'s Server<'a>, Refusal)> {
    local.attempts.iter().filter(|attempt| !attempt.refused).find_map(|attempt| {
        let (server, by) = (servers.get(attempt.server)?, local.client.servers.get(attempt.by)?);
        let username = by.login.as_ref()?.username.as_deref();
        let refusal = server.rules.denial(username, topic, action, &around(server.listener.position())?)?;
        Some((server, refusal))
    })
}

/// Servers with more clients than there may be.
fn check_numbers(servers: &[Server<'_>], clients: &HashMap<u32, LocalClient<'_>>, problems: &mut Problems) {
    for (at, server) in servers.iter().enumerate() {
        let at_open = |local: &&LocalClient<'_>| !local.client.connects_later && local.is_bound_to(at);
        let count = clients.values().filter(at_open).count();
        let (key, most) = server.rules.most_clients();
        if count > most {
            let message = format!(
                "`{}` has `{key} = {most}`, and {count} components of this manifest connect to it: the last ones are refused",
                server.descriptor()
            );
            let problem = Problem::error("CLIENT_REFUSED", place(server.planned, [key]), message);
            problems.push(problem.with_help(format!("raise `{key}`, or have components share a connection")));
        }
    }
}

/// What a component cannot do over its connection.
fn check_topics<N: Neighbours>(
    Using { position, planned, uses, .. }: &Using<'_>,
    by_bridge: &impl Fn(u32, bool) -> bool,
    (local, servers): (&LocalClient<'_>, &[Server<'_>]),
    around: &impl Fn(u32) -> Option<N>,
    problems: &mut Problems,
) {
    let denied: Vec<_> = uses
        .iter()
        .filter_map(|one| Some((*one, denial(local, servers, around, &one.topic, one.action)?)))
        .collect();
    let is_denied = |key, publishes| {
        denied.iter().any(|(one, _)| one.key == key && (one.action == TopicAction::Publish) == publishes)
    };
    let mut told = HashSet::new();
    for (one, (server, refusal)) in &denied {
        let publishes = one.action == TopicAction::Publish;
        let has_both = uses
            .iter()
            .any(|other| other.key == one.key && (other.action == TopicAction::Publish) != publishes);
        // A queue of which only one side is denied may be used by the other one.
        let matters = (one.action == TopicAction::SubscribeAtOpen && told.insert(one.key))
            || by_bridge(*position, publishes)
            || !has_both
            || (is_denied(one.key, !publishes) && told.insert(one.key));
        if !matters {
            continue;
        }
        let fails = one.action == TopicAction::SubscribeAtOpen
            && local.attempts.first().is_some_and(|attempt| local.is_bound_to(attempt.server));
        let refusal = Refusal { client_keys: vec![one.key.into(), "topic".into()], ..refusal.clone() };
        let how = format!("`{}` is a client of `{}` and", planned.entry.descriptor, server.descriptor());
        problems.push(problem(fails, &how, planned, server, &refusal));
    }
}

/// `is_error` where it can go no other attempt.
fn problem(is_error: bool, how: &str, client: &Planned, server: &Server<'_>, refusal: &Refusal) -> Problem {
    let message = format!("{how} {}", refusal.problem);
    let span = place(client, refusal.client_keys.iter().map(|key| &**key));
    let problem = match is_error {
        true => Problem::error(refusal.code, span, message),
        false => Problem::warning(refusal.code, span, message),
    };
    let related = place(server.planned, [&*refusal.server_key]);
    problem.with_help(refusal.remedy.clone()).with_related(related, "this is what refuses it")
}
