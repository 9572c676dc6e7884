//! The configuration of the admin controller.

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::Coded;
use wirework::config::{ConfigPath, Invalid};
use wirework::http::{BadRoute, BaseRoute};

use super::token::{Token, TokenError};

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
}

impl AdminOptions {
    /// What cannot work, as far as that is known before the service runs.
    pub(super) fn validate(&self) -> Vec<Invalid> {
        let token = self.token_file.as_ref().and_then(|path| Token::read(path).err());
        let invalid =
            |error: TokenError| Invalid::new("options.token_file", error.to_string()).with_code(error.code());
        token.into_iter().map(invalid).collect()
    }
}
