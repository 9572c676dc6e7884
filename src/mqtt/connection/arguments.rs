//! What a configuration in code is called where it is wrong: the method that was called, and not a key that nobody wrote.

use crate::config::Invalid;

/// The method that gave a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `connect(uri)`.
    Connect,
    /// `uri(uri)`.
    Uri,
    /// `host(host, port)`.
    Host,
}

/// Which parts of a configuration came by methods.
#[derive(Debug)]
pub struct Arguments {
    /// The brokers, which stand behind those of a configuration that was given.
    pub brokers: Vec<Method>,
    /// How many that has under `connections`.
    pub listed: usize,
    /// Whether it has one under `connection`, which stands behind these.
    pub has_one: bool,
    /// Whether `credential` was called.
    pub has_credential: bool,
}

impl Arguments {
    /// The same problem, about the argument where one is to blame.
    pub fn rename(&self, invalid: Invalid) -> Invalid {
        let key = invalid.key();
        if self.has_credential && (key == "credential" || key.starts_with("credential.")) {
            return invalid.about("credential(username, password)");
        }
        if let Some((number, part)) = numbered(key) {
            let before = self.listed + usize::from(self.has_one);
            if let Some(method) = number.checked_sub(before).and_then(|at| self.brokers.get(at)) {
                return invalid.about(self.shown(*method, number));
            }
            if self.has_one && number == self.listed && !self.brokers.is_empty() {
                let key =
                    if part.is_empty() { "connection".to_owned() } else { format!("connection.{part}") };
                return invalid.about(key);
            }
        }
        invalid
    }

    fn shown(&self, method: Method, number: usize) -> String {
        let call = match method {
            Method::Connect => "connect(uri)",
            Method::Uri => "uri(uri)",
            Method::Host => "host(host, port)",
        };
        let several = self.listed + usize::from(self.has_one) + self.brokers.len() > 1;
        if several { format!("{call} of broker {}", number + 1) } else { call.to_owned() }
    }

    /// What is wrong where there is no broker at all, in the words of the builder.
    pub fn no_broker() -> Invalid {
        Invalid::new("host", "or `uri` has not been called, so that there is no broker to connect to")
    }
}

/// The number in `connections.<number>`, and what stands behind it.
fn numbered(key: &str) -> Option<(usize, &str)> {
    let rest = key.strip_prefix("connections.")?;
    let (number, part) = rest.split_once('.').unwrap_or((rest, ""));
    Some((number.parse().ok()?, part))
}
