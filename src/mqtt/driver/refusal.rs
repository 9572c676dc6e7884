//! What a refusal by the broker means, and whom it refuses.
//!
//! "Not authorized" alone leaves open who was not: a client without a user name is a mistake in its configuration, one with a
//! name lacks a right at the broker. A name that is sent without a password may be the secret itself, a token, and is not
//! shown.

use std::sync::Arc;

use crate::connect::Endpoint;
use crate::mqtt::MqttVersion;
use crate::mqtt::protocol::Reason;
use crate::text::clip;

/// The return code of SUBACK for a filter that is not granted; all that MQTT 3.1.1 has.
const FAILURE: u8 = 0x80;

/// Words the refusals of a broker. It holds as whom the client has connected there.
#[derive(Clone, Debug)]
pub(super) struct RefusalText(Arc<str>);

impl Default for RefusalText {
    fn default() -> Self {
        Self("without a user name".into())
    }
}

impl RefusalText {
    /// Words the refusals of this broker.
    pub fn of(endpoint: &Endpoint) -> Self {
        let name = endpoint.username.as_deref().filter(|name| !name.is_empty());
        let password = endpoint.password.as_ref().is_some_and(|password| !password.expose().is_empty());
        match (name, password) {
            (Some(name), true) => Self(format!("as user `{}`", clip(name)).into()),
            (Some(_), false) => Self("with a user name and without a password".into()),
            (None, true) => Self("with a password and without a user name".into()),
            (None, false) => Self::default(),
        }
    }

    /// Adds to a reason as whom the client has connected, where the code is about that.
    pub fn with_user(&self, code: u8, reason: Arc<str>) -> Arc<str> {
        // Bad user name or password, not authorized; in 3.1.1 and in 5.
        if matches!(code, 4 | 5 | 0x86 | 0x87) { format!("{reason}, {}", self.0).into() } else { reason }
    }

    /// Returns what a code means that refuses a message. The broker may have given a `reason`.
    pub fn of_message(&self, code: u8, reason: Option<&str>) -> Arc<str> {
        self.with_user(code, Reason::describe(code, reason))
    }

    /// Returns what a code means that refuses a filter. The broker may have given a `reason`.
    pub fn of_filter(&self, version: MqttVersion, code: u8, reason: Option<&str>) -> Arc<str> {
        if (version, code) != (MqttVersion::V4, FAILURE) {
            return self.of_message(code, reason);
        }
        let user = &self.0;
        format!("most likely the client, {user}, may not subscribe to it, or the broker does not support it; MQTT 3.1.1 has no reasons")
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{MqttConfig, MqttConnectionResolver};

    async fn text(pairs: &[(&str, &str)]) -> RefusalText {
        let version = ("options.protocol_version", "5");
        let pairs = [("connection.host", "broker"), version].into_iter().chain(pairs.iter().copied());
        let config: MqttConfig = crate::config::from_pairs(pairs).unwrap();
        let endpoints =
            MqttConnectionResolver::new(&config, vec![], vec![]).unwrap().resolve().await.unwrap();
        RefusalText::of(&endpoints[0])
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
            assert_eq!(&*text(pairs).await.of_message(0x87, Some("go away")), expected);
        }
        assert_eq!(&*text(&[]).await.of_message(0x97, None), "a quota is exceeded");
    }

    #[test]
    fn a_refusal_without_a_reason_says_what_it_mostly_means() {
        let reason = |version| RefusalText::default().of_filter(version, FAILURE, None);
        assert_eq!(
            &*reason(MqttVersion::V4),
            "most likely the client, without a user name, may not subscribe to it, or the broker does not support it; MQTT 3.1.1 has \
             no reasons"
        );
        assert_eq!(&*reason(MqttVersion::V5), "unspecified error");
    }
}
