//! Where the components of a plan lead messages: their flows, the queues that references resolve to, and the namespaces of these.

use wirework::component::{Flow, QueueFlow, QueueNamespace};

use super::lists::others;
use super::planned::Planned;

/// A namespace of queue names: its kind, and the servers or the connection through which its queues are reached.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct ResolvedNamespace {
    pub kind: &'static str,
    pub servers: Vec<String>,
    /// The component that has the connection, where there is one.
    pub connection: Option<u32>,
}

/// What the configuration of a component shows of where it leads.
pub(super) fn flows(planned: &Planned) -> &[Flow] {
    planned.parsed.as_ref().map_or(&[], |parsed| &parsed.flows)
}

/// The one component that a reference resolved to.
pub(super) fn resolved(components: &[Planned], asker: u32, field: &str) -> Option<u32> {
    let planned = components.get(asker as usize)?;
    let wanted = planned.known.iter().flat_map(|known| &known.references);
    let mut found = wanted.zip(&planned.references).filter(|(wanted, _)| wanted.reference.field == field);
    let mut found = others(&found.next()?.1.list, asker);
    found.next().filter(|_| found.next().is_none())
}

/// The queue that a reference resolved to, with what is known of it.
pub(super) fn queue_of<'a>(
    components: &'a [Planned],
    asker: u32,
    field: &str,
) -> Option<(u32, &'a QueueFlow)> {
    let position = resolved(components, asker, field)?;
    let queue = flows(components.get(position as usize)?).iter().find_map(|flow| match flow {
        Flow::Queue(queue) => Some(queue),
        _ => None,
    });
    Some((position, queue?))
}

/// The namespace of a queue.
pub(super) fn namespace_of(components: &[Planned], position: u32, queue: &QueueFlow) -> ResolvedNamespace {
    match &queue.space {
        QueueNamespace::Process(kind) => {
            ResolvedNamespace { kind, servers: vec![String::new()], connection: None }
        }
        QueueNamespace::Servers(servers) => ResolvedNamespace {
            kind: "server",
            servers: servers.iter().map(|server| normalized_server(server)).collect(),
            connection: Some(position),
        },
        QueueNamespace::Shared(field) => {
            let connection = resolved(components, position, field);
            let planned = connection.and_then(|connection| components.get(connection as usize));
            let known = planned.into_iter().flat_map(flows).filter_map(|flow| match flow {
                Flow::Server(servers) => Some(servers),
                _ => None,
            });
            let mut servers: Vec<_> = known.flatten().map(|server| normalized_server(server)).collect();
            // Whatever its servers are, those who share a connection meet there.
            servers.extend(connection.map(|connection| format!("#{connection}")));
            ResolvedNamespace { kind: "server", servers, connection }
        }
        _ => ResolvedNamespace { kind: "unknown", servers: Vec::new(), connection: None },
    }
}

/// A server as servers are compared.
pub(super) fn normalized_server(server: &str) -> String {
    let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
    match &*host {
        "localhost" | "127.0.0.1" | "::1" => format!("127.0.0.1:{port}"),
        host => format!("{host}:{port}"),
    }
}
