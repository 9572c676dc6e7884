//! Clients of servers of the same manifest, and where each of them leads.

use std::any::Any;

use wirework::component::{Client, ClientServer, Flow, ServerRules, TopicUse};
use wirework::config::{Problems, Span};

use super::factories::FactoryInfo;
use super::listeners::{Listener, Reach};
use super::planned::Planned;
use super::queue_flows::{flows, resolved};
use crate::manifest::Entry;

/// A server with rules.
pub(super) struct Server<'a> {
    pub(super) listener: &'a Listener,
    pub(super) planned: &'a Planned,
    pub(super) rules: Box<dyn ServerRules>,
}

/// A client of servers of this manifest.
pub(super) struct LocalClient<'a> {
    pub(super) planned: &'a Planned,
    pub(super) client: Client,
    /// The connections that it would try to these servers.
    pub(super) attempts: Vec<Attempt>,
    /// Whether it can be admitted nowhere else.
    pub(super) has_no_other: bool,
}

/// A connection that a client would try.
pub(super) struct Attempt {
    /// Which one of the servers of the client's section.
    pub(super) by: usize,
    /// Which one of the servers with rules.
    pub(super) server: usize,
    pub(super) reach: Reach,
    pub(super) refused: bool,
}

/// A component that uses topics, and the component that has the connection for it.
pub(super) struct Using<'a> {
    pub(super) position: u32,
    pub(super) planned: &'a Planned,
    pub(super) owner: u32,
    pub(super) uses: Vec<&'a TopicUse>,
}

impl LocalClient<'_> {
    /// Whether what a server does to the client is all that can happen to it.
    pub(super) fn is_bound_to(&self, server: usize) -> bool {
        let is_sure = |attempt: &Attempt| attempt.server == server && attempt.reach == Reach::Surely;
        self.has_no_other && self.attempts.iter().all(is_sure)
    }
}

impl<'a> Server<'a> {
    pub(super) fn new(
        components: &'a [Planned],
        listener: &'a Listener,
        problems: &mut Problems,
    ) -> Option<Self> {
        let planned = components.get(listener.position() as usize)?;
        let (known, config) = read(planned)?;
        let Entry { descriptor, span, .. } = &planned.entry;
        let rules = known.ask(*span, problems, |factory| factory.rules(descriptor, config))??;
        Some(Self { listener, planned, rules })
    }

    pub(super) fn descriptor(&self) -> &wirework::Descriptor {
        &self.planned.entry.descriptor
    }
}

impl<'a> LocalClient<'a> {
    /// A client that leads to at least one of the servers.
    pub(super) fn new(planned: &'a Planned, client: Client, servers: &[Server<'_>]) -> Option<Self> {
        let (mut attempts, mut has_no_other) = (Vec::new(), !client.has_others);
        for (by, ClientServer { host, port, .. }) in client.servers.iter().enumerate() {
            let reached =
                |(at, server): (usize, &Server<'_>)| Some((at, server.listener.reach(host, *port)?));
            let reached: Vec<_> = servers.iter().enumerate().filter_map(reached).collect();
            has_no_other &= !reached.is_empty();
            // Which of several it is nobody knows.
            let several = reached.len() > 1;
            attempts.extend(reached.into_iter().map(|(server, reach)| {
                let reach = if several { Reach::Perhaps } else { reach };
                Attempt { by, server, reach, refused: false }
            }));
        }
        (!attempts.is_empty()).then_some(Self { planned, client, attempts, has_no_other })
    }
}

/// The components that use topics, as far as it is known whose connection they have.
pub(super) fn using(components: &[Planned]) -> Vec<Using<'_>> {
    let mut found = Vec::new();
    for (position, planned) in (0..).zip(components) {
        let uses = flows(planned).iter().filter_map(|flow| match flow {
            Flow::Topics(uses) => Some(uses),
            _ => None,
        });
        let uses: Vec<_> = uses.flatten().collect();
        let Some(connection) = uses.first().map(|one| one.connection) else { continue };
        let owner = connection.map_or(Some(position), |field| resolved(components, position, field));
        found.extend(owner.map(|owner| Using { position, planned, owner, uses }));
    }
    found
}

/// The factory of a component, and its configuration, where all of that could be read.
pub(super) fn read(planned: &Planned) -> Option<(&FactoryInfo, &(dyn Any + Send))> {
    let config = planned.parsed.as_ref()?.config.as_deref()?;
    Some((planned.known.as_deref()?, config))
}

/// The first of these keys that the section has, or the section.
pub(super) fn place<'k>(planned: &Planned, keys: impl IntoIterator<Item = &'k str>) -> Span {
    let node = keys.into_iter().find_map(|key| planned.entry.table.find(key));
    node.map_or(planned.entry.span, |node| node.span)
}
