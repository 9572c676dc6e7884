//! What the errors of MQTT say.

use std::io;

use super::*;
use crate::Error;
use crate::mqtt::protocol::Reason;
use crate::mqtt::topic::Filter;
use crate::text::is_unsafe;

#[test]
fn a_failed_connect_says_what_happened_last() {
    let source = LinkError::io("connecting to 127.0.0.1:1", io::Error::other("refused"));
    let error = Error::from(MqttError::ConnectFailed {
        endpoints: "mqtt://127.0.0.1:1".into(),
        waited: Duration::from_secs(3),
        source,
    });
    assert_eq!(error.code(), "CONNECT_FAILED");
    let expected = "cannot connect to the MQTT broker at mqtt://127.0.0.1:1 within 3 s: connecting to \
                    127.0.0.1:1 failed: refused";
    assert_eq!(error.chain(), expected);
    let source = LinkError::io("connecting to 127.0.0.1:1", io::Error::other("refused"));
    let once =
        MqttError::ConnectFailed { endpoints: "mqtt://127.0.0.1:1".into(), waited: Duration::ZERO, source };
    assert_eq!(once.to_string(), "cannot connect to the MQTT broker at mqtt://127.0.0.1:1");
    let typed = error.downcast_ref::<MqttError>().unwrap();
    assert_eq!(format!("{typed:?}"), format!("NoResponse CONNECT_FAILED: {expected}"));
    let state = crate::mqtt::LinkState::Failed(typed.clone());
    assert_eq!(state.to_string(), format!("failed: {expected}"));
}

#[test]
fn what_a_peer_said_is_cut_and_escaped_in_every_error() {
    let evil: Arc<str> = format!("\u{1b}]0;\n\u{9b}\u{202e}{}", "x".repeat(60_000)).into();
    let text = || Arc::clone(&evil);
    let reason = || Reason::describe(0x87, Some(&Reason::clip(&evil)));
    let (code, client_id) = (0x87, text());
    let left = LinkError::Disconnected { code, reason: reason(), server_reference: Some(text()) };
    let taken = |certain| LinkError::TakenOver {
        client_id: Arc::clone(&client_id),
        times: 3,
        certain,
        last: Arc::new(left.clone()),
    };
    let (size, max, qos) = (1, 0, QoS::AtMostOnce);
    let errors = [
        MqttError::Refused { endpoint: text(), code, reason: reason(), server_reference: Some(text()) },
        MqttError::SessionLost { topic: text() },
        MqttError::TooLarge { topic: text(), size, max },
        MqttError::SubscriptionRefused { filter: text(), code, reason: reason() },
        MqttError::PublishRefused { topic: text(), code, reason: reason() },
        MqttError::EndsLinks { topic: text(), size, qos, links: 3, last: left.clone() },
        MqttError::Expired { topic: text() },
        MqttError::Down(taken(true)),
        MqttError::Down(taken(false)),
        MqttError::Down(LinkError::Moving { to: text() }),
        MqttError::Down(LinkError::Refused { code, reason: reason(), server_reference: Some(text()) }),
        format!("a/{evil}+").parse::<Filter>().unwrap_err().into(),
    ];
    for error in errors {
        let shown = [error.to_string(), Error::from(error).chain()];
        for text in shown {
            assert!(text.len() < 2000 && !text.contains(is_unsafe), "{text}");
        }
    }
}

#[test]
fn bad_credentials_are_unauthorized() {
    let refused = |code| {
        let (endpoint, reason) = ("e".into(), "r".into());
        MqttError::Refused { endpoint, code, reason, server_reference: None }.category()
    };
    assert_eq!((refused(3), refused(5)), (Category::NoResponse, Category::Unauthorized));
    assert_eq!((refused(0x88), refused(0x86)), (Category::NoResponse, Category::Unauthorized));
}
