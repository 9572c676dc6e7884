//! Claims that collide: one port or socket twice, one client id twice, one file twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::path::Path;

use wirework::Descriptor;
use wirework::component::Claim;
use wirework::config::{Problem, Problems, Span, Table, code};
use wirework::text::escape;

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
    let mut made = Made::default();
    // An endpoint has its own routes before any component, wherever it stands.
    for claimed in claims {
        if let (Claim::OwnRoute { base }, Some(endpoint)) = (claimed.claim.what(), claimed.endpoint) {
            made.routes.insert((endpoint, base), claimed);
        }
    }
    for claimed in claims {
        problems.extend(made.claim(claimed, manifests));
    }
    // Two that move to one name write one file, which is reported.
    let moved = claims.iter().filter_map(|by| match by.claim.what() {
        Claim::OldFile { path } => Some(moved_over(path, made.files.get(&**path)?, by)),
        _ => None,
    });
    problems.extend(moved);
}

/// The claims that have been made.
#[derive(Default)]
struct Made<'c> {
    ports: HashMap<u16, Port<'c>>,
    clients: HashMap<(String, &'c str), &'c Claimed<'c>>,
    shared: HashMap<(&'c str, &'c str), &'c Claimed<'c>>,
    routes: HashMap<(u32, &'c str), &'c Claimed<'c>>,
    files: HashMap<&'c Path, &'c Claimed<'c>>,
    sockets: HashMap<&'c Path, &'c Claimed<'c>>,
    passed: HashMap<&'c str, &'c Claimed<'c>>,
}

/// Claims for the first time, or returns who has claimed before.
fn first<'c, K: Hash + Eq>(
    made: &mut HashMap<K, &'c Claimed<'c>>,
    key: K,
    claimed: &'c Claimed<'c>,
) -> Option<&'c Claimed<'c>> {
    match made.entry(key) {
        Entry::Occupied(first) => Some(first.get()),
        Entry::Vacant(free) => {
            free.insert(claimed);
            None
        }
    }
}

impl<'c> Made<'c> {
    /// Makes a claim; the problem where another one is in its way.
    fn claim(&mut self, claimed: &'c Claimed<'c>, manifests: &Files) -> Option<Problem> {
        match claimed.claim.what() {
            Claim::Port { port: 0, .. } => None,
            Claim::Port { host, port } => {
                let before = self.ports.entry(*port).or_default().claim(host, claimed)?;
                Some(port_twice(*port, before, claimed))
            }
            Claim::PassedSocket { which } => {
                Some(passed_twice(which, first(&mut self.passed, which, claimed)?, claimed))
            }
            Claim::ClientId { endpoint, client_id } => {
                let key = (normalized_server(endpoint), &**client_id);
                Some(client_twice(endpoint, client_id, first(&mut self.clients, key, claimed)?, claimed))
            }
            Claim::Shared { kind, name, .. } => {
                other_terms(kind, first(&mut self.shared, (kind, name), claimed)?, claimed)
            }
            Claim::Route { base, .. } => {
                let before = first(&mut self.routes, (claimed.endpoint?, base), claimed)?;
                Some(route_twice(base, before, claimed))
            }
            Claim::Socket { path } => match self.files.get(&**path) {
                Some(file) => Some(socket_twice(file, claimed)),
                None => Some(socket_twice(first(&mut self.sockets, path, claimed)?, claimed)),
            },
            Claim::File { path } if is_manifest(path, manifests) => Some(overwritten(path, claimed)),
            Claim::File { path } => match self.sockets.get(&**path) {
                Some(socket) => Some(file_twice(path, socket, claimed)),
                None => Some(file_twice(path, first(&mut self.files, path, claimed)?, claimed)),
            },
            _ => None,
        }
    }
}

impl Claimed<'_> {
    /// Where a key of the section stands, if it is given.
    fn key(&self, key: &str) -> Option<Span> {
        self.table.find(key).map(|node| node.span)
    }

    /// Where a key of the section stands that claims it; where it has none of that name, the table that the key would be in, or the
    /// section.
    fn place(&self, key: &str) -> Span {
        let found = match self.claim.key() {
            Some(key) => key.rsplit_once('.').map_or_else(
                || self.table.find(key),
                |(outer, _)| self.table.find(key).or_else(|| self.table.find(outer)),
            ),
            None => self.table.find(key).or_else(|| self.table.find(&format!("connection.{key}"))),
        };
        found.map_or(self.span, |node| node.span)
    }

    /// How another claim of the same is called, by somebody who speaks of this one.
    fn by(&self, first: &Self) -> String {
        match first.descriptor == self.descriptor {
            true => "it has claimed already".to_owned(),
            false => format!("`{}` has claimed", first.descriptor),
        }
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
    let message = format!("`{}` claims port {port}, which {}", second.descriptor, second.by(first));
    Problem::error("PORT_CLAIMED_TWICE", second.place("port"), message)
        .with_help("give one of them another port, or port 0 for one that the system chooses")
        .with_related(first.place("port"), "claimed here first")
}

fn socket_twice(first: &Claimed<'_>, second: &Claimed<'_>) -> Problem {
    let message = format!("`{}` claims the Unix socket that {}", second.descriptor, second.by(first));
    Problem::error("SOCKET_TAKEN", second.place("path"), message)
        .with_help("give one of them another `path`")
        .with_related(first.place("path"), "claimed here first")
}

fn passed_twice(which: &str, first: &Claimed<'_>, second: &Claimed<'_>) -> Problem {
    let (descriptor, which) = (second.descriptor, escape(which));
    let message = format!(
        "`{descriptor}` claims the socket `fd:{which}` with which the process is started, which {}",
        second.by(first)
    );
    Problem::error("SOCKET_TAKEN", second.place("host"), message)
        .with_help("one listener takes it; give the other one a socket of its own, as by another `FileDescriptorName`")
        .with_related(first.place("host"), "claimed here first")
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

/// A file that another component replaces by an old one of its own.
fn moved_over(path: &Path, file: &Claimed<'_>, by: &Claimed<'_>) -> Problem {
    let (descriptor, other, path) = (file.descriptor, by.descriptor, path.display());
    let message =
        format!("`{descriptor}` writes the file `{path}`, to which `{other}` moves an old file of its own");
    Problem::error("FILE_CLAIMED_TWICE", file.place("path"), message)
        .with_help("give it a name that does not end in a dot and a number")
        .with_related(by.place("path"), "the old files are named after this one")
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
    let (Claim::Shared { terms, .. }, Claim::Shared { terms: others, .. }) =
        (first.claim.what(), second.claim.what())
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
