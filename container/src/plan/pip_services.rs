//! The components of Pip.Services that are not here, and what to use instead.

use std::fmt;

use wirework::Descriptor;
#[cfg(feature = "cli")]
use wirework::component::{Lookup, Registry};

use Instead::{Do, Renamed};

/// Some components of Pip.Services, by types and kinds; `*` is every kind.
pub(super) struct Missing {
    types: &'static [&'static str],
    kinds: &'static [&'static str],
    pub(super) instead: Instead,
}

/// What to do instead of a component; its text is an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// It is here under this descriptor.
    Renamed(&'static str),
    /// This.
    Do(&'static str),
}

impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Renamed(descriptor) => write!(f, "use `{descriptor}`"),
            Do(text) => f.write_str(text),
        }
    }
}

/// All of them.
pub(super) static MISSING: [Missing; 16] = [
    Missing {
        types: &["logger", "counters", "tracer"],
        kinds: &["composite"],
        instead: Do(
            "leave it out: what a component says goes to all loggers, counters and tracers of the manifest",
        ),
    },
    Missing {
        types: &["logger"],
        kinds: &["elasticsearch", "fluentd", "datadog", "cloudwatch"],
        instead: Do(
            "use `pip-services:logger:console:default:1.0` with `format = \"json\"`, whose lines a collector ships",
        ),
    },
    Missing {
        types: &["counters"],
        kinds: &["cached", "datadog", "cloudwatch"],
        instead: Do(
            "use `pip-services:counters:log:default:1.0`, or write a component that offers `CounterSink`",
        ),
    },
    Missing {
        types: &["metrics-service"],
        kinds: &["prometheus"],
        instead: Renamed("pip-services:metrics-controller:prometheus:default:1.0"),
    },
    Missing {
        types: &["endpoint"],
        kinds: &["grpc"],
        instead: Do("write the server as a component of your own, which listens while it is open"),
    },
    Missing {
        types: &["heartbeat-service"],
        kinds: &["http"],
        instead: Renamed("pip-services:heartbeat-controller:http:default:1.0"),
    },
    Missing {
        types: &["status-service"],
        kinds: &["http"],
        instead: Renamed("pip-services:status-controller:http:default:1.0"),
    },
    Missing {
        types: &["swagger-controller", "swagger-service"],
        kinds: &["*"],
        instead: Do("leave it out, and serve the document from the component that serves the routes"),
    },
    Missing {
        types: &["message-queue", "queue-factory", "connection"],
        kinds: &["kafka", "nats", "bare-nats", "rabbitmq"],
        instead: Do(
            "use `pip-services:message-queue:mqtt:…:1.0` with `pip-services:connection:mqtt:default:1.0`, or write a \
                  component that offers `MessageQueue`",
        ),
    },
    Missing {
        types: &["connection"],
        kinds: &["mongodb", "mysql", "postgres", "sqlserver", "sqlite", "cassandra", "couchbase"],
        instead: Do("write a component of your own that opens the client of that database"),
    },
    Missing {
        types: &["cache", "lock", "state-store"],
        kinds: &["*"],
        instead: Do("write a component of your own, and a trait by which the others ask for it"),
    },
    Missing {
        types: &["credential-store"],
        kinds: &["hashicorp-vault"],
        instead: Do(
            "use `pip-services:credential-store:file:default:1.0` with the files that a Vault agent writes",
        ),
    },
    Missing {
        types: &["discovery"],
        kinds: &["hashicorp-vault"],
        instead: Do("use `pip-services:discovery:file:default:1.0` with a file that a Vault agent writes"),
    },
    Missing {
        types: &["config-reader", "factory"],
        kinds: &["*"],
        instead: Do(
            "leave it out: the container reads the manifest itself, with `include` and `${NAME}`, and factories are linked",
        ),
    },
    Missing {
        types: &["container-info"],
        kinds: &["*"],
        instead: Do(
            "write `[service]` with `name` and `description`, or `pip-services:context-info:default:default:1.0`",
        ),
    },
    Missing {
        types: &["shutdown"],
        kinds: &["*"],
        instead: Do("leave it out: it crashes a service for tests; a signal stops one"),
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

/// What to do instead of a component of Pip.Services that is not here; for one of any of its groups, such as `pip-services-swagger`.
#[cfg(feature = "cli")]
pub(crate) fn instead_of(descriptor: &Descriptor) -> Option<Instead> {
    missing(descriptor).map(|missing| missing.instead)
}

/// The descriptor under which a component of Pip.Services is here, where its own is that of another version of it.
#[cfg(feature = "cli")]
pub(crate) fn today(descriptor: &Descriptor, registry: &Registry) -> Option<Descriptor> {
    let is_here = |descriptor: &Descriptor| !matches!(registry.find(descriptor), Lookup::None);
    if !descriptor.group().starts_with("pip-services") || is_here(descriptor) {
        return None;
    }
    let [r#type, kind] = match missing(descriptor).map(|missing| missing.instead) {
        Some(Renamed(named)) => {
            let named: Descriptor = named.parse().ok()?;
            [named.r#type().to_owned(), named.kind().to_owned()]
        }
        Some(Do(_)) => return None,
        None => [descriptor.r#type().to_owned(), descriptor.kind().to_owned()],
    };
    let same = format!("pip-services:{type}:{kind}:{}:1.0", descriptor.name()).parse().ok();
    same.filter(is_here)
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
            let instead = row.instead.to_string();
            for text in instead.split('`').filter(|text| text.starts_with("pip-services:")) {
                assert!(is_here(&text.replace('…', "default").parse().unwrap()), "{text} is not here");
            }
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn older_names_are_known() {
        let registry = Registry::linked().unwrap();
        let today = |text: &str| today(&text.parse().unwrap(), &registry).map(|now| now.to_string());
        for (of, now) in [
            (
                "pip-services:heartbeat-service:http:a:1.0",
                Some("pip-services:heartbeat-controller:http:a:1.0"),
            ),
            (
                "pip-services:status-service:http:default:1.0",
                Some("pip-services:status-controller:http:default:1.0"),
            ),
            (
                "pip-services3:metrics-service:prometheus:a:1.0",
                Some("pip-services:metrics-controller:prometheus:a:1.0"),
            ),
            ("pip-services4:endpoint:http:a:2.0", Some("pip-services:endpoint:http:a:1.0")),
            ("pip-services:endpoint:http:a:1.0", None),
            ("pip-services:endpoint:grpc:a:1.0", None),
            ("acme:heartbeat-service:http:a:1.0", None),
        ] {
            assert_eq!(today(of).as_deref(), now, "{of}");
        }
    }

    #[test]
    fn others_are_not_taken_for_theirs() {
        assert!(missing(&"acme:cache:redis:default:1.0".parse().unwrap()).is_none());
        assert!(missing(&descriptor("cache", "redis")).is_some());
        assert!(missing(&descriptor("logger", "consol")).is_none());
    }
}
