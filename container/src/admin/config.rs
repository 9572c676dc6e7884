//! The configuration of the admin controller.

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::Coded;
use wirework::config::{ConfigPath, Invalid};
use wirework::http::{BadRoute, BaseRoute};

use super::token::Token;

/// The configuration of [`AdminController`](super::AdminController).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminControllerConfig {
    /// Where its routes begin.
    pub base_route: BaseRoute,
    /// Who may do what.
    pub options: AdminOptions,
}

impl Default for AdminControllerConfig {
    fn default() -> Self {
        let base_route = "/admin".parse().unwrap_or_else(|_: BadRoute| BaseRoute::default());
        Self { base_route, options: AdminOptions::default() }
    }
}

/// Who may operate the service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminOptions {
    /// A file with the token that requests have as `Authorization: Bearer TOKEN`: those that change something, and all from other
    /// machines. At least 16 characters; only the user of the process may read it. Without it nothing can be changed, and nothing be
    /// read from other machines, but over a Unix socket.
    pub token_file: Option<ConfigPath>,
    /// Names by which the service may be asked for in the `Host` header, beside IP addresses and `localhost`.
    pub hosts: Vec<String>,
}

impl AdminOptions {
    /// What cannot work, as far as that is known before the service runs.
    pub(super) fn validate(&self) -> Vec<Invalid> {
        let token = self.token_file.as_ref().and_then(|path| Token::read(path).err());
        let token =
            token.map(|error| Invalid::new("options.token_file", error.to_string()).with_code(error.code()));
        let hosts = self.hosts.iter().enumerate().filter(|(_, host)| !is_host_name(host));
        let hosts = hosts.map(|(at, _)| {
            Invalid::new(
                format!("options.hosts.{at}"),
                "is no host name; write a name without scheme, port and `*`, such as `admin.example.com`",
            )
        });
        token.into_iter().chain(hosts).collect()
    }
}

/// Whether a text can be a name of DNS (RFC 1123, section 2.1).
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_alone() {
        for good in ["localhost", "admin.example.com", "a-b.c1"] {
            assert!(is_host_name(good), "{good}");
        }
        for bad in ["", "http://x", "x:80", "*.example.com", "-a", "a-", "a..b", "a/b", "ä.de"] {
            assert!(!is_host_name(bad), "{bad}");
        }
    }
}
