//! What capabilities are called by those who run components and do not write them.

use std::borrow::Cow;

use wirework::component::{Cardinality, Reference};

use super::factories::Binary;

impl Binary {
    /// What a reference asks for, as the reader of a message knows it: the name of a trait or type where the binary is an author's,
    /// words in the stock one, as many as it takes: `HTTP endpoint`, `credential stores`.
    pub fn asked(self, reference: &Reference) -> Cow<'static, str> {
        let name = (reference.capability)();
        let Some(words) = in_words(name).filter(|_| self == Self::Stock) else { return name.into() };
        match reference.cardinality {
            Cardinality::Many | Cardinality::Late if !words.ends_with('s') => format!("{words}s").into(),
            _ => words.into(),
        }
    }

    /// What an offer is to the reader of a message; nothing where it is a type that only code can ask for.
    #[cfg(feature = "cli")]
    pub fn offered(self, capability: &'static str) -> Option<&'static str> {
        match self {
            Self::Own => Some(capability),
            Self::Stock => in_words(capability),
        }
    }
}

/// The words for a stock capability that others ask for by a reference.
fn in_words(capability: &str) -> Option<&'static str> {
    Some(match capability {
        "ContextInfo" => "context info",
        "CredentialStore" => "credential store",
        "Discovery" => "discovery service",
        "CounterSink" => "counters",
        "Exposition" => "Prometheus counters",
        "HttpRoutes" => "HTTP endpoint",
        "LogSink" => "logger",
        "TraceSink" => "tracer",
        "MessageQueue" => "message queue",
        "MessageQueueFactory" => "queue factory",
        "MqttConnection" => "MQTT connection",
        "OtlpConnection" => "OTLP connection",
        _ => return None,
    })
}

#[cfg(all(test, feature = "stock"))]
mod tests {
    use wirework::component::Registry;

    use super::*;

    #[test]
    fn whatever_a_stock_component_asks_for_has_words() {
        let registry = Registry::linked().unwrap();
        let all = registry.all().iter().flat_map(|one| one.factory().references());
        let names: Vec<_> = all.map(|reference| (reference.capability)()).collect();
        assert!(names.len() > 10);
        for name in names.iter().filter(|name| !["Logger", "Counters", "Tracer"].contains(name)) {
            assert!(in_words(name).is_some(), "{name}");
        }
    }
}
