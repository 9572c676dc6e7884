//! What a broker must not say first.

use super::wire::Site;
use crate::common::{connection_to, context};
use crate::support::within;

/// Opens once; the broker answers CONNECT with these bytes. Returns the error, and what the client says before it goes.
async fn answered(version: &str, more: &[(&str, &str)], bytes: &[u8]) -> (String, Option<Vec<u8>>) {
    let site = Site::start().await;
    let keys = [("options.protocol_version", version), ("options.retry_connect", "false")];
    let connection = connection_to(site.port(), &[&keys, more].concat());
    let context = context();
    let (opened, said) = tokio::join!(within("the end of open", connection.open(&context)), async {
        let mut wire = site.accept().await;
        wire.send(bytes).await;
        wire.end().await
    });
    (opened.unwrap_err().chain(), said)
}

#[tokio::test]
async fn an_answer_that_breaks_3_1_1_is_refused() {
    for (bytes, expected) in [
        (&[0x20, 2, 0x80, 0][..], "CONNACK has reserved flags"),
        (&[0x20, 2, 2, 0], "CONNACK has reserved flags"),
        (&[0x21, 2, 0, 0], "CONNACK has reserved flags"),
        (&[0x20, 3, 0, 0, 0], "CONNACK has a length that it cannot have"),
        (&[0x20, 2, 0, 6], "CONNACK has a return code that MQTT 3.1.1 does not know"),
        (&[0x20, 2, 1, 0], "CONNACK with a session, though a new one was asked for"),
        (&[0xd0, 0], "something else than CONNACK"),
        (&[0x30, 3, 0, 1, b't'], "something else than CONNACK"),
        (&[0xe0, 0], "DISCONNECT came before CONNACK"),
    ] {
        let (error, said) = answered("3.1.1", &[], bytes).await;
        assert!(error.contains(expected), "{bytes:02x?}: {error}");
        assert_eq!(said, None);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_5_is_refused_and_the_broker_is_told_why() {
    for (bytes, expected, code) in [
        (&[0x20, 3, 0x80, 0, 0][..], "CONNACK has reserved flags", 0x81),
        (&[0x21, 3, 0, 0, 0], "CONNACK has reserved flags", 0x81),
        (&[0x20, 4, 0, 0, 0, 0], "CONNACK goes on behind its properties", 0x81),
        (&[0x20, 3, 1, 0, 0], "CONNACK with a session, though a new one was asked for", 0x82),
        (&[0x20, 3, 0, 1, 0], "CONNACK has a reason code that it cannot have", 0x82),
        (&[0x20, 6, 0, 0, 3, 33, 0, 0], "CONNACK has the receive maximum 0", 0x82),
        (&[0x20, 8, 0, 0, 5, 39, 0, 0, 0, 0], "CONNACK has the maximum packet size 0", 0x82),
        (&[0x20, 5, 0, 0, 2, 36, 2], "CONNACK has a property that is neither 0 nor 1", 0x82),
        (&[0x20, 5, 0, 0, 2, 37, 2], "CONNACK has a property that is neither 0 nor 1", 0x82),
        (&[0x20, 5, 0, 0, 2, 40, 2], "CONNACK has a property that is neither 0 nor 1", 0x82),
        (&[0x20, 5, 0, 0, 2, 41, 2], "CONNACK has a property that is neither 0 nor 1", 0x82),
        (&[0x20, 5, 0, 0, 2, 42, 2], "CONNACK has a property that is neither 0 nor 1", 0x82),
        (&[0x20, 9, 0, 0, 6, 33, 0, 1, 33, 0, 1], "CONNACK has a property twice", 0x82),
        (&[0x20, 5, 0, 0, 2, 1, 1], "CONNACK has a property that it cannot have", 0x81),
        (&[0x20, 7, 0, 0, 4, 31, 0, 1, 0], "CONNACK has a string with the character U+0000", 0x81),
        (&[0x20, 7, 0, 0, 4, 21, 0, 1, b'm'], "CONNACK has an authentication method", 0x82),
        (&[0x20, 7, 0, 0, 4, 26, 0, 1, b'r'], "CONNACK has response information", 0x82),
        (&[0xd0, 0], "something else than CONNACK", 0x82),
        (&[0xe0, 2, 0x9c, 0], "DISCONNECT came before CONNACK: use another server for now", 0x82),
        (&[0xf0, 0], "enhanced authentication is not supported", 0x82),
    ] {
        let (error, said) = answered("5", &[], bytes).await;
        assert!(error.contains(expected), "{bytes:02x?}: {error}");
        assert_eq!(said, Some(vec![0xe0, 2, code, 0]), "{bytes:02x?}");
    }
}

/// The broker ends the link after a refusal in any case: what it says counts for more than its form.
#[tokio::test]
async fn a_refusal_is_read_though_its_form_is_not_quite_right() {
    for (version, bytes, expected) in [
        ("3.1.1", &[0x20, 2, 1, 5][..], "not authorized"),
        ("5", &[0x20, 3, 1, 0x87, 0], "not authorized"),
        ("5", &[0x20, 3, 0, 0xee, 0], "a code that MQTT 5 does not know"),
        ("5", &[0x20, 2, 0, 1], "it does not speak MQTT 5"),
    ] {
        let (error, said) = answered(version, &[], bytes).await;
        assert!(error.contains(expected), "{bytes:02x?}: {error}");
        assert_eq!(said, None);
    }
}

/// MQTT-3.2.2-4 of 5 is about a client without a session. One that asked for its session takes it up, also in a process that
/// has just begun.
#[tokio::test]
async fn a_session_that_was_asked_for_is_taken_up() {
    for (version, connack) in [("3.1.1", &[0x20, 2, 1, 0][..]), ("5", &[0x20, 3, 1, 0, 0])] {
        let site = Site::start().await;
        let more = [("client_id", "me"), ("options.clean_session", "false")];
        let (connection, _wire) = site.opened_with(version, &more, connack).await;
        assert!(connection.client().unwrap().is_up());
    }
}
