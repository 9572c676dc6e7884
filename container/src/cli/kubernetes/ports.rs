//! At which ports a service is reached, and which of them answers probes.

use serde_json::{Value, json};
use wirework::config::Value as Setting;

use crate::cli::service_name::service_name;
use crate::plan::{Listener, Plan, Planned};

/// The most characters of the name of a port.
const MAX_NAME: usize = 15;

/// The ports of a service.
pub(super) struct Ports<'p> {
    /// Those that can be reached from outside of the pod, each with its name.
    open: Vec<(String, u16)>,
    /// What is to be said of others.
    remarks: Vec<String>,
    /// The port of the endpoint that answers probes.
    probed: Option<u16>,
    plan: &'p Plan,
}

impl<'p> Ports<'p> {
    pub fn of(plan: &'p Plan) -> Self {
        let mut ports = Self { open: Vec::new(), remarks: Vec::new(), probed: None, plan };
        for listener in &plan.listeners {
            if let Some(planned) = plan.get(listener.position()) {
                ports.add(listener, planned);
            }
        }
        if ports.probed.is_none() {
            ports.remarks.push(ports.no_probe());
        }
        ports
    }

    fn add(&mut self, listener: &Listener, planned: &Planned) {
        let (descriptor, port) = (&planned.entry.descriptor, listener.port());
        if port == 0 {
            self.remarks.push(format!("{descriptor} has port 0, which nobody can know: give it a port."));
        } else if listener.is_local() {
            self.remarks.push(format!(
                "{descriptor} listens on {}, which is the pod alone: nobody else reaches port {port}.",
                listener.host()
            ));
        } else if self.open.iter().all(|(_, known)| *known != port) {
            let name = self.name(descriptor.token(2), port);
            self.open.push((name, port));
            if answers_probes(planned) && self.probed.is_none() {
                self.probed = Some(port);
            }
        }
    }

    /// A name that is the only one of its kind.
    fn name(&self, kind: &str, port: u16) -> String {
        let kind = service_name(kind).unwrap_or_else(|_| "port".to_owned());
        let is_taken = self.open.iter().any(|(name, _)| *name == kind);
        if !is_taken && kind.len() <= MAX_NAME {
            return kind;
        }
        let end = format!("-{port}");
        let begin = kind.get(..MAX_NAME - end.len()).unwrap_or(&kind).trim_end_matches('-');
        format!("{begin}{end}")
    }

    /// Why there are no probes, and what to do.
    fn no_probe(&self) -> String {
        let endpoints = self.plan.components.iter().filter(|planned| is_endpoint(planned));
        let found: Vec<_> = endpoints.map(|planned| planned.entry.descriptor.to_string()).collect();
        match found.first() {
            None => "There are no probes, since nothing answers them: add a component \
                     `pip-services:endpoint:http:default:1.0` with `connection = { host = \"0.0.0.0\", port = 8080 }`."
                .to_owned(),
            Some(endpoint) => format!(
                "There are no probes, since {endpoint} does not answer them: give it `connection.host = \"0.0.0.0\"`, a \
                 port, and `options.health = true`."
            ),
        }
    }

    /// What is to be said of ports and probes.
    pub fn remarks(&self) -> impl Iterator<Item = &str> {
        self.remarks.iter().map(String::as_str)
    }

    /// Whether nobody reaches the service.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// As a container has them.
    pub fn of_container(&self) -> Value {
        self.open.iter().map(|(name, port)| json!({ "name": name, "containerPort": port })).collect()
    }

    /// As a Service has them.
    pub fn of_service(&self) -> Value {
        self.open
            .iter()
            .map(|(name, port)| json!({ "name": name, "port": port, "targetPort": name }))
            .collect()
    }

    /// The name of the port that answers probes.
    pub fn probed(&self) -> Option<&str> {
        let port = self.probed?;
        self.open.iter().find(|(_, open)| *open == port).map(|(name, _)| &**name)
    }
}

fn is_endpoint(planned: &Planned) -> bool {
    let descriptor = &planned.entry.descriptor;
    descriptor.token(1) == "endpoint" && descriptor.token(2) == "http"
}

/// Whether it is an endpoint that answers for the health of the service.
fn answers_probes(planned: &Planned) -> bool {
    let health = planned.entry.table.find("options.health").map(|node| &node.value);
    let is_off = match health {
        Some(Setting::Boolean(on)) => !on,
        Some(Setting::String(text)) => text.trim() == "false",
        _ => false,
    };
    is_endpoint(planned) && !is_off
}
