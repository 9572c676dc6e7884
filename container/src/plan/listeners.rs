//! Connections to servers of the same manifest: whether they wait for them, and whether they lead to them at all.

use std::net::IpAddr;

use wirework::component::{Claim, Flow, QueueNamespace};
use wirework::config::{Problem, Problems};

use super::graph::Graph;
use super::planned::Planned;
use super::queue_flows::{flows, normalized_server};

/// The name of this machine, on which all have agreed.
const LOCAL: &str = "localhost";
/// How many connections of a kind are told of.
const MOST: usize = 20;

/// What to write where a connection leads to another port than a broker.
const GIVE_BOTH: &str =
    "if it is meant to be that one, give both the same port, as by one parameter: `\"${MQTT_PORT:-1883}\"`";
const GIVE_PORT: &str = "if it is meant to be that one, give the broker the port that the connection names; 0 is for those who ask the broker \
                         where it listens, such as tests";

/// A component that listens at a port.
#[derive(Debug)]
pub struct Listener {
    position: u32,
    host: String,
    port: u16,
}

/// The components that listen, at port 0 where the system chooses the port; to be asked before their claims are taken.
pub(super) fn listeners(components: &[Planned]) -> Vec<Listener> {
    let mut found = Vec::new();
    for (position, planned) in (0..).zip(components) {
        for claim in planned.parsed.iter().flat_map(|parsed| &parsed.claims) {
            if let Claim::Port { host, port } = claim.what() {
                found.push(Listener { position, host: host.clone(), port: *port });
            }
        }
    }
    found
}

/// Whether a client comes to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// There is nothing else where it connects to.
    Surely,
    /// It may be another server at the same port.
    Perhaps,
}

impl Listener {
    /// The position of the component that listens.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.position
    }

    /// The address that it listens on, as the section has it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port; 0 where the system chooses it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it listens on this machine alone.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host.eq_ignore_ascii_case(LOCAL) || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether who connects to this host and port comes here; nothing where it does not, or nobody can say.
    pub(super) fn reach(&self, host: &str, port: u16) -> Option<Reach> {
        let plain = |host: &str| host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
        let (own, to) = (plain(&self.host), plain(host));
        let address = |text: &str| text.parse::<IpAddr>().ok();
        let is_reached = match (address(&own), address(&to)) {
            (Some(own), Some(to)) if own == to => Reach::Surely,
            (Some(own), Some(to)) if own.is_unspecified() && (to.is_loopback() || to.is_unspecified()) => {
                match (own.is_ipv4(), to.is_ipv4()) {
                    (true, false) => return None,
                    // Whether IPv6 takes IPv4 too is up to the system.
                    (false, true) => Reach::Perhaps,
                    _ => Reach::Surely,
                }
            }
            (Some(own), None) if to == LOCAL && (own.is_loopback() || own.is_unspecified()) => Reach::Surely,
            (None, Some(to)) if own == LOCAL && to.is_loopback() => Reach::Perhaps,
            (None, None) if own == to && to == LOCAL => Reach::Surely,
            (None, None) if own == to => Reach::Perhaps,
            _ => return None,
        };
        (self.port == port && port != 0).then_some(is_reached)
    }

    /// Whether who connects to `host:port`, as [`plain`] writes it, comes here. What another name of this machine is nobody knows.
    fn is_at(&self, server: &str) -> bool {
        let is_everywhere = matches!(&*self.host, "0.0.0.0" | "::" | "[::]" | "");
        let host = if is_everywhere { "127.0.0.1" } else { &self.host };
        normalized_server(&format!("{host}:{}", self.port)) == server
    }

    fn is_broker(&self, components: &[Planned]) -> bool {
        let planned = components.get(self.position as usize);
        planned.is_some_and(|planned| planned.entry.descriptor.token(1) == "broker")
    }
}

/// The servers to which a component connects by itself, as [`plain`] writes them.
fn servers(planned: &Planned) -> impl Iterator<Item = String> + '_ {
    let lists = flows(planned).iter().filter_map(|flow| match flow {
        Flow::Server(servers) => Some(servers),
        Flow::Queue(queue) => match &queue.space {
            QueueNamespace::Servers(servers) => Some(servers),
            _ => None,
        },
        _ => None,
    });
    lists.flatten().map(|server| normalized_server(server))
}

/// Warns of connections that do not wait for the server of this manifest that they lead to, and of those that lead to another port of
/// this machine while nobody connects to the broker of this manifest.
pub(super) fn check_listeners(
    components: &[Planned],
    graph: &Graph,
    listeners: &[Listener],
    problems: &mut Problems,
) {
    if listeners.is_empty() {
        return;
    }
    let mut told = 0;
    for listener in listeners {
        let mut waiting = None;
        for (position, planned) in
            (0..).zip(components).filter(|(position, _)| *position != listener.position)
        {
            if told < MOST && servers(planned).any(|server| listener.is_at(&server)) {
                let waiting = waiting.get_or_insert_with(|| graph.waiting_for(listener.position));
                if !waiting.get(position as usize).copied().unwrap_or_default() {
                    told += 1;
                    let waits = graph.waiting_for(position);
                    let waits = waits.get(listener.position as usize).copied().unwrap_or_default();
                    problems.extend(not_awaited(components, planned, listener, waits));
                }
            }
        }
    }
    let is_sought =
        |planned: &Planned| flows(planned).iter().any(|flow| matches!(flow, Flow::DiscoveredServers(_)));
    if !components.iter().any(is_sought) {
        problems.extend(elsewhere(components, listeners));
    }
}

/// One that connects and does not wait; whether the server `waits` for it in turn, so that it could not.
fn not_awaited(
    components: &[Planned],
    planned: &Planned,
    listener: &Listener,
    waits: bool,
) -> Option<Problem> {
    let server = components.get(listener.position as usize)?;
    let (descriptor, other) = (&planned.entry.descriptor, &server.entry.descriptor);
    let message = format!(
        "`{descriptor}` connects to `{other}` and does not wait for it: it may connect before that listens, and lose it while it \
         closes"
    );
    let problem = Problem::warning("AFTER_MISSING", planned.entry.span, message);
    let problem = problem.with_help(match waits {
        true => format!(
            "`{other}` waits for it in turn, so that an `after` would be a cycle: take away what that waits by, and write \
             `after = [\"{other}\"]` then"
        ),
        false => format!("write `after = [\"{other}\"]` in its section"),
    });
    Some(problem.with_related(server.entry.span, "this is what it connects to"))
}

/// A connection to this machine that leads to nothing of this manifest, where a broker of it is led to by nobody.
fn elsewhere(components: &[Planned], listeners: &[Listener]) -> Option<Problem> {
    let all: Vec<Vec<String>> = components.iter().map(|planned| servers(planned).collect()).collect();
    let is_used = |listener: &Listener| all.iter().flatten().any(|server| listener.is_at(server));
    let broker = listeners.iter().find(|one| one.is_broker(components) && !is_used(one))?;
    let astray = |servers: &Vec<String>| {
        let is_here = |server: &String| server.starts_with("127.0.0.1:");
        let leads_to_nothing = |server: &String| !listeners.iter().any(|one| one.is_at(server));
        !servers.is_empty() && servers.iter().all(|server| is_here(server) && leads_to_nothing(server))
    };
    let position = all.iter().position(astray)?;
    let (planned, server) = (components.get(position)?, components.get(broker.position as usize)?);
    let (descriptor, other) = (&planned.entry.descriptor, &server.entry.descriptor);
    let to = all.get(position)?.join(", ");
    let (at, help) = match broker.port {
        0 => (
            "a port that the system chooses (`port = 0`), which no connection can name".to_owned(),
            GIVE_PORT,
        ),
        port => (format!("port {port}"), GIVE_BOTH),
    };
    let message = format!(
        "`{descriptor}` connects to {to}, where nothing of this manifest listens; `{other}` listens at {at}, and nothing \
         connects to it"
    );
    let place = ["connection.port", "connection.uri", "connection", "connections"];
    let place = place.iter().find_map(|key| planned.entry.table.find(key));
    let span = place.map_or(planned.entry.span, |node| node.span);
    let problem = Problem::warning("OTHER_PORT", span, message);
    let port = server.entry.table.find("port").map_or(server.entry.span, |node| node.span);
    Some(problem.with_help(help).with_related(port, "nothing connects to this one"))
}
