//! The components of Pip.Services that are not here, and what to use instead.

use wirework::Descriptor;

/// Some components of Pip.Services, by types and kinds; `*` is every kind.
pub(super) struct Missing {
    types: &'static [&'static str],
    kinds: &'static [&'static str],
    /// What to do instead, as an instruction.
    pub(super) instead: &'static str,
}

/// All of them.
pub(super) static MISSING: [Missing; 16] = [
    Missing {
        types: &["logger", "counters", "tracer"],
        kinds: &["composite"],
        instead: "leave it out: what a component says goes to all loggers, counters and tracers of the manifest",
    },
    Missing {
        types: &["logger"],
        kinds: &["elasticsearch", "fluentd", "datadog", "cloudwatch"],
        instead: "use `pip-services:logger:console:default:1.0` with `format = \"json\"`, whose lines a collector ships",
    },
    Missing {
        types: &["counters"],
        kinds: &["cached", "datadog", "cloudwatch"],
        instead: "use `pip-services:counters:log:default:1.0`, or write a component that offers `CounterSink`",
    },
    Missing {
        types: &["metrics-service"],
        kinds: &["prometheus"],
        instead: "use `pip-services:metrics-controller:prometheus:default:1.0`",
    },
    Missing {
        types: &["endpoint"],
        kinds: &["grpc"],
        instead: "write the server as a component of your own, which listens while it is open",
    },
    Missing {
        types: &["heartbeat-service"],
        kinds: &["http"],
        instead: "use `pip-services:heartbeat-controller:http:default:1.0`",
    },
    Missing {
        types: &["status-service"],
        kinds: &["http"],
        instead: "use `pip-services:status-controller:http:default:1.0`",
    },
    Missing {
        types: &["swagger-controller", "swagger-service"],
        kinds: &["*"],
        instead: "leave it out, and serve the document from the component that serves the routes",
    },
    Missing {
        types: &["message-queue", "queue-factory", "connection"],
        kinds: &["kafka", "nats", "bare-nats", "rabbitmq"],
        instead: "use `pip-services:message-queue:mqtt:…:1.0` with `pip-services:connection:mqtt:default:1.0`, or write a \
                  component that offers `MessageQueue`",
    },
    Missing {
        types: &["connection"],
        kinds: &["mongodb", "mysql", "postgres", "sqlserver", "sqlite", "cassandra", "couchbase"],
        instead: "write a component of your own that opens the client of that database",
    },
    Missing {
        types: &["cache", "lock", "state-store"],
        kinds: &["*"],
        instead: "write a component of your own, and a trait by which the others ask for it",
    },
    Missing {
        types: &["credential-store"],
        kinds: &["hashicorp-vault"],
        instead: "use `pip-services:credential-store:file:default:1.0` with the files that a Vault agent writes",
    },
    Missing {
        types: &["discovery"],
        kinds: &["hashicorp-vault"],
        instead: "use `pip-services:discovery:file:default:1.0` with a file that a Vault agent writes",
    },
    Missing {
        types: &["config-reader", "factory"],
        kinds: &["*"],
        instead: "leave it out: the container reads the manifest itself, with `include` and `${NAME}`, and factories are linked",
    },
    Missing {
        types: &["container-info"],
        kinds: &["*"],
        instead: "write `[service]` with `name` and `description`, or `pip-services:context-info:default:default:1.0`",
    },
    Missing {
        types: &["shutdown"],
        kinds: &["*"],
        instead: "leave it out: it crashes a service for tests; a signal stops one",
    },
];

/// What to say of a descriptor of Pip.Services that nothing here makes.
pub(super) fn missing(descriptor: &Descriptor) -> Option<&'static Missing> {
    let has = |list: &[&str], token: &str| list.iter().any(|one| *one == "*" || *one == token);
    let theirs = descriptor.group().starts_with("pip-services");
    MISSING
        .iter()
        .find(|row| theirs && has(row.types, descriptor.token(1)) && has(row.kinds, descriptor.token(2)))
}

/// What to do instead of a component of Pip.Services that is not here, as an instruction; for one of any of its groups, such as
/// `pip-services-swagger`.
#[cfg(feature = "cli")]
pub(crate) fn instead_of(descriptor: &Descriptor) -> Option<&'static str> {
    missing(descriptor).map(|missing| missing.instead)
}

#[cfg(test)]
mod tests {
    use wirework::component::{Lookup, Registry};

    use super::*;

    fn descriptor(of: &str, kind: &str) -> Descriptor {
        format!("pip-services:{of}:{kind}:default:1.0").parse().unwrap()
    }

    #[test]
    fn what_is_missing_is_not_here_and_what_is_named_instead_is() {
        let registry = Registry::linked().unwrap();
        let is_here = |descriptor: &Descriptor| !matches!(registry.find(descriptor), Lookup::None);
        for row in &MISSING {
            for (of, kind) in row.types.iter().flat_map(|of| row.kinds.iter().map(move |kind| (of, kind))) {
                let one = descriptor(of, &kind.replace('*', "any"));
                assert!(!is_here(&one), "{one} is here");
                assert!(std::ptr::eq(missing(&one).unwrap(), row), "{one} has an earlier row");
            }
            let named = row.instead.split('`').filter(|text| text.starts_with("pip-services:"));
            for text in named {
                assert!(is_here(&text.replace('…', "default").parse().unwrap()), "{text} is not here");
            }
        }
    }

    #[test]
    fn others_are_not_taken_for_theirs() {
        assert!(missing(&"acme:cache:redis:default:1.0".parse().unwrap()).is_none());
        assert!(missing(&descriptor("cache", "redis")).is_some());
        assert!(missing(&descriptor("logger", "consol")).is_none());
    }
}
