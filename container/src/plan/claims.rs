//! Claims that collide: one port or socket twice, one client id twice, one file twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use wirework::Descriptor;
use wirework::component::Claim;
use wirework::config::{Problem, Problems, Span, Table, code};

use super::queue_flows::normalized_server;
use crate::manifest::Files;

/// A claim, by whom, and where its component stands in the manifest.
pub struct Claimed<'a> {
    pub claim: Claim,
    pub descriptor: &'a Descriptor,
    pub span: Span,
    /// Its section.
    pub table: &'a Table,
    /// Of a route, the position of the endpoint, where that is known.
    pub endpoint: Option<u32>,
}

/// Reports every claim that an earlier component has made already.
pub fn check(claims: &[Claimed<'_>], manifests: &Files, problems: &mut Problems) {
    let mut ports: HashMap<u16, Port<'_>> = HashMap::new();
    let mut clients: HashMap<(String, &str), &Claimed<'_>> = HashMap::new();
    let mut shared: HashMap<(&str, &str), &Claimed<'_>> = HashMap::new();
    let mut routes: HashMap<(u32, &str), &Claimed<'_>> = HashMap::new();
    let mut files: HashMap<&Path, &Claimed<'_>> = HashMap::new();
    let mut sockets: HashMap<&Path, &Claimed<'_>> = HashMap::new();
    // An endpoint has its own routes before any component, wherever it stands.
    for claimed in claims {
        if let (Claim::OwnRoute { base }, Some(endpoint)) = (&claimed.claim, claimed.endpoint) {
            routes.insert((endpoint, base), claimed);
        }
    }
    for claimed in claims {
        match &claimed.claim {
            Claim::Port { port: 0, .. } => {}
            Claim::Port { host, port } => {
                if let Some(first) = ports.entry(*port).or_default().claim(host, claimed) {
                    problems.push(port_twice(*port, first, claimed));
                }
            }
            Claim::Socket { path } => match sockets.get(&**path).or_else(|| files.get(&**path)) {
                Some(first) => problems.push(socket_twice(first, claimed)),
                None => drop(sockets.insert(path, claimed)),
            },
            Claim::ClientId { endpoint, client_id } => {
                match clients.entry((normalized_server(endpoint), client_id)) {
                    Entry::Occupied(first) => {
                        problems.push(client_twice(endpoint, client_id, first.get(), claimed));
                    }
                    Entry::Vacant(free) => drop(free.insert(claimed)),
                }
            }
            Claim::Shared { kind, name, .. } => match shared.get(&(*kind, &**name)) {
                Some(first) => problems.extend(other_terms(kind, first, claimed)),
                None => drop(shared.insert((kind, name), claimed)),
            },
            Claim::File { path } if is_manifest(path, manifests) => {
                problems.push(overwritten(path, claimed));
            }
            Claim::File { path } => match files.get(&**path).or_else(|| sockets.get(&**path)) {
                Some(first) => problems.push(file_twice(path, first, claimed)),
                None => drop(files.insert(path, claimed)),
            },
            Claim::Route { base, .. } => {
                let Some(endpoint) = claimed.endpoint else { continue };
                match routes.get(&(endpoint, &**base)) {
                    Some(first) => problems.push(route_twice(base, first, claimed)),
                    None => drop(routes.insert((endpoint, base), claimed)),
                }
            }
            _ => {}
        }
    }
}

impl Claimed<'_> {
    /// Where a key of the section stands, if it is given.
    fn key(&self, key: &str) -> Option<Span> {
        self.table.find(key).map(|node| node.span)
    }

    /// Where a key of the section stands that claims it; the section where it has none of that name.
    fn place(&self, key: &str) -> Span {
        let of_connection = || self.table.find(&format!("connection.{key}"));
        self.table.find(key).or_else(of_connection).map_or(self.span, |node| node.span)
    }
}

/// Who has claimed one port, at which addresses.
#[derive(Default)]
struct Port<'c> {
    /// The first claim at any address.
    first: Option<&'c Claimed<'c>>,
    /// Whether that is one for all addresses.
    all: bool,
    /// The first claim at each address.
    hosts: HashMap<String, &'c Claimed<'c>>,
}

impl<'c> Port<'c> {
    /// Claims the port at an address; returns an earlier claim that conflicts. An unspecified address (`0.0.0.0`, `::`)
    /// conflicts with every address.
    fn claim(&mut self, host: &str, claimed: &'c Claimed<'c>) -> Option<&'c Claimed<'c>> {
        let all = matches!(host, "0.0.0.0" | "::" | "[::]" | "");
        let host = if host == "localhost" { "127.0.0.1".to_owned() } else { host.to_lowercase() };
        let before = match self.first {
            Some(first) if all || self.all => Some(first),
            _ => self.hosts.get(&host).copied(),
        };
        if before.is_none() {
            self.all |= all;
            self.first.get_or_insert(claimed);
            self.hosts.insert(host, claimed);
        }
        before
    }
}

fn port_twice(port: u16, first: &Claimed<'_>, second: &Claimed<'_>) -> Problem {
    let (descriptor, other) = (second.descriptor, first.descriptor);
    let message = format!("`{descriptor}` claims port {port}, which `{other}` has claimed");
    Problem::error("PORT_CLAIMED_TWICE", second.place("port"), message)
        .with_help("give one of them another port, or port 0 for one that the system chooses")
        .with_related(first.place("port"), "claimed here first")
}

fn socket_twice(first: &Claimed<'_>, second: &Claimed<'_>) -> Problem {
    let (descriptor, other) = (second.descriptor, first.descriptor);
    let message = format!("`{descriptor}` claims the Unix socket that `{other}` has claimed");
    Problem::error("SOCKET_TAKEN", second.place("path"), message)
        .with_help("give one of them another `path`")
        .with_related(first.place("path"), "claimed here first")
}

fn client_twice(endpoint: &str, client_id: &str, first: &Claimed<'_>, second: &Claimed<'_>) -> Problem {
    let (descriptor, other) = (second.descriptor, first.descriptor);
    let message = format!("`{descriptor}` uses client id `{client_id}` at {endpoint}, as `{other}` does");
    Problem::warning("CLIENT_ID_TWICE", second.place("client_id"), message)
        .with_help("a broker throws out the older of two connections with one client id; give each its own")
        .with_related(first.place("client_id"), "used here first")
}

/// Whether a file is one of those that the manifest was read from.
fn is_manifest(path: &Path, manifests: &Files) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    manifests.iter().any(|file| file.path.canonicalize().is_ok_and(|manifest| manifest == path))
}

fn overwritten(path: &Path, claimed: &Claimed<'_>) -> Problem {
    let (descriptor, path) = (claimed.descriptor, path.display());
    let message = format!("`{descriptor}` would write into `{path}`, from which the manifest is read");
    Problem::error("FILE_CLAIMED_TWICE", claimed.place("path"), message)
        .with_help("give it a file of its own, such as one that ends in `.log`")
}

fn file_twice(path: &Path, first: &Claimed<'_>, second: &Claimed<'_>) -> Problem {
    let (descriptor, other, path) = (second.descriptor, first.descriptor, path.display());
    let message = format!("`{descriptor}` writes the file `{path}`, as `{other}` does");
    Problem::error("FILE_CLAIMED_TWICE", second.place("path"), message)
        .with_help("give each a file of its own")
        .with_related(first.place("path"), "claimed here first")
}

fn route_twice(base: &str, first: &Claimed<'_>, second: &Claimed<'_>) -> Problem {
    let (descriptor, other) = (second.descriptor, first.descriptor);
    let message =
        format!("`{descriptor}` claims the base route `{base}`, which `{other}` has at the same endpoint");
    let place = |one: &Claimed<'_>| one.key("route").unwrap_or_else(|| one.place("base_route"));
    Problem::error("ROUTE_TAKEN", place(second), message)
        .with_help("give one of them another `base_route` or `route`, or another endpoint by `references`")
        .with_related(place(first), "claimed here first")
}

/// What two components would have to agree on that share a name.
fn other_terms(kind: &str, first: &Claimed<'_>, second: &Claimed<'_>) -> Option<Problem> {
    let (Claim::Shared { terms, .. }, Claim::Shared { terms: others, .. }) = (&first.claim, &second.claim)
    else {
        return None;
    };
    let differ =
        terms.iter().filter(|(key, term)| others.iter().any(|(other, value)| other == key && value != term));
    let differ: Vec<_> = differ.map(|(key, _)| *key).collect();
    let key = differ.first()?;
    let keys: Vec<_> = differ.iter().map(|key| format!("`{key}`")).collect();
    let (descriptor, other) = (second.descriptor, first.descriptor);
    let message =
        format!("`{descriptor}` is the same {kind} as `{other}`, and does not agree on {}", keys.join(", "));
    let problem = Problem::error(code::BAD_CONFIG, second.place(key), message)
        .with_help("write the same in both, or give one of them another name")
        .with_related(first.place(key), "this one says it differently");
    Some(problem)
}
