//! The variables `OTEL_*` of OpenTelemetry, for what the manifest does not say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::config::Compression;
use super::error::OtlpError;
use super::signal::Signal;
use crate::connect::{ConnectionParams, Environment, Uri, UriPart, endpoints};
use crate::error::chain;
use crate::http_client::{HeaderError, PROTOCOLS, RequestUrl};
use crate::params::decode;
use crate::trace::Sampler;

/// Reads the variables.
pub(super) struct Variables(Environment);

impl Variables {
    pub fn new(environment: Environment) -> Self {
        Self(environment)
    }

    fn get(&self, name: &str, key: &'static str) -> Result<Option<String>, OtlpError> {
        self.0.get(name).map_err(|_| wrong(name, "is not UTF-8", key))
    }

    /// The value of a variable of one signal, or else of that for all, with the name of the one that is set.
    fn of(
        &self,
        signal: Signal,
        what: &str,
        key: &'static str,
    ) -> Result<Option<(String, String)>, OtlpError> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.variable());
        for name in [own, format!("OTEL_EXPORTER_OTLP_{what}")] {
            if let Some(value) = self.get(&name, key)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// Where a signal is sent: `http://localhost:4318` unless a variable says otherwise.
    pub fn urls(&self, signal: Signal) -> Result<Vec<RequestUrl>, OtlpError> {
        const KEY: &str = "connection";
        self.check_protocol(signal)?;
        let found = self.of(signal, "ENDPOINT", KEY)?;
        // The address for all signals is a base URL, behind which comes `/v1/SIGNAL`; the variable of one signal has the whole URL.
        let is_own = found.as_ref().is_some_and(|(name, _)| name.contains(signal.variable()));
        let (name, value) = found.unwrap_or_else(|| {
            ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), "http://localhost:4318".to_owned())
        });
        let wrong = |problem: String| wrong(&name, format!("is no address of a collector: {problem}"), KEY);
        let uri: Uri = value.parse().map_err(|error| wrong(chain(&error)))?;
        let connections = ConnectionParams::from_uri(uri).expand();
        let found = endpoints(&connections, None, PROTOCOLS).map_err(|error| wrong(chain(&error)))?;
        let url = |endpoint| {
            if is_own { RequestUrl::exact(endpoint) } else { RequestUrl::below(endpoint, signal.path()) }
        };
        Ok(found.into_iter().map(url).collect())
    }

    /// Another protocol than the one that is spoken here is refused, since its port is another one too.
    fn check_protocol(&self, signal: Signal) -> Result<(), OtlpError> {
        const KEY: &str = "connection";
        match self.of(signal, "PROTOCOL", KEY)? {
            None => Ok(()),
            Some((_, protocol)) if protocol == "http/protobuf" => Ok(()),
            Some((name, _)) => {
                let problem = "is not `http/protobuf`, which alone is spoken here; collectors take that at port 4318, and gRPC at 4317";
                Err(wrong(&name, problem, KEY))
            }
        }
    }

    /// Headers of requests.
    pub fn headers(&self, signal: Signal) -> Result<HeaderMap, OtlpError> {
        const KEY: &str = "credential";
        let Some((variable, list)) = self.of(signal, "HEADERS", KEY)? else { return Ok(HeaderMap::new()) };
        let mut headers = HeaderMap::new();
        for (number, pair) in (1..).zip(list.split(',')).filter(|(_, pair)| !pair.trim().is_empty()) {
            let wrong = |problem| wrong(&variable, format!("has the header {number}, which {problem}"), KEY);
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| wrong("has no `=`; headers are `name=value,name=value`"))?;
            // Many write values as they are, also where they have a `%`.
            let value = decode(value.trim(), UriPart::Query).unwrap_or_else(|_| value.trim().to_owned());
            let name = HeaderName::try_from(name.trim()).map_err(|_| wrong(HeaderError::BAD_NAME))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| wrong(HeaderError::BAD_VALUE))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// How long a request may take.
    pub fn timeout(&self, signal: Signal) -> Result<Option<Duration>, OtlpError> {
        const KEY: &str = "options.timeout";
        let Some((name, value)) = self.of(signal, "TIMEOUT", KEY)? else { return Ok(None) };
        let millis = value.parse().ok().filter(|millis| *millis > 0);
        let problem = "is no number of milliseconds above 0";
        millis.map(|millis| Some(Duration::from_millis(millis))).ok_or_else(|| wrong(&name, problem, KEY))
    }

    /// How requests are compressed.
    pub fn compression(&self, signal: Signal) -> Result<Option<Compression>, OtlpError> {
        const KEY: &str = "options.compression";
        let Some((name, value)) = self.of(signal, "COMPRESSION", KEY)? else { return Ok(None) };
        match &*value {
            "gzip" => Ok(Some(Compression::Gzip)),
            "none" => Ok(Some(Compression::None)),
            _ => Err(wrong(&name, "is neither `gzip` nor `none`", KEY)),
        }
    }

    /// Which traces are sent.
    pub fn sampler(&self) -> Result<Option<Sampler>, OtlpError> {
        const KEY: &str = "options.sample_ratio";
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        let Some(name) = self.get(NAME, KEY)? else { return Ok(None) };
        let (kind, always) = match name.strip_prefix("parentbased_") {
            Some(kind) => (kind, Sampler::ratio(1.0)),
            None => (&*name, Sampler::ratio(1.0).ignoring_callers()),
        };
        match kind {
            "always_on" => Ok(Some(always)),
            "always_off" => Ok(Some(always.with_ratio(0.0))),
            "traceidratio" => Ok(Some(always.with_ratio(self.sampler_ratio(KEY)?))),
            _ => {
                let problem = "is none of `parentbased_traceidratio`, `parentbased_always_on`, `parentbased_always_off`, `traceidratio`, \
                     `always_on` and `always_off`";
                Err(wrong(NAME, problem, KEY))
            }
        }
    }

    fn sampler_ratio(&self, key: &'static str) -> Result<f64, OtlpError> {
        const NAME: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(value) = self.get(NAME, key)? else { return Ok(1.0) };
        let ratio = value.trim().parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.ok_or_else(|| wrong(NAME, "is no number from 0 to 1", key))
    }

    /// Attributes of all that is sent.
    pub fn resource(&self) -> Result<BTreeMap<String, String>, OtlpError> {
        const KEY: &str = "resource";
        const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let mut attributes = BTreeMap::new();
        let list = self.get(NAME, KEY)?.unwrap_or_default();
        for pair in list.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                wrong(NAME, "has an attribute without `=`; attributes are `name=value,name=value`", KEY)
            })?;
            let value = decode(value.trim(), UriPart::Query)
                .map_err(|_| wrong(NAME, "has an escape that is none; a `%` is written `%25`", KEY))?;
            attributes.insert(name.trim().to_owned(), value);
        }
        attributes.extend(self.get("OTEL_SERVICE_NAME", KEY)?.map(|name| ("service.name".to_owned(), name)));
        Ok(attributes)
    }
}

fn wrong(name: &str, problem: impl Into<Cow<'static, str>>, key: &'static str) -> OtlpError {
    OtlpError::Variable { name: name.to_owned(), problem: problem.into(), key }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(of: &[(&str, &str)]) -> Variables {
        Variables::new(Environment::of(of))
    }

    fn urls(of: &[(&str, &str)], signal: Signal) -> Result<Vec<String>, String> {
        let urls = variables(of).urls(signal).map_err(|error| error.to_string())?;
        Ok(urls.iter().map(ToString::to_string).collect())
    }

    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

    #[test]
    fn an_address_is_that_of_all_signals_or_of_one() {
        assert_eq!(urls(&[], Signal::Logs).unwrap(), ["http://localhost:4318/v1/logs"]);
        let both =
            [(ENDPOINT, "https://c.example/otlp/"), ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://l:80/x")];
        assert_eq!(urls(&both, Signal::Logs).unwrap(), ["http://l:80/x"]);
        assert_eq!(urls(&both, Signal::Metrics).unwrap(), ["https://c.example:443/otlp/v1/metrics"]);
    }

    #[test]
    fn what_does_not_work_is_named_and_not_shown() {
        let error = |name: &str, value: &str| urls(&[(name, value)], Signal::Logs).unwrap_err();
        let grpc = error("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert!(grpc.contains("`OTEL_EXPORTER_OTLP_PROTOCOL` is not `http/protobuf`"), "{grpc}");
        assert!(grpc.contains("4318"), "{grpc}");
        for bad in ["collector:4318", "canary", "grpc://h:4317", "http://"] {
            let said = error(ENDPOINT, bad);
            assert!(
                said.starts_with(&format!("the environment variable `{ENDPOINT}` is no address")),
                "{said}"
            );
            assert!(!said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn headers_are_pairs() {
        let headers = |list: &str| {
            let found = variables(&[("OTEL_EXPORTER_OTLP_HEADERS", list)]).headers(Signal::Logs);
            found.map_err(|error| error.to_string())
        };
        let found = headers("authorization=Basic%20YTpi, x-key = a=b==,").unwrap();
        assert_eq!(
            (found["authorization"].to_str().ok(), found["x-key"].to_str().ok()),
            (Some("Basic YTpi"), Some("a=b=="))
        );
        assert!(found.values().all(HeaderValue::is_sensitive));
        for bad in ["canary", "a=b,canary", "a b=canary", "a=canary%0A"] {
            let said = headers(bad).unwrap_err();
            assert!(
                said.contains("`OTEL_EXPORTER_OTLP_HEADERS` has the header ") && !said.contains("canary"),
                "{said}"
            );
        }
    }

    #[test]
    fn other_values_are_checked() {
        let all = variables(&[
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "zip"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=x%2Cy"),
            ("OTEL_SERVICE_NAME", "b"),
        ]);
        assert_eq!(all.timeout(Signal::Logs).unwrap(), Some(Duration::from_millis(250)));
        assert!(all.timeout(Signal::Metrics).is_err() && all.compression(Signal::Logs).is_err());
        assert_eq!(all.compression(Signal::Metrics).unwrap(), Some(Compression::None));
        let pairs = [("service.name", "b"), ("team", "x,y")];
        assert!(all.resource().unwrap().iter().map(|(name, value)| (&**name, &**value)).eq(pairs));
        assert!(variables(&[("OTEL_RESOURCE_ATTRIBUTES", "team")]).resource().is_err());
    }

    #[test]
    fn samplers_are_those_of_opentelemetry() {
        let sampler = |name: &str, ratio: &str| {
            let set = [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", ratio)];
            let found = variables(&set).sampler();
            found.map(Option::unwrap).map_err(|error| error.to_string())
        };
        assert_eq!(variables(&[]).sampler().unwrap(), None);
        assert_eq!(sampler("parentbased_traceidratio", " 0.1").unwrap(), Sampler::ratio(0.1));
        assert_eq!(sampler("parentbased_always_off", "canary").unwrap(), Sampler::ratio(0.0));
        assert_eq!(sampler("always_on", "").unwrap(), Sampler::ratio(1.0).ignoring_callers());
        assert_eq!(sampler("traceidratio", "0").unwrap(), Sampler::ratio(0.0).ignoring_callers());
        for (name, ratio) in [("canary", "1"), ("traceidratio", "canary"), ("traceidratio", "1.1")] {
            let said = sampler(name, ratio).unwrap_err();
            assert!(said.contains("`options.sample_ratio`") && !said.contains("canary"), "{said}");
        }
    }
}
