//! What a connection is made of, beside its configuration.

use std::sync::Arc;

use crate::auth::CredentialStore;
use crate::connect::Discovery;
use crate::count::Counters;
use crate::log::Logger;
use crate::mqtt::MqttWill;
use crate::trace::Tracer;

/// What a connection is made of, beside its configuration.
pub(crate) struct Environment {
    pub logger: Logger,
    pub counters: Counters,
    pub tracer: Tracer,
    pub discovery: Vec<Arc<dyn Discovery>>,
    pub credentials: Vec<Arc<dyn CredentialStore>>,
    /// Instead of the one that the configuration has.
    pub will: Option<MqttWill>,
}
