//! What a refusal means, and whom a broker refuses.
//!
//! "Not authorized" alone leaves open who was not: a client without a user name is a mistake in its configuration, one with a name a
//! missing right at the broker. A name that goes without a password may be the secret itself, a token, and is not shown.

use std::sync::Arc;

use crate::connect::Endpoint;
use crate::mqtt::MqttVersion;
use crate::mqtt::protocol::Reason;
use crate::text::clip;

/// The return code of SUBACK for a filter that is not granted; all that MQTT 3.1.1 has.
const FAILURE: u8 = 0x80;

/// As whom the client has come to a broker.
#[derive(Clone, Debug)]
pub(super) struct Whom(Arc<str>);

impl Default for Whom {
    fn default() -> Self {
        Self("without a user name".into())
    }
}

impl Whom {
    /// As CONNECT to this endpoint says.
    pub(super) fn at(endpoint: &Endpoint) -> Self {
        let name = endpoint.username.as_deref().filter(|name| !name.is_empty());
        let password = endpoint.password.as_ref().is_some_and(|password| !password.expose().is_empty());
        match (name, password) {
            (Some(name), true) => Self(format!("as user `{}`", clip(name)).into()),
            (Some(_), false) => Self("with a user name and without a password".into()),
            (None, true) => Self("with a password and without a user name".into()),
            (None, false) => Self::default(),
        }
    }

    /// What a broker has said of a refusal, with whom it refuses where the code is about that.
    pub(super) fn add_to(&self, code: u8, said: Arc<str>) -> Arc<str> {
        // Bad user name or password, not authorized; in 3.1.1 and in 5.
        if matches!(code, 4 | 5 | 0x86 | 0x87) { format!("{said}, {}", self.0).into() } else { said }
    }

    /// What a code means that is about a message.
    pub(super) fn reason(&self, code: u8, said: Option<&str>) -> Arc<str> {
        self.add_to(code, Reason::describe(code, said))
    }

    /// What a code means that is about a filter.
    pub(super) fn filter_reason(&self, version: MqttVersion, code: u8, said: Option<&str>) -> Arc<str> {
        if (version, code) != (MqttVersion::V4, FAILURE) {
            return self.reason(code, said);
        }
        let whom = &self.0;
        format!("most likely the client, {whom}, may not subscribe to it, or the broker does not support it; MQTT 3.1.1 has no reasons")
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{MqttConfig, MqttConnectionResolver};

    async fn whom(pairs: &[(&str, &str)]) -> Whom {
        let version = ("options.protocol_version", "5");
        let pairs = [("connection.host", "broker"), version].into_iter().chain(pairs.iter().copied());
        let config: MqttConfig = crate::config::from_pairs(pairs).unwrap();
        let endpoints =
            MqttConnectionResolver::new(&config, vec![], vec![]).unwrap().resolve().await.unwrap();
        Whom::at(&endpoints[0])
    }

    #[tokio::test]
    async fn a_refusal_names_the_user_unless_that_may_be_a_token() {
        let (user, password) = (("credential.username", "ann\n"), ("credential.password", "canary"));
        let token = ("credential.username", "canary");
        for (pairs, expected) in [
            (&[user, password][..], "not authorized: go away, as user `ann\\n`"),
            (&[token], "not authorized: go away, with a user name and without a password"),
            (&[password], "not authorized: go away, with a password and without a user name"),
            (&[], "not authorized: go away, without a user name"),
        ] {
            assert_eq!(&*whom(pairs).await.reason(0x87, Some("go away")), expected);
        }
        assert_eq!(&*whom(&[]).await.reason(0x97, None), "a quota is exceeded");
    }

    #[test]
    fn a_refusal_without_a_reason_says_what_it_mostly_means() {
        let reason = |version| Whom::default().filter_reason(version, FAILURE, None);
        assert_eq!(
            &*reason(MqttVersion::V4),
            "most likely the client, without a user name, may not subscribe to it, or the broker does not support it; MQTT 3.1.1 has \
             no reasons"
        );
        assert_eq!(&*reason(MqttVersion::V5), "unspecified error");
    }
}
